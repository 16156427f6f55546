"""Hands an exported run to collectors that other people wrote, and prints the spans that they say they have received.

Arguments: the request as protobuf, the request as JSON, how many spans are awaited. Protobuf goes to `oteltap`; JSON goes to
`rotel`, which sends what it has understood on as protobuf, and that is decoded with the published messages."""

import gzip
import http.server
import json
import os
import queue
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import rotel
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

# nothing is left in the source tree
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
from collector import DEADLINE, Collector, free_port


class Receiver(http.server.BaseHTTPRequestHandler):
    """Where `rotel` sends to."""

    spans = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    told = MessageToDict(span, use_integers_for_enums=True)
                    told["traceId"], told["spanId"] = span.trace_id.hex(), span.span_id.hex()
                    told["parentSpanId"] = span.parent_span_id.hex()
                    told["status"] = {"code": span.status.code, "message": span.status.message}
                    self.spans.put(told)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def post(port, path, kind):
    with open(path, "rb") as file:
        body = file.read()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/traces", data=body, headers={"Content-Type": kind}
    )
    end = time.monotonic() + DEADLINE
    while True:
        try:
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 200, answer.status
                return
        except urllib.error.HTTPError as error:
            sys.exit(f"{kind} was refused: {error.code} {error.read()!r}")
        except (urllib.error.URLError, ConnectionError):
            # it has not begun to listen yet
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def main():
    protobuf, text, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    collector = Collector()
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    port, unused = free_port(), free_port()
    program = os.path.join(os.path.dirname(rotel.__file__), "rotel-agent")
    agent = subprocess.Popen(
        [
            program, "start",
            "--otlp-http-endpoint", f"127.0.0.1:{port}",
            "--otlp-grpc-endpoint", f"127.0.0.1:{unused}",
            "--exporter", "otlp",
            "--otlp-exporter-protocol", "http",
            "--otlp-exporter-endpoint", f"http://127.0.0.1:{receiver.server_port}",
        ],
        stdout=sys.stderr,
    )
    try:
        post(collector.port, protobuf, "application/x-protobuf")
        post(port, text, "application/json")
        understood = [Receiver.spans.get(timeout=DEADLINE) for _ in range(count)]
        print(json.dumps({"protobuf": collector.spans(count), "json": understood}))
    finally:
        agent.kill()
        agent.wait()
        collector.stop()


main()
