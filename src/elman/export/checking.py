"""Compare what is exported with the layer it came from: on sequences of 1, 7 and 123 steps, drawn from a fixed seed.

Each length is run for two examples, of which the second is half as long, from a state of zeros and from a carried one.
The *difference* is the largest distance of two numbers, relative to the largest number of their tensor. The values that
are expected are computed by the reference in float64. Where a cell amplifies rounding, as one does that is chaotic,
float32 itself is far from them; then what is allowed is sixteen times its distance. The shortest sequences come first:
after one step no cell has amplified much, so they show a mistake that would pass later.

>>> difference([torch.tensor([1.0, -4.0])], [torch.tensor([1.0, -4.5])])
0.1111111111111111
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from elman.errors import ElmanError
from elman.export.network import NetworkData

Case = TypeVar("Case")

LENGTHS = (1, 7, 123)
_AS_MUCH_AS_FLOAT32 = 16.0


@dataclass(frozen=True)
class TwoSequences:
    """Two sequences of unequal length, and what a network makes of them.

    Attributes:
        x: (T, 2, I).
        states: for each (L·D, 2, its size); empty where it starts from zeros.
        lengths: (2,); None where both are whole.
        sides: for each side input (T, 2).
    """

    x: Tensor
    states: list[Tensor]
    lengths: Tensor | None
    sides: list[Tensor]

    def given(self, network: NetworkData) -> list[Tensor]:
        """Return the states from which it starts."""
        rows = len(network.layers) * network.directions
        return self.states or [torch.zeros(rows, 2, size) for size in network.state_sizes]


@dataclass(frozen=True)
class Agreement:
    """How far an export is from its layer.

    Attributes:
        difference: the largest one, relative.
        bound: what was allowed.
    """

    difference: float
    bound: float


def examples(network: NetworkData, unequal: bool = True) -> Iterator[TwoSequences]:
    """Draw the sequences on which an export is compared."""
    generator = torch.Generator().manual_seed(26)
    rows = len(network.layers) * network.directions
    for steps in LENGTHS:
        for carried in (False, True):
            x = torch.randn(steps, 2, network.input_size, generator=generator)
            sizes = network.state_sizes if carried else ()
            states = [torch.randn(rows, 2, size, generator=generator).tanh() for size in sizes]
            sides = [torch.rand(steps, 2, generator=generator) + 0.1 for _ in network.sides]
            yield TwoSequences(x, states, torch.tensor([steps, steps // 2]) if unequal else None, sides)


def compare(
    network: NetworkData, run: Callable[[TwoSequences], Sequence[Tensor]], bound: float, unequal: bool = True
) -> Agreement:
    """Compare an export with its network.

    Args:
        network: the layer.
        run: runs what was exported: the output (T, 2, …) and the final states.
        bound: what the difference may be.
        unequal: whether the examples are of unequal length.

    Raises:
        ElmanError: the difference is larger.
    """

    def expect(example: TwoSequences, dtype: torch.dtype) -> list[Tensor]:
        return network.run(example.x, example.given(network), example.lengths, example.sides, dtype)

    return compare_all(examples(network, unequal), run, expect, bound)


def compare_all(
    cases: Iterable[Case],
    run: Callable[[Case], Sequence[Tensor]],
    expect: Callable[[Case, torch.dtype], Sequence[Tensor]],
    bound: float,
) -> Agreement:
    """Compare an export with what it came from, case by case.

    Args:
        cases: what both compute with.
        run: runs what was exported.
        expect: computes the same in a dtype.
        bound: what the difference may be.

    Raises:
        ElmanError: the difference is larger.
    """
    worst, allowed = 0.0, bound
    for number, case in enumerate(cases, 1):
        expected = expect(case, torch.float64)
        found = difference(run(case), expected)
        if not found <= allowed:
            allowed = max(allowed, _AS_MUCH_AS_FLOAT32 * difference(expect(case, torch.float32), expected))
        worst = found if math.isnan(found) else max(worst, found)
        refuse_difference(worst, allowed, f"example {number}")
    return Agreement(worst, allowed)


def refuse_difference(found: float, allowed: float, where: str) -> None:
    """Refuse an export whose values differ from those of what it came from.

    Raises:
        ElmanError: the difference is larger than what is allowed.
    """
    if math.isinf(allowed):
        raise ElmanError(
            f"export: on {where} the numbers of the model itself leave the range of float32, as after a training that "
            "diverged, so the file cannot be compared with it. Nothing was written. Train with a lower --learning-rate."
        )
    if not found <= allowed:
        raise ElmanError(
            f"export: on {where} the file differs by {found:.1e} from the model, relative to the largest number, and "
            f"{allowed:.1e} is allowed. Nothing was written. Report it with the equations of the cell."
        )


def difference(actual: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Compute the largest difference of tensors, relative to the largest number of each."""
    worst = 0.0
    for one, other in zip(actual, expected, strict=True):
        if one.shape != other.shape or not torch.equal(one.isnan(), other.isnan()):
            return math.inf
        if other.numel():
            size = float(other.double().abs().nan_to_num(0.0).max()) or 1.0
            gap = (one.double() - other.double()).nan_to_num(0.0, posinf=math.inf, neginf=math.inf)
            worst = max(worst, float(gap.abs().max()) / size)
    return worst
