"""Runs a command at a terminal of its own and types an answer after each question: terminal.py ANSWERS COMMAND…

ANSWERS is a JSON list of texts; null ends the input, and `{"before": TEXT}` is typed before the command starts. What was shown is printed, then a line `EXIT <code>`.
"""

import json
import os
import select
import sys
import termios
import pty

QUESTIONS = (b"[y/N] ", b"leaves it open): ", b"JSON: ", b"Response: ")


def main():
    answers = json.loads(sys.argv[1])
    before = [answer["before"] for answer in answers if isinstance(answer, dict)]
    answers = [answer for answer in answers if not isinstance(answer, dict)]
    started, start = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        os.read(started, 1)
        os.execv(sys.argv[2], sys.argv[2:])
    for text in before:
        os.write(terminal, text.encode() + b"\n")
    os.write(start, b".")
    shown = b""
    read_to = 0
    while True:
        # a program that asks what nobody answers would wait for ever: the test's own time ends it
        ready, _, _ = select.select([terminal], [], [], 120)
        if not ready:
            os.kill(pid, 9)
            break
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
        while answers and any(shown.find(question, read_to) >= 0 for question in QUESTIONS):
            read_to = min(
                at + len(question)
                for question in QUESTIONS
                for at in [shown.find(question, read_to)]
                if at >= 0
            )
            answer = answers.pop(0)
            termios.tcdrain(terminal)
            os.write(terminal, b"\x04" if answer is None else answer.encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    sys.stdout.buffer.write(shown)
    print(f"\nEXIT {os.waitstatus_to_exitcode(status)}")


main()
