"""Find a season from the values of series, where the calendar has none.

The candidates are the lags with the highest autocorrelation of values or of their changes. Each is scored by the share
of the variance about the trend that its mean course explains, corrected for the number of its steps; the shortest that
is nearly as good as the best is taken, since twice a season is a season as well. A random walk has waves, too, so the
changes from step to step must follow the season more closely than by chance.

>>> find_season([np.tile([0.0, 1.0, 5.0, 2.0, 1.0], 20)])
5
>>> find_season([np.arange(100.0) ** 2])
1

Where a season is known, a longer one is sought among its multiples, such as the week of a day: it must explain a share
of the variance that the shorter one leaves, and the changes must follow it more closely than by chance.

>>> course = np.tile([0.0, 1.0, 5.0, 2.0, 1.0], 60) + np.repeat([1.0, 1.0, 4.0] * 20, 5)
>>> noise = np.random.default_rng(1).normal(0, 0.3, 300)
>>> find_longer_season([course + noise], 5), find_longer_season([np.tile(course[:5], 60) + noise], 5)
(15, 1)
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MOST_SERIES = 50
_MOST_STEPS = 5_000
_FEWEST_STEPS = 12
_FEWEST_SEASONS = 4  # with 3, one random walk in thirty seems to have one
_MOST_TRIED = 20
_LOWEST = 0.3  # share of the variance
_LOWEST_BEYOND = 0.01  # of what a shorter season leaves: some series of a set may show it, and others not
_LONGEST = 1024
_NEARLY = 0.9
_SURPRISE = 7.0  # nats: a probability by chance below exp(−7)
_STEADY = 1e-6  # deviation, in units of the largest distance from the mean, below which nothing is left to explain


def find_season(series: Sequence[NDArray[np.float64]]) -> int:
    """Return the steps of the season that series share; 1 where there is none.

    Args:
        series: (T,) each, NaN where missing; at most 50 are used, evenly spread.
    """
    chosen, most = _choose(series)
    if not chosen:
        return 1
    lags = [lag for lag in _candidates(chosen, most) if _beats_chance(chosen, lag)]
    worth = {lag: float(np.mean([_explained(values, lag) for values in chosen])) for lag in lags}
    best = max(worth.values(), default=0.0)
    return min(lag for lag in worth if worth[lag] >= _NEARLY * best) if best >= _LOWEST else 1


def find_longer_season(series: Sequence[NDArray[np.float64]], season: int, among: Sequence[int] | None = None) -> int:
    """Return the steps of a longer season that series share; 1 where there is none.

    Args:
        series: (T,) each, NaN where missing; at most 50 are used, evenly spread.
        season: the shorter one.
        among: what it may be; None for any multiple of the shorter one.
    """
    chosen, most = _choose(series)
    multiples = range(2 * season, min(most, _LONGEST) + 1, season) if among is None else [n for n in among if n <= most]
    worth = {}
    for longer in multiples if chosen else ():
        shares, ratios = zip(*(_explained_beyond(values, season, longer) for values in chosen), strict=True)
        if float(np.mean(ratios)) > _by_chance(len(chosen), longer - season):
            worth[longer] = float(np.mean(shares))
    best = max(worth.values(), default=0.0)
    return min(longer for longer in worth if worth[longer] >= _NEARLY * best) if best >= _LOWEST_BEYOND else 1


def _choose(series: Sequence[NDArray[np.float64]]) -> tuple[list[NDArray[np.float64]], int]:
    """Return the series to look at, filled and about 0, and the longest season of which they have enough."""
    filled = [_fill(values[-_MOST_STEPS:]) for values in series[:: -(-len(series) // _MOST_SERIES)]]
    chosen = [values - values.mean() for values in filled if len(values) >= _FEWEST_STEPS]
    if not chosen:
        return [], 0
    most = int(np.median([len(values) for values in chosen])) // _FEWEST_SEASONS
    return [values for values in chosen if len(values) >= most * _FEWEST_SEASONS], most


def _candidates(series: Sequence[NDArray[np.float64]], most: int) -> list[int]:
    """Return the lags with the highest peaks of the autocorrelation, of values without their line and of changes."""
    lags: set[int] = set()
    for prepare in (_without_line, lambda values: np.diff(values) - np.diff(values).mean()):
        correlations = np.mean([_correlate(prepare(values), most + 1) for values in series], axis=0)
        inner = correlations[1:-1]
        peaks = np.flatnonzero((inner > correlations[:-2]) & (inner >= correlations[2:]) & (inner > 0)) + 1
        peaks = peaks[(peaks >= 2) & (peaks <= most)]
        lags.update(peaks[np.argsort(-correlations[peaks])][:_MOST_TRIED].tolist())
    return sorted(lags)


def _explained(values: NDArray[np.float64], season: int) -> float:
    """Return the share of the variance about a moving average that the mean course of a season explains, corrected."""
    apart = _without_trend(values, season)
    if apart.std() <= _STEADY * np.abs(values).max():
        return 0.0
    whole, left = _squares(apart, season)
    return 1 - left / (len(apart) - season) * (len(apart) - 1) / whole


def _explained_beyond(values: NDArray[np.float64], season: int, longer: int) -> tuple[float, float]:
    """Return the share of the variance left by a season that a longer one explains, and the F of its changes."""
    apart, changes = _without_trend(values, longer), np.diff(values)
    if apart.std() <= _STEADY * np.abs(values).max():
        return 0.0, 0.0
    (_, before), (_, after) = _squares(apart, season), _squares(apart, longer)
    share = 1 - after / (len(apart) - longer) * (len(apart) - season) / before if before > 0 else 0.0
    (whole, before), (_, after) = _squares(changes, season), _squares(changes, longer)
    if before <= max(after, _STEADY**2 * whole):
        return share, 0.0
    return share, (before - after) / (longer - season) * (len(changes) - longer) / max(after, _STEADY**2 * whole)


def _without_trend(values: NDArray[np.float64], season: int) -> NDArray[np.float64]:
    """Subtract a centred moving average over a season, which ends half a season before the ends."""
    weights = np.ones(season + 1 - season % 2) / season
    if season % 2 == 0:
        weights[[0, -1]] /= 2
    half = len(weights) // 2
    return values[half : len(values) - half] - np.convolve(values, weights, mode="valid")


def _beats_chance(series: Sequence[NDArray[np.float64]], season: int) -> bool:
    """Test whether changes follow the season, by F and a bound on the tail of chi-squared (Laurent & Massart 2000)."""
    ratios = []
    for values in series:
        changes = np.diff(values)
        whole, left = _squares(changes, season)
        if whole <= left or np.abs(changes).max() <= _STEADY * np.abs(values).max():
            ratios.append(0.0)
        else:
            ratios.append((whole - left) / (season - 1) * (len(changes) - season) / max(left, _STEADY**2 * whole))
    return float(np.mean(ratios)) > _by_chance(len(series), season - 1)


def _by_chance(series: int, freedom: int) -> float:
    """Return the mean of F over some series that chance exceeds with a probability below exp(−7)."""
    surprise = _SURPRISE / (series * freedom)
    return 1 + 2 * surprise**0.5 + 2 * surprise


def _squares(values: NDArray[np.float64], season: int) -> tuple[float, float]:
    """Return the sum of squares about the mean, and about the mean course of a season."""
    phases = np.arange(len(values)) % season
    course = np.bincount(phases, values) / np.bincount(phases)
    return float(np.square(values - values.mean()).sum()), float(np.square(values - course[phases]).sum())


def _correlate(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Return the autocorrelation at the lags from 0 to `most`; 0 where values are constant."""
    size = 2 ** int(2 * len(values) - 1).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(values, size)) ** 2, size)[: most + 1]
    return products / products[0] if products[0] > 0 else np.zeros(most + 1)


def _without_line(values: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    return values - values.mean() - steps * float(steps @ values) / float(steps @ steps)


def _fill(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate missing values linearly."""
    known = np.flatnonzero(~np.isnan(values))
    return np.interp(np.arange(len(values)), known, values[known]) if len(known) else np.empty(0)
