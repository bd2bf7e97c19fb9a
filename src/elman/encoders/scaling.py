"""Standardise numbers: subtract the mean of a column, divide by its deviation, both of the training data.

A number that is missing becomes 0, the mean; a column with missing values in training has an indicator column, which is
1 where the number is missing. A column that never changes becomes 0.

>>> moments = Moments(2)
>>> moments.add(np.array([[1.0, 5.0], [np.nan, 5.0]]))
>>> moments.add(np.array([[3.0, 5.0]]))
>>> moments.scaling().apply(np.array([[3.0, 5.0], [np.nan, 5.0]]))
tensor([[1., 0., 0.],
        [0., 0., 1.]])
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.errors import DataError

# Sums in float64 leave a constant column a deviation of about 1e-16 of its mean, not 0.
_CONSTANT = 1e-10


@dataclass(frozen=True)
class Scaling:
    """The mean and the deviation of D columns.

    Attributes:
        means: D numbers.
        deviations: D numbers above 0; 1 for a column that never changes.
        indicated: the columns with missing values in training; each has an indicator column behind the D.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    indicated: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        whole = all(math.isfinite(x) for x in (*self.means, *self.deviations)) and all(x > 0 for x in self.deviations)
        within = all(0 <= column < len(self.means) for column in self.indicated)
        if not whole or not within or len(self.means) != len(self.deviations):
            raise DataError("A scaling is a mean and a deviation above 0 for each column. Train the model again.")

    @property
    def size(self) -> int:
        """Count the columns of the result."""
        return len(self.means) + len(self.indicated)

    def apply(self, rows: NDArray[Any]) -> Tensor:
        """Standardise rows (N, D), NaN where a number is missing; the result is (N, size), float32."""
        missing = np.isnan(rows)
        with np.errstate(over="ignore"):  # what is too large for float32 is refused where an answer is not finite
            scaled = (rows.astype(np.float64) - self.means) / self.deviations
            scaled[missing] = 0.0
            return torch.from_numpy(np.hstack([scaled, missing[:, list(self.indicated)]]).astype(np.float32))

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {"means": list(self.means), "deviations": list(self.deviations), "indicated": list(self.indicated)}


class Moments:
    """Running mean and variance of D columns, updated with some rows at a time (Chan, Golub & LeVeque 1983).

    Args:
        size: D.
    """

    def __init__(self, size: int) -> None:
        self._count = np.zeros(size)
        self._mean = np.zeros(size)
        self._squares = np.zeros(size)
        self._missing = np.zeros(size, bool)

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows (N, D), NaN where a number is missing."""
        missing = np.isnan(rows)
        count = (~missing).sum(axis=0)
        seen = np.maximum(count, 1)
        mean = np.where(missing, 0.0, rows).sum(axis=0, dtype=np.float64) / seen
        squares = np.where(missing, 0.0, rows - mean).__pow__(2).sum(axis=0)
        total = np.maximum(self._count + count, 1)
        apart = np.where(count > 0, mean - self._mean, 0.0)
        self._mean += apart * count / total
        self._squares += squares + apart**2 * self._count * count / total
        self._count += count
        self._missing |= missing.any(axis=0)

    def scaling(self) -> Scaling:
        """Return the scaling of the rows that were added."""
        deviation = np.sqrt(self._squares / np.maximum(self._count, 1))
        constant = deviation <= _CONSTANT * np.abs(self._mean)
        deviation[constant] = 1.0
        indicated = tuple(np.flatnonzero(self._missing).tolist())
        return Scaling(tuple(self._mean.tolist()), tuple(deviation.tolist()), indicated)
