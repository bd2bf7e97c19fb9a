"""A :class:`View` of a trained model: what `elman inspect` needs of a model of any task."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from elman.flow import Attribution
from elman.flow.page.mattered import Mattered
from elman.flow.places import spread
from elman.nn import Recurrent

EXAMPLES, OF_LAST = 8, 64
MOST_STEPS, MOST_OF_LAST = 20_000, 160_000
"""The most examples that are inspected, and the most of their steps together; and the same for the loss of the last
steps alone."""

EXPLAINED = 3
POINTS = 128
LONGEST_EXPLAINED = 1200
"""Steps of the longest example that is explained: leaving out each step of a longer one would take minutes."""


@dataclass(frozen=True)
class View:
    """A trained model with examples to run it on.

    Attributes:
        module: a copy of the model in float64, in evaluation mode.
        layer: its recurrent layers.
        loss: runs it on the inspected examples and returns the loss.
        loss_with_memory: the loss on more examples, where the recurrent layers remember n steps at most.
        explain: explains a few predictions.
        what: the examples, in words.
        metrics: what was measured in training.
        constant_loss: the loss of the best constant answer, where the loss reaches every step without the recurrence;
            NaN elsewhere.
        facts: what else is said of the model, a line each.
    """

    module: nn.Module
    layer: Recurrent
    loss: Callable[[], Tensor]
    loss_with_memory: Callable[[int], float]
    explain: Callable[[], list[Mattered]]
    what: str
    metrics: dict[str, Any]
    constant_loss: float = math.nan
    facts: Sequence[str] = ()


def how_many(longest: int) -> tuple[int, int]:
    """Return how many examples are inspected, and how many are used for the loss of the last steps alone.

    Args:
        longest: number of steps of the longest example.

    >>> how_many(100), how_many(10_000)
    ((8, 64), (2, 16))
    """
    few = max(1, min(EXAMPLES, MOST_STEPS // longest))
    return few, max(few, min(OF_LAST, MOST_OF_LAST // longest))


def choose_examples(count: int, most: int) -> list[int]:
    """Choose evenly spaced examples, the first one included.

    >>> choose_examples(7, 3), choose_examples(2, 3), choose_examples(9, 1)
    ([0, 3, 6], [0, 1], [0])
    """
    return spread(count, most, math.floor) if most > 1 else list(range(count)[:1])


def mattered(attribution: Attribution, b: int, steps: int, answer: str, **shown: Any) -> Mattered:
    """Return which steps of the input an answer depends on.

    Args:
        attribution: of a batch.
        b: the index of the example.
        steps: its number of steps.
        answer: in words.
        shown: the input, as arguments of :class:`~elman.flow.page.mattered.Mattered`.
    """
    given, alone = attribution.contributions[:steps, b], attribution.leave_one_out[:steps, b]
    # As a share of the contributions' absolute values: their sum may be close to 0.
    missed = abs(float(given.sum() - attribution.score[b] + attribution.baseline_score[b]))
    return Mattered(answer, given, alone, missed / (float(abs(given).sum()) or 1.0), **shown)
