"""Summarise how long sequences are.

>>> import torch
>>> Lengths.of(torch.tensor([3, 4, 40]))
Lengths(least=3, median=4, most_of_95=40, most=40)
"""

from dataclasses import dataclass
from typing import Self

from torch import Tensor


@dataclass(frozen=True)
class Lengths:
    """The distribution of the numbers of steps of some examples.

    Attributes:
        least: of the shortest.
        median: half of the examples have at most so many.
        most_of_95: 95 % of the examples have at most so many.
        most: of the longest.
    """

    least: int
    median: int
    most_of_95: int
    most: int

    @classmethod
    def of(cls, lengths: Tensor) -> Self:
        """Count the steps of examples, (N,) int64."""
        ordered = lengths.sort().values
        return cls(int(ordered[0]), *(int(ordered[-(-len(ordered) * percent // 100) - 1]) for percent in (50, 95, 100)))
