"""Forecast without a network: naive, seasonal naive, Naive2, linear."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from elman.tasks.forecast_scores import Intervals, Numbers


@dataclass(frozen=True)
class Window:
    """Hold where a forecast begins: the history before, (T,) of any length, and what came, (H,)."""

    history: Numbers
    future: Numbers


class ForecastBaseline(Protocol):
    """Forecast from histories."""

    name: str

    def point(self, histories: Sequence[Numbers]) -> Numbers:
        """Forecast, (N, H)."""

    def intervals(self, histories: Sequence[Numbers], point: Numbers) -> Intervals:
        """Return intervals around these point forecasts, by level."""


def fit_baselines(
    training: Sequence[Numbers],
    validation: Sequence[Window],
    *,
    horizon: int,
    lookback: int,
    season: int,
    levels: Sequence[int] = (80,),
) -> list[ForecastBaseline]:
    """Fit all baselines, in the order naive, seasonal naive, Naive2, linear.

    Args:
        training: the values of each series to learn from.
        validation: windows whose errors give the intervals.
        horizon: H.
        lookback: how many steps the linear one reads.
        season: how many steps make one.
        levels: of the intervals, in percent.
    """
    raise NotImplementedError
