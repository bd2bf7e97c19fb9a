"""Read times as people write them, all of a column in one form.

==============  =======================================================================================================
`iso`           2024-01-31, 2024/1/31, 2024-01, 2024-01-31T13:00:00.5+01:00, 2024-01-31 1:00 PM
`day first`     31/01/2024, 31.1.24, 31-01-2024, each with or without a time of day
`month first`   01/31/2024, 1/31/24
`month name`    Jan 2024, 31 Jan 2024, 31-Jan-24, January 31, 2024, 2024-Jan-31, Wed, 31 Jan 2024 13:00:00 +0100
`quarter`       2024Q1, 2024-Q1, Q1 2024
`week`          2024-W05 (ISO 8601; its Monday is meant)
`year`          2024
`compact`       20240131, 202401, 20240131T1300, 2024013113
`unix`          seconds since 1970, or milliseconds, microseconds, nanoseconds
`serial`        days since 1899-12-30, as spreadsheets count them: 45322.5417
`count`         whole numbers: steps are counted
==============  =======================================================================================================

The last five are numbers, and are times only in a column with a usual name for times, or that was requested.

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

ZONE = r"Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?"
_OF_DAY = (
    r"(?P<H>\d{1,2})[:.](?P<M>\d\d)(?:[:.](?P<S>\d\d)(?:[.,](?P<f>\d{1,9}))?)?"
    rf" ?(?P<p>[AaPp]\.?[Mm]\.?)?(?: ?(?P<z>{ZONE}))?"
)
_CLOCK = rf"(?:(?:[T ]|, ) ?{_OF_DAY}|(?: ?(?P<zd>Z|UTC|GMT|[+-]\d\d:?\d\d)))?"
_MONTH = r"(?P<n>[A-Za-z]{3,9})\.?"
_YEAR = r"(?P<y>\d{4}|\d\d)"
_MINUTES = r"(?:(?P<M>[0-5]\d)(?P<S>[0-5]\d)?)?"
_WEEKDAY = r"(?:(?P<a>[A-Za-z]{3,9}),? )?"
FORMS = {
    "iso": [rf"(?P<y>\d{{4}})([-/.])(?P<m>\d{{1,2}})(?:\2(?P<d>\d{{1,2}}){_CLOCK})?"],
    "day first": [rf"(?P<d>\d{{1,2}})([-/.])(?P<m>\d{{1,2}})\2{_YEAR}{_CLOCK}"],
    "month first": [rf"(?P<m>\d{{1,2}})([-/.])(?P<d>\d{{1,2}})\2{_YEAR}{_CLOCK}"],
    "month name": [
        rf"{_WEEKDAY}(?:(?P<d>\d{{1,2}})[- ])?{_MONTH}[-, ]+{_YEAR}{_CLOCK}",
        rf"{_WEEKDAY}{_MONTH} (?P<d>\d{{1,2}}),? (?P<y>\d{{4}}){_CLOCK}",
        rf"(?P<y>\d{{4}})[- ]{_MONTH}(?:[- ](?P<d>\d{{1,2}}){_CLOCK})?",
    ],
    "quarter": [r"(?P<y>\d{4})[- ]?[Qq](?P<q>[1-4])", r"[Qq](?P<q>[1-4])[- /]?(?P<y>\d{4})"],
    "week": [r"(?P<y>\d{4})-?W(?P<w>\d\d)"],
    "year": [r"(?P<y>1[5-9]\d\d|20\d\d)"],
    "compact": [
        r"(?P<y>1[5-9]\d\d|20\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>\d\d)?",
        rf"(?P<y>19\d\d|20\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>[0-3]\d)T?(?P<H>[01]\d|2[0-4]){_MINUTES}(?P<z>{ZONE})?",
    ],
    "unix": [r"\d{10}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?"],
    "serial": [r"[2-7]\d{4}(?:[.,]\d+)?"],
    "count": [r"[+-]?\d{1,18}(?:\.0*)?"],
}
"""Patterns by name; groups: y year, q quarter, m or n month, w week, d day, a weekday, H hour, M minute, S second,
f fraction, p half of the day, z or zd offset."""

NUMERIC = ("year", "compact", "unix", "serial", "count")
NUMBERS = ("unix", "serial", "count")
"""Forms that have no fields."""

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTE = 60_000_000
DAY = 1440 * MINUTE
SERIAL_EPOCH = np.datetime64("1899-12-30", "us")

_PATTERNS = {name: [re.compile(pattern) for pattern in patterns] for name, patterns in FORMS.items()}
_PLAIN = re.compile(r"(?:\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?\n)++")
_CENTURY_TURNS = 69  # two-digit years from here on are 19.., as in POSIX
_ROWS_AROUND = 1000


def match_form(cell: str, form: str) -> re.Match[str] | None:
    """Match a cell with the patterns of a form."""
    return next(filter(None, (pattern.fullmatch(cell) for pattern in _PATTERNS[form])), None)


def guess_form(cells: Sequence[str], *, named: bool) -> str | None:
    """Return the form of most of some different cells; None where they are no times.

    Args:
        cells: a sample, in any order, none empty.
        named: whether the column was requested or has a usual name for times, so that numbers may be times.
    """
    cells = [cell.strip() for cell in cells]
    fitting = {name: count_fitting(cells, name) for name in FORMS if named or name not in NUMERIC}
    best = max(fitting, key=lambda name: fitting[name])
    return best if fitting[best] * 2 > len(cells) else None


def count_fitting(cells: Sequence[str], form: str) -> int:
    """Count the cells that have a form."""
    matching = [cell for cell in cells if match_form(cell, form)]
    # A number above 12 cannot be a month, which decides between day first and month first.
    return len(matching) if form in NUMBERS else sum(_fits(cell, form) for cell in matching)


def is_ambiguous(cells: Sequence[str]) -> bool:
    """Tell whether day and month could be exchanged in every cell."""
    return all(_fits(cell.strip(), "day first") and _fits(cell.strip(), "month first") for cell in cells)


def has_clock(cell: str, form: str) -> bool:
    """Tell whether a cell has a time of day other than midnight."""
    match = None if form in NUMBERS else match_form(cell.strip(), form)
    return match is not None and any(int(match.groupdict().get(field) or 0) for field in "HMSf")


def read_times(
    cells: Sequence[str], form: str, where: Callable[[int], str]
) -> tuple[Moments, NDArray[np.int64] | None]:
    """Read a column, or a part of it.

    Args:
        cells: as they were written.
        form: one of `FORMS`.
        where: names the row of a cell in messages, by its index.

    Returns:
        (N,) datetime64[us] in local time, or int64 for `count`; and, where cells have UTC offsets, (N,) offsets in
        minutes ahead of UTC.

    Raises:
        DataError: a cell is no time of that form, or some have an offset and others none.
    """
    if form == "iso" and _PLAIN.fullmatch("\n".join(cells) + "\n"):
        try:
            return np.array(cells, "datetime64[us]"), None
        except ValueError:
            pass  # The loop below names the row of a day that does not exist.
    if form in NUMBERS:
        return _read_numbers(cells, form, where), None
    times = np.empty(len(cells), "datetime64[us]")
    offsets = np.zeros(len(cells), np.int64)
    zoned: bool | None = None
    for at, cell in enumerate(cells):
        try:
            times[at], offset = _read_time(cell.strip(), form)
        except (ValueError, OverflowError):
            raise DataError(_describe_odd_time(cells, at, form, where)) from None
        if zoned is None:
            zoned = offset is not None
        elif zoned != (offset is not None):
            raise DataError(
                f"{where(at)} is {cell.strip()[:40]!r}, and {where(0).rstrip(':')} has {cells[0].strip()[:40]!r}: one "
                "has a UTC offset and the other has none. Write an offset in all of them, or in none."
            )
        if offset is not None:
            offsets[at] = offset
    return times, offsets if zoned else None


def read_fields(fields: dict[str, Any]) -> tuple[datetime, int | None]:
    """Return the time of named fields, and its minutes ahead of UTC; raise `ValueError` where there is none."""
    year = int(fields["y"])
    if len(fields["y"]) == 2:
        year += 1900 if year >= _CENTURY_TURNS else 2000
    if fields.get("w"):
        return datetime.combine(date.fromisocalendar(year, int(fields["w"]), 1), datetime.min.time()), None
    month = int(fields.get("m") or 1)
    if fields.get("q"):
        month = 3 * int(fields["q"]) - 2
    if name := fields.get("n"):
        month = find_name(name, MONTHS)
    if day := fields.get("a"):
        find_name(day, WEEKDAYS)
    time = datetime(year, month, int(fields.get("d") or 1)) + read_clock(fields)
    return time, _read_offset(fields.get("z") or fields.get("zd"))


def read_clock(fields: dict[str, Any]) -> timedelta:
    """Return the time of day of named fields; raise `ValueError` where there is none."""
    if not fields.get("H"):
        return timedelta()
    hour, half = int(fields["H"]), (fields.get("p") or "").replace(".", "").lower()
    minute, second = int(fields.get("M") or 0), int(fields.get("S") or 0)
    # 24:00 is the end of a day.
    if hour > 24 - (minute + second > 0) or minute > 59 or second > 59 or (half and not 1 <= hour <= 12):
        raise ValueError(fields)
    hour = hour % 12 + 12 * (half == "pm") if half else hour
    fraction = int((fields.get("f") or "0").ljust(6, "0")[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=fraction)


def find_name(text: str, names: Sequence[str]) -> int:
    """Return the number, from 1, of the name that a text of three letters or more begins; raise `ValueError`."""
    beginning = text.lower().removesuffix("t") if text.lower() == "sept" else text.lower()
    return [name.startswith(beginning) for name in names].index(True) + 1


def settle_zones(times: Moments, offsets: NDArray[np.int64]) -> tuple[Moments, bool]:
    """Choose between local time, if all times of day are equal, and UTC, in which steps keep their length.

    Args:
        times: (N,) in local time.
        offsets: (N,) minutes ahead of UTC.

    Returns:
        The times, and whether they are in UTC now.
    """
    of_day = times - times.astype("datetime64[D]")
    if (of_day == of_day[0]).all():
        return times, False
    return times - (offsets * MINUTE).astype("timedelta64[us]"), True


def _fits(cell: str, form: str) -> bool:
    try:
        _read_time(cell, form)
    except (ValueError, OverflowError):
        return False
    return True


def _read_time(cell: str, form: str) -> tuple[datetime, int | None]:
    match = match_form(cell, form)
    if match is None:
        raise ValueError(cell)
    return read_fields(match.groupdict())


def _read_offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone in ("Z", "z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (1 if zone[0] == "+" else -1) * (60 * int(digits[:2]) + int(digits[2:]))


def _read_numbers(cells: Sequence[str], form: str, where: Callable[[int], str]) -> Moments:
    [pattern] = _PATTERNS[form]
    for at, cell in enumerate(cells):
        if not pattern.fullmatch(cell.strip()):
            raise DataError(_describe_odd_time(cells, at, form, where))
    if form == "count":
        return np.array([int(cell.partition(".")[0]) for cell in cells], np.int64)
    if form == "serial":
        # A second is 0.0000116 of a day, so that times of spreadsheets are rounded to seconds.
        seconds = [round(float(cell.replace(",", ".")) * 86_400) for cell in cells]
        return SERIAL_EPOCH + (np.array(seconds, np.int64) * 1_000_000).astype("timedelta64[us]")
    micro = [_read_unix(cell.strip()) for cell in cells]
    return np.array(micro, np.int64).astype("datetime64[us]")


def _read_unix(cell: str) -> int:
    """Return the microseconds of a number of seconds since 1970, or of a smaller unit."""
    whole, _, fraction = cell.partition(".")
    return int((whole + fraction).ljust(16, "0")[:16])


def _describe_odd_time(cells: Sequence[str], at: int, form: str, where: Callable[[int], str]) -> str:
    shown = cells[at].strip()[:40]
    if not shown:
        return f"{where(at)} is empty, and a time is expected. Write it, or remove the row."
    expected = {
        "count": "a whole number", "unix": "seconds since 1970", "serial": "a number of days"
    }.get(form, f"a time ({form})")  # fmt: skip
    rows = (*range(at - 1, -1, -1), *range(at + 1, min(at + _ROWS_AROUND, len(cells))))
    other = next((row for row in rows if count_fitting([cells[row].strip()], form)), None)
    example = "" if other is None else f", as {cells[other].strip()[:40]!r} in {where(other).rstrip(':')}"
    return f"{where(at)} is {shown!r}, and {expected} is expected{example}. Write all times in one form."
