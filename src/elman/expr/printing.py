"""Print a graph back as equations."""

import math
from collections.abc import Sequence

from elman.expr.graph import Graph
from elman.expr.primitives import PRIMITIVES

PRODUCT_BINDS = 3  # as in Python, @ binds like *
LONGEST_REPEAT = 12  # characters that may stand twice instead of getting a name


def print_equations(graph: Graph, labels: Sequence[tuple[str, int]]) -> str:
    """Write one line for each named value and each new state, in the order of their computation.

    A value that is read more than once and has no name gets one (``v1``, ``v2``, …), so that no line repeats another.

    Args:
        graph: the equations of one time step.
        labels: names of values, with their nodes.
    """
    names = _name_values(graph, labels)
    states = {index: f"{state}'" for state, index in graph.outputs}
    lines = [
        (names[index], _text(graph, index, names, top=True))
        for index in sorted(names.keys() | states.keys())
        if graph.nodes[index].args
    ]
    printed = {left for left, _ in lines}
    for state, index in graph.outputs:
        if f"{state}'" not in printed:
            lines.append((f"{state}'", names.get(index) or _text(graph, index, names, top=True)))
    width = max(len(left) for left, _ in lines)
    return "\n".join(f"{left:<{width}} = {right}" for left, right in lines)


def _name_values(graph: Graph, labels: Sequence[tuple[str, int]]) -> dict[int, str]:
    names = {index: label for label, index in labels}
    for state, index in graph.outputs:
        if graph.nodes[index].args:
            names.setdefault(index, f"{state}'")
    readers = graph.readers()
    taken = set(names.values()) | {node.name.split(".")[0] for node in graph.nodes if node.name}
    for index, node in enumerate(graph.nodes):
        if node.args and readers[index] > 1 and index not in names and len(_text(graph, index, names)) > LONGEST_REPEAT:
            number = next(n for n in range(1, len(graph.nodes) + 1) if f"v{n}" not in taken)
            names[index] = f"v{number}"
            taken.add(names[index])
    return names


def _text(graph: Graph, index: int, names: dict[int, str], *, top: bool = False, tight: int = 0) -> str:
    node = graph.nodes[index]
    if index in names and not top:
        return names[index]
    if node.op == "constant":
        text = _number(node.value)
        return f"({text})" if node.value < 0 and tight > 1 else text
    if node.op in {"input", "side", "state", "parameter"}:
        return node.name
    if node.op == "product":
        text, binds = "{0} @ {1}", PRODUCT_BINDS
    else:
        row = PRIMITIVES[node.op]
        text, binds = row.notation, row.binds
    if binds == 9:
        parts = [_text(graph, a, names) for a in node.args]
    else:
        # the right operand of - and /, and both of a power or comparison, must bind tighter than the operator itself
        strict = node.op in {"sub", "div", "power", "product", "less", "less_equal", "equal", "mul", "add"}
        parts = [
            _text(graph, a, names, tight=binds + (strict and (position > 0 or node.op == "power")))
            for position, a in enumerate(node.args)
        ]
    text = text.format(*parts)
    return f"({text})" if binds < tight else text


def _number(value: float) -> str:
    """Write a number as Python reads it."""
    if not math.isfinite(value):
        return f'float("{value}")'
    return repr(int(value)) if value == int(value) else repr(value)
