"""Turn frames into one vector for a non-recurrent network: all steps at once, or summary statistics.

Where every example has the same small number of steps, all steps together are one long vector. Otherwise a sequence is
described by its mean, deviation, minimum, maximum, and its two ends.

>>> summarise(torch.tensor([[1.0], [3.0], [5.0]])).tolist()
[3.0, 1.632993221282959, 1.0, 5.0, 1.0, 5.0]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.encoders.batches import EncodedSet

SUMMARIES = 6
_MOST_AT_ONCE = 4096  # numbers of an example that is read whole
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True)
class SummaryReader:
    """A vectoriser that turns examples into vectors, each number scaled to mean 0 and deviation 1.

    Attributes:
        steps: the number of steps of every example, if all steps are read at once; None where they are summarised.
        mean: (F,) of each number over the training examples.
        scale: (F,) one over its deviation; 0 where it never varies.
    """

    steps: int | None
    mean: Tensor
    scale: Tensor

    @classmethod
    def learn(cls, examples: EncodedSet, indices: Sequence[int]) -> Self:
        """Learn the scale; a number that never varies becomes 0."""
        steps = steps_of_all(examples)
        vectors = _describe(examples, indices, steps)
        deviation = vectors.std(0, correction=0)
        return cls(steps, vectors.mean(0), deviation.where(deviation > _LEAST_DEVIATION, torch.inf).reciprocal())

    def __len__(self) -> int:
        return len(self.mean)

    def read(self, examples: EncodedSet, indices: Sequence[int]) -> Tensor:
        """Return (N, F). Of an example that is longer than all training examples, the start is read."""
        return (_describe(examples, indices, self.steps) - self.mean) * self.scale

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return what a file holds of it: plain data, and tensors by name."""
        return {"steps": self.steps}, {"mean": self.mean, "scale": self.scale}


def steps_of_all(examples: EncodedSet) -> int | None:
    """Return the number of steps of every example, if it is the same for all and they can be read at once."""
    first = examples.steps(0)
    same = bool((examples.lengths == len(first)).all())
    return len(first) if same and first.numel() <= _MOST_AT_ONCE else None


def summarise(steps: Tensor) -> Tensor:
    """Return the 6·D numbers that describe frames, (T, D)."""
    deviation, mean = torch.std_mean(steps, 0, correction=0)
    return torch.cat([mean, deviation, steps.amin(0), steps.amax(0), steps[0], steps[-1]])


def _describe(examples: EncodedSet, indices: Sequence[int], steps: int | None) -> Tensor:
    sequences = map(examples.steps, indices)
    if steps is None:
        read = torch.stack([summarise(sequence) for sequence in sequences])
    else:
        read = torch.stack([F.pad(s[:steps], (0, 0, 0, max(0, steps - len(s)))).flatten() for s in sequences])
    return read if examples.covariates is None else torch.cat([read, examples.covariates[list(indices)]], dim=1)
