"""Hold a trained model at work: a :class:`View` is what `elman inspect` asks of a model, whatever its task."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from elman.flow import Attribution
from elman.flow.page.mattered import Mattered
from elman.flow.places import spread
from elman.nn import Recurrent

EXAMPLES, OF_LAST = 8, 64
MOST_STEPS, MOST_OF_LAST = 20_000, 160_000
"""How many examples at most, and how many of their steps together, are looked at; and are run for the loss with the
last steps alone."""

EXPLAINED = 3
POINTS = 128
LONGEST_EXPLAINED = 1200
"""In steps: leaving each out of more would take minutes."""


@dataclass(frozen=True)
class View:
    """Hold a model at work.

    Attributes:
        module: a copy of it in float64, in evaluation.
        layer: its recurrent layers.
        loss: runs it on the examples that are looked at.
        loss_of_last: its loss when it is shown the last n steps of more examples alone.
        explain: says what a few predictions rest on.
        what: the examples, in words.
        metrics: what was measured in training.
    """

    module: nn.Module
    layer: Recurrent
    loss: Callable[[], Tensor]
    loss_of_last: Callable[[int], float]
    explain: Callable[[], list[Mattered]]
    what: str
    metrics: dict[str, Any]


def how_many(longest: int) -> tuple[int, int]:
    """Say how many examples are looked at, and how many the loss with the last steps alone is the mean of.

    Args:
        longest: steps of the longest example.

    >>> how_many(100), how_many(10_000)
    ((8, 64), (2, 16))
    """
    few = max(1, min(EXAMPLES, MOST_STEPS // longest))
    return few, max(few, min(OF_LAST, MOST_OF_LAST // longest))


def choose_examples(count: int, most: int) -> list[int]:
    """Choose examples that are evenly spaced, of two the first; a single one is the first of all.

    >>> choose_examples(7, 3), choose_examples(2, 3), choose_examples(9, 1)
    ([0, 3, 6], [0, 1], [0])
    """
    return spread(count, most, math.floor) if most > 1 else list(range(count)[:1])


def mattered(found: Attribution, b: int, steps: int, answer: str, **shown: Any) -> Mattered:
    """Say what an answer rests on.

    Args:
        found: of a batch.
        b: the example in it.
        steps: how many it has.
        answer: in words.
        shown: what was read, as :class:`~elman.flow.page.mattered.Mattered` takes it.
    """
    given, alone = found.contributions[:steps, b], found.leave_one_out[:steps, b]
    # As a share of all that was given, for and against: their sum may be next to nothing.
    missed = abs(float(given.sum() - found.score[b] + found.baseline_score[b]))
    return Mattered(answer, given, alone, missed / (float(abs(given).sum()) or 1.0), **shown)
