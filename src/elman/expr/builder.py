"""Build a graph node by node, with values that behave like numbers in an equation.

A :class:`Builder` interns: the same operation on the same nodes is one node. An :class:`Expr` is a handle on one node;
its operators add nodes. Tracing and every pass over a graph write their equations with it.
"""

import linecache
import math
from typing import Any, NoReturn

from elman.errors import CellError
from elman.expr.graph import MASKS, ROW, Graph, Node
from elman.expr.limits import LARGEST_EXPONENT, MOST_DERIVED, is_exponent
from elman.expr.matrices import read_matrix

_METHODS_OF_TENSORS = frozenset(
    {"sum", "mean", "max", "softmax", "norm", "tanh", "sigmoid", "relu", "exp", "log", "sqrt", "sin", "cos", "clamp"}
)
COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum", "equal", "and", "or"})


class Builder:
    """A graph under construction, in which every node is unique.

    Args:
        source: file of the cell's equations, for error messages.
        cell: name of the cell, likewise.
    """

    most = MOST_DERIVED

    def __init__(self, cell: str = "cell", source: str = "") -> None:
        self.cell = cell
        self.source = source
        self.nodes: list[Node] = []
        self.line = 0
        self.matrix_parts: set[int] = set()  # nodes of sums of matrices, see :mod:`elman.expr.matrices`
        self._known: dict[tuple[object, ...], int] = {}

    def add(self, op: str, *args: int, name: str = "", value: float = 0.0, shape: tuple[str, ...] | None = None) -> int:
        """Add one node and return its index, or that of an equal node if there is one."""
        node = Node(op, args, (), name, value, self.locate(), op in MASKS)
        key = (op, tuple(sorted(args)), name) if op in COMMUTATIVE else node.key
        if key not in self._known:
            if len(self.nodes) >= self.most:
                self.fail(
                    f"the equations have more than {self.most:,} values",
                    "Expanding and differentiating so many would take minutes.",
                    "Repeat something less often, or make it a matrix product.",
                )
            known_shape = self.shape(op, args) if shape is None else shape
            self._known[key] = len(self.nodes)
            self.nodes.append(Node(op, args, known_shape, name, value, node.line, node.is_mask))
        return self._known[key]

    def locate(self) -> int:
        """Return the line of the source that the next node belongs to."""
        return self.line

    def shape(self, op: str, args: tuple[int, ...]) -> tuple[str, ...]:
        """Derive the shape of an operation from those of its arguments.

        Raises:
            CellError: the shapes do not fit.
        """
        return result_shape(op, [self.nodes[a].shape for a in args])

    def expr(self, index: int) -> "Expr":
        """Wrap a node so that operators apply to it."""
        return Expr(self, index)

    def constant(self, value: float) -> "Expr":
        """Add a number."""
        return self.expr(self.add("constant", value=float(value), shape=()))

    def apply(self, op: str, *args: "Expr | float") -> "Expr":
        """Add an operation on values and numbers.

        Raises:
            CellError: an argument is neither.
        """
        return self.expr(self.add(op, *(self.index(a, op) for a in args)))

    def index(self, value: Any, op: str) -> int:
        """Return the node of a value; a number is added."""
        if isinstance(value, Expr):
            if value._builder is not self:
                self.fail(
                    f"`{op}` was given a value of another cell",
                    "Every cell is traced by itself.",
                    "Compute the value again here, or pass it as a parameter.",
                )
            return value._id
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                return self.add("constant", value=float(value), shape=())
            except OverflowError:
                self.fail(f"`{op}` was given {str(value)[:8]}…", "It is too large for a number.", "Use a smaller one.")
        self.fail(
            f"`{op}` was given a {type(value).__name__}",
            "An equation holds the input, states, parameters and Python numbers.",
            "Make it a parameter (a keyword-only argument), or a plain number.",
        )

    def fail(self, what: str, why: str, remedy: str, *, line: int | None = None) -> NoReturn:
        """Raise a CellError in three parts, with the file and line of the equation."""
        line = self.locate() if line is None else line
        where = f", {self.source + ' ' if self.source else ''}line {line}" if line else ""
        text = linecache.getline(self.source, line).strip() if line else ""
        quote = f"\n    {text}" if text else ""
        raise CellError(f"{self.cell}{where}: {what}.{quote}\n  {why}\n  {remedy}")

    def graph(self, outputs: dict[str, int]) -> Graph:
        """Make the graph, with only the nodes that the outputs need, and the inputs and states."""
        return prune(Graph(tuple(self.nodes), tuple(outputs.items())))


