"""Turn sequences of units into bags: which units occur, and how often, but not where.

Where all sequences have the same number of steps, as windows of a genome have, a place means the same in each of them.
Then a unit at a place is counted as a unit of its own, behind those that are counted anywhere.

The count n of a unit weighs 1 + log n, times 1 + log((1 + N) / (1 + how many of the N training examples have it)), and
a bag has length 1 (Salton & Buckley 1988, with a smoothed logarithm). Units that no training example has are left out.
Where both strands of DNA are read, a unit and its reverse complement are counted as one, and places say nothing.
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

_MOST_PLACED = 2**18  # numbers of units at places


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
        units = 1 + max(int(_units(examples, index).max()) for index in indices) if count else 0
        return cls(count, units) if (1 + count) * units <= _MOST_PLACED else cls()

    def number(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of units, and behind them those of the units at their places."""
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
        places: where units are counted as units of their own.
        alike: (U,) the number that each unit is counted as; None where each is counted as it is.
    """

    def __init__(
        self,
        known: NDArray[np.int64],
        rarity: NDArray[np.float64],
        covariates: int = 0,
        places: Places = Places(),
        alike: NDArray[np.int64] | None = None,
    ) -> None:
        self._known, self._rarity, self._covariates, self.places = known, rarity, covariates, places
        self.alike = alike

    @classmethod
    def learn(
        cls,
        examples: EncodedSet,
        indices: Sequence[int],
        most: int,
        places: int = 0,
        complements: Sequence[int] = (),
    ) -> Self:
        """Learn the most frequent units, at most so many, and how rare each is.

        Args:
            examples: the encoded examples.
            indices: those to learn from.
            most: V, at most.
            places: at how many steps, from the start, a unit is one of its own.
            complements: the number of the reverse complement of each unit, where both strands are read.
        """
        placed = Places.of(0 if complements else places, examples, indices)
        alike = np.minimum(complements, np.arange(len(complements))) if complements else None
        counts: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # of the examples with each unit
        for index in indices:
            units = np.unique(placed.number(_units(examples, index, alike)))
            if units[-1] >= len(counts):
                counts = np.concatenate([counts, np.zeros(units[-1] + 1, dtype=np.int64)])
            counts[units] += 1
        known = np.sort((-counts).argsort(kind="stable")[: min(most, int((counts > 0).sum()))])
        covariates = 0 if examples.covariates is None else examples.covariates.shape[1]
        return cls(known, 1 + np.log((1 + len(indices)) / (1 + counts[known])), covariates, placed, alike)

    def __len__(self) -> int:
        return len(self._known) + self._covariates

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return what a file holds of it: plain data, and tensors by name."""
        plain = {"covariates": self._covariates} if self._covariates else {}
        plain |= {"places": self.places.count, "units": self.places.units} if self.places.count else {}
        tensors = {"known": torch.from_numpy(self._known), "rarity": torch.from_numpy(self._rarity)}
        return plain, tensors if self.alike is None else {**tensors, "alike": torch.from_numpy(self.alike)}

    def read(self, examples: EncodedSet, indices: Sequence[int]) -> Bags:
        """Make the bags of some examples."""
        units, weights, starts, total = [], [], [], 0
        for index in indices:
            read = self.places.number(_units(examples, index, self.alike))
            distinct, counts = np.unique(read, return_counts=True)
            places = np.minimum(np.searchsorted(self._known, distinct), len(self._known) - 1)
            kept = self._known[places] == distinct
            columns = places[kept]
            weight = (1 + np.log(counts[kept])) * self._rarity[columns]
            weight = (weight / max(float(np.sqrt((weight**2).sum())), 1e-12)).astype(np.float32)
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


def _units(examples: EncodedSet, index: int, alike: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    units: NDArray[np.int64] = examples.steps(index)[:, 0].numpy()
    return units if alike is None else alike[units]
