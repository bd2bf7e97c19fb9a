"""Read the equations of a cell as the boxes and arrows of a drawing.

What belongs together is one box: an activation and the sum of products in front of it, `sigmoid(W.i @ x + U.i @ h +
b.i)`. What stays are sums and products of such values, element by element; they are small circles.

>>> from elman import cells
>>> [(box.title, box.members) for box in read_dataflow(cells.mgu) if box.members]
[('f = σ', ('W.f', 'U.f', 'b.f')), ('n = tanh', ('W.n', 'U.n', 'b.n'))]
"""

from collections.abc import Iterator
from dataclasses import dataclass

from elman.expr import Cell
from elman.expr.graph import Graph

SYMBOLS = {"sigmoid": "σ", "hard_sigmoid": "hard σ", "layer_norm": "LN"}
GLYPHS = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "neg": "−", "maximum": "max", "minimum": "min", "select": "if",
    "less": "<", "less_equal": "≤", "equal": "=", "power": "power",
}  # fmt: skip
ENTRIES = {"input", "side", "state"}


@dataclass(frozen=True)
class Arrow:
    """Lead a value into a box.

    Attributes:
        source: the key of the box that it comes from.
        mark: `−` where it is subtracted, else empty.
    """

    source: int
    mark: str = ""


@dataclass(frozen=True)
class Box:
    """Draw one value.

    Attributes:
        key: tells it from the others; `arrows` name it.
        kind: `input`, `state`, `gate`, `activation`, `linear`, `point` (element by element) or `output`.
        title: what stands in it.
        name: what the equations call the value; for states and inputs their name; else empty.
        members: the parameters in it, in the order of the equations.
        arrows: what it reads.
        size: the symbolic length of its value.
    """

    key: int
    kind: str
    title: str
    name: str
    members: tuple[str, ...]
    arrows: tuple[Arrow, ...]
    size: str


def read_dataflow(cell: Cell) -> list[Box]:
    """Give the boxes of a cell: inputs and states first, each box behind those it reads, new states last."""
    reader = _Reader(cell)
    nodes = cell.graph.nodes
    for index in [i for i, n in enumerate(nodes) if n.op in ENTRIES]:
        reader.entry(index)
    for _, index in cell.graph.outputs:
        reader.draw(index)
    boxes = list(reader.boxes.values())
    for place, (state, index) in enumerate(cell.graph.outputs):
        size = cell.state_size(state)
        # A new state that follows parameters alone is drawn as an output that nothing leads to.
        arrows = (Arrow(index),) if index in reader.boxes else ()
        boxes.append(Box(-1 - place, "output", f"{state}′", state, (), arrows, size))
    return boxes


