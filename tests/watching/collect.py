"""Runs a graph while a collector that other people wrote (`oteltap`) listens, exports the same run from the store, and prints
what the collector has received beside what was exported. Arguments: the program, then those of `run`."""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time

DEADLINE = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Collector:
    """Tells every span on a line of its own."""

    def __init__(self):
        self.port = free_port()
        command = [sys.executable, "-u", "-m", "oteltap", "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.lines.put(line)

    def wait(self):
        end = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def spans(self, count):
        return [self.lines.get(timeout=DEADLINE) for _ in range(count)]

    def rest(self):
        """What it has told beyond that."""
        more = []
        while not self.lines.empty():
            more.append(self.lines.get())
        return more

    def stop(self):
        self.process.kill()
        self.process.wait()


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
        print(json.dumps({**told, "received": [json.loads(line) for line in received], "exported": spans}))
    finally:
        collector.stop()


main()
