"""In a network and with a resolver of its own: a name that stands for a public address first and for loopback then.
Prints what was asked of each server. Arguments: the program with its arguments, started once the servers listen."""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading

PUBLIC = "93.184.216.34"
asked = {"public": [], "loopback": [], "names": 0}


def interface(name, address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        there = struct.pack("16sH2s4s8s", name.encode(), socket.AF_INET, b"\0\0", socket.inet_aton(address), b"\0" * 8)
        fcntl.ioctl(s, 0x8916, there)  # SIOCSIFADDR
        up = struct.pack("16sh", name.encode(), 1 | 8 | 64)
        fcntl.ioctl(s, 0x8914, up)  # SIOCSIFFLAGS


def answers(name_server):
    while True:
        query, sender = name_server.recvfrom(512)
        kind = struct.unpack("!H", query[-4:-2])[0]
        head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if kind == 1 else 0, 0, 0)
        record = b""
        if kind == 1:
            asked["names"] += 1
            address = PUBLIC if asked["names"] == 1 else "127.0.0.1"
            record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(address)
        name_server.sendto(head + query[12:] + record, sender)


def serve(listener, log):
    while True:
        stream, _ = listener.accept()
        line = stream.recv(65536).split(b"\r\n")[0].decode()
        log.append(line)
        if "/first" in line:
            stream.sendall(b"HTTP/1.1 302 Found\r\nlocation: /second\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        else:
            stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere")
        stream.close()


interface("lo", "127.0.0.1")
interface("lo:1", PUBLIC)
with tempfile.NamedTemporaryFile("w", delete=False) as resolver:
    resolver.write("nameserver 127.0.0.1\n")
subprocess.run(["mount", "--bind", resolver.name, os.path.realpath("/etc/resolv.conf")], check=True)
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))
threading.Thread(target=answers, args=(names,), daemon=True).start()
for place, log in ((PUBLIC, "public"), ("127.0.0.1", "loopback")):
    listener = socket.create_server((place, 80))
    threading.Thread(target=serve, args=(listener, asked[log]), daemon=True).start()
ran = subprocess.run(sys.argv[1:], capture_output=True, text=True)
print(json.dumps({"code": ran.returncode, "out": ran.stdout, "err": ran.stderr, **asked}))
