"""Turn the equations of a cell into the boxes and arrows of a drawing.

An activation and the sum of products in it are one box: `sigmoid(W.i @ x + U.i @ h + b.i)`. The remaining elementwise
operations, such as sums and products of gates and states, are small circles.

>>> from elman import cells
>>> [(box.title, box.members) for box in read_dataflow(cells.mgu) if box.members]
[('f = σ', ('W.f', 'U.f', 'b.f')), ('n = tanh', ('W.n', 'U.n', 'b.n'))]
"""

from collections.abc import Iterator
from dataclasses import dataclass

from elman.errors import CellError
from elman.expr import Cell
from elman.expr.graph import PRODUCTS, Graph

SYMBOLS = {"sigmoid": "σ", "hard_sigmoid": "hard σ", "layer_norm": "LN"}
GLYPHS = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "neg": "−", "maximum": "max", "minimum": "min", "select": "if",
    "less": "<", "and": "and", "or": "or", "not": "not", "less_equal": "≤", "equal": "=", "power": "power",
}  # fmt: skip
ENTRIES = {"input", "side", "state"}
MOST_OPERATIONS = 400  # in a drawing: a screen shows a tenth of it, and the time for placing grows with the square
DEEPEST = 3  # nested calls in the title of a box


@dataclass(frozen=True)
class Arrow:
    """An arrow into a box.

    Attributes:
        source: the key of the box that it starts at.
        mark: `−` where it is subtracted, else empty.
    """

    source: int
    mark: str = ""


