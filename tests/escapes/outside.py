# For scripts outside of every sandbox: the program, run as a person would run it. What it prints is printed again, so that the
# harness finds every secret in it.

LGFLOW = BASE + "/bin/lgflow"
STATE = os.environ["LGFLOW_STATE_DIR"]


class Ran:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        import json

        return json.loads(self.out)


def _told(code, out, err):
    ran = Ran(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
    print(f"--- exit {code}\n{ran.out}\n{ran.err}", flush=True)
    return ran


def lgflow(*arguments, input=b"", env={}, cwd=None, without=(), **more):
    """Runs it to its end."""
    variables = {name: value for name, value in os.environ.items() if name not in without}
    done = subprocess.run(
        [LGFLOW, *arguments], input=input, env={**variables, **env}, cwd=cwd, capture_output=True, timeout=120, **more
    )
    return _told(done.returncode, done.stdout, done.stderr)


def at_terminal(*arguments, answers=(), env={}, columns=100):
    """Runs it at a terminal of its own; types an answer after each question, and gives back what the terminal got."""
    import fcntl, pty, select, termios

    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(LGFLOW, [LGFLOW, *arguments], {**os.environ, "TERM": "xterm", **env})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    shown, read_to, answers = b"", 0, list(answers)
    while select.select([terminal], [], [], 120)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
        asked = [shown.find(question, read_to) for question in (b"[y/N] ", b"leaves it open): ")]
        if answers and any(at >= 0 for at in asked):
            read_to = len(shown)
            # whoever asks throws away what was typed before
            time.sleep(0.2)
            os.write(terminal, answers.pop(0).encode() + b"\n")
    return _told(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown, b"")


def wanted(ran, code, says=(), never=()):
    """Stops the case where `ran` is not what is wanted."""
    text = ran.out + ran.err
    if ran.code != code:
        sys.exit(f"WRONG: exit {ran.code}, wanted {code}")
    for word in says:
        if word not in text:
            sys.exit(f"WRONG: `{word}` was not said")
    for word in never:
        if word in text:
            sys.exit(f"WRONG: `{word}` was said")
    return ran


def request_of(run, **more):
    """The digest of what a run asks, as `approve` shows it."""
    import re

    return re.findall(r"--digest (sha256:[0-9a-f]{64})", lgflow("approve", run, **more).err)[-1]


def put(path, text):
    """A file with all folders above it."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb" if isinstance(text, bytes) else "w") as file:
        file.write(text)


def files(folder):
    """Every file beneath a folder."""
    return [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
