"""Fit the baselines of forecasting: naive, seasonal naive, Naive2, linear.

Each has intervals by its own errors on the validation windows (split conformal prediction, Lei et al. 2018): errors are
divided by the usual change of a series from step to step, and the half-width of the interval at a step of the forecast
is their quantile at the level.

>>> series = [np.arange(50.0) + np.tile([0.0, 3.0], 25)]
>>> windows = [ValidationWindow(series[0][:k], series[0][k : k + 2]) for k in range(30, 48)]
>>> fitted = fit_baselines([series[0][:30]], windows, horizon=2, lookback=6, season=2)
>>> [baseline.name for baseline in fitted], fitted[0].point([series[0]])
(['naive', 'seasonal naive', 'Naive2', 'linear'], array([[52., 52.]]))
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from elman.tasks.forecast.baseline.linear import LinearForecast
from elman.tasks.forecast.baseline.naive import fill_forward, forecast_naive, forecast_naive2, forecast_seasonal_naive
from elman.tasks.forecast.intervals.conformal import rank
from elman.tasks.forecast.scores import Intervals, Numbers

NAIVE, SEASONAL, NAIVE2, LINEAR = "naive", "seasonal naive", "Naive2", "linear"

_FEWEST_ERRORS = 30
"""At a step; where there are fewer, the errors of all steps are pooled."""


@dataclass(frozen=True)
class ValidationWindow:
    """One window of the held-out part.

    Attributes:
        history: (T,) of any length, NaN where missing.
        future: (H,) actual values, NaN where missing.
    """

    history: Numbers
    future: Numbers


@dataclass(frozen=True)
class ForecastBaseline:
    """A baseline that forecasts from histories.

    Attributes:
        name: as in tables of scores.
        recent: how many steps of a history give its usual change.
        forecast: maps histories to (N, H).
        reach: by level in percent, (H,) half-widths of intervals, in units of the usual change.
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
    validation: Sequence[ValidationWindow],
    *,
    horizon: int,
    lookback: int,
    season: int,
    longer: Sequence[int] = (),
    levels: Sequence[int] = (80,),
    logarithms: bool = False,
) -> list[ForecastBaseline]:
    """Fit all baselines: naive, seasonal naive of each season, Naive2 of the shortest, linear where windows suffice.

    Args:
        training: the values of each series to learn from.
        validation: windows whose errors give the intervals; without any there are none.
        horizon: H.
        lookback: how many steps the linear one reads.
        season: steps of a season, the shortest; 1 for none.
        longer: steps of longer seasons, ascending.
        levels: of the intervals, in percent.
        logarithms: whether the linear one reads logarithms.
    """
    pairs = [(window.history, window.future) for window in validation]
    linear = LinearForecast.fit(training, pairs, lookback=lookback, horizon=horizon, logarithms=logarithms)
    linear = linear and linear.rounded()
    fitted = assemble(linear, horizon=horizon, lookback=lookback, season=season, longer=longer)
    return [replace(one, reach=_find_reach(one.forecast, validation, one.recent, levels)) for one in fitted]


def assemble(
    linear: LinearForecast | None,
    *,
    horizon: int,
    lookback: int,
    season: int,
    longer: Sequence[int] = (),
    reach: Mapping[str, Mapping[int, Numbers]] | None = None,
) -> list[ForecastBaseline]:
    """Assemble all baselines, in the order of tables.

    Args:
        linear: the fitted one; None where there is none.
        horizon: H.
        lookback: how many steps a model reads.
        season: steps of a season, the shortest; 1 for none.
        longer: steps of longer seasons, ascending.
        reach: of the intervals of each baseline, by its name.
    """
    forecasts: dict[str, Callable[[Sequence[Numbers]], Numbers]] = {
        NAIVE: lambda histories: forecast_naive(histories, horizon)
    }
    for one in [season, *longer] if season > 1 else ():
        name = SEASONAL if one == season else f"{SEASONAL} {one:,}"
        forecasts[name] = functools.partial(forecast_seasonal_naive, horizon=horizon, season=one)
    forecasts[NAIVE2] = lambda histories: forecast_naive2(histories, horizon, season=season)
    if linear:
        forecasts[LINEAR] = linear.forecast
    recent = max(lookback, 2 * max(season, *longer, 1))
    return [
        ForecastBaseline(name, recent, forecast, (reach or {}).get(name, {})) for name, forecast in forecasts.items()
    ]


def usual_change(history: Numbers, recent: int) -> float:
    """Return the mean absolute change from step to step of the last steps; of all steps where these are constant."""
    for steps in (history[-recent:], history):
        change = float(np.abs(np.diff(fill_forward(steps))).mean()) if len(steps) > 1 else 0.0
        if change > 0:
            return change
    return 0.0


def _find_reach(
    forecast: Callable[[Sequence[Numbers]], Numbers],
    validation: Sequence[ValidationWindow],
    recent: int,
    levels: Sequence[int],
) -> dict[int, Numbers]:
    change = np.array([usual_change(window.history, recent) for window in validation])
    windows = [window for window, size in zip(validation, change, strict=True) if size > 0]
    if not windows:
        return {}
    point = forecast([window.history for window in windows])
    errors = np.abs(np.stack([window.future for window in windows]) - point) / change[change > 0, None]
    return {level: _quantiles(errors, level) for level in levels}


def _quantiles(errors: Numbers, level: int) -> Numbers:
    """Return the quantile of the errors at each step.

    Args:
        errors: (N, H) absolute, NaN where unknown.
        level: in percent.
    """
    known = (~np.isnan(errors)).sum(axis=0)
    columns = errors.T if known.min() >= _FEWEST_ERRORS else [errors.ravel()] * errors.shape[1]
    quantiles = []
    for column in columns:
        ordered = np.sort(column[~np.isnan(column)])
        quantiles.append(ordered[rank(len(ordered), level) - 1] if len(ordered) else np.nan)
    return np.array(quantiles)
