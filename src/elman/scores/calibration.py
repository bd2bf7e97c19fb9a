"""How far probabilities can be believed: answers with a probability of 80 % should be right in 80 % of cases.

The expected calibration error is the mean distance between the two, over bins of equal width of the probability
(Guo et al. 2017, *On Calibration of Modern Neural Networks*, section 2). For classes the probability is that of the
predicted class; of several labels each decision, a label or none, is an answer of its own.

>>> found = reliability(torch.tensor([0.9, 0.9, 0.9, 0.6]), torch.tensor([True, True, False, True]))
>>> [(bin.count, round(bin.probability, 2), round(bin.right, 2)) for bin in found.bins], round(found.error, 3)
([(1.0, 0.6, 1.0), (3.0, 0.9, 0.67)], 0.275)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 15  # as in the paper


@dataclass(frozen=True)
class Bin:
    """The answers whose probabilities are about the same.

    Attributes:
        count: how many there are, by weight.
        probability: their mean probability.
        right: the share of them that is right.
    """

    count: float
    probability: float
    right: float


@dataclass(frozen=True)
class Reliability:
    """How probabilities compare with the answers that are right.

    Attributes:
        bins: those that are not empty, the least probable first.
    """

    bins: tuple[Bin, ...]

    @property
    def count(self) -> float:
        """How many answers there are, by weight."""
        return sum(one.count for one in self.bins)

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return sum(one.count * abs(one.probability - one.right) for one in self.bins) / self.count


def reliability(probabilities: Tensor, right: Tensor, weights: Tensor | None = None) -> Reliability:
    """Put answers into bins by their probability.

    Args:
        probabilities: (N,) of the answers that are given.
        right: (N,) whether each is right.
        weights: (N,) of the examples; None where all are equal.
    """
    probabilities, right = probabilities.detach().cpu().double(), right.detach().cpu().double()
    each = torch.ones_like(probabilities) if weights is None else weights.detach().cpu().double()
    place = (probabilities * BINS).long().clamp(0, BINS - 1)
    sums = [torch.bincount(place, each * values, BINS).tolist() for values in (1.0, probabilities, right)]
    return Reliability(tuple(Bin(n, p / n, r / n) for n, p, r in zip(*sums, strict=True) if n > 0))


def reliability_of(targets: Tensor, probabilities: Tensor, weights: Tensor | None = None) -> Reliability:
    """Compare probabilities with true targets.

    Args:
        targets: (N,) the number of the true class, or (N, L), 1 where the example has the label, else 0.
        probabilities: (N, L) of the classes or of the labels.
        weights: (N,) of the examples; None where all are equal.
    """
    if targets.dim() == 1:
        sure, predicted = probabilities.max(1)
        return reliability(sure, predicted == targets, weights)
    decided = probabilities > 0.5
    sure = probabilities.where(decided, 1 - probabilities)
    repeated = None if weights is None else weights.repeat_interleave(targets.shape[1])
    return reliability(sure.flatten(), (decided == (targets > 0.5)).flatten(), repeated)
