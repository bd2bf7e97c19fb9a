"""Score forecasts: errors, errors relative to naive forecasts, and the coverage and width of intervals.

With e the error at each of H steps, y the value, f the forecast and s the scale of :func:`mase_scale`:

=============  ========================================================================================================
MSE, MAE       mean of e² and of |e|, over all known values
sMAPE          mean of 200 |e| / (|y| + |f|), percent; 0 where both are 0 (Makridakis et al. 2020)
MASE           mean of |e| / s (Hyndman & Koehler 2006)
OWA            mean of sMAPE and MASE, each divided by that of Naive2 (Makridakis et al. 2020)
coverage       share of the values that lie within the interval, its ends included
width          mean width of the interval, in units of its series
=============  ========================================================================================================

sMAPE is left out, and OWA with it, where values lie on both sides of 0: it is 200 % there for any forecast of the wrong
sign, however small the error. sMAPE and MASE are means over the steps of a forecast and then over forecasts, as in the
M4 competition.

>>> tally = ForecastTally()
>>> tally.add(np.array([[3.0, 5.0]]), np.array([[3.0, 3.0]]), scale=np.array([2.0]), unit=np.array([1.0]))
>>> scores = tally.scores()
>>> scores.mse, scores.mae, scores.smape, scores.mase
(2.0, 1.0, 25.0, 0.5)
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.series import LARGEST
from elman.errors import DataError, ShapeError

Numbers = NDArray[np.float64]
Intervals = Mapping[int, tuple[Numbers, Numbers]]
"""Low and high ends by level in percent, each (N, H)."""


@dataclass(frozen=True)
class ForecastScores:
    """The scores of some forecasts.

    Attributes:
        forecasts: how many were scored; those without a known value are not counted.
        mse: mean squared error, in the squared unit of the data.
        mae: mean absolute error, in the unit of the data.
        scaled_mse: the same where each series is divided by its own unit, such as its deviation in training.
        scaled_mae: mean absolute error of the same.
        smape: percent, 0 to 200; None where values lie on both sides of 0.
        mase: None where no series has a scale, or the scales are so small that errors overflow.
        owa: None where sMAPE or the scores of Naive2 are unknown, or those are 0.
        coverage: by level in percent, the share of values within the interval.
        width: by level in percent, the mean width of the interval, in units of each series.
    """

    forecasts: int
    mse: float
    mae: float
    scaled_mse: float
    scaled_mae: float
    smape: float | None
    mase: float | None
    owa: float | None
    coverage: Mapping[int, float]
    width: Mapping[int, float]

    def against(self, naive2: "ForecastScores") -> "ForecastScores":
        """Return the same scores with OWA.

        Args:
            naive2: the scores of Naive2 on the same windows.
        """
        if self.mase is None or self.smape is None or not naive2.mase or not naive2.smape:
            return self
        return replace(self, owa=(self.smape / naive2.smape + self.mase / naive2.mase) / 2)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data; levels become text, as JSON needs."""
        named = {"coverage": self.coverage, "width": self.width}
        return {**asdict(self), **{key: {str(level): x for level, x in by.items()} for key, by in named.items()}}


