"""Print a graph as equations.

This file has what is the same in every notation: which values get a line and a name, and where brackets are needed. A
:class:`Notation` writes leaves, names and operations; the text of :meth:`elman.expr.Cell.equations` is one, LaTeX is
another (`latex`).

>>> from elman.expr import cell, tanh
>>> @cell
... def simple(x, h, *, W, U):
...     return tanh(W @ x - (U @ h - 1))
>>> print(print_equations(simple.graph, simple.labels))
h' = tanh(W @ x - (U @ h - 1))
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from elman.expr.graph import LOGIC, OVER_UNITS, Graph, Node
from elman.expr.primitives import PRIMITIVES

CALL = 9  # how tightly a call binds; its arguments need no brackets
PRODUCT_BINDS = 3  # as in Python, @ binds like *
NEGATION_BINDS = 4
LONGEST_REPEAT = 12  # characters; a shorter value is repeated instead of getting a name
DEEPEST = 40  # nested operations in one line: more are unreadable, and Python reads at most 200


@dataclass(frozen=True)
class Form:
    """How an operation is written.

    Attributes:
        write: joins the written arguments.
        binds: how tightly the whole binds, see :class:`elman.expr.primitives.Primitive`.
        needs: how tightly each argument must bind to need no brackets.
    """

    write: Callable[..., str]
    binds: int
    needs: tuple[int, ...]


class Notation(Protocol):
    """How the parts of an equation are written."""

    def name(self, name: str) -> str:
        """Write the name of a value; that of a new state ends with a prime."""

    def leaf(self, node: Node) -> str:
        """Write an input, a state, a parameter or a number."""

    def form(self, graph: Graph, node: Node) -> Form:
        """Return the form of an operation."""

    def bracket(self, text: str) -> str:
        """Put brackets around a text."""


def print_equations(graph: Graph, labels: Sequence[tuple[str, int]]) -> str:
    """Write one line for each named value and each new state, in the order of their computation.

    A value that is read more than once and has no name gets one (``v1``, ``v2``, …), so that no line repeats another;
    so does one that is nested too deep.

    Args:
        graph: the equations of one time step.
        labels: names of values, with their nodes.
    """
    lines = write_equations(graph, labels, Text())
    width = max(len(left) for left, _ in lines)
    return "\n".join(f"{left:<{width}} = {right}" for left, right in lines)


def write_equations(graph: Graph, labels: Sequence[tuple[str, int]], notation: Notation) -> list[tuple[str, str]]:
    """Write both sides of every equation; the names are the same in every notation."""
    names = _name_values(graph, labels)
    states = {index: f"{state}'" for state, index in graph.outputs}
    lines = [(names[index], index, True) for index in sorted(names.keys() | states.keys()) if graph.nodes[index].args]
    printed = {left for left, _, _ in lines}
    lines += [(f"{state}'", index, index not in names) for state, index in graph.outputs if f"{state}'" not in printed]
    return [(notation.name(left), _write(graph, index, names, notation, top=top)) for left, index, top in lines]


def _name_values(graph: Graph, labels: Sequence[tuple[str, int]]) -> dict[int, str]:
    names = {index: label for label, index in labels}
    for state, index in graph.outputs:
        if graph.nodes[index].args:
            names.setdefault(index, f"{state}'")
    readers, depths = graph.readers(), list[int]()
    taken = set(names.values()) | {node.name.split(".")[0] for node in graph.nodes if node.name}
    free = (name for name in map("v{}".format, itertools.count(1)) if name not in taken)
    for index, node in enumerate(graph.nodes):
        depths.append(1 + max((depths[a] for a in node.args if a not in names), default=0))
        if not node.args or index in names:
            continue
        repeated = readers[index] > 1 and len(_write(graph, index, names, Text())) > LONGEST_REPEAT
        if repeated or depths[index] >= DEEPEST:
            names[index] = next(free)
    return names


def _write(
    graph: Graph, index: int, names: dict[int, str], notation: Notation, *, top: bool = False, tight: int = 0
) -> str:
    """Write a value; recursion is as deep as a line, which :data:`DEEPEST` bounds."""
    node = graph.nodes[index]
    if index in names and not top:
        return notation.name(names[index])
    if not node.args:
        text = notation.leaf(node)
        return notation.bracket(text) if node.op == "constant" and node.value < 0 and tight > 1 else text
    form = notation.form(graph, node)
    parts = (_write(graph, a, names, notation, tight=need) for a, need in zip(node.args, form.needs, strict=True))
    text = form.write(*parts)
    return notation.bracket(text) if form.binds < tight else text


class Text:
    """Notation of Python."""

    def name(self, name: str) -> str:
        """Write a name as it is."""
        return name

    def leaf(self, node: Node) -> str:
        """Write a name, or a number as Python reads it."""
        if node.op != "constant":
            return node.name
        if not math.isfinite(node.value):
            return f'float("{node.value}")'
        return repr(int(node.value)) if node.value == int(node.value) else repr(node.value)

    def form(self, _graph: Graph, node: Node) -> Form:
        """Return the form that the table of primitives has."""
        if node.op == "product":
            template, binds = "{0} @ {1}", PRODUCT_BINDS
        elif node.op == "product_t":
            template, binds = "{0}.T @ {1}", PRODUCT_BINDS
        elif node.op in OVER_UNITS:
            template, binds = f"{node.op}({{0}})", CALL
        else:
            template, binds = PRIMITIVES[node.op].notation, PRIMITIVES[node.op].binds
        if node.op in LOGIC:  # every argument but a negation needs brackets: & and | bind tighter than comparisons
            return Form(template.format, binds, (NEGATION_BINDS,) * len(node.args))
        if binds == CALL:
            return Form(template.format, binds, (0,) * len(node.args))
        # the right operand of an operator, and both of a power, must bind tighter than the operator itself
        strict = len(node.args) > 1
        needs = (binds + (strict and (position > 0 or node.op == "power")) for position in range(len(node.args)))
        return Form(template.format, binds, tuple(needs))

    def bracket(self, text: str) -> str:
        """Put round brackets around a text."""
        return f"({text})"