def prune(graph: Graph) -> Graph:
    """Drop every node that no output needs, except the leaves that callers look up by name."""
    kept = graph.ancestors(index for _, index in graph.outputs)
    kept |= {i for i, node in enumerate(graph.nodes) if node.op in {"input", "side", "state", "adjoint"}}
    place = {old: new for new, old in enumerate(sorted(kept))}
    nodes = tuple(
        Node(n.op, tuple(place[a] for a in n.args), n.shape, n.name, n.value, n.line, n.is_mask)
        for n in (graph.nodes[i] for i in sorted(kept))
    )
    return Graph(nodes, tuple((name, place[index]) for name, index in graph.outputs))


def result_shape(op: str, shapes: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Derive the shape of an operation's value from the shapes that it reads.

    Raises:
        CellError: the shapes do not fit.

    >>> result_shape("product", [("hidden", "input"), ("input",)])
    ('hidden',)
    """
    match op, shapes:
        case "product", [(rows, columns), (length,)] if columns == length:
            return (rows,)
        case "product_t", [(_, columns), *_] if _transposed_fit(shapes, columns):
            return (columns,)
        case "outer", [(rows,), (columns,)]:
            return (rows, columns)
        case "total", [shape]:
            return shape
        case "spread", [_, shape]:
            return shape
        case (("sum" | "max" | "mean" | "norm"), [(_,)]):
            return (ROW,)
        case (("product" | "product_t" | "outer" | "total" | "spread" | "sum" | "max" | "mean" | "norm" | "size"), _):
            raise CellError(f"{op}: the shapes {shapes} do not fit. This is a fault in the graph; verify it.")
        case _:
            widest = {s for s in shapes if s not in {(), (ROW,)}}
            if len(widest) > 1:
                raise CellError(f"{op}: the shapes {sorted(widest)} do not fit each other elementwise.")
            return widest.pop() if widest else max(shapes, default=(), key=len)


def _transposed_fit(shapes: list[tuple[str, ...]], columns: str) -> bool:
    pairs = zip(shapes[::2], shapes[1::2], strict=True)
    return all(len(m) == 2 and m[1] == columns and d == (m[0],) for m, d in pairs)


class Expr:
    """One value of the equations; operators on it add nodes.

    It has no public attribute but `T`, so that a family of parameters may have members of any other name.
    """

    __slots__ = ("_builder", "_id")

    def __init__(self, builder: Builder, index: int) -> None:
        self._builder = builder
        self._id = index

    def __add__(self, other: Any) -> "Expr":
        return self._builder.apply("add", self, other)

    def __radd__(self, other: Any) -> "Expr":
        return self._builder.apply("add", other, self)

    def __sub__(self, other: Any) -> "Expr":
        return self._builder.apply("sub", self, other)

    def __rsub__(self, other: Any) -> "Expr":
        return self._builder.apply("sub", other, self)

    def __mul__(self, other: Any) -> "Expr":
        return self._builder.apply("mul", self, other)

    def __rmul__(self, other: Any) -> "Expr":
        return self._builder.apply("mul", other, self)

    def __truediv__(self, other: Any) -> "Expr":
        return self._builder.apply("div", self, other)

    def __rtruediv__(self, other: Any) -> "Expr":
        return self._builder.apply("div", other, self)

    def __neg__(self) -> "Expr":
        return self._builder.apply("neg", self)

    def __pos__(self) -> "Expr":
        return self

    def __abs__(self) -> "Expr":
        return self._builder.apply("abs", self)

    def __pow__(self, exponent: Any) -> "Expr":
        if not isinstance(exponent, Expr) and exponent == 0:
            self._builder.fail("`**` whose exponent is 0", "It is 1 for every value.", "Write 1.")
        if isinstance(exponent, Expr) or not _is_finite(exponent):
            self._builder.fail(
                "`**` has an exponent that is not a finite number",
                "A power is by a constant.",
                "Write exp(y * log(x)) for a varying exponent.",
            )
        if not is_exponent(exponent):
            self._builder.fail(
                f"`**` has an exponent that is beyond {LARGEST_EXPONENT:,.0f}",
                "Rounding alone would decide the value of such a power.",
                "Use a smaller exponent, or write exp(y * log(x)).",
            )
        return self._builder.apply("power", self, exponent)

    def __rpow__(self, base: Any) -> "Expr":
        self._builder.fail(
            "`**` has an exponent that varies",
            "A power is by a constant.",
            "Write exp(y * log(x)), or exp(y * number) with the logarithm of the base as number.",
        )

    def __lt__(self, other: Any) -> "Expr":
        return self._builder.apply("less", self, other)

    def __le__(self, other: Any) -> "Expr":
        return self._builder.apply("less_equal", self, other)

    def __gt__(self, other: Any) -> "Expr":
        return self._builder.expr(self._builder.add("less", *self._swapped(other)))

    def __ge__(self, other: Any) -> "Expr":
        return self._builder.expr(self._builder.add("less_equal", *self._swapped(other)))

    def _swapped(self, other: object) -> tuple[int, int]:
        mine = self._builder.index(self, "comparison")
        return self._builder.index(other, "comparison"), mine

    def __eq__(self, other: object) -> "Expr":  # type: ignore[override]
        return self._builder.expr(self._builder.add("equal", *self._swapped(other)))

    def __ne__(self, other: object) -> "Expr":  # type: ignore[override]
        self._builder.fail(
            "`!=` is not a primitive",
            "Only <, <=, >, >= and == compare.",
            "Write ~(a == b).",
        )

    def __and__(self, other: Any) -> "Expr":
        return self._builder.apply("and", self, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> "Expr":
        return self._builder.apply("or", self, other)

    __ror__ = __or__

    def __invert__(self) -> "Expr":
        return self._builder.apply("not", self)

    def __hash__(self) -> int:
        return id(self)

    def __matmul__(self, other: Any) -> "Expr":
        builder = self._builder
        node = builder.nodes[self._id]
        if node.op == "state":
            builder.fail(
                f"`@` has the state {node.name} on its left",
                "The arguments before a `*` are the input and the states; what is trained comes after it.",
                f"Write def {builder.cell}(x, h, *, W, U, b), with {node.name} behind the *.",
            )
        matrix = read_matrix(builder.nodes, self._id)
        if matrix is None:
            builder.fail(
                "`@` has something other than a parameter on its left",
                "A matrix is a parameter, or a sum of parameters and their transposes; a vector follows it.",
                "Write W @ x; for two matrices in a row W @ (U @ h).",
            )
        if not isinstance(other, Expr):
            builder.fail(
                "`@` was given a number", "A matrix multiplies a vector.", "Write W @ x, or 2 * x for a number."
            )
        terms, parts = matrix
        builder.matrix_parts |= parts
        total: Expr | None = None
        for factor, index, transposed in terms:
            term = builder.apply("product_t" if transposed else "product", builder.expr(index), other)
            if abs(factor) != 1:
                term = abs(factor) * term
            if factor < 0:
                total = -term if total is None else total - term
            else:
                total = term if total is None else total + term
        assert total is not None
        return total

    @property
    def T(self) -> "Expr":  # noqa: N802 - as numpy's and torch's
        """The transpose of a matrix."""
        return self._builder.apply("transpose", self)

    def __rmatmul__(self, other: Any) -> "Expr":
        self._builder.fail(
            "`@` has something other than a parameter on its left", "A matrix is a parameter.", "Write W @ x."
        )

    def __bool__(self) -> bool:
        self._builder.fail(
            f"`if`, `and`, `or` or `not` needs to know whether {describe(self)} is true",
            "A cell is traced once for all inputs, so Python cannot branch on it.",
            _branch_remedy(self._builder),
        )

    def __getattr__(self, name: str) -> "Expr":
        if name.startswith("_"):
            raise AttributeError(name)
        known = name in _METHODS_OF_TENSORS
        self._builder.fail(
            f"`.{name}` is asked of {describe(self)}",
            "A value of the equations has no methods and no attribute but the T of a matrix.",
            f"Write elman.{name}(…)." if known else "Use elman's functions: elman.tanh, elman.sum, elman.where, …",
        )

    def __float__(self) -> float:
        self._builder.fail(
            f"a function of Python or another library needs {describe(self)} as a number",
            "A cell is traced once for all inputs; its values are not numbers yet.",
            "Use elman's functions: elman.tanh, elman.exp, …",
        )

    __int__ = __index__ = __float__

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        self._builder.fail(
            f"numpy was given {describe(self)}",
            "A cell is its equations, not numpy operations.",
            "Use elman's functions: elman.tanh, elman.where, …; arrays come in as parameters.",
        )

    __array_ufunc__ = __array__

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
        flat = [v for a in args for v in (a if isinstance(a, (list, tuple)) else [a])]
        own = next(a for a in flat if isinstance(a, Expr))
        own._builder.fail(
            f"torch's `{getattr(function, '__name__', function)}` was applied to {describe(own)}",
            "A cell is its equations, not torch operations.",
            "Use elman's functions: elman.tanh, elman.where, …; tensors come in as parameters.",
        )

    def __iter__(self) -> NoReturn:
        self._builder.fail(
            f"{describe(self)} is iterated over or unpacked",
            "Vectors are used whole; their elements have no names.",
            "Give every part a parameter of its own: W.i @ x, W.f @ x.",
        )

    def __getitem__(self, item: Any) -> NoReturn:
        self._builder.fail(
            f"{describe(self)} is indexed",
            "Vectors are used whole; their elements have no names.",
            "Give every part a parameter of its own: W.i @ x, W.f @ x.",
        )

    def __len__(self) -> int:
        self._builder.fail(
            f"`len` was called on {describe(self)}",
            "Sizes are known at construction.",
            "Leave sizes to the layer.",
        )

    def __repr__(self) -> str:
        return f"<{describe(self)} of {self._builder.cell}>"


def _branch_remedy(builder: Builder) -> str:
    words = linecache.getline(builder.source, builder.locate()).split()
    if "if" not in words and not {"and", "or", "not"}.isdisjoint(words):
        return "Write where((z > 0.5) & (r < 1), a, b): & for and, | for or, ~ for not, with brackets around each."
    return "Write where(z > 0.5, a, b)."


def _is_finite(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def describe(value: Expr) -> str:
    """Name a value in an error message: a leaf by its name, anything else by its operation."""
    node = value._builder.nodes[value._id]
    return node.name or (repr(node.value) if node.op == "constant" else f"the value of `{node.op}`")


def number(value: Expr | float) -> float | None:
    """Return the number of a constant, None for anything else."""
    if not isinstance(value, Expr):
        return float(value)
    node = value._builder.nodes[value._id]
    return node.value if node.op == "constant" else None


def axis(value: Expr) -> Expr:
    """Return the length of a vector's axis as a value of the equations."""
    builder = value._builder
    (dimension,) = builder.nodes[value._id].shape
    return builder.expr(builder.add("size", name=dimension, shape=()))
