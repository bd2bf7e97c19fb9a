"""Score forecasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Intervals = Mapping[int, tuple[Numbers, Numbers]]
"""By level in percent: low and high, each (N, H)."""


@dataclass(frozen=True)
class ForecastScores:
    """Hold how good forecasts are.

    Attributes:
        forecasts: how many windows were scored.
        mse: mean squared error, in the unit of the data.
        mae: mean absolute error, in the unit of the data.
        scaled_mse: the same where each series is divided by its own unit (deviation in training).
        scaled_mae: as above.
        smape: percent, 0 to 200.
        mase: None where no series has a scale.
        owa: against Naive2; None where that is not known.
        coverage: by level in percent, the share of values within the interval.
        width: by level, the mean width of the interval, in units of each series.
    """

    forecasts: int
    mse: float
    mae: float
    scaled_mse: float
    scaled_mae: float
    smape: float
    mase: float | None
    owa: float | None
    coverage: Mapping[int, float]
    width: Mapping[int, float]

    def against(self, naive2: "ForecastScores") -> "ForecastScores":
        """Return the same scores with OWA."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        raise NotImplementedError


class ForecastTally:
    """Add forecasts, batch by batch, and score them all."""

    def add(self, actual: Numbers, point: Numbers, *, scale: Numbers, unit: Numbers, intervals: Intervals) -> None:
        """Add N forecasts of H steps.

        Args:
            actual: (N, H), NaN where unknown; not counted there.
            point: (N, H).
            scale: (N,) denominators of MASE, see `mase_scale`; NaN where undefined.
            unit: (N,) standard deviation of each series in training.
            intervals: by level.
        """
        raise NotImplementedError

    def scores(self) -> ForecastScores:
        """Return the scores of all."""
        raise NotImplementedError


def mase_scale(history: Numbers, season: int) -> float:
    """Return the mean absolute error of seasonal naive within a history; NaN where there is none or it is 0."""
    raise NotImplementedError


__all__ = ["ForecastScores", "ForecastTally", "Intervals", "mase_scale"]
