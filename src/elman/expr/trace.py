"""Turn a function into a cell by running it once, on symbols.

>>> @cell
... def leaky(x, h, *, W, U, b, rate):
...     '''Leaky integrator (Jaeger et al. 2007, eq. 2).'''
...     candidate = tanh(W @ x + U @ h + b)
...     h = h + sigmoid(rate) * (candidate - h)
...     return h
>>> leaky.states
('h',)
>>> print(leaky.equations())
candidate = tanh(W @ x + U @ h + b)
h'        = h + sigmoid(rate) * (candidate - h)
"""

import dataclasses
import inspect
import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from types import FrameType
from typing import Any, cast

from elman.errors import CellError
from elman.expr.builder import Builder, Expr
from elman.expr.cell import Cell, is_range
from elman.expr.functions import sigmoid, tanh
from elman.expr.graph import Graph
from elman.expr.limits import MOST_LETTERS, MOST_NODES
from elman.expr.primitives import PRIMITIVES
from elman.expr.shapes import infer_shapes
from elman.expr.verify import verify_step

__all__ = ["Family", "cell", "sigmoid", "tanh", "trace"]


class _Tracer(Builder):
    """A builder for tracing: shapes are unknown, and lines are those of the user's file."""

    def shape(self, _op: str, _args: tuple[int, ...]) -> tuple[str, ...]:
        return ()

    done, most = False, MOST_NODES

    def locate(self) -> int:
        if self.done:
            return self.line
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != self.source:
            frame = frame.f_back
        return self.line if frame is None else frame.f_lineno


_TRANSPOSES = ("t", "mT", "H", "mH")  # as torch and numpy call them


def _remedy(name: str, member: str) -> str:
    """Say what to write where a family is used alone, and with a member."""
    if member in _TRANSPOSES:
        return f"If that is the transpose, write `{name}.T`."
    return f"Give the lone use a member name, or another keyword than `{name}`."


class Family(Expr):
    """A family of parameters: ``W.i`` is its member i, ``W`` alone its only member."""

    __slots__ = ("_alone", "_first", "_name")

    def __init__(self, builder: Builder, name: str) -> None:
        self._builder = builder
        self._name = name
        self._alone, self._first = False, ""  # whether it is used alone, and its first member

    @property
    def _id(self) -> int:  # type: ignore[override]
        if self._first:
            self._builder.fail(
                f"`{self._name}` is used alone, and elsewhere as `{self._name}.{self._first}`",
                "A family has members, or it is one parameter.",
                _remedy(self._name, self._first),
            )
        self._alone = True
        return self._builder.add("parameter", name=self._name)

    def __getattr__(self, member: str) -> Expr:
        if member.startswith("_"):
            raise AttributeError(member)
        if not member.isidentifier() or len(member) > MOST_LETTERS:
            self._builder.fail(
                f"a member of `{self._name}` is called {member[:40]!r}",
                f"It becomes part of the names of a layer's tensors: an identifier of at most {MOST_LETTERS} letters.",
                f"Write it after a dot, like {self._name}.i.",
            )
        if self._alone:
            self._builder.fail(
                f"`{self._name}.{member}` is used, and elsewhere `{self._name}` alone",
                "A family has members, or it is one parameter.",
                _remedy(self._name, member),
            )
        self._first = self._first or member
        return self._builder.expr(self._builder.add("parameter", name=f"{self._name}.{member}"))


@dataclasses.dataclass(frozen=True)
class Refused:
    """What stands for a cell whose equations do not hold together, in a file that is read for another cell of it."""

    reason: CellError


keeps_refused: ContextVar[bool] = ContextVar("keeps_refused", default=False)
"""Whether :func:`cell` gives a :class:`Refused` where it would raise."""


def cell(function: Callable[..., Any]) -> Cell:
    """Make a cell of a function that writes one time step.

    The first argument is the input, the other positional ones are the states; keyword-only arguments are families of
    parameters. A family whose default is a pair of numbers is initialised uniformly between them; the others as in
    :func:`elman.nn.init.uniform_`. With a ``/``, everything before it is input: x, and *side inputs* of one number a
    step, such as the time since the last one. No gradient flows to a side input. The function returns the new states
    in the order of the arguments; the first is the layer's output.

    Args:
        function: the equations; called once, here.

    Returns:
        The cell, which takes the function's name and docstring.

    Raises:
        CellError: the equations do not hold together; the message names file and line.

    >>> @cell
    ... def fading(x, dt, /, h, *, W, rate):
    ...     return sigmoid(-rate * dt) * h + W @ x
    >>> fading.sides, fading.states
    (('dt',), ('h',))
    >>> from elman.expr.functions import exp
    >>> @cell
    ... def slow(x, h, *, W, rate=(-7.0, -2.0)):
    ...     return h + exp(rate) * (W @ x - h)
    >>> slow.starts
    (('rate', -7.0, -2.0),)
    """
    try:
        return _make(function)
    except CellError as reason:
        if not keeps_refused.get():
            raise
        refused: Any = Refused(reason)
        return cast("Cell", refused)


