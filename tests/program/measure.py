"""Runs a command and writes what it took: usage: measure.py RESULT SECONDS PROGRAM ARGUMENT...

A process of its own that is small: what a process had at most includes what its parent had when it began. Ends the command
after SECONDS.
"""
import json, os, signal, sys, time

result, seconds, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
begun = time.monotonic()
child = os.fork()
if child == 0:
    os.execvp(command[0], command)
signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
signal.alarm(seconds)
while True:
    try:
        _, status, used = os.wait4(child, 0)
        break
    except InterruptedError:
        pass
took = time.monotonic() - begun
code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
with open(result, "w", encoding="utf-8") as file:
    json.dump({"code": code, "peak_kib": used.ru_maxrss, "milliseconds": round(took * 1000)}, file)
