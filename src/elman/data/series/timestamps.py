"""Read times as people write them, all of a column in one form.

==============  =======================================================================================================
`iso`           2024-01-31, 2024/1/31, 2024-01, 2024-01-31T13:00:00.5+01:00, 2024-01-31 1:00 PM
`day first`     31/01/2024, 31.1.24, 31-01-2024, each with or without a time of day
`month first`   01/31/2024, 1/31/24
`month name`    Jan 2024, 31 Jan 2024, 31-Jan-24, January 31, 2024
`quarter`       2024Q1, 2024-Q1, Q1 2024
`week`          2024-W05 (ISO 8601; its Monday is meant)
`year`          2024
`compact`       20240131, 202401
`unix`          seconds since 1970, or milliseconds
`count`         whole numbers: steps are counted
==============  =======================================================================================================

The last four are numbers, and are times only in a column with a usual name for times, or that was requested.

>>> guess_form(["31/01/2024 13:00", "01/02/2024 13:00"], named=False)
'day first'
>>> read_times(["31/01/2024 1:00 pm"], "day first", str)[0]
array(['2024-01-31T13:00:00.000000'], dtype='datetime64[us]')
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.frequency import Moments
from elman.errors import DataError

_CLOCK = (
    r"(?:(?:[T ]|, ) ?(?P<H>\d{1,2}):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,](?P<f>\d{1,9}))?)?"
    r" ?(?P<p>[AaPp]\.?[Mm]\.?)?)? ?(?P<z>Z|UTC|GMT|[+-]\d\d:?\d\d)?"
)
_MONTH = r"(?P<n>[A-Za-z]{3,9})\.?"
_YEAR = r"(?P<y>\d{4}|\d\d)"
FORMS = {
    "iso": [rf"(?P<y>\d{{4}})([-/.])(?P<m>\d{{1,2}})(?:\2(?P<d>\d{{1,2}}){_CLOCK})?"],
    "day first": [rf"(?P<d>\d{{1,2}})([-/.])(?P<m>\d{{1,2}})\2{_YEAR}{_CLOCK}"],
    "month first": [rf"(?P<m>\d{{1,2}})([-/.])(?P<d>\d{{1,2}})\2{_YEAR}{_CLOCK}"],
    "month name": [
        rf"(?:(?P<d>\d{{1,2}})[- ])?{_MONTH}[-, ]+{_YEAR}{_CLOCK}",
        rf"{_MONTH} (?P<d>\d{{1,2}}),? (?P<y>\d{{4}}){_CLOCK}",
    ],
    "quarter": [r"(?P<y>\d{4})[- ]?[Qq](?P<q>[1-4])", r"[Qq](?P<q>[1-4])[- /]?(?P<y>\d{4})"],
    "week": [r"(?P<y>\d{4})-?W(?P<w>\d\d)"],
    "year": [r"(?P<y>1[5-9]\d\d|20\d\d)"],
    "compact": [r"(?P<y>1[5-9]\d\d|20\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>\d\d)?"],
    "unix": [r"\d{10}(?:\d{3})?(?:\.\d+)?"],
    "count": [r"[+-]?\d{1,18}(?:\.0*)?"],
}
"""Patterns by name."""

NUMERIC = ("year", "compact", "unix", "count")

_PATTERNS = {name: [re.compile(pattern) for pattern in patterns] for name, patterns in FORMS.items()}
_PLAIN = re.compile(r"(?:\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?\n)++")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MICROSECONDS_OF_A_MINUTE = 60_000_000
_CENTURY_TURNS = 69  # two-digit years from here on are 19.., as in POSIX


def guess_form(cells: Sequence[str], *, named: bool) -> str | None:
    """Return the form of most of some different cells; None where they are no times.

    Args:
        cells: a sample, in any order, none empty.
        named: whether the column was requested or has a usual name for times, so that numbers may be times.
    """
    cells = [cell.strip() for cell in cells]
    fitting = {
        name: sum(any(pattern.fullmatch(cell) for pattern in patterns) for cell in cells)
        for name, patterns in _PATTERNS.items()
        if named or name not in NUMERIC
    }
    for name in ("day first", "month first"):
        # A number above 12 cannot be a month, which decides between the two.
        fitting[name] = sum(_fits(cell, name) for cell in cells) if fitting[name] else 0
    best = max(fitting, key=lambda name: fitting[name])
    return best if fitting[best] * 2 > len(cells) else None


def is_ambiguous(cells: Sequence[str]) -> bool:
    """Tell whether day and month could be exchanged in every cell."""
    return all(_fits(cell.strip(), "day first") and _fits(cell.strip(), "month first") for cell in cells)


def read_times(
    cells: Sequence[str], form: str, where: Callable[[int], str]
) -> tuple[Moments, NDArray[np.int64] | None]:
    """Read a column, or a part of it.

    Args:
        cells: as they were written.
        form: one of `FORMS`.
        where: names the row of a cell in messages, by its index.

    Returns:
        (N,) datetime64[us] in local time, or int64 for `count`; and, where any cell has a UTC offset, (N,) offsets in
        minutes ahead of UTC.

    Raises:
        DataError: a cell is no time of that form.
    """
    if form == "iso" and _PLAIN.fullmatch("\n".join(cells) + "\n"):
        try:
            return np.array(cells, "datetime64[us]"), None
        except ValueError:
            pass  # The loop below names the row of a day that does not exist.
    if form in ("count", "unix"):
        return _read_numbers(cells, form, where), None
    times = np.empty(len(cells), "datetime64[us]")
    offsets = np.zeros(len(cells), np.int64)
    zoned = False
    for at, cell in enumerate(cells):
        try:
            times[at], offset = _read_time(cell.strip(), form)
        except (ValueError, OverflowError):
            raise DataError(_say_odd_time(cell, form, where(at))) from None
        if offset is not None:
            zoned, offsets[at] = True, offset
    return times, offsets if zoned else None


def settle_zones(times: Moments, offsets: NDArray[np.int64]) -> tuple[Moments, bool]:
    """Choose between local time, if its offset is constant or all times of day are equal, and UTC.

    Args:
        times: (N,) in local time.
        offsets: (N,) minutes ahead of UTC.

    Returns:
        The times, and whether they are in UTC now.
    """
    of_day = times - times.astype("datetime64[D]")
    if (offsets == offsets[0]).all() or (of_day == of_day[0]).all():
        return times, bool((offsets == 0).all())
    return times - (offsets * _MICROSECONDS_OF_A_MINUTE).astype("timedelta64[us]"), True


def _fits(cell: str, form: str) -> bool:
    try:
        _read_time(cell, form)
    except (ValueError, OverflowError):
        return False
    return True


def _read_time(cell: str, form: str) -> tuple[datetime, int | None]:
    """Return the time, and its minutes ahead of UTC; raise `ValueError` where the cell is no time."""
    match = next(filter(None, (pattern.fullmatch(cell) for pattern in _PATTERNS[form])), None)
    if match is None:
        raise ValueError(cell)
    parts: dict[str, Any] = match.groupdict()
    year = int(parts["y"])
    if len(parts["y"]) == 2:
        year += 1900 if year >= _CENTURY_TURNS else 2000
    if parts.get("w"):
        return datetime.combine(date.fromisocalendar(year, int(parts["w"]), 1), datetime.min.time()), None
    month = int(parts.get("m") or 1)
    if parts.get("q"):
        month = 3 * int(parts["q"]) - 2
    if name := parts.get("n"):
        month = [full.startswith(name.lower().removesuffix("t")) for full in _MONTHS].index(True) + 1
    time = datetime(year, month, int(parts.get("d") or 1)) + _clock(parts)
    return time, _offset(parts.get("z"))


def _clock(parts: dict[str, str | None]) -> timedelta:
    if not parts.get("H"):
        return timedelta()
    hour, half = int(parts["H"] or 0), (parts["p"] or "").replace(".", "").lower()
    minute, second = int(parts["M"] or 0), int(parts["S"] or 0)
    # 24:00 is the end of a day.
    if hour > 24 - (minute + second > 0) or minute > 59 or second > 59 or (half and not 1 <= hour <= 12):
        raise ValueError(parts)
    hour = hour % 12 + 12 * (half == "pm") if half else hour
    return timedelta(
        hours=hour, minutes=minute, seconds=second, microseconds=int((parts["f"] or "0").ljust(6, "0")[:6])
    )


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "")
    return (1 if zone[0] == "+" else -1) * (60 * int(digits[:2]) + int(digits[2:]))


def _read_numbers(cells: Sequence[str], form: str, where: Callable[[int], str]) -> Moments:
    [pattern] = _PATTERNS[form]
    for at, cell in enumerate(cells):
        if not pattern.fullmatch(cell.strip()):
            raise DataError(_say_odd_time(cell, form, where(at)))
    if form == "count":
        return np.array([int(cell.partition(".")[0]) for cell in cells], np.int64)
    scale = [10**3 if len(cell.strip().partition(".")[0]) == 13 else 10**6 for cell in cells]
    micro = [round(float(cell) * by) for cell, by in zip(cells, scale, strict=True)]
    return np.array(micro, np.int64).astype("datetime64[us]")


def _say_odd_time(cell: str, form: str, where: str) -> str:
    shown = cell.strip()[:40]
    if not shown:
        return f"{where} is empty, and a time is expected. Write it, or remove the row."
    expected = {"count": "a whole number", "unix": "seconds since 1970"}.get(form, f"a time ({form})")
    return f"{where} is {shown!r}, and {expected} is expected, as in the rows around it. Correct it."
