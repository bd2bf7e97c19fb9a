"""Compare the gradients of a cell's program with central differences, in float64."""

import dataclasses
import random
from dataclasses import dataclass

import torch
from torch import Tensor

from elman.autodiff.noise import NONE, Noise
from elman.autodiff.program import Program, derive, schedule
from elman.backends import reference
from elman.backends.inputs import Inputs
from elman.errors import ElmanError
from elman.expr import Cell, Graph, Node
from elman.nn.masks import draw_masks

# With this step, central differences have an error of 1e-10 from the third derivative and ROUNDING · |L| from rounding.
DIFFERENCE = 1e-5
ROUNDING = 20 * torch.finfo(torch.float64).eps / DIFFERENCE
# The number of perturbed copies in one batch; limits the memory.
CHUNK = 512


class GradientError(ElmanError, AssertionError):
    """A wrong gradient: its tensor, the time step that causes it, and the error."""


@dataclass(frozen=True)
class GradientReport:
    """The result of a gradient check.

    Attributes:
        errors: for each tensor the largest ‖mirror − differences‖ / ‖differences‖.
        checked: the number of numbers that were perturbed.
        skipped: the number of those within a step of a kink, where no derivative exists.
    """

    errors: dict[str, float]
    checked: int
    skipped: int

    @property
    def worst(self) -> float:
        """The largest error."""
        return max(self.errors.values())


@dataclass(frozen=True)
class _Case:
    """One random setting: shapes, values, lengths, direction and the upstream gradients."""

    program: Program
    tensors: dict[str, Tensor]
    lengths: Tensor
    reverse: bool
    d_output: Tensor
    d_final: list[Tensor]
    sides: list[Tensor]

    def inputs(self, tensors: dict[str, Tensor]) -> Inputs:
        x, *rest = tensors.values()
        count = len(self.program.states)
        return Inputs(x, rest[:count], rest[count:], self.lengths, self.reverse, self.sides)


def check_gradients(cell: Cell, *, noise: Noise = NONE, seed: int = 0, tolerance: float = 1e-6) -> GradientReport:
    """Check every gradient of a cell against central differences in float64.

    Shapes are random primes, initial states and upstream gradients random, lengths random with 0 and T among them; both
    directions are checked. Side inputs are random and positive, masks are drawn once. A number whose perturbation
    changes the outcome of a comparison in the equations is skipped.

    Args:
        cell: the cell to check.
        noise: check the equations with these masks in them, see :mod:`elman.autodiff.noise`.
        seed: of all random numbers.
        tolerance: largest ‖mirror − differences‖ / ‖differences‖ of a tensor, in addition to the rounding error of the
            differences, which matters for tiny gradients.

    Returns:
        The largest errors, if all gradients are right.

    Raises:
        GradientError: a gradient is wrong, or a value is not finite.
    """
    program = derive(cell, noise=noise)
    errors: dict[str, float] = {}
    checked = skipped = 0
    for reverse in (False, True):
        source = random.Random(f"{seed}{reverse}")  # noqa: S311 - the same settings must come back
        case = _draw(cell, program, source, reverse)
        mirror = _mirror(case)
        watched = _watch(program)
        loss = 1 + abs(float(_loss(case, watched, case.tensors)[0]))
        for name in case.tensors:
            differences, smooth = _differences(case, watched, name)
            ours, expected = mirror[name].flatten()[smooth], differences[smooth]
            if not (ours.isfinite().all() and expected.isfinite().all()):
                raise GradientError(
                    f"{cell.name}: the gradient of {name} is not finite.\n  {_place(case)}\n  Bound the equations."
                )
            floor = ROUNDING * loss * len(expected) ** 0.5 / tolerance
            error = float((ours - expected).norm() / (expected.norm() + floor))
            errors[name] = max(errors.get(name, 0.0), error)
            checked, skipped = checked + len(expected), skipped + int((~smooth).sum())
            if error > tolerance:
                raise GradientError(_explain(case, name, mirror[name], differences, smooth, error, tolerance))
    return GradientReport(errors, checked, skipped)