def _make(function: Callable[..., Any]) -> Cell:
    if inspect.isclass(function):
        raise CellError(
            f"cell: {function.__qualname__} of {function.__module__} is a class, and is not a function.\n"
            "  A cell is the function that writes one time step; elman makes the layer.\n"
            "  Write def name(x, h, *, W, U, b) under @cell."
        )
    if not inspect.isfunction(function):
        raise CellError(
            f"cell: {function!r} is not a function.\n  A cell is the function that writes one time step.\n"
            "  Write def name(x, h, *, W, U, b) under @cell."
        )
    kinds = inspect.Parameter
    arguments = list(inspect.signature(function).parameters.values())
    before = [a.name for a in arguments if a.kind is kinds.POSITIONAL_ONLY]
    positional = [a.name for a in arguments if a.kind is kinds.POSITIONAL_OR_KEYWORD]
    entry, *sides = before or positional[:1] or [""]
    states = positional if before else positional[1:]
    families = [a.name for a in arguments if a.kind is kinds.KEYWORD_ONLY]
    wrong = [
        a
        for a in arguments
        if a.kind in {kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD}
        or (a.default is not kinds.empty and a.kind is not kinds.KEYWORD_ONLY)
    ]
    code = function.__code__
    where = f"{function.__name__}, {code.co_filename} line {code.co_firstlineno}"
    if wrong:
        raise CellError(
            f"{where}: argument `{wrong[0]}` is variadic or has a default.\n"
            "  Every argument of a cell is an input, a state or a family of parameters.\n"
            "  Name each; write a number into the equations."
        )
    starts = {a.name: a.default for a in arguments if a.default is not kinds.empty}
    for family, given in starts.items():
        if not is_range(given):
            raise CellError(
                f"{where}: the family `{family}` has the default {given!r}.\n"
                "  A default says where a family starts: anywhere between two numbers.\n"
                f"  Write {family}=(-1.0, 1.0), or write a number into the equations."
            )
    if not states:
        given = f"the inputs {', '.join(before)}" if before else positional or "nothing"
        raise CellError(
            f"{where}: a cell takes its input and at least one state, this one takes {given}.\n"
            "  The state is what makes it recurrent.\n"
            "  Write def cell(x, h, *, W, U, b), or def cell(x, dt, /, h, *, W, U, b)."
        )
    doc = inspect.getdoc(function) or ""
    name, source = function.__name__, code.co_filename
    return trace(function, name, entry, states, families, sides=sides, doc=doc, source=source, starts=starts)


def trace(
    function: Callable[..., Any],
    name: str,
    input_name: str,
    states: list[str],
    families: list[str],
    *,
    sides: Sequence[str] = (),
    doc: str = "",
    source: str = "",
    starts: Mapping[str, tuple[float, float]] | None = None,
) -> Cell:
    """Run equations once on symbols and verify the graph that results.

    Args:
        function: called with the input, the side inputs and the states in order, and the families by keyword.
        name: the cell's name.
        input_name: name of the input in the equations.
        states: names of the states, in order.
        families: names of the families.
        sides: names of the side inputs, in order.
        doc: docstring of the cell; lists show its first line.
        source: the file of the equations.
        starts: initial ranges of some families.

    Raises:
        CellError: as for :func:`cell`.
    """
    tracer = _Tracer(name, source)
    tracer.line = _line_of(function)
    x = tracer.expr(tracer.add("input", name=input_name))
    side_inputs = [tracer.expr(tracer.add("side", name=s)) for s in sides]
    before = [tracer.expr(tracer.add("state", name=s)) for s in states]
    returned, variables = _run(function, [x, *side_inputs, *before], {f: Family(tracer, f) for f in families})
    tracer.done = True
    new = returned if isinstance(returned, tuple) else (returned,)
    if len(new) != len(states):
        tracer.fail(
            f"{len(new)} values are returned, and there are {len(states)} states ({', '.join(states)})",
            "A cell returns every new state, in the order of the arguments.",
            f"Write return {', '.join(states)}.",
        )
    outputs = {state: _returned(tracer, state, value) for state, value in zip(states, new, strict=True)}
    _require_use(tracer, families, outputs)
    _require_distinct_names(tracer, states, families)
    place = _drop_matrices(tracer, outputs)
    outputs = {state: place[index] for state, index in outputs.items()}
    nodes, ties = infer_shapes(tracer, outputs)
    values = {label: v for label, v in variables.items() if isinstance(v, Expr) and not isinstance(v, Family)}
    labels = {label: place[v._id] for label, v in values.items() if v._id in place}
    graph = Graph(tuple(nodes), tuple(outputs.items()))
    # a variable with the name of an argument would be mistaken for that argument
    kept = graph.ancestors(outputs.values()) - set(outputs.values())
    taken = {input_name, *sides, *states, *families, *(row.notation.split("(")[0] for row in PRIMITIVES.values())}
    labels = {label: i for label, i in labels.items() if i in kept and nodes[i].args and label not in taken}
    begins = tuple((family, float(low), float(high)) for family, (low, high) in (starts or {}).items())
    return Cell(name, doc, source, verify_step(graph), tuple(labels.items()), tuple(ties), begins)


