"""Decide whether values are read as they are, or as logarithms, in which errors are relative.

What grows and shrinks by percentages, such as sales whose nights have a twentieth of the days, has errors in proportion
to its level. Where all values are above 0 a linear forecast is tried both ways on the training part; the logarithm is
taken where it is clearly better by sMAPE and MASE together, as the M4 competition weighs them (Makridakis et al. 2020).

>>> steps = np.arange(400)
>>> chance = np.random.default_rng(1)
>>> growing = np.exp(0.01 * steps + 2 * np.sin(steps / 3) + chance.normal(0, 0.2, 400))
>>> prefers_logarithms([growing], horizon=5, lookback=20, season=1)
True
>>> prefers_logarithms([growing - 1], horizon=5, lookback=20, season=1)
False
"""

from collections.abc import Sequence

import numpy as np

from elman.data.series.frequency import Frequency
from elman.data.series.series import Series
from elman.errors import DataError
from elman.flow.places import spread
from elman.tasks.forecast.baseline.linear import LinearForecast
from elman.tasks.forecast.scores import ForecastTally, Numbers, mase_scale

_HELD_BACK = 5  # a fifth of each series
_MOST_SERIES = 60
_MOST_LEARNT = 6_000
_MOST_COMPARED = 300
_CLEARLY = 0.97


def prefers_logarithms(training: Sequence[Numbers], *, horizon: int, lookback: int, season: int) -> bool:
    """Tell whether a linear forecast of logarithms is clearly better.

    Args:
        training: (T,) each, without what is held out; NaN where missing. At most 60 are used, evenly spread.
        horizon: H.
        lookback: L.
        season: steps of a season, for MASE; 1 for none.
    """
    if any(np.nanmin(values, initial=1.0) <= 0 for values in training):
        return False
    chosen = [training[number] for number in spread(len(training), _MOST_SERIES)]
    chosen = [values for values in chosen if len(values) >= lookback + 2 * horizon]
    if not chosen:
        return False
    errors = [
        _errors(chosen, logarithms, horizon=horizon, lookback=lookback, season=season) for logarithms in (False, True)
    ]
    if not all(errors):
        return False
    plain, logarithms = errors
    return sum(one / other for one, other in zip(logarithms, plain, strict=True)) < _CLEARLY * len(plain)


def require_positive(series: Series, frequency: Frequency) -> None:
    """Check that a series has a logarithm.

    Raises:
        DataError: a value is 0 or below.
    """
    [low] = np.nonzero(series.values <= 0)
    if len(low):
        at = int(low[0])
        when = frequency.say(frequency.timestamps(series.start, at + 1)[-1])
        raise DataError(
            f"{series.where}: the value at {when} is {series.values[at]:.15g}, and logarithms are read, of values "
            "above 0. If it stands for a missing value, leave the cell empty; else train with --scale linear."
        )


def _errors(
    series: Sequence[Numbers], logarithms: bool, *, horizon: int, lookback: int, season: int
) -> tuple[float, ...]:
    """Return sMAPE and MASE of a linear forecast at the ends of series; nothing where they are unknown."""
    ends = [len(values) - max(horizon, (len(values) - lookback - horizon) // _HELD_BACK) for values in series]
    windows = [
        (number, at)
        for number, (values, end) in enumerate(zip(series, ends, strict=True))
        for at in range(end, len(values) - horizon + 1)
        if not np.isnan(values[at : at + horizon]).all() and not np.isnan(values[:at]).all()
    ]
    windows = [windows[number] for number in spread(len(windows), _MOST_COMPARED)]
    linear = LinearForecast.fit(
        [values[:end] for values, end in zip(series, ends, strict=True)],
        [(series[number][:at], series[number][at : at + horizon]) for number, at in windows],
        lookback=lookback,
        horizon=horizon,
        logarithms=logarithms,
        most=_MOST_LEARNT,
    )
    if linear is None or not windows:
        return ()
    tally = ForecastTally()
    tally.add(
        np.stack([series[number][at : at + horizon] for number, at in windows]),
        linear.forecast([series[number][:at] for number, at in windows]),
        scale=np.array([mase_scale(series[number][: ends[number]], season) for number, _ in windows]),
        unit=np.ones(len(windows)),
    )
    scores = tally.scores()
    return (scores.smape, scores.mase) if scores.smape and scores.mase else ()
