"""Forecast without a network, so that there is something to be better than: naive, seasonal naive, Naive2, linear.

Each has intervals by its own errors on the validation windows (split conformal prediction, Lei et al. 2018): errors are
divided by how much a series usually changes from step to step, and the interval at a step of the forecast is as wide as
the share of them that the level asks for.

>>> series = [np.arange(50.0) + np.tile([0.0, 3.0], 25)]
>>> windows = [Window(series[0][:k], series[0][k : k + 2]) for k in range(30, 48)]
>>> fitted = fit_baselines([series[0][:30]], windows, horizon=2, lookback=6, season=2)
>>> [baseline.name for baseline in fitted], fitted[0].point([series[0]])
(['naive', 'seasonal naive', 'Naive2', 'linear'], array([[52., 52.]]))
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from elman.tasks.forecast.baseline.linear import LinearForecast
from elman.tasks.forecast.baseline.naive import fill_forward, forecast_naive, forecast_naive2, forecast_seasonal_naive
from elman.tasks.forecast.intervals.conformal import rank
from elman.tasks.forecast.scores import Intervals, Numbers

NAIVE, SEASONAL, NAIVE2, LINEAR = "naive", "seasonal naive", "Naive2", "linear"

_FEWEST_ERRORS = 30
"""At a step; where there are fewer, the errors of all steps are taken together."""


@dataclass(frozen=True)
class Window:
    """Hold where a forecast begins.

    Attributes:
        history: (T,) of any length, NaN where missing.
        future: (H,) what came, NaN where unknown.
    """

    history: Numbers
    future: Numbers


@dataclass(frozen=True)
class ForecastBaseline:
    """Forecast from histories.

    Attributes:
        name: what tables call it.
        reach: by level in percent, (H,) how far an interval reaches to each side, in steps of a usual change.
        recent: how many steps of a history say what a usual change is.
    """

    name: str
    recent: int
    forecast: Callable[[Sequence[Numbers]], Numbers] = field(repr=False)
    reach: Mapping[int, Numbers] = field(default_factory=dict)

    def point(self, histories: Sequence[Numbers]) -> Numbers:
        """Forecast, (N, H).

        Args:
            histories: N of any length, NaN where missing.
        """
        return self.forecast(histories)

    def intervals(self, histories: Sequence[Numbers], point: Numbers) -> Intervals:
        """Return intervals around point forecasts.

        Args:
            histories: N of any length.
            point: (N, H) of :meth:`point`.
        """
        change = np.array([usual_change(history, self.recent) for history in histories])[:, None]
        return {level: (point - change * reach, point + change * reach) for level, reach in self.reach.items()}


def fit_baselines(
    training: Sequence[Numbers],
    validation: Sequence[Window],
    *,
    horizon: int,
    lookback: int,
    season: int,
    levels: Sequence[int] = (80,),
) -> list[ForecastBaseline]:
    """Fit all baselines: naive, seasonal naive where there is a season, Naive2, linear where windows suffice.

    Args:
        training: the values of each series to learn from.
        validation: windows whose errors give the intervals; without any there are none.
        horizon: H.
        lookback: how many steps the linear one reads.
        season: how many steps make one; 1 for none.
        levels: of the intervals, in percent.
    """
    pairs = [(window.history, window.future) for window in validation]
    linear = LinearForecast.fit(training, pairs, lookback=lookback, horizon=horizon)
    fitted = assemble(linear, horizon=horizon, lookback=lookback, season=season)
    return [replace(one, reach=_find_reach(one.forecast, validation, one.recent, levels)) for one in fitted]


def assemble(
    linear: LinearForecast | None,
    *,
    horizon: int,
    lookback: int,
    season: int,
    reach: Mapping[str, Mapping[int, Numbers]] | None = None,
) -> list[ForecastBaseline]:
    """Put all baselines together, in the order in which they are shown.

    Args:
        linear: the one that was fitted; None where there is none.
        horizon: H.
        lookback: how many steps a model reads.
        season: how many steps make one; 1 for none.
        reach: of the intervals of each baseline, by its name.
    """
    made: dict[str, Callable[[Sequence[Numbers]], Numbers]] = {NAIVE: lambda given: forecast_naive(given, horizon)}
    if season > 1:
        made[SEASONAL] = lambda given: forecast_seasonal_naive(given, horizon, season=season)
    made[NAIVE2] = lambda given: forecast_naive2(given, horizon, season=season)
    if linear:
        made[LINEAR] = linear.forecast
    recent = max(lookback, 2 * season)
    return [ForecastBaseline(name, recent, forecast, (reach or {}).get(name, {})) for name, forecast in made.items()]


def usual_change(history: Numbers, recent: int) -> float:
    """Return the mean absolute change from step to step of the last steps; of all where these do not change."""
    for steps in (history[-recent:], history):
        change = float(np.abs(np.diff(fill_forward(steps))).mean()) if len(steps) > 1 else 0.0
        if change > 0:
            return change
    return 0.0


def _find_reach(
    forecast: Callable[[Sequence[Numbers]], Numbers], validation: Sequence[Window], recent: int, levels: Sequence[int]
) -> dict[int, Numbers]:
    change = np.array([usual_change(window.history, recent) for window in validation])
    windows = [window for window, size in zip(validation, change, strict=True) if size > 0]
    if not windows:
        return {}
    point = forecast([window.history for window in windows])
    errors = np.abs(np.stack([window.future for window in windows]) - point) / change[change > 0, None]
    return {level: _quantiles(errors, level) for level in levels}


def _quantiles(errors: Numbers, level: int) -> Numbers:
    """Return for each step the error that holds a level, in percent."""
    known = (~np.isnan(errors)).sum(axis=0)
    columns = errors.T if known.min() >= _FEWEST_ERRORS else [errors.ravel()] * errors.shape[1]
    found = []
    for column in columns:
        ordered = np.sort(column[~np.isnan(column)])
        found.append(ordered[rank(len(ordered), level) - 1] if len(ordered) else np.nan)
    return np.array(found)