def _line_of(function: Callable[..., Any]) -> int:
    """Find the line of a function's `def`, after its decorators."""
    code = getattr(function, "__code__", None)
    if code is None:
        return 0
    line: int = code.co_firstlineno
    while linecache.getline(code.co_filename, line).lstrip().startswith("@"):
        line += 1
    return line


def _run(function: Callable[..., Any], values: list[Expr], families: dict[str, Family]) -> tuple[Any, dict[str, Any]]:
    """Call the function and record its local variables, whose names the printed equations use."""
    variables: dict[str, Any] = {}
    code = getattr(function, "__code__", None)

    def keep(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            variables.update(frame.f_locals)

    outer: Any = sys.getprofile()
    if outer is not None and not callable(outer):  # a profiler written in C, which could not be restored
        return function(*values, **families), variables
    sys.setprofile(keep)
    try:
        return function(*values, **families), variables
    finally:
        sys.setprofile(outer)


def _returned(tracer: _Tracer, state: str, value: Any) -> int:
    if not isinstance(value, (Expr, int, float)) or isinstance(value, bool):
        tracer.fail(
            f"the new value of state {state} is a {type(value).__name__}",
            "A cell returns values of its equations.",
            f"Return the vector that {state} becomes.",
        )
    index = tracer.index(value, "return")
    if tracer.nodes[index].is_mask:
        tracer.fail(
            f"the new value of state {state} is a comparison", "A state is a vector.", "Write where(a > b, 1.0, 0.0)."
        )
    return index


def _require_use(tracer: _Tracer, families: list[str], outputs: dict[str, int]) -> None:
    used = {n.name.split(".")[0] for n in tracer.nodes if n.op == "parameter"}
    for family in families:
        if family not in used:
            tracer.fail(
                f"parameter `{family}` is never used",
                "Every keyword-only argument is a family of parameters that the equations read.",
                f"Use it, or drop `{family}` from the arguments.",
            )
    reached = Graph(tuple(tracer.nodes), ()).ancestors(outputs.values())
    for index, node in enumerate(tracer.nodes):
        if node.op == "parameter" and index not in reached:
            tracer.fail(
                f"parameter `{node.name}` reaches no new state",
                "Its value is never used, so it would never be trained.",
                "Use that value, or delete it.",
                line=node.line,
            )
        if node.op == "side" and index not in reached:
            tracer.fail(
                f"side input `{node.name}` reaches no new state",
                "Callers would have to give numbers that are never used.",
                f"Use it, or drop `{node.name}`; states come after the `/`.",
            )


def _drop_matrices(tracer: _Tracer, outputs: dict[str, int]) -> dict[int, int]:
    """Drop sums of matrices, which products have taken apart, and return the new place of every other value."""
    reached = Graph(tuple(tracer.nodes), ()).ancestors(outputs.values())
    parts = set(tracer.matrix_parts)
    for index, node in enumerate(tracer.nodes):
        if node.op == "transpose" or not parts.isdisjoint(node.args):
            parts.add(index)
    kept = [i for i in range(len(tracer.nodes)) if i in reached or i not in parts]
    place = {old: new for new, old in enumerate(kept)}
    nodes = [tracer.nodes[i] for i in kept]
    tracer.nodes = [dataclasses.replace(n, args=tuple(place[a] for a in n.args)) for n in nodes]
    return place


def _require_distinct_names(tracer: _Tracer, states: list[str], families: list[str]) -> None:
    for state in states:
        if state.startswith("d_"):
            tracer.fail(
                f"a state is called {state}",
                "Names that begin with d_ belong to adjoints: d_h is the adjoint of h.",
                "Give the state another name.",
            )
    named = set(families)
    for node in tracer.nodes:
        joined = node.name.replace(".", "_")
        if node.op == "parameter" and "." in node.name:
            if joined in named:
                tracer.fail(
                    f"`{node.name}` and another parameter would both be called {joined} in a layer",
                    "A member of another shape than its family's first is a parameter of that name.",
                    "Give one of the two another name.",
                    line=node.line,
                )
            named.add(joined)