class _Reader:
    """Collect boxes by the node whose value they hold."""

    def __init__(self, cell: Cell) -> None:
        self.graph: Graph = cell.graph
        self.boxes: dict[int, Box] = {}
        self._counted: set[str] = set()
        self._names = {index: label for label, index in cell.labels}
        self._outputs = {index for _, index in cell.graph.outputs}
        self._readers = cell.graph.readers()
        self._fixed: list[bool] = []
        for node in self.graph.nodes:
            self._fixed.append(node.op not in ENTRIES and all(self._fixed[a] for a in node.args))

    def entry(self, index: int) -> None:
        node = self.graph.nodes[index]
        kind = "state" if node.op == "state" else "input"
        size = node.shape[0] if node.shape else ""
        self.boxes[index] = Box(index, kind, node.name, node.name, (), (), size)

    def draw(self, index: int) -> None:
        """Draw a value and everything that it reads."""
        if index in self.boxes or self._fixed[index]:
            return
        node = self.graph.nodes[index]
        kind, title, body = self._describe(index)
        terms = list(self._terms(body, body)) if body is not None else [(a, "") for a in node.args]
        if kind == "point":
            terms = list(self._terms(index, index)) if node.op in ("add", "sub") else terms
            if node.op == "sub" and self._fixed[node.args[0]]:
                terms = [(node.args[1], "")]
        arrows: dict[Arrow, None] = {}
        for term, mark in terms:
            source = self._source(term) if kind != "point" else term
            source = term if source is None else source
            if not self._fixed[source]:
                self.draw(source)
                arrows[Arrow(source, mark)] = None
        read = [term for term, _ in self._terms(index, index)] if node.op in ("add", "sub") else node.args
        fixed = [a for a in read if self._fixed[a]] if kind == "point" else [index]
        # What two boxes read is counted in the first.
        members = tuple(name for name in self._members(fixed) if name not in self._counted)
        self._counted.update(members)
        own = self._names.get(index, "")
        text = f"{own} = {title}" if own and kind != "point" else title
        size = node.shape[0] if node.shape else ""
        self.boxes[index] = Box(index, kind, text, own, members, tuple(arrows), size)

    def _describe(self, index: int) -> tuple[str, str, int | None]:
        """Say what a value is drawn as, what stands in it, and which sum belongs to it."""
        node = self.graph.nodes[index]
        if node.op not in GLYPHS and node.op != "product":
            inner = node.args[0]
            kind = "gate" if node.op in ("sigmoid", "hard_sigmoid") else "activation"
            title = SYMBOLS.get(node.op, node.op)
            if self._folds(inner) and any(self._weighted(t) for t, _ in self._terms(inner, inner)):
                normed = any(self.graph.nodes[i].op == "layer_norm" for i in self._inside(inner))
                return kind, f"{title} LN" if normed else title, inner
            return kind, title, None
        if any(self._multiplied(term) for term, _ in self._terms(index, index)):
            return "linear", "Σ" if node.op != "product" else "·", index
        return "point", self._glyph(index), None

    def _glyph(self, index: int) -> str:
        node = self.graph.nodes[index]
        glyph = GLYPHS[node.op]
        fixed = [self._write(a) for a in node.args if self._fixed[a]]
        if node.op == "sub" and self._fixed[node.args[0]]:
            return f"{fixed[0]} −"
        if node.op in ("add", "sub"):
            terms = list(self._terms(index, index))
            fixed = [self._write(t) for t, _ in terms if self._fixed[t]]
            moving = [mark for t, mark in terms if not self._fixed[t]]
            glyph = "−" if len(moving) == 2 and "−" in moving else "+"
        return " ".join([glyph, *fixed])

    def _terms(self, index: int, root: int, sign: str = "") -> Iterator[tuple[int, str]]:
        """Take a sum apart, as far as nothing in it is read elsewhere."""
        node = self.graph.nodes[index]
        if node.op in ("add", "sub") and (index == root or self._folds(index)):
            yield from self._terms(node.args[0], root, sign)
            other = ("" if sign else "−") if node.op == "sub" else sign
            yield from self._terms(node.args[1], root, other)
        else:
            yield index, sign

    def _folds(self, index: int) -> bool:
        """Say whether a value may disappear in the box of its only reader."""
        return self._readers[index] == 1 and index not in self._outputs and index not in self._names

    def _weighted(self, index: int) -> bool:
        """Say whether a term is one value behind parameters: a product, or scaled or normalised by itself."""
        return self._source(index) is not None and self.graph.nodes[index].op not in ENTRIES

    def _multiplied(self, index: int) -> bool:
        """Say whether a term is one value behind a matrix."""
        source = self._source(index)
        inside = set() if source is None else self.graph.ancestors([index], stop=[source])
        return any(self.graph.nodes[i].op == "product" for i in inside - {source})

    def _source(self, index: int) -> int | None:
        """Find the one value that a term is made of; None if it is made of several, or is no such term."""
        node = self.graph.nodes[index]
        if node.op == "product":
            return node.args[1]
        if node.op in ("neg", "layer_norm") and self._folds(node.args[0]):
            return self._source(node.args[0])
        if node.op == "mul":
            fixed = [a for a in node.args if self._fixed[a]]
            moving = [a for a in node.args if not self._fixed[a]]
            if len(moving) == 1 and any(self.graph.nodes[i].op == "parameter" for i in self.graph.ancestors(fixed)):
                return self._behind(moving[0])
        return None

    def _behind(self, index: int) -> int:
        """Look through a normalisation and a product that nothing else reads."""
        if not self._folds(index):
            return index
        normed = self.graph.nodes[index].op == "layer_norm"
        inner = self._source(index)
        return inner if inner is not None else self._behind(self.graph.nodes[index].args[0]) if normed else index

    def _inside(self, index: int) -> set[int]:
        return self.graph.ancestors([index], stop=self.boxes)

    def _members(self, roots: list[int]) -> tuple[str, ...]:
        """Name the parameters between a value and the boxes that it reads."""
        inside = self.graph.ancestors(roots, stop=self.boxes.keys() - set(roots))
        return tuple(self.graph.nodes[i].name for i in sorted(inside) if self.graph.nodes[i].op == "parameter")

    def _write(self, index: int) -> str:
        """Write a value that follows parameters and numbers alone."""
        node = self.graph.nodes[index]
        if node.op == "constant":
            return f"{node.value:g}"
        if not node.args:
            return node.name
        inner = ", ".join(self._write(a) for a in node.args)
        return f"{SYMBOLS.get(node.op, node.op)}({inner})"
