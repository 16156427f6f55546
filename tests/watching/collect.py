"""Runs a graph while a collector that other people wrote (`oteltap`) listens, exports the same run from the store, and prints
what the collector has received beside what was exported. Arguments: the program, then those of `run`."""

import json
import os
import subprocess
import sys

# nothing is left in the source tree
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
from collector import Collector


def main():
    program, arguments = sys.argv[1], sys.argv[2:]
    collector = Collector()
    try:
        collector.wait()
        variables = {**os.environ, "LGFLOW_EXPORTERS_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}"}
        ran = subprocess.run([program, *arguments, "--format", "json"], capture_output=True, text=True, env=variables)
        run = json.loads(ran.stdout)["run"]
        export = subprocess.run(
            [program, "trace", "export", run, "--to", "otlp"], capture_output=True, text=True, check=True
        )
        spans = json.loads(export.stdout)["resourceSpans"][0]["scopeSpans"][0]["spans"]
        received = collector.spans(len(spans)) + collector.rest()
        told = {"code": ran.returncode, "stderr": ran.stderr, "run": run}
        print(json.dumps({**told, "received": received, "exported": spans}))
    finally:
        collector.stop()


main()
