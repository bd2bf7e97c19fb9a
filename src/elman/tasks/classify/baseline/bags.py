"""Turn sequences of units into bags: which units occur, and how often, but not where.

Where all sequences have the same number of steps, as windows of a genome have, a place means the same in each of them.
Then a unit at a place is counted as a unit of its own, behind those that are counted anywhere. N-grams may be counted
behind units too, see `ngrams`.

The count n of a unit weighs 1 + log n, times 1 + log((1 + N) / (1 + how many of the N training examples have it)), and
a bag has length 1 (Salton & Buckley 1988, with a smoothed logarithm); where n-grams are counted, the units and they are
two parts of equal length, since n-grams are many. Units that no training example has are left out. Where both strands
of DNA are read, a unit and its reverse complement are counted as one, and places say nothing.
The numbers that are read beside the units are further columns behind them, with their value as weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from elman.encoders.batches import EncodedSet
from elman.tasks.classify.baseline.ngrams import NGrams

_MOST_PLACED = 2**18  # numbers of units at places
HALF = 0.5**0.5
"""The length of each of two parts of a bag of length 1."""


@dataclass(frozen=True)
class Bags:
    """N bags, one after the other.

    Attributes:
        units: (M,) int64, the columns of a weight that are summed.
        weights: (M,) float32, the weight of each unit.
        starts: (N,) int64, the index at which each bag begins.
    """

    units: Tensor
    weights: Tensor
    starts: Tensor

    def turned(self, units: int) -> "Bags":
        """Return the bags that hold, for each unit, the examples that have it."""
        order = self.units.argsort(stable=True)
        examples = torch.searchsorted(self.starts, torch.arange(len(self.units)), right=True) - 1
        starts = torch.searchsorted(self.units[order], torch.arange(units))
        return Bags(examples[order], self.weights[order], starts)


@dataclass(frozen=True)
class Places:
    """The places at which units are counted as units of their own: unit u at place t has the number (1 + t)·U + u.

    Attributes:
        count: how many places there are, from the start; 0 where units are counted anywhere alone.
        units: U, more than the number of any unit in training; units that are new since are not counted.
    """

    count: int = 0
    units: int = 0

    @classmethod
    def of(cls, count: int, examples: EncodedSet, indices: Sequence[int]) -> Self:
        """Return so many places, unless too many units stand at them."""
        units = _count_units(examples, indices) if count else 0
        return cls(count, units) if (1 + count) * units <= _MOST_PLACED else cls()

    def number(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the units of steps (T, K), and behind them those of the units at their places."""
        units = steps[:, 0]
        if not self.count:
            return units
        placed = units[: self.count]
        numbers: NDArray[np.int64] = placed + self.units * np.arange(1, 1 + len(placed))
        return np.concatenate([units[units < self.units], numbers[placed < self.units]])


