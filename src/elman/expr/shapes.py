"""Infer the shape of every value (number, vector or matrix) and its sizes from its use.

A size is a class of axes that the equations force to be equal (union-find). Then the classes get names: ``input`` is
the class of the input, ``hidden`` that of the first product in the text, the rows of its matrix (of the first state
where there is no product), and any other has the name of the state or parameter that has it. A side input is one number
for each example, as a sum over units is, and fits every vector.
"""

from dataclasses import dataclass
from typing import NoReturn

from elman.expr.builder import Builder, describe
from elman.expr.graph import LOGIC, MASKS, OVER_UNITS, PRODUCTS, ROW, Node

_CONDITIONS = {
    "select": "the condition of `where`",
    "and": "a side of `&`",
    "or": "a side of `|`",
    "not": "what `~` negates",
}
_TO_NUMBERS = OVER_UNITS | {"mean", "norm"}
_OF_VECTORS = _TO_NUMBERS | {"layer_norm", "softmax"}
_ROW = -1  # axis of a value that is one number for each example; it is never united with another


@dataclass(frozen=True)
class Tie:
    """Two named axes whose sizes one equation makes equal."""

    size: str
    other: str
    line: int


class _Classes:
    """Union-find over axes, with the line of every union."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.unions: list[tuple[int, int, int]] = []

    def new(self) -> int:
        self.parent.append(len(self.parent))
        return len(self.parent) - 1

    def find(self, axis: int) -> int:
        while self.parent[axis] != axis:
            self.parent[axis] = self.parent[self.parent[axis]]
            axis = self.parent[axis]
        return axis

    def unite(self, a: int, b: int, line: int) -> None:
        a, b = self.find(a), self.find(b)
        if a != b:
            self.unions.append((a, b, line))
            self.parent[max(a, b)] = min(a, b)

    def tied_at(self, a: int, b: int) -> int:
        """Replay the unions and return the line at which two axes became one."""
        replay = _Classes()
        replay.parent = list(range(len(self.parent)))
        for left, right, line in self.unions:
            replay.unite(left, right, line)
            if replay.find(a) == replay.find(b):
                return line
        return 0


def infer_shapes(builder: Builder, outputs: dict[str, int]) -> tuple[list[Node], list[Tie]]:
    """Infer the symbolic shape of every node.

    Args:
        builder: result of tracing; every shape in it is unknown.
        outputs: the new states.

    Returns:
        The nodes with shapes, and which named sizes the equations tie together (``input`` to ``hidden``).

    Raises:
        CellError: a parameter is a matrix in one place and a vector in another, a comparison is used as a number, …
    """
    nodes = builder.nodes
    matrices = _matrices(builder)
    classes = _Classes()
    axes: list[tuple[int, ...]] = []
    for index, node in enumerate(nodes):
        if node.op == "parameter":
            axes.append((classes.new(), classes.new()) if index in matrices else (classes.new(),))
        elif node.op in {"input", "state"}:
            axes.append((classes.new(),))
        elif node.op == "side":
            axes.append((_ROW,))
        elif node.op == "constant":
            axes.append(())
        elif node.op == "transpose":
            name = describe(builder.expr(node.args[0]))
            why = "A matrix multiplies a vector, and is used in no other way."
            _fail(builder, node, f"the transpose of {name} multiplies nothing", why, "Write U.T @ h.")
        elif node.op in PRODUCTS:
            rows, columns = axes[node.args[0]][:: 1 if node.op == "product" else -1]
            vector = axes[node.args[1]]
            if not vector:
                _fail(
                    builder,
                    node,
                    "a matrix multiplies a number",
                    "A matrix multiplies a vector.",
                    "Write 2 * x for a number.",
                )
            if vector[0] == _ROW:
                name = describe(builder.expr(node.args[1]))
                _fail(
                    builder,
                    node,
                    f"a matrix multiplies {name}, one number for each example",
                    "A matrix multiplies a vector; a side input is one number a step, and so is a sum over units.",
                    "Write w * dt with a vector w, or make it a part of x.",
                )
            classes.unite(columns, vector[0], node.line)
            axes.append((rows,))
        else:
            axes.append(_elementwise(builder, node, classes, axes))
    states = {n.name: i for i, n in enumerate(nodes) if n.op == "state"}
    for name, new in outputs.items():
        if axes[new] and axes[new][0] != _ROW:
            classes.unite(axes[states[name]][0], axes[new][0], nodes[new].line)
    names, ties = _name(nodes, classes, axes)
    shaped = [
        Node(
            n.op,
            n.args,
            tuple(ROW if a == _ROW else names[classes.find(a)] for a in axes[i]),
            n.name,
            n.value,
            n.line,
            n.op in MASKS,
        )
        for i, n in enumerate(nodes)
    ]
    return shaped, ties


def _matrices(builder: Builder) -> set[int]:
    """Find the parameters that are used as matrices; no other use of them is allowed."""
    first: dict[int, Node] = {}
    for node in builder.nodes:
        if node.op in PRODUCTS:
            first.setdefault(node.args[0], node)
    for node in builder.nodes:
        vectors = node.args[1:] if node.op in PRODUCTS else node.args
        for arg in vectors:
            if arg in first:
                name = builder.nodes[arg].name
                _fail(
                    builder,
                    node,
                    f"`{name}` is used as a vector here and as a matrix in line {first[arg].line}",
                    "A parameter is one of the two.",
                    "Use two members or two families.",
                )
    return set(first)


def _elementwise(builder: Builder, node: Node, classes: _Classes, axes: list[tuple[int, ...]]) -> tuple[int, ...]:
    args = [builder.nodes[a] for a in node.args]
    for position, arg in enumerate(args):
        condition = node.op in LOGIC or (node.op == "select" and position == 0)
        if arg.is_mask and not condition:
            _fail(
                builder,
                node,
                f"a comparison is used as a number by `{node.op}`",
                "The result of a comparison is true or false.",
                "Write where(z > 0.5, a, b); join two comparisons with &.",
            )
        if condition and not arg.is_mask:
            _fail(
                builder,
                node,
                f"{_CONDITIONS[node.op]} is a number",
                "It is a comparison.",
                "Write where(z > 0.5, a, b), or where((z > 0.5) & (r < 1), a, b).",
            )
    lengths = [axes[a][0] for a in node.args if axes[a]]
    vectors = [length for length in lengths if length != _ROW]
    if node.op in _OF_VECTORS and not vectors:
        why = "It is over the units of a vector, and a number has none."
        _fail(builder, node, f"{node.op} was given a number", why, f"Write {node.op}(W @ x).")
    for other in vectors[1:]:
        classes.unite(vectors[0], other, node.line)
    return (_ROW,) if node.op in _TO_NUMBERS else tuple(vectors[:1] or lengths[:1])


def _name(nodes: list[Node], classes: _Classes, axes: list[tuple[int, ...]]) -> tuple[dict[int, str], list[Tie]]:
    names: dict[int, str] = {}
    products = [i for i, n in enumerate(nodes) if n.op in PRODUCTS]
    states = [i for i, n in enumerate(nodes) if n.op == "state"]
    hidden = axes[products[0]][0] if products else axes[states[0]][0]
    (entry,) = next(axes[i] for i, n in enumerate(nodes) if n.op == "input")
    names[classes.find(hidden)] = "hidden"
    ties = (
        [Tie("input", "hidden", classes.tied_at(entry, hidden))] if classes.find(entry) == classes.find(hidden) else []
    )
    names.setdefault(classes.find(entry), "input")
    taken = set(names.values())
    for op in ("state", "parameter"):
        for index, node in enumerate(nodes):
            if node.op == op:
                for axis in axes[index]:
                    if classes.find(axis) not in names:
                        names[classes.find(axis)] = _unused(node.name.replace(".", "_"), taken)
    return names, ties


def _unused(name: str, taken: set[str]) -> str:
    """Make the name of a size unique, also where a state is called `hidden` or both axes of a matrix are open."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _fail(builder: Builder, node: Node, what: str, why: str, remedy: str) -> NoReturn:
    builder.fail(what, why, remedy, line=node.line)
