"""Say where in the day, the week and the year the steps of a series are, as numbers that a network reads.

A cycle is two numbers, sine and cosine of the share of it that is over, so that its end lies beside its start. Only
what the data repeat can be learnt from them: a cycle is read where the training holds it twice.

>>> hourly = Frequency("hour", 1, season=24)
>>> cycles_of(hourly, steps=24 * 20)
('day', 'week')
>>> place(hourly, np.datetime64("2024-01-01T06:00", "us"), 1, ("day",)).round(3).tolist()
[[1.0, 0.0]]
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.data.series.frequency import MICROSECONDS, MONTHS, Frequency, Moment

CYCLES = {"day": 86_400.0, "week": 604_800.0, "year": 365.2425 * 86_400.0}
_FEWEST_STEPS = 2  # of a cycle: half a turn says nothing
_SEEN = 2.0  # how often the training holds a cycle


def cycles_of(frequency: Frequency, steps: int) -> tuple[str, ...]:
    """Choose the cycles that the steps of a training tell something of.

    Args:
        frequency: of the steps.
        steps: of the longest series.
    """
    if frequency.unit == "step":
        return ()
    seconds = _seconds(frequency)
    return tuple(
        name for name, cycle in CYCLES.items() if cycle > _FEWEST_STEPS * seconds and steps * seconds >= _SEEN * cycle
    )


def place(frequency: Frequency, start: Moment, steps: int, cycles: Sequence[str]) -> NDArray[np.float32]:
    """Return sine and cosine of each cycle at each step, (steps, 2 · cycles).

    Args:
        frequency: of the steps.
        start: of the first.
        steps: how many.
        cycles: which, see :func:`cycles_of`.
    """
    if not cycles:
        return np.zeros((steps, 0), dtype=np.float32)
    times = frequency.timestamps(start, steps).astype("datetime64[us]")
    turns = [_turned(times, name) * 2 * np.pi for name in cycles]
    return np.stack([of(turn) for turn in turns for of in (np.sin, np.cos)], axis=1).astype(np.float32)


def _turned(times: NDArray[np.datetime64], cycle: str) -> NDArray[np.float64]:
    """Return the share of a cycle that is over at each time."""
    if cycle == "year":
        year = times.astype("datetime64[Y]")
        first, following = year.astype("datetime64[us]"), (year + 1).astype("datetime64[us]")
        return (times - first) / (following - first)
    # The epoch, 1970-01-01, was a Thursday.
    since = (times - np.datetime64("1970-01-05" if cycle == "week" else "1970-01-01", "us")).astype(np.int64)
    length = MICROSECONDS[cycle]
    return (since % length) / length


def _seconds(frequency: Frequency) -> float:
    """Return how long a step is; of months and years on average, of business days as days of a week."""
    if frequency.unit in MONTHS:
        return frequency.count * MONTHS[frequency.unit] * CYCLES["year"] / 12
    if frequency.unit == "business day":
        return frequency.count * CYCLES["week"] / 5
    return frequency.count * MICROSECONDS[frequency.unit] / 1e6