class BagReader:
    """A vectoriser that turns examples into bags.

    Args:
        known: (V,) ascending numbers of the units that are counted.
        rarity: (V,) the weight of one of each.
        covariates: F, how many numbers are read beside the units.
        counted: the places at which units are counted as units of their own, or the n-grams that are counted too.
        alike: (U,) the number that each unit is counted as; None where each is counted as it is.
    """

    def __init__(
        self,
        known: NDArray[np.int64],
        rarity: NDArray[np.float64],
        covariates: int = 0,
        counted: Places | NGrams = Places(),
        alike: NDArray[np.int64] | None = None,
    ) -> None:
        self._known, self._rarity, self._covariates, self.counted = known, rarity, covariates, counted
        self.alike = alike
        # Behind this column are n-grams.
        self.plain = int(np.searchsorted(known, counted.units)) if isinstance(counted, NGrams) else len(known)

    @classmethod
    def learn(
        cls,
        examples: EncodedSet,
        indices: Sequence[int],
        most: int,
        places: int = 0,
        complements: Sequence[int] = (),
        ngrams: str | None = None,
    ) -> Self:
        """Learn the most frequent units, at most so many, and how rare each is.

        Args:
            examples: the encoded examples.
            indices: those to learn from.
            most: V, at most.
            places: at how many steps, from the start, a unit is one of its own.
            complements: the number of the reverse complement of each unit, where both strands are read.
            ngrams: what n-grams are made of, see :data:`elman.tasks.classify.baseline.ngrams.SIZES`; None counts none.
        """
        counted: Places | NGrams = Places.of(0 if complements else places, examples, indices)
        if ngrams is not None:
            counted = NGrams(ngrams, _count_units(examples, indices))
        alike = np.minimum(complements, np.arange(len(complements))) if complements else None
        counts: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # of the examples with each unit
        for index in indices:
            units = np.unique(counted.number(_steps(examples, index, alike)))
            if units[-1] >= len(counts):
                counts = np.concatenate([counts, np.zeros(units[-1] + 1, dtype=np.int64)])
            counts[units] += 1
        known = np.sort((-counts).argsort(kind="stable")[: min(most, int((counts > 0).sum()))])
        covariates = 0 if examples.covariates is None else examples.covariates.shape[1]
        return cls(known, 1 + np.log((1 + len(indices)) / (1 + counts[known])), covariates, counted, alike)

    def __len__(self) -> int:
        return len(self._known) + self._covariates

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return what a file holds of it: plain data, and tensors by name."""
        plain: dict[str, Any] = {"covariates": self._covariates} if self._covariates else {}
        if isinstance(self.counted, NGrams):
            plain |= {"ngrams": self.counted.of, "units": self.counted.units}
        elif self.counted.count:
            plain |= {"places": self.counted.count, "units": self.counted.units}
        tensors = {"known": torch.from_numpy(self._known), "rarity": torch.from_numpy(self._rarity)}
        return plain, tensors if self.alike is None else {**tensors, "alike": torch.from_numpy(self.alike)}

    def read(self, examples: EncodedSet, indices: Sequence[int]) -> Bags:
        """Make the bags of some examples."""
        units, weights, starts, total = [], [], [], 0
        for index in indices:
            read = self.counted.number(_steps(examples, index, self.alike))
            distinct, counts = np.unique(read, return_counts=True)
            places = np.minimum(np.searchsorted(self._known, distinct), len(self._known) - 1)
            kept = self._known[places] == distinct
            columns = places[kept]
            weight = (1 + np.log(counts[kept])) * self._rarity[columns]
            weight = self._to_length_one(weight, int(np.searchsorted(columns, self.plain))).astype(np.float32)
            if examples.covariates is not None:
                columns = np.concatenate([columns, np.arange(len(self._known), len(self))])
                weight = np.concatenate([weight, examples.covariates[index].numpy()])
            starts.append(total)
            total += len(columns)
            units.append(columns)
            weights.append(weight)
        return Bags(
            torch.from_numpy(np.concatenate(units)), torch.from_numpy(np.concatenate(weights)), torch.tensor(starts)
        )

    def _to_length_one(self, weight: NDArray[np.float64], plain: int) -> NDArray[np.float64]:
        """Bring the weights of a bag, of which the first `plain` are those of units, to length 1."""
        parts = np.split(weight, [plain]) if isinstance(self.counted, NGrams) else [weight]
        each = [part / max(float(np.sqrt((part**2).sum())), 1e-12) for part in parts]
        return each[0] if len(each) == 1 else np.concatenate(each) * HALF


class LinearOnBags(nn.Module):
    """A linear layer on bags: a weight for each unit and output, and a bias for each output.

    Args:
        units: V.
        outputs: numbers of an answer.
    """

    def __init__(self, units: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(units, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, bags: Bags, turned: Bags | None = None) -> Tensor:
        """Return (N, outputs); gradients need `turned`."""
        total: Tensor = _sum(bags, self.weight) if turned is None else _Sum.apply(self.weight, bags, turned)
        return total + self.bias


class _Sum(torch.autograd.Function):
    """The sum of the weights of each bag; its gradient sums over the turned bags, ten times faster than torch's own."""

    @staticmethod
    def forward(context: Any, weight: Tensor, bags: Bags, turned: Bags) -> Tensor:
        context.turned = turned
        return _sum(bags, weight)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _sum(context.turned, gradients[0].contiguous()), None, None


def _sum(bags: Bags, rows: Tensor) -> Tensor:
    return embedding_bag(bags.units, rows.detach(), bags.starts, mode="sum", per_sample_weights=bags.weights)


def _steps(examples: EncodedSet, index: int, alike: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    steps: NDArray[np.int64] = examples.steps(index).numpy()
    return steps if alike is None else alike[steps[:, :1]]


def _count_units(examples: EncodedSet, indices: Sequence[int]) -> int:
    """Return one more than the highest number of a unit."""
    return 1 + max(int(_steps(examples, index)[:, 0].max()) for index in indices)
