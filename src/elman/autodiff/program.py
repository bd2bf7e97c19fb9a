"""Plan how a cell runs over time, forward and backward: what is computed outside the time loop, and what is saved.

A :class:`Program` is one joint graph and two :class:`Schedule` of its nodes. Every backend interprets the same program.

============ ==================================================== =======================================
part         contains what depends on                             and runs
============ ==================================================== =======================================
``once``     parameters alone                                     once
``before``   the inputs (in the mirror: saved values)             for all time steps together, first
``stages``   the carried values, and is needed to update them     step by step
``after``    the carried values, and is not                       for all time steps together, last
``end``      sums over time and batch                             once, at the very end
============ ==================================================== =======================================

A stage is its reductions (products; sums and maxima over an axis), which read whole vectors of earlier stages, and then
pointwise work.
"""

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from weakref import WeakValueDictionary

from elman.autodiff.adjoint import adjoint
from elman.autodiff.noise import NONE, Noise, add_noise
from elman.autodiff.simplify import Simplifier, reorder, without
from elman.errors import CellError
from elman.expr import reading
from elman.expr.cell import Cell, Parameter
from elman.expr.graph import OVER_UNITS, Graph
from elman.expr.lower import lower

REDUCTIONS = frozenset({"product", "product_t"}) | OVER_UNITS
# Recomputing these from other values is cheaper than writing and reading them once for every time step.
CHEAP = frozenset({"add", "sub", "mul", "neg", "select", "less", "less_equal", "equal", "maximum"})

# Programs by their texts: two cells with the same equations, or one that is read again, share a program.
_written: WeakValueDictionary[str, "Program"] = WeakValueDictionary()


@dataclass(frozen=True)
class Stage:
    """One stage of the time loop: reductions, followed by pointwise work."""

    reductions: tuple[int, ...]
    pointwise: tuple[int, ...]


@dataclass(frozen=True)
class Schedule:
    """One direction of a program: nodes by the part in which they run, each in topological order.

    Attributes:
        carries: for each state in order, the leaf of its carried value in the loop.
        results: for each state in order, the carried value of the next step.
        given: leaves with one value for each time step (the input, side inputs, saved values).
        kept: values of the loop that are read after it, or saved.
    """

    once: tuple[int, ...]
    before: tuple[int, ...]
    stages: tuple[Stage, ...]
    after: tuple[int, ...]
    end: tuple[int, ...]
    carries: tuple[int, ...]
    results: tuple[int, ...]
    given: tuple[int, ...]
    kept: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """Everything that a backend needs to run a cell over time, forward and backward.

    There is one program for a cell, so programs are compared by identity, and a copy is the same object.

    Attributes:
        cell: the cell from which it is derived.
        bias: whether the cell's biases are kept.
        noise: the masks in the equations.
        graph: base primitives and structural operations only.
        parameters: the tensors that the program reads, members stacked.
        forward: from the states before a step to those after it.
        mirror: from the adjoints of the states after a step to those before it, and the gradients.
        mirror_without_input: the same without the gradient of the input.
        saved: values of the forward pass that the mirror reads, one a time step.
    """

    cell: Cell
    bias: bool
    noise: Noise
    graph: Graph
    parameters: tuple[Parameter, ...]
    forward: Schedule
    mirror: Schedule
    mirror_without_input: Schedule
    saved: tuple[int, ...]

    @cached_property
    def text(self) -> str:
        """The equations as text, which :func:`read_program` reads."""
        noise = dataclasses.asdict(self.noise)
        return json.dumps({"cell": self.cell.to_dict(), "bias": self.bias, "noise": noise}, sort_keys=True)

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        """The names of the tensors that the program reads."""
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def mirror_of_parameters(self) -> Schedule:
        """The mirror of a single time step, with the gradients of parameters alone: the adjoints are not carried on."""
        mirror, output = self.mirror, self.graph.output
        wanted = tuple(output[f"d_{member}"] for p in self.parameters for member in p.members)
        return schedule(self.graph, carries=mirror.carries, results=mirror.carries, given=mirror.given, wanted=wanted)

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the states in order."""
        return self.graph.states

    @property
    def sides(self) -> tuple[str, ...]:
        """The names of the side inputs in order: the cell's own, then masks."""
        return self.graph.sides

    def __reduce__(self) -> tuple[Any, ...]:
        return (derive, (self.cell, self.bias, self.noise))


def derive(cell: Cell, bias: bool = True, noise: Noise = NONE) -> Program:
    """Derive a cell's program from its equations.

    Args:
        cell: the cell.
        bias: keep its biases; otherwise they are 0.
        noise: write these masks into the equations.

    Returns:
        The program, the same object for the same arguments.

    Raises:
        ConfigError: the noise names a state that the cell does not have, or masks one that enters no product.
    """
    return _derive(cell, bias, noise)


def read_program(text: str) -> Program:
    """Derive the program whose equations a text holds, see :attr:`Program.text`. Nothing in the text is executed.

    Raises:
        CellError: the text does not hold equations.

    >>> from elman.cells import gru
    >>> read_program(derive(gru).text) is derive(gru)
    True
    """
    return _written.get(text) or _read(text)


@lru_cache(maxsize=512)
def _read(text: str) -> Program:
    try:
        data = json.loads(text)
        rates = {
            kind: tuple((reading.text(state), reading.decimal(rate)) for state, rate in data["noise"][kind])
            for kind in ("recurrent_dropout", "zoneout")
        }
        noise = Noise(**rates, drawn=reading.yes_or_no(data["noise"]["drawn"]))
        cell, bias = data["cell"], reading.yes_or_no(data["bias"])
    except RecursionError:  # from the parser, which goes a level deeper at each bracket
        raise CellError("program: not the form of a saved program (it nests too deep). Export it again.") from None
    except (KeyError, TypeError, ValueError, OverflowError) as reason:
        raise CellError(f"program: not the form of a saved program ({reason!r}). Export it again.") from None
    return derive(Cell.from_dict(cell), bias, noise)


