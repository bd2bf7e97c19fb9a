"""Find the steps that times follow, and refuse times that are out of order, duplicate, missing or off the grid.

The step is the most frequent distance between neighbours, or a rule of the calendar that fits all of them: Monday to
Friday; the same day of each month, quarter or year, such as the last.

>>> days = np.array(["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"], "datetime64[us]")
>>> infer_frequency([days]).describe()
'business days'
"""

from collections.abc import Callable, Sequence
from math import gcd
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from elman.data.series.frequency import MICROSECONDS, MONTHS, Frequency, Moment, Moments
from elman.errors import DataError

_SEASONS = {"week": 52, "business day": 5, "day": 7, "hour": 24, "minute": 1440, "month": 12, "quarter": 4, "year": 1}
"""Steps of a season, where a step is one unit: a year of weeks, months or quarters, a week of days, a day of less."""

_SHORTEST_MONTH = 27.5  # days; a month of 28 may lose an hour to daylight saving time
_SATURDAY = 5
_SPARSE = 0.5  # share of missing steps above which another way to read is advised
_MOST_FILLED = 100  # missing steps per row; a mistyped year would fill the memory
_THURSDAY = 3  # 1970 began on one
_SUNDAY = 7
_LAST_HOUR = 3  # in which clocks are changed


def infer_frequency(series: Sequence[Moments], seasons: Sequence[int] | None = None) -> Frequency | None:
    """Find the one step of some series.

    Args:
        series: the times of each, ascending.
        seasons: how many steps make each, ascending, where the calendar's is not meant.

    Returns:
        The frequency; None if no series has two steps.
    """
    apart = np.concatenate([np.diff(times).astype(np.int64) for times in series])
    if not len(apart):
        return None
    if series[0].dtype.kind == "i":
        return Frequency("step", _mode(apart), 1).with_seasons(seasons or ())
    unit, count, day = _infer_months(series, apart) or _infer_business_days(series, apart) or _infer_fixed(_mode(apart))
    frequency = Frequency(unit, count, usual_season(unit, count), day)
    return frequency if seasons is None else frequency.with_seasons(seasons)


def steps_of_week(unit: str, count: int) -> int | None:
    """Return how many steps a week has, for steps of less than a day; None where it is no whole number of steps.

    >>> steps_of_week("hour", 1), steps_of_week("minute", 45), steps_of_week("day", 1)
    (168, 224, None)
    """
    if unit not in ("hour", "minute"):
        return None
    steps, rest = divmod(MICROSECONDS["week"], count * MICROSECONDS[unit])
    return steps if rest == 0 else None


def usual_season(unit: str, count: int) -> int:
    """Return how many steps the calendar's season has; 1 where it is no whole number of steps.

    >>> usual_season("minute", 15), usual_season("day", 2)
    (96, 1)
    """
    units = _SEASONS.get(unit, 1)
    return units // count if units % count == 0 else 1


def check_order(times: Moments, where: Callable[[int], str], say: Callable[[int], str], advice: str = "") -> None:
    """Check that times ascend.

    Args:
        times: (N,) of one series, in the order of its rows.
        where: names a row by its place among them.
        say: returns the time of a row as it was written.
        advice: a further explanation of a duplicate time, added to the message.

    Raises:
        DataError: one does not come after the one before.
    """
    apart = np.diff(times)
    [wrong] = np.nonzero(apart <= np.zeros(1, apart.dtype))
    if not len(wrong):
        return
    at = int(wrong[0]) + 1
    this, before = say(at), say(at - 1)
    if _may_change_clock(times[at]):
        advice = "; if clocks went back there, write UTC offsets such as +01:00 behind the times"
    if times[at] == times[at - 1]:
        raise DataError(
            f"{where(at)}: the time {this} was there before, in {where(at - 1)}. Remove one of them{advice}."
        )
    earlier = np.flatnonzero(times[:at] == times[at])
    if len(earlier):
        raise DataError(
            f"{where(at)}: the time {this} was there before, in {where(int(earlier[0]))}. Remove one of them{advice}."
        )
    raise DataError(f"{where(at)}: {this} comes after {before}, so that times are out of order. Sort the rows by time.")


