"""Forecast by repeating: the last value, the last season, or the last value with its season put back (Naive2).

Naive2 is the reference of the M4 competition (Makridakis et al. 2020): if a series has a season at 90 %
confidence, it is divided by its seasonal figure, the last value is repeated, and the season is multiplied back.

>>> forecast_seasonal_naive([np.array([1.0, 2.0, 3.0, 4.0])], 3, season=2)
array([[3., 4., 3.]])
"""

from collections.abc import Sequence

import numpy as np

from elman.tasks.forecast.scores import Numbers

_CONFIDENT = 1.645  # the 95 % quantile of the normal distribution: a test at 90 %, as M4 has it
_SEASONS_TO_TEST = 3
_MOST_SEASONS = 50
"""Naive2 uses no more; no series of M4 has more seasons."""


def forecast_naive(histories: Sequence[Numbers], horizon: int) -> Numbers:
    """Repeat the last known value of each history, (N, H)."""
    return np.repeat([[last_known(history)] for history in histories], horizon, axis=1)


def forecast_seasonal_naive(histories: Sequence[Numbers], horizon: int, *, season: int) -> Numbers:
    """Repeat the last season of each history, (N, H).

    A missing value is taken from the season before; a history without it, or one shorter than a season, from the last
    known value.
    """
    forecasts = np.empty((len(histories), horizon))
    for row, history in enumerate(histories):
        forecasts[row] = np.resize(_last_season(history, season), horizon)
    return forecasts


def forecast_naive2(histories: Sequence[Numbers], horizon: int, *, season: int) -> Numbers:
    """Repeat the last value, adjusted for the season where there is one, (N, H).

    The season is a factor, as in M4; where values are not all above 0, and it cannot be one, it is added.
    """
    forecasts = np.empty((len(histories), horizon))
    for row, history in enumerate(histories):
        recent = history[-_MOST_SEASONS * season :]
        if not is_seasonal(recent, season):
            forecasts[row] = last_known(recent)
            continue
        factors = bool(np.nanmin(recent) > 0)
        figure = seasonal_figure(recent, season, factors=factors)
        known = int(np.flatnonzero(~np.isnan(recent))[-1])
        phases = (len(recent) + np.arange(horizon)) % season
        if factors:
            forecasts[row] = recent[known] / figure[known % season] * figure[phases]
        else:
            forecasts[row] = recent[known] - figure[known % season] + figure[phases]
    return forecasts


def is_seasonal(history: Numbers, season: int) -> bool:
    """Test whether the autocorrelation at one season is significant, at 90 % confidence.

    The limit grows with the autocorrelations before (Bartlett 1946). Three seasons are needed. Missing values are
    taken from the step before.
    """
    if season < 2 or len(history) < _SEASONS_TO_TEST * season:
        return False
    centred = fill_forward(history)
    centred = centred - centred.mean()
    power = float(centred @ centred)
    if power == 0:
        return False
    lags = np.array([centred[lag:] @ centred[:-lag] for lag in range(1, season + 1)]) / power
    limit = _CONFIDENT * np.sqrt((1 + 2 * np.square(lags[:-1]).sum()) / len(history))
    return bool(abs(lags[-1]) > limit)


def seasonal_figure(history: Numbers, season: int, *, factors: bool) -> Numbers:
    """Return the seasonal figure, by classical decomposition, (season,).

    The trend is a centred moving average over one season (for an even one the two at its ends count half); the
    remainder is averaged over the seasons. Factors have a mean of 1, summands one of 0.

    Args:
        history: (T,) of two seasons or more, NaN where missing; its first step is step 0 of the season.
        season: steps of it, 2 or more.
        factors: whether the season multiplies the trend.
    """
    weights = np.ones(season + 1 - season % 2)
    if season % 2 == 0:
        weights[[0, -1]] = 0.5
    trend = np.convolve(_fill_seasonal(history, season), weights / season, mode="valid")
    half = len(weights) // 2
    middle = history[half : len(history) - half]
    apart = middle / trend if factors else middle - trend
    phases = (half + np.arange(len(apart))) % season
    known = ~np.isnan(apart)
    sums = np.bincount(phases[known], apart[known], minlength=season)
    counts = np.bincount(phases[known], minlength=season)
    # A step of the season that is always missing follows the trend.
    figure = np.where(counts > 0, sums / np.maximum(counts, 1), float(factors))
    return figure / figure.mean() if factors else figure - figure.mean()


def last_known(history: Numbers) -> float:
    """Return the last value that is not NaN; 0 where there is none."""
    known = np.flatnonzero(~np.isnan(history))
    return float(history[known[-1]]) if len(known) else 0.0


def fill_forward(history: Numbers) -> Numbers:
    """Fill a missing value with the one before, at the start with the first known one.

    >>> fill_forward(np.array([np.nan, 2.0, np.nan, 3.0]))
    array([2., 2., 2., 3.])
    """
    known = ~np.isnan(history)
    if known.all() or not known.any():
        return history if known.all() else np.zeros_like(history)
    places = np.maximum.accumulate(np.where(known, np.arange(len(history)), -1))
    return history[np.where(places < 0, known.argmax(), places)]


def _fill_seasonal(history: Numbers, season: int) -> Numbers:
    """Fill a missing value from the season before, or the one after; if it is missing in all, from the step before."""
    if not np.isnan(history).any():
        return history
    filled = history.copy()
    for phase in range(season):
        own = history[phase::season]
        if not np.isnan(own).all():
            filled[phase::season] = fill_forward(own)
    return fill_forward(filled)


def _last_season(history: Numbers, season: int) -> Numbers:
    if len(history) < season:
        return np.array([last_known(history)])
    last = history[-season:].copy()
    for at in np.flatnonzero(np.isnan(last)):
        same = history[(len(history) + at) % season :: season]
        last[at] = last_known(history if np.isnan(same).all() else same)
    return last
