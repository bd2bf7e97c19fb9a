"""Encode the time of the day, the week and the year of each step as numbers that a network reads.

A cycle becomes two numbers, sine and cosine of its phase, so that its end is next to its start. A cycle is read only
where the training data hold it twice, since nothing else can be learnt from it.

>>> hourly = Frequency("hour", 1, season=24)
>>> cycles_of(hourly, steps=24 * 20)
('day', 'week')
>>> encode_cycles(hourly, np.datetime64("2024-01-01T06:00", "us"), 1, ("day",)).round(3).tolist()
[[1.0, 0.0]]
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.data.series.frequency import MICROSECONDS, MONTHS, Frequency, Moment

CYCLES = {"day": 86_400.0, "week": 604_800.0, "year": 365.2425 * 86_400.0}
_FEWEST_STEPS = 2  # of a cycle: fewer have no phase
_SEEN = 2.0  # cycles in the training data


def cycles_of(frequency: Frequency, steps: int) -> tuple[str, ...]:
    """Choose the cycles that the training data hold often enough.

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


def encode_cycles(frequency: Frequency, start: Moment, steps: int, cycles: Sequence[str]) -> NDArray[np.float32]:
    """Return sine and cosine of each cycle at each step, (steps, 2 · cycles).

    Args:
        frequency: of the steps.
        start: of the first.
        steps: how many.
        cycles: their names, see :func:`cycles_of`.
    """
    if not cycles:
        return np.zeros((steps, 0), dtype=np.float32)
    times = frequency.timestamps(start, steps).astype("datetime64[us]")
    phases = [_phases(times, name) * 2 * np.pi for name in cycles]
    return np.stack([function(phase) for phase in phases for function in (np.sin, np.cos)], axis=1).astype(np.float32)


def _phases(times: NDArray[np.datetime64], cycle: str) -> NDArray[np.float64]:
    """Return the phase of a cycle at each time, from 0 to 1."""
    if cycle == "year":
        year = times.astype("datetime64[Y]")
        first, following = year.astype("datetime64[us]"), (year + 1).astype("datetime64[us]")
        return (times - first) / (following - first)
    # The epoch, 1970-01-01, was a Thursday.
    since = (times - np.datetime64("1970-01-05" if cycle == "week" else "1970-01-01", "us")).astype(np.int64)
    length = MICROSECONDS[cycle]
    return (since % length) / length


def _seconds(frequency: Frequency) -> float:
    """Return the seconds of a step; those of months, years and business days are means."""
    if frequency.unit in MONTHS:
        return frequency.count * MONTHS[frequency.unit] * CYCLES["year"] / 12
    if frequency.unit == "business day":
        return frequency.count * CYCLES["week"] / 5
    return frequency.count * MICROSECONDS[frequency.unit] / 1e6
