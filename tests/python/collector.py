"""`oteltap`, a collector that other people wrote, as a process that tells every span on a line of its own."""

import json
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
    """Listens on a port of its own."""

    def __init__(self):
        self.port = free_port()
        command = [sys.executable, "-u", "-m", "oteltap", "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.lines.put(json.loads(line))

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