def _draw(cell: Cell, program: Program, source: random.Random, reverse: bool) -> _Case:
    """Draw shapes, values and lengths. Axes are distinct primes, so that no two can be confused."""
    hidden, entry = source.sample([3, 5, 7], 2)
    others = [n for n in (2, 3, 5, 7, 11) if n not in {hidden, entry}]
    steps, batch = source.choice([5, 7]), 3
    if cell.ties:
        entry = hidden
    named = {size: others[i % len(others)] for i, size in enumerate(cell.open_sizes)}
    sizes = cell.sizes(entry, hidden, named)
    generator = torch.Generator().manual_seed(source.getrandbits(32))

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    tensors = {program.graph.nodes[program.graph.input].name: normal(steps, batch, entry)}
    shapes = [sizes[cell.state_size(s)] for s in cell.states]
    tensors |= {s: 0.5 * normal(batch, n) for s, n in zip(cell.states, shapes, strict=True)}
    # a joined name, W_a for W.a, may also be the name of a state
    names = [p.name if p.name not in tensors else f"{p.name} (parameter)" for p in program.parameters]
    shapes_of = [p.full_shape(sizes) for p in program.parameters]
    tensors |= {name: 0.5 * normal(*shape) for name, shape in zip(names, shapes_of, strict=True)}
    lengths = [steps, 0, source.randrange(1, steps)]
    source.shuffle(lengths)
    d_output, d_final = normal(steps, batch, shapes[0]), [normal(batch, n) for n in shapes]
    sides = [0.1 + normal(steps, batch, 1).abs() for _ in cell.sides]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(source.getrandbits(32))
        sides += draw_masks(program, d_output, d_final)
    return _Case(program, tensors, torch.tensor(lengths), reverse, d_output, d_final, sides)


def _mirror(case: _Case) -> dict[str, Tensor]:
    """Run forward and mirror, and return the gradient of every tensor."""
    inputs = case.inputs(case.tensors)
    output, _, saved = reference.run_forward(case.program, inputs)
    d_x, d_states, d_parameters = reference.run_mirror(case.program, inputs, output, saved, case.d_output, case.d_final)
    assert d_x is not None
    return dict(zip(case.tensors, [d_x, *d_states, *d_parameters], strict=True))


def _watch(program: Program) -> Program:
    """Save the outcome of every comparison instead of the mirror's values: it changes where a kink is crossed."""
    nodes = list(program.graph.nodes)
    forward = program.graph.ancestors(program.graph.output[s] for s in program.states)
    comparisons = [i for i in forward if nodes[i].is_mask]
    for index in [i for i in forward if nodes[i].op == "maximum"]:
        comparisons.append(len(nodes))
        nodes.append(Node("less", nodes[index].args, nodes[index].shape, is_mask=True))
    for index in [i for i in forward if nodes[i].op == "max"]:
        (vector,) = nodes[index].args
        comparisons.append(len(nodes))
        nodes.append(Node("equal", (vector, index), nodes[vector].shape, is_mask=True))
    graph = Graph(tuple(nodes), program.graph.outputs)
    old = program.forward
    saved = tuple(sorted(comparisons))
    watched = schedule(graph, carries=old.carries, results=old.results, given=old.given, wanted=saved)
    return dataclasses.replace(program, graph=graph, forward=watched, saved=saved)


def _differences(case: _Case, watched: Program, name: str) -> tuple[Tensor, Tensor]:
    """Compute the central difference for every number of one tensor, and the mask of numbers that cross no kink."""
    middle = case.tensors[name]
    _, base = _loss(case, watched, case.tensors)

    def perturbed(value: Tensor) -> tuple[Tensor, Tensor]:
        loss, outcomes = _loss(case, watched, case.tensors | {name: value})
        crossed = [(a != b).any() for a, b in zip(outcomes, base, strict=True)]
        return loss, torch.stack(crossed).any() if crossed else torch.zeros((), dtype=torch.bool)

    run = torch.func.vmap(perturbed)
    differences, smooth = [], []
    for numbers in torch.arange(middle.numel()).split(CHUNK):
        moves = torch.zeros(len(numbers), middle.numel(), dtype=middle.dtype)
        moves[torch.arange(len(numbers)), numbers] = DIFFERENCE
        moves = moves.view(-1, *middle.shape)
        (up, crossed_up), (down, crossed_down) = run(middle + moves), run(middle - moves)
        differences.append((up - down) / (2 * DIFFERENCE))
        smooth.append(~(crossed_up | crossed_down))
    return torch.cat(differences), torch.cat(smooth)