@lru_cache(maxsize=512)
def _derive(cell: Cell, bias: bool, noise: Noise) -> Program:
    biases = {m for p in cell.parameters if p.role == "bias" for m in p.members}
    noisy = cell.graph if noise == NONE else add_noise(cell.graph, noise)
    step = noisy if bias else without(noisy, biases)
    parameters = tuple(p for p in cell.parameters if bias or p.role != "bias")
    program = plan(cell, bias, noise, reorder(lower(adjoint(step), Simplifier())), parameters)
    return _written.setdefault(program.text, program)


def plan(cell: Cell, bias: bool, noise: Noise, joint: Graph, parameters: tuple[Parameter, ...]) -> Program:
    """Divide a joint graph into the forward schedule and its mirror."""
    states = joint.states
    leaves = tuple(joint.leaves["state", s] for s in states)
    adjoints = tuple(joint.leaves["adjoint", f"d_{s}"] for s in states)
    new = tuple(joint.output[s] for s in states)
    old = tuple(joint.output[f"d_{s}"] for s in states)
    gradients = [joint.output[f"d_{member}"] for p in parameters for member in p.members]
    d_input = joint.output[f"d_{joint.nodes[joint.input].name}"]
    timed = (joint.input, *(joint.leaves["side", s] for s in joint.sides))
    saved = _choose_saved(joint, timed, new, [*old, d_input, *gradients])
    given = (*timed, *saved)
    return Program(
        cell,
        bias,
        noise,
        joint,
        parameters,
        schedule(joint, carries=leaves, results=new, given=timed, wanted=saved),
        schedule(joint, carries=adjoints, results=old, given=given, wanted=(*gradients, d_input)),
        schedule(joint, carries=adjoints, results=old, given=given, wanted=tuple(gradients)),
        saved,
    )


def _choose_saved(graph: Graph, given: tuple[int, ...], new: tuple[int, ...], mirror: list[int]) -> tuple[int, ...]:
    """Choose the values of the forward pass that are saved; the mirror recomputes the others from them."""
    forward = graph.ancestors(new) | {i for i, n in enumerate(graph.nodes) if n.op == "state"}
    static = _static(graph)
    backward = graph.ancestors(mirror)
    read = {a for i in backward - forward for a in graph.nodes[i].args}
    known = static | set(given)
    needed = ((read | set(mirror)) & forward) - known
    for index in sorted(needed, reverse=True):
        node = graph.nodes[index]
        if node.op in CHEAP and all(a in needed or a in known for a in node.args):
            needed.discard(index)
    return tuple(sorted(needed))


def _static(graph: Graph) -> set[int]:
    static: set[int] = set()
    for index, node in enumerate(graph.nodes):
        if node.op in {"parameter", "constant", "size"} or (node.args and all(a in static for a in node.args)):
            static.add(index)
    return static


def schedule(
    graph: Graph, *, carries: tuple[int, ...], results: tuple[int, ...], given: tuple[int, ...], wanted: tuple[int, ...]
) -> Schedule:
    """Divide the nodes that some values depend on into the parts of a schedule.

    Args:
        graph: contains the nodes.
        carries: leaves of carried values.
        results: the carried values of the next step.
        given: values that are known for all time steps before the run.
        wanted: further values to compute.
    """
    once_, before_, carried_, end_ = range(4)
    known, carried = set(given), set(carries)
    needed = graph.ancestors([*results, *wanted], stop=known)
    kind: dict[int, int] = {}
    for index in sorted(needed):
        node = graph.nodes[index]
        if index in known:
            kind[index] = before_
        elif index in carried:
            kind[index] = carried_
        else:
            kind[index] = max((kind[a] for a in node.args), default=once_)
            if node.op in {"total", "outer"} and kind[index] != once_:
                kind[index] = end_
    work = [i for i in sorted(needed) if graph.nodes[i].args and i not in known]
    inner = graph.ancestors(results, stop=known)
    loop = [i for i in work if kind[i] == carried_ and i in inner]
    after = [i for i in work if kind[i] == carried_ and i not in inner]
    end = [i for i in work if kind[i] == end_]
    outside = {a for i in (*after, *end) for a in graph.nodes[i].args} | set(wanted)
    return Schedule(
        once=tuple(i for i in work if kind[i] == once_),
        before=tuple(i for i in work if kind[i] == before_),
        stages=_stages(graph, loop),
        after=tuple(after),
        end=tuple(end),
        carries=carries,
        results=results,
        given=given,
        kept=tuple(sorted(outside & {*loop, *carries})),
    )


def _stages(graph: Graph, loop: list[int]) -> tuple[Stage, ...]:
    """Divide the loop into stages: a reduction belongs to the stage after that of its vector."""
    level: dict[int, int] = {}
    for index in loop:
        node = graph.nodes[index]
        ready = max((level.get(a, 0) for a in node.args), default=0)
        level[index] = ready + 1 if node.op in REDUCTIONS else ready
    members: dict[int, list[int]] = {}
    for index in loop:
        members.setdefault(level[index], []).append(index)
    return tuple(
        Stage(
            tuple(i for i in stage if graph.nodes[i].op in REDUCTIONS),
            tuple(i for i in stage if graph.nodes[i].op not in REDUCTIONS),
        )
        for _, stage in sorted(members.items())
    )
