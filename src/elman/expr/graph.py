"""The equations of one time step as a graph: nodes in topological order, and named outputs.

A :class:`Node` has an operation, the nodes it reads and the symbolic shape of its value, for one example. Leaves are

========== =============================================== =====================
operation  value                                           shape
========== =============================================== =====================
input      x_t, the input of the time step                 ``("input",)``
side       a further input of the step, by name, without   ``("1",)``; a mask is
           gradient: a time gap, a mask                    as long as its state
state      a state before the time step, by name           ``("hidden",)``
parameter  one member of a family, ``W.i`` or bare ``W``   matrix or vector
adjoint    dL/ds_t of a new state, ``d_h`` (mirror only)   that of the state
constant   a number                                        ``()``
size       the length of the axis ``name``                 ``()``
========== =============================================== =====================

and the structural operations are

=============  ====================================================================
product        ``(M, v)``: the matrix-vector product M v
product_t      ``(M1, d1, M2, d2, …)``: the sum of the transposed products Mₖᵀ dₖ; a step has one each
outer          ``(d, v)``: d vᵀ, summed over time and batch: the gradient of a matrix
total          ``(d,)``: d, summed over time and batch: the gradient of a vector
spread         ``(s, v)``: the number s of each example, repeated to the shape of v
sum            ``(v,)``: the sum over the axis of v, shape ``("1",)``
max            ``(v,)``: the largest over the axis of v, shape ``("1",)``
=============  ====================================================================

Everything else is a row of :data:`elman.expr.primitives.PRIMITIVES`, applied elementwise.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from elman.errors import CellError
from elman.expr.limits import MOST_NODES
from elman.expr.reading import decimal, items, text, whole, yes_or_no

LEAVES = frozenset({"input", "side", "state", "parameter", "adjoint", "constant", "size"})
STRUCTURAL = frozenset({"product", "product_t", "outer", "total", "spread", "sum", "max"})
OVER_UNITS = frozenset({"sum", "max"})  # a number for each example, from a vector
PRODUCTS = frozenset({"product", "product_t"})
LOGIC = frozenset({"and", "or", "not"})  # of comparisons
MASKS = frozenset({"less", "less_equal", "equal"}) | LOGIC
ROW = "1"  # the axis of a value with one number for each example


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a time step.

    Attributes:
        op: a leaf, a structural operation, or the name of a primitive.
        args: indices of the nodes that it reads, all smaller than its own.
        shape: symbolic axis lengths of the value for one example; ``()`` is the same number everywhere.
        name: the name of a leaf (state, ``family.member``, axis).
        value: the number of a constant.
        line: line of the cell's source file that it comes from, 0 if there is none.
        is_mask: whether it is true or false: a comparison, or comparisons joined.
    """

    op: str
    args: tuple[int, ...] = ()
    shape: tuple[str, ...] = ()
    name: str = ""
    value: float = 0.0
    line: int = 0
    is_mask: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """Return an identifier of the value: nodes with equal keys compute the same."""
        return (self.op, self.args, self.name, math.copysign(1.0, self.value), repr(self.value))


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order, and the outputs among them by name.

    The graph of a cell has one output for each state, in the order of the states; the joint graph of a program also
    has the ``d_…`` outputs.

    Attributes:
        nodes: every node reads earlier ones.
        outputs: pairs of a name and a node's index.
        sides: names of the side inputs, in order.
        states: names of the states, in order.
        parameters: names of the parameters, in the order in which the equations first name them.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[tuple[str, int], ...]
    # Plain fields, computed once: a layer reads them at every call, and torch.compile would guard every node.
    sides: tuple[str, ...] = field(init=False, repr=False, compare=False)
    states: tuple[str, ...] = field(init=False, repr=False, compare=False)
    parameters: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, op in (("sides", "side"), ("states", "state"), ("parameters", "parameter")):
            object.__setattr__(self, name, tuple(node.name for node in self.nodes if node.op == op))

    @cached_property
    def leaves(self) -> dict[tuple[str, str], int]:
        """Find a leaf's index by ``(op, name)``."""
        return {(node.op, node.name): i for i, node in enumerate(self.nodes) if node.op in LEAVES - {"constant"}}

    @cached_property
    def output(self) -> dict[str, int]:
        """Find an output's index by its name."""
        return dict(self.outputs)

    @cached_property
    def input(self) -> int:
        """Find the input's index."""
        return next(i for i, node in enumerate(self.nodes) if node.op == "input")

    def ancestors(self, roots: Iterable[int], stop: Iterable[int] = ()) -> set[int]:
        """Collect the roots and every node that they depend on; do not follow the arguments of nodes in `stop`."""
        barrier = set(stop)
        seen: set[int] = set()
        waiting = list(roots)
        while waiting:
            index = waiting.pop()
            if index not in seen:
                seen.add(index)
                if index not in barrier:
                    waiting.extend(self.nodes[index].args)
        return seen

    @cached_property
    def read_by(self) -> list[list[int]]:
        """List for each node the nodes that read it, in order, each once."""
        readers: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for arg in dict.fromkeys(node.args):
                readers[arg].append(index)
        return readers

    @cached_property
    def moves(self) -> list[bool]:
        """List for each node whether it depends on the input, a side input or a state."""
        moving: list[bool] = []
        for node in self.nodes:
            moving.append(node.op in {"input", "side", "state"} or any(moving[a] for a in node.args))
        return moving

    def readers(self) -> list[int]:
        """Count how often each node is read, by nodes or as an output."""
        count = [0] * len(self.nodes)
        for node in self.nodes:
            for arg in node.args:
                count[arg] += 1
        for _, index in self.outputs:
            count[index] += 1
        return count

    def to_dict(self) -> dict[str, Any]:
        """Write the graph as plain data (lists, strings and numbers)."""
        rows = [
            {f: _plain(getattr(node, f)) for f in _READERS if f == "op" or getattr(node, f) != getattr(_BLANK, f)}
            for node in self.nodes
        ]
        return {"nodes": rows, "outputs": [list(pair) for pair in self.outputs]}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> "Graph":
        """Read what :meth:`to_dict` wrote; the result is not verified yet.

        Raises:
            CellError: the data has not the form of a graph.
        """
        try:
            rows = items(data["nodes"])
            if len(rows) > MOST_NODES:
                raise ValueError(f"{len(rows):,} values, and at most {MOST_NODES:,} are read")
            outputs = tuple((text(name), whole(index)) for name, index in items(data["outputs"]))
            return Graph(tuple(map(_read_node, rows)), outputs)
        except (KeyError, TypeError, ValueError, OverflowError) as reason:
            raise CellError(f"graph: not the form of a saved cell ({reason!r}). Save the model again.") from None


def _read_node(row: Any) -> Node:
    if not isinstance(row, Mapping) or not row.keys() <= _READERS.keys():
        raise TypeError("a value has not the fields of a node")
    return Node(op=text(row["op"]), **{field: _READERS[field](row[field]) for field in row if field != "op"})


def _read_all(one: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda value: tuple(map(one, items(value)))


_READERS: dict[str, Callable[[Any], Any]] = {
    "op": text,
    "args": _read_all(whole),
    "shape": _read_all(text),
    "name": text,
    "value": decimal,
    "line": whole,
    "is_mask": yes_or_no,
}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    return list(value) if isinstance(value, tuple) else value


_BLANK = Node("")