def place_on_grid(
    times: Moments,
    frequency: Frequency,
    where: Callable[[int], str],
    say: Callable[[int], str],
    *,
    fill_gaps: bool,
) -> NDArray[np.int64]:
    """Count the steps from the first time to each.

    Args:
        times: (N,) ascending.
        frequency: the steps.
        where: names a row by its place among them.
        say: returns the time of a row as it was written.
        fill_gaps: whether times may be missing.

    Raises:
        DataError: a time is off the grid, or times are missing and may not be.
    """
    steps = frequency.positions(times, times[0])
    [off] = np.nonzero(steps < 0)
    if len(off):
        at = max(1, int(off[0]))
        raise DataError(
            f"{where(at)}: {say(at)} follows {say(at - 1)}, and the steps are {frequency.describe()}. Correct it; if "
            "times are irregular, --time '' counts rows instead."
        )
    gaps = np.diff(steps) - 1
    if gaps.any() and not (fill_gaps and gaps.sum() <= _MOST_FILLED * len(times)):
        _refuse_gap(times, gaps, frequency, where, say)
    return steps


def _refuse_gap(
    times: Moments,
    gaps: NDArray[np.int64],
    frequency: Frequency,
    where: Callable[[int], str],
    say: Callable[[int], str],
) -> NoReturn:
    at = int(np.flatnonzero(gaps)[0]) + 1
    first, total = int(gaps[at - 1]), int(gaps.sum())
    advice = "Add the rows, or --fill-gaps puts missing values there"
    if total > _MOST_FILLED * len(times):
        advice = "Correct the time, or count rows instead with --time ''"
    elif total > _SPARSE * (len(times) + total):
        advice += "; since most are missing, --time '' may suit better: it counts rows"
    elif _may_change_clock(times[at]):
        advice += "; if clocks went forward there, write UTC offsets such as +01:00 behind the times"
    number = f"{first:,} {'step is' if first == 1 else 'steps are'} missing" + (f", {total:,} in all" * (total > first))
    raise DataError(
        f"{where(at)}: {say(at)} follows {say(at - 1)}, and the steps are {frequency.describe()}: {number}. {advice}."
    )


def _may_change_clock(moment: Moment) -> bool:
    """Tell whether a time is one at which clocks are changed: a Sunday night."""
    if not isinstance(moment, np.datetime64):
        return False
    time = moment.astype("datetime64[us]").item()
    return bool(time.isoweekday() == _SUNDAY and time.hour <= _LAST_HOUR and (time.hour or time.minute))


def _infer_months(series: Sequence[Moments], apart: NDArray[np.int64]) -> tuple[str, int, int] | None:
    times = np.concatenate(series)
    if float(np.median(apart)) < _SHORTEST_MONTH * MICROSECONDS["day"] or not _same_clock(times):
        return None
    if (apart == apart[0]).all() and len(apart) > 1 and apart[0] % MICROSECONDS["week"] == 0:
        return None  # Every four weeks.
    months = times.astype("datetime64[M]")
    steps = np.concatenate([np.diff(own.astype("datetime64[M]")).astype(np.int64) for own in series])
    if steps.min() < 1:
        return None
    first, days = months.astype("datetime64[D]"), times.astype("datetime64[D]")
    of_month = (days - first).astype(np.int64) + 1
    longest = ((months + 1).astype("datetime64[D]") - first).astype(np.int64)
    day = 31 if (of_month == longest).all() else int(of_month.max())
    if not (of_month == np.minimum(day, longest)).all():
        if (apart == apart[0]).all():
            return None
        day = 0
    count = _mode(steps)
    unit = max((unit for unit in MONTHS if count % MONTHS[unit] == 0), key=lambda unit: MONTHS[unit])
    # Where the day varies, it is unknown which month begins a quarter or a year.
    return (unit, count // MONTHS[unit], day) if day else ("month", count, 0)


def _infer_business_days(series: Sequence[Moments], apart: NDArray[np.int64]) -> tuple[str, int, int] | None:
    times = np.concatenate(series)
    weekdays = (times.astype("datetime64[D]").astype(np.int64) + _THURSDAY) % 7
    over_weekend = apart == 3 * MICROSECONDS["day"]
    if weekdays.max() >= _SATURDAY or not over_weekend.any() or not _same_clock(times):
        return None
    return ("business day", 1, 1) if _mode(apart) == MICROSECONDS["day"] else None


def _infer_fixed(apart: int) -> tuple[str, int, int]:
    unit = max((unit for unit, size in MICROSECONDS.items() if apart % size == 0), key=lambda unit: MICROSECONDS[unit])
    return unit, apart // MICROSECONDS[unit], 1


def _same_clock(times: Moments) -> bool:
    of_day = times - times.astype("datetime64[D]")
    return bool((of_day == of_day[0]).all())


def _mode(apart: NDArray[np.int64]) -> int:
    """Return the most frequent distance, the smallest of several; where all differ, their greatest common divisor."""
    values, counts = np.unique(apart, return_counts=True)
    if counts.max() == 1 and len(values) > 1:
        return gcd(*values.tolist())
    return int(values[counts.argmax()])