def _loss(case: _Case, program: Program, tensors: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    output, final, outcomes = reference.run_forward(program, case.inputs(tensors))
    pairs = zip([output, *final], [case.d_output, *case.d_final], strict=True)
    return torch.stack([(value * d).sum() for value, d in pairs]).sum(), outcomes


def _explain(
    case: _Case, name: str, mirror: Tensor, differences: Tensor, smooth: Tensor, error: float, tolerance: float
) -> str:
    """Write the message of a wrong gradient: tensor, number, time step."""
    gap = (mirror.flatten() - differences).abs() * smooth
    flat = int(gap.argmax())
    place = [int(i) for i in torch.unravel_index(torch.tensor(flat), mirror.shape)]
    values = f"{float(mirror.flatten()[flat]):.9g}", f"{float(differences[flat]):.9g}"
    if name == next(iter(case.tensors)):
        step = f"It is the input of time step {place[0]}."
    elif name in case.program.states:
        step = "It is an initial state."
    else:
        step = _worst_step(case, name, flat)
        parameter = case.program.parameters[_number_of(case, name)]
        rows = mirror.shape[0] // len(parameter.members)
        name, place[0] = parameter.members[place[0] // rows], place[0] % rows
    return (
        f"{case.program.cell.name}: the gradient of {name} is off by {error:.2e} (tolerance {tolerance:.0e}).\n"
        f"  Worst at {name}{place}: {values[0]} from the mirror, {values[1]} from differences. {step}\n  {_place(case)}"
    )


def _number_of(case: _Case, name: str) -> int:
    """Find the number of a parameter among the parameters, which follow the input and the states."""
    return list(case.tensors).index(name) - 1 - len(case.program.states)


def _place(case: _Case) -> str:
    shapes = ", ".join(f"{name} {tuple(t.shape)}" for name, t in case.tensors.items())
    return f"Run {'in reverse' if case.reverse else 'forward'}, lengths {case.lengths.tolist()}, {shapes}."


def _worst_step(case: _Case, name: str, flat: int) -> str:
    """Find the time step whose part of a parameter's gradient has the largest error; every step runs alone."""
    order = list(range(case.d_output.shape[0]))
    order = order[::-1] if case.reverse else order
    gaps: list[tuple[float, int]] = []
    mirror = _shares_by_mirror(case, name, order)
    for t in order:
        ends: list[float] = []
        for sign in (1, -1):
            moved = case.tensors[name].clone()
            moved.view(-1)[flat] += sign * DIFFERENCE
            ends.append(_loss_by_steps(case, order, {t: case.tensors | {name: moved}}))
        gaps.append((abs(float(mirror[t].flatten()[flat]) - (ends[0] - ends[1]) / (2 * DIFFERENCE)), t))
    gap, t = max(gaps)
    if gap < 1e-7:
        return "The part of each time step is right; their sum over time is not."
    return f"The part of time step {t} has the largest error, {gap:.3g}."


@dataclass(frozen=True)
class _Step:
    """One time step that was run as a sequence of length 1."""

    time: int
    inputs: Inputs
    output: Tensor
    final: list[Tensor]
    saved: list[Tensor]


def _steps(case: _Case, order: list[int], moved: dict[int, dict[str, Tensor]]) -> list[_Step]:
    """Run every time step as a sequence of length 1, some with other values of the parameters."""
    whole = case.inputs(case.tensors)
    states, steps = whole.states, list[_Step]()
    for t in order:
        lengths = (case.lengths > t).long()
        parameters = case.inputs(moved.get(t, case.tensors)).parameters
        sides = [side[t : t + 1] for side in whole.sides]
        inputs = Inputs(whole.x[t : t + 1], states, parameters, lengths, case.reverse, sides)
        output, final, saved = reference.run_forward(case.program, inputs)
        steps.append(_Step(t, inputs, output, final, saved))
        states = final
    return steps


def _loss_by_steps(case: _Case, order: list[int], moved: dict[int, dict[str, Tensor]]) -> float:
    steps = _steps(case, order, moved)
    total = sum(float((step.output[0] * case.d_output[step.time]).sum()) for step in steps)
    return total + sum(float((value * d).sum()) for value, d in zip(steps[-1].final, case.d_final, strict=True))


def _shares_by_mirror(case: _Case, name: str, order: list[int]) -> dict[int, Tensor]:
    index = _number_of(case, name)
    d_states, shares = case.d_final, {}
    for step in reversed(_steps(case, order, {})):
        d_output = case.d_output[step.time : step.time + 1]
        _, d_states, gradients = reference.run_mirror(
            case.program, step.inputs, step.output, step.saved, d_output, d_states
        )
        shares[step.time] = gradients[index]
    return shares
