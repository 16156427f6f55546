"""lgflow and LangGraph on the same three graphs, with and without persistence: processor time a node, and bytes on the disk.

    compare.py LGFLOW PEERS_BENCH [SIZE …]

LGFLOW is the program, PEERS_BENCH the built benchmark `peers`. `benches/peers/run` builds both and calls this.

Without persistence lgflow is its library in one process, after compilation; LangGraph is `invoke`, after imports and building. With
persistence, like for like, lgflow is the library with its store and LangGraph `invoke` with its SQLite saver as it comes. The whole
program of lgflow stands beside it: three processes from start to end with two compilations, and what it leaves in its state folder.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from shapes import SHAPES, for_lgflow

HERE = Path(__file__).parent
RUNS = 5


def main() -> None:
    program, bench = (str(Path(path).resolve()) for path in sys.argv[1:3])
    sizes = [int(size) for size in sys.argv[3:]] or [100, 1000]
    print(f"langgraph {version('langgraph')}, langgraph-checkpoint-sqlite {version('langgraph-checkpoint-sqlite')}, Python {sys.version.split()[0]}; {os.cpu_count()} processors")
    print(f"processor time a node, medians of {RUNS}\n")
    print("| graph | nodes | in memory: lgflow | LangGraph | times | kept: lgflow | LangGraph | times | whole program | times | bytes: lgflow | LangGraph | times |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for shape in SHAPES:
        for size in sizes:
            print(row(program, bench, shape, size), flush=True)


def row(program: str, bench: str, shape: str, size: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder, "graph.yaml")
        graph.write_text(for_lgflow(shape, size))
        ours = median(lambda: float(output([bench, str(graph), "--bench"], folder)))
        ours_kept = median(lambda: float(output([bench, str(graph), fresh(folder), "--bench"], folder)))
        whole = median(lambda: program_seconds(program, graph, folder))
        ours_bytes = bytes_beneath(Path(folder, "state"))
    theirs = median(lambda: langgraph(shape, size, None)[0])
    kept = [langgraph(shape, size, "kept.sqlite") for _ in range(RUNS)]
    theirs_kept, theirs_bytes = statistics.median(spent for spent, _ in kept), kept[0][1]
    cells = [shape, str(size), *pair(ours / size, theirs / size), *pair(ours_kept / size, theirs_kept / size)]
    cells += [micro(whole / size), f"{theirs_kept / whole:.0f}"]
    cells += [amount(ours_bytes), amount(theirs_bytes), f"{theirs_bytes / ours_bytes:.1f}"]
    return "| " + " | ".join(cells) + " |"


def fresh(folder: str) -> str:
    """A folder that holds nothing, for a store."""
    return tempfile.mkdtemp(dir=folder)


def pair(ours: float, theirs: float) -> list[str]:
    return [micro(ours), micro(theirs), f"{theirs / ours:.0f}"]


def micro(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-4 else f"{seconds * 1e6:,.0f} µs"


def amount(count: int) -> str:
    return f"{count / 1e6:.2f} MB"


def median(measure) -> float:
    return statistics.median(measure() for _ in range(RUNS))


def program_seconds(program: str, graph: Path, folder: str) -> float:
    """User and system time of all processes of one run, in a state folder of its own."""
    state = Path(folder, "state")
    subprocess.run(["rm", "-rf", str(state)], check=True)
    before = children()
    output([program, "run", "-g", str(graph)], folder, LGFLOW_STATE_DIR=str(state))
    return children() - before


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def langgraph(shape: str, size: int, keep: str | None) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, str(HERE / "langgraph_side.py"), shape, str(size)]
        arguments += [str(Path(folder, keep))] if keep else []
        spent = float(output(arguments, folder))
        return spent, bytes_beneath(Path(folder))


def bytes_beneath(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def output(arguments: list[str], folder: str, **more: str) -> str:
    environment = {**os.environ, **more}
    ran = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"{arguments}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
    return ran.stdout


main()
