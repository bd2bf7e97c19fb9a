"""Describe a sequence of frames by numbers that forget its order: mean, deviation, least, most; and its two ends.

>>> summarise(torch.tensor([[1.0], [3.0], [5.0]])).tolist()
[3.0, 1.632993221282959, 1.0, 5.0, 1.0, 5.0]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from elman.tasks.batches import EncodedSet

SUMMARIES = 6
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True)
class SummaryReader:
    """Make summaries of examples, each number scaled to mean 0 and deviation 1.

    Attributes:
        alone: every example is a single frame, which is read as it is.
        mean: (F,) of each number over the training examples.
        deviation: (F,).
    """

    alone: bool
    mean: Tensor
    deviation: Tensor

    @classmethod
    def learn(cls, examples: EncodedSet, indices: Sequence[int]) -> Self:
        """Learn the scale; a number that never varies is left at 0."""
        alone = bool((examples.lengths == 1).all())
        found = _describe(examples, indices, alone)
        deviation = found.std(0, correction=0)
        return cls(alone, found.mean(0), deviation.where(deviation > _LEAST_DEVIATION, torch.inf))

    def __len__(self) -> int:
        return len(self.mean)

    def read(self, examples: EncodedSet, indices: Sequence[int]) -> Tensor:
        """Return (N, F)."""
        return (_describe(examples, indices, self.alone) - self.mean) / self.deviation


def summarise(steps: Tensor) -> Tensor:
    """Return the 6·D numbers that describe frames, (T, D)."""
    deviation, mean = torch.std_mean(steps, 0, correction=0)
    return torch.cat([mean, deviation, steps.amin(0), steps.amax(0), steps[0], steps[-1]])


def _describe(examples: EncodedSet, indices: Sequence[int], alone: bool) -> Tensor:
    steps = map(examples.steps, indices)
    return torch.stack([one[0] if alone else summarise(one) for one in steps])