@dataclass(frozen=True)
class Box:
    """One value of the drawing.

    Attributes:
        key: unique number, used by `arrows`.
        kind: `input`, `state`, `gate`, `activation`, `linear`, `point` (element by element) or `output`.
        title: text in the box.
        name: of the value in the equations; empty if it has none.
        members: the parameters in it, in the order of the equations.
        arrows: from the values that it reads.
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
    """List the boxes of a cell: inputs and states first, each box after those it reads, new states last.

    Raises:
        CellError: there are too many operations for a drawing.
    """
    if not is_drawable(cell):
        raise CellError(
            f"{cell.name}: it is too large to be drawn.\n"
            f"  Its equations have {len(cell.graph.nodes):,} values, and a drawing shows at most {MOST_OPERATIONS}.\n"
            "  Read them as text: print(cell.equations())."
        )
    reader = _BoxCollector(cell)
    nodes = cell.graph.nodes
    for index in [i for i, n in enumerate(nodes) if n.op in ENTRIES]:
        reader.entry(index)
    for _, index in cell.graph.outputs:
        reader.draw(index)
    boxes = list(reader.boxes.values())
    for place, (state, index) in enumerate(cell.graph.outputs):
        size = cell.state_size(state)
        # A new state that depends on parameters alone is drawn as an output without an arrow.
        arrows = (Arrow(index),) if index in reader.boxes else ()
        boxes.append(Box(-1 - place, "output", f"{state}′", state, (), arrows, size))
    return boxes


def is_drawable(cell: Cell) -> bool:
    """Check whether a cell is small enough to be drawn."""
    return len(cell.graph.nodes) <= MOST_OPERATIONS


class _BoxCollector:
    """Boxes of a cell by the node of their value."""

    def __init__(self, cell: Cell) -> None:
        self.graph: Graph = cell.graph
        self.boxes: dict[int, Box] = {}
        self._counted: set[str] = set()
        self._names = {index: label for label, index in cell.labels}
        self._outputs = {index for _, index in cell.graph.outputs}
        self._readers = cell.graph.readers()
        self._fixed = [not moves for moves in self.graph.moves]
        self._find_sources()

    def entry(self, index: int) -> None:
        node = self.graph.nodes[index]
        kind = "state" if node.op == "state" else "input"
        size = node.shape[0] if node.shape else ""
        self.boxes[index] = Box(index, kind, node.name, node.name, (), (), size)

    def draw(self, index: int) -> None:
        """Add the box of a value and of everything that it reads; what a box reads comes before it."""
        begun: dict[int, tuple[str, str, tuple[Arrow, ...]]] = {}
        waiting = [index]
        while waiting:
            current = waiting[-1]
            if current in self.boxes or self._fixed[current]:
                waiting.pop()
            elif current in begun:
                self._box(current, *begun[current])
            else:
                begun[current] = self._begin(current)
                waiting += [arrow.source for arrow in reversed(begun[current][-1])]

    def _begin(self, index: int) -> tuple[str, str, tuple[Arrow, ...]]:
        """Choose the kind of a value's box, its title and its arrows."""
        node = self.graph.nodes[index]
        kind, title, body = self._describe(index)
        terms = list(self._terms(body, body)) if body is not None else [(a, "") for a in node.args]
        if kind == "point":
            terms = list(self._terms(index, index)) if node.op in ("add", "sub") else terms
            if node.op == "sub" and self._fixed[node.args[0]]:
                terms = [(node.args[1], "")]
        arrows: dict[Arrow, None] = {}
        for term, mark in terms:
            source = self._source[term] if kind != "point" else term
            source = term if source is None else source
            if not self._fixed[source]:
                arrows[Arrow(source, mark)] = None
        return kind, title, tuple(arrows)

    def _box(self, index: int, kind: str, title: str, arrows: tuple[Arrow, ...]) -> None:
        """Add the box of a value whose arguments all have boxes."""
        node = self.graph.nodes[index]
        read = [term for term, _ in self._terms(index, index)] if node.op in ("add", "sub") else node.args
        fixed = [a for a in read if self._fixed[a]] if kind == "point" else [index]
        # A parameter that two boxes use is counted in the first.
        members = tuple(name for name in self._members(fixed) if name not in self._counted)
        self._counted.update(members)
        own = self._names.get(index, "")
        text = f"{own} = {title}" if own and kind != "point" else title
        size = node.shape[0] if node.shape else ""
        self.boxes[index] = Box(index, kind, text, own, members, arrows, size)

    def _describe(self, index: int) -> tuple[str, str, int | None]:
        """Choose the kind of a value's box, its title and the sum that is drawn inside it."""
        node = self.graph.nodes[index]
        if node.op not in GLYPHS and node.op not in PRODUCTS:
            inner = node.args[0]
            kind = "gate" if node.op in ("sigmoid", "hard_sigmoid") else "activation"
            title = SYMBOLS.get(node.op, node.op)
            if self._folds(inner) and any(self._weighted(t) for t, _ in self._terms(inner, inner)):
                normed = any(self.graph.nodes[i].op == "layer_norm" for i in self._inside(inner))
                return kind, f"{title} LN" if normed else title, inner
            return kind, title, None
        if any(self._multiplied(term) for term, _ in self._terms(index, index)):
            return "linear", "Σ" if node.op not in PRODUCTS else "·", index
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
        """Split a sum into terms, as far as no partial sum is used elsewhere."""
        waiting = [(index, sign)]
        while waiting:
            index, sign = waiting.pop()
            node = self.graph.nodes[index]
            if node.op in ("add", "sub") and (index == root or self._folds(index)):
                other = ("" if sign else "−") if node.op == "sub" else sign
                waiting += [(node.args[1], other), (node.args[0], sign)]
            else:
                yield index, sign

    def _folds(self, index: int) -> bool:
        """Check whether a value is drawn inside the box of its only reader."""
        return self._readers[index] == 1 and index not in self._outputs and index not in self._names

    def _weighted(self, index: int) -> bool:
        """Check whether a term is one value with parameters applied: a product, scaled, or normalised alone."""
        return self._source[index] is not None and self.graph.nodes[index].op not in ENTRIES

    def _multiplied(self, index: int) -> bool:
        """Check whether a term is one value multiplied by a matrix."""
        source = self._source[index]
        inside = set() if source is None else self.graph.ancestors([index], stop=[source])
        return any(self.graph.nodes[i].op in PRODUCTS for i in inside - {source})

    def _find_sources(self) -> None:
        """Find for each value the one value that parameters are applied to in it; None if there are several."""
        nodes, has_parameter, behind = self.graph.nodes, list[bool](), list[int]()
        self._source: list[int | None] = []
        for index, node in enumerate(nodes):
            has_parameter.append(node.op == "parameter" or any(has_parameter[a] for a in node.args))
            fixed, moving = ([a for a in node.args if self._fixed[a] == kind] for kind in (True, False))
            source = None
            if node.op in PRODUCTS:
                source = node.args[1]
            elif node.op in ("neg", "layer_norm") and self._folds(node.args[0]):
                source = self._source[node.args[0]]
            elif node.op == "mul" and len(moving) == 1 and any(has_parameter[a] for a in fixed):
                source = behind[moving[0]]
            self._source.append(source)
            # through a normalisation and a product that is used nowhere else
            through = source if source is not None else behind[node.args[0]] if node.op == "layer_norm" else index
            behind.append(through if self._folds(index) else index)

    def _inside(self, index: int) -> set[int]:
        return self.graph.ancestors([index], stop=self.boxes)

    def _members(self, roots: list[int]) -> tuple[str, ...]:
        """List the parameters between a value and the boxes that it reads."""
        inside = self.graph.ancestors(roots, stop=self.boxes.keys() - set(roots))
        return tuple(self.graph.nodes[i].name for i in sorted(inside) if self.graph.nodes[i].op == "parameter")

    def _write(self, index: int, depth: int = DEEPEST) -> str:
        """Write a value that depends on parameters and numbers alone, up to the depth that fits a title."""
        node = self.graph.nodes[index]
        if node.op == "constant":
            return f"{node.value:g}"
        if not node.args:
            return node.name
        inner = ", ".join(self._write(a, depth - 1) for a in node.args) if depth else "…"
        return f"{SYMBOLS.get(node.op, node.op)}({inner})"