class ForecastTally:
    """Running sums of the scores of forecasts, batch by batch, in constant memory.

    Example:
        ``tally.add(actual, point, scale=scale, unit=unit, intervals={80: (low, high)})``, then ``tally.scores()``.
    """

    def __init__(self) -> None:
        self._forecasts = self._values = self._scaled = 0
        self._sums = dict.fromkeys(("mse", "mae", "scaled_mse", "scaled_mae", "smape", "mase"), 0.0)
        self._has_signs = {"-": False, "+": False}
        self._within: dict[int, float] = {}
        self._widths: dict[int, float] = {}

    def add(
        self,
        actual: Numbers,
        point: Numbers,
        *,
        scale: Numbers,
        unit: Numbers,
        intervals: Intervals | None = None,
    ) -> None:
        """Add N forecasts of H steps.

        Args:
            actual: (N, H) actual values; NaN where missing, which is left out.
            point: (N, H) point forecasts.
            scale: (N,) see :func:`mase_scale`; forecasts without one are left out of MASE.
            unit: (N,) by which errors of a series are divided for the scaled scores, above 0.
            intervals: by level; the same levels each time.

        Raises:
            ShapeError: the shapes do not fit.
        """
        _check_shapes(actual, point, scale, unit, intervals or {})
        known = ~np.isnan(actual)
        rows = known.any(axis=1)
        actual, point, known, scale, unit = actual[rows], point[rows], known[rows], scale[rows], unit[rows, None]
        error = np.where(known, actual - point, 0.0)
        size = np.abs(actual) + np.abs(point)
        relative = np.divide(200 * np.abs(error), size, out=np.zeros_like(error), where=known & (size > 0))
        counts = known.sum(axis=1)
        has_scale = np.isfinite(scale) & (scale > 1 / LARGEST)
        absolute = np.abs(error).sum(axis=1) / counts
        self._forecasts += len(actual)
        self._values += int(counts.sum())
        self._scaled += int(has_scale.sum())
        self._has_signs["-"] |= bool((actual[known] < 0).any())
        self._has_signs["+"] |= bool((actual[known] > 0).any())
        for name, value in (
            ("mse", np.square(error).sum()),
            ("mae", np.abs(error).sum()),
            ("scaled_mse", np.square(error / unit).sum()),
            ("scaled_mae", np.abs(error / unit).sum()),
            ("smape", (relative.sum(axis=1) / counts).sum()),
            ("mase", (absolute[has_scale] / scale[has_scale]).sum()),
        ):
            self._sums[name] += float(value)
        for level, (low, high) in (intervals or {}).items():
            inside = known & (low[rows] <= actual) & (actual <= high[rows])
            width = np.where(known, (high[rows] - low[rows]) / unit, 0.0)
            self._within[level] = self._within.get(level, 0.0) + float(inside.sum())
            self._widths[level] = self._widths.get(level, 0.0) + float(width.sum())

    def scores(self) -> ForecastScores:
        """Return the scores of all.

        Raises:
            DataError: no value was known.
        """
        if not self._values:
            raise DataError("There is no known value to score forecasts on. Give data that continue after the origin.")
        by_value = {name: total / self._values for name, total in self._sums.items()}
        return ForecastScores(
            forecasts=self._forecasts,
            mse=by_value["mse"],
            mae=by_value["mae"],
            scaled_mse=by_value["scaled_mse"],
            scaled_mae=by_value["scaled_mae"],
            smape=None if all(self._has_signs.values()) else self._sums["smape"] / self._forecasts,
            mase=self._sums["mase"] / self._scaled if self._scaled else None,
            owa=None,
            coverage={level: total / self._values for level, total in self._within.items()},
            width={level: total / self._values for level, total in self._widths.items()},
        )


def mase_scale(history: Numbers, season: int) -> float:
    """Return the mean absolute error of seasonal naive, one step ahead, within a history.

    Args:
        history: (T,) values before the forecast; pairs with a NaN are left out.
        season: steps of a season; 1 compares with the value before.

    Returns:
        The scale; NaN where there is no pair, or all errors are 0.

    >>> mase_scale(np.array([1.0, 2.0, 4.0]), 1)
    1.5
    """
    errors = np.abs(history[season:] - history[:-season]) if len(history) > season else np.empty(0)
    errors = errors[~np.isnan(errors)]
    scale = float(errors.mean()) if len(errors) else 0.0
    return scale if scale > 0 else math.nan


def _check_shapes(actual: Numbers, point: Numbers, scale: Numbers, unit: Numbers, intervals: Intervals) -> None:
    shapes = {point.shape, *(edge.shape for pair in intervals.values() for edge in pair)}
    if actual.ndim != 2 or shapes != {actual.shape} or {scale.shape, unit.shape} != {actual.shape[:1]}:
        raise ShapeError(
            f"Actual values are {actual.shape}, forecasts and intervals {sorted(shapes)}, scales {scale.shape} and "
            f"units {unit.shape}. Give (N, H), the same, (N,) and (N,)."
        )
