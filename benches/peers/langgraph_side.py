"""LangGraph's side: one shape, run once, in a process of its own. Prints the processor seconds of `invoke` alone; importing
and building the graph are left out, in its favour. With a file, each step is kept in it by its SQLite saver.

    langgraph_side.py SHAPE SIZE [FILE]
"""

import sqlite3
import sys
import time

from shapes import for_langgraph


def main() -> None:
    shape, size = sys.argv[1], int(sys.argv[2])
    saver = None
    if len(sys.argv) > 3:
        from langgraph.checkpoint.sqlite import SqliteSaver

        saver = SqliteSaver(sqlite3.connect(sys.argv[3], check_same_thread=False))
        saver.setup()
    graph = for_langgraph(shape, size, saver)
    config = {"recursion_limit": size + 10, "configurable": {"thread_id": "one"}}
    begun = time.process_time()
    ended = graph.invoke({"n": 0, "seen": []}, config)
    spent = time.process_time() - begun
    assert ended["n"] == size, ended["n"]
    if saver is not None:
        saver.conn.close()
    print(spent)


main()
