"""The same three graphs for both engines: a chain, a fan-out with its join, a loop that keeps what it has seen.

Every node does one addition; the fan-out and the loop append to a list that the engine keeps.
"""

import operator
from typing import Annotated, TypedDict

SHAPES = ("chain", "fan-out", "loop")


def for_lgflow(shape: str, size: int) -> str:
    """The text of a graph file."""
    return {"chain": _chain, "fan-out": _fan_out, "loop": _loop}[shape](size)


def _chain(size: int) -> str:
    nodes = ['  n0: { uses: values, with: { n: 1 } }']
    nodes += [f'  n{at}: {{ uses: values, with: {{ n: "{{{{ nodes.n{at - 1}.output.n + 1 }}}}" }} }}' for at in range(1, size)]
    edges = " -> ".join(f"n{at}" for at in range(size))
    return _graph(nodes, [f"  - {edges}"], f"nodes.n{size - 1}.output.n")


def _fan_out(size: int) -> str:
    nodes = ['  start: { uses: values, with: { n: 1 } }', '  end: { uses: values, with: { n: "{{ state.seen | length }}" } }']
    nodes += [f'  w{at}: {{ uses: values, with: {{ n: "{{{{ nodes.start.output.n + 1 }}}}" }}, update: {{ seen: "{{{{ output.n }}}}" }} }}' for at in range(size)]
    workers = ", ".join(f"w{at}" for at in range(size))
    edges = [f"  - {{ from: start, to: [{workers}] }}", f"  - {{ from: [{workers}], to: end }}"]
    return _graph(nodes, edges, "nodes.end.output.n")


def _loop(size: int) -> str:
    nodes = ['  turn: { uses: values, with: { n: "{{ loops.turn.iteration + 1 }}" }, update: { seen: "{{ output.n }}" } }']
    edges = [f"  - {{ from: turn, to: turn, when: loops.turn.iteration < {size}, loop: {{ max: {size} }} }}"]
    return _graph(nodes, edges, "nodes.turn.output.n")


def _graph(nodes: list[str], edges: list[str], output: str) -> str:
    head = "schema: lgflow.graph/v1\nname: peers\nstate:\n  seen: { type: array, items: { type: integer }, reduce: append }\n"
    return head + "\n".join(["nodes:", *nodes, "edges:", *edges, "outputs:", f'  n: "{{{{ {output} }}}}"', ""])


class State(TypedDict):
    n: int
    seen: Annotated[list[int], operator.add]


def for_langgraph(shape: str, size: int, saver):
    """The compiled graph."""
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(State)
    if shape == "chain":
        for at in range(size):
            graph.add_node(f"n{at}", lambda state: {"n": state["n"] + 1})
            graph.add_edge(START if at == 0 else f"n{at - 1}", f"n{at}")
        graph.add_edge(f"n{size - 1}", END)
    elif shape == "fan-out":
        graph.add_node("start", lambda state: {"n": 1})
        graph.add_node("end", lambda state: {"n": len(state["seen"])})
        graph.add_edge(START, "start")
        for at in range(size):
            graph.add_node(f"w{at}", lambda state: {"seen": [state["n"] + 1]})
            graph.add_edge("start", f"w{at}")
        graph.add_edge([f"w{at}" for at in range(size)], "end")
        graph.add_edge("end", END)
    else:
        graph.add_node("turn", lambda state: {"n": state["n"] + 1, "seen": [state["n"] + 1]})
        graph.add_edge(START, "turn")
        graph.add_conditional_edges("turn", lambda state: "turn" if state["n"] < size else END)
    return graph.compile(checkpointer=saver)
