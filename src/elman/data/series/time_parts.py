"""Read a time that is written in several columns: a date and a clock; year, month, day and hour; year and week.

==========  ===========================================================================================================
`clock`     13:00, 13.00.00, 1:00 PM, 1 pm, 13:00+01:00
`hhmm`      1300, 0
`hhmmss`    130000
`hour`      13; 24 is the end of the day
`minute`,   whole numbers
`second`
`day`       of the month
`month`     1 to 12, Jan, January
`quarter    1 to 4, Q1
of year`
`week of    of ISO 8601, 5, W05
year`
==========  ===========================================================================================================

A part may also be any written form of :mod:`elman.data.series.timestamps`, such as `iso`, `day first`, `year`.

>>> read_parts([["2024", "2024"], ["1", "12"], ["31", "1"]], ["year", "month", "day"], str)[0].astype("datetime64[D]")
array(['2024-01-31', '2024-12-01'], dtype='datetime64[D]')
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.frequency import Moments
from elman.data.series.timestamps import FORMS, NUMBERS, ZONE, match_form, read_clock, read_fields
from elman.errors import DataError

_HALF = r" ?(?P<p>[AaPp]\.?[Mm]\.?)"
_SECOND = r"(?:[:.](?P<S>\d\d)(?:[.,](?P<f>\d{1,9}))?)?"
PARTS = {
    "clock": [
        rf"(?P<H>\d{{1,2}})[:.h](?P<M>\d\d){_SECOND}(?:{_HALF})?(?: ?(?P<z>{ZONE}))?",
        rf"(?P<H>\d{{1,2}}){_HALF}",
    ],
    "hhmm": [r"(?P<HM>\d{1,4})(?:\.0*)?"],
    "hhmmss": [r"(?P<HMS>\d{1,6})(?:\.0*)?"],
    "hour": [r"(?P<H>\d{1,2})(?:\.0*)?h?"],
    "minute": [r"(?P<M>\d{1,2})(?:\.0*)?"],
    "second": [r"(?P<S>\d{1,2})(?:\.(?P<f>\d{1,9}))?"],
    "day": [r"(?P<d>\d{1,2})(?:\.0*)?"],
    "month": [r"(?P<m>\d{1,2})(?:\.0*)?", r"(?P<n>[A-Za-z]{3,9})\.?"],
    "quarter of year": [r"[Qq]?(?P<q>[1-4])(?:\.0*)?"],
    "week of year": [r"[Ww]?(?P<w>\d{1,2})(?:\.0*)?"],
    "year": [r"(?P<y>1[5-9]\d\d|20\d\d)(?:\.0*)?"],
}
"""Patterns of the forms of parts, by name."""

_PATTERNS = {name: [re.compile(pattern) for pattern in patterns] for name, patterns in PARTS.items()}
_EXPECTED = {
    "clock": "a clock such as 13:00", "hhmm": "a clock such as 1300", "hhmmss": "a clock such as 130000",
    "hour": "an hour", "minute": "a minute", "second": "a second", "day": "a day of the month", "month": "a month",
    "quarter of year": "a quarter", "week of year": "a week", "year": "a year",
}  # fmt: skip


def match_part(cell: str, form: str) -> re.Match[str] | None:
    """Match a cell with the patterns of a part, or of a whole time."""
    if form not in _PATTERNS:
        return match_form(cell, form)
    return next(filter(None, (pattern.fullmatch(cell) for pattern in _PATTERNS[form])), None)


def fits_part(cell: str, form: str) -> bool:
    """Tell whether a cell can be read as a part.

    >>> fits_part("18.00.00", "clock"), fits_part("18.75", "clock")
    (True, False)
    """
    try:
        _read_part(cell.strip(), form)
    except (ValueError, OverflowError):
        return False
    return True


def read_parts(
    cells: Sequence[Sequence[str]], forms: Sequence[str], where: Callable[[int], str]
) -> tuple[Moments, NDArray[np.int64] | None]:
    """Read the times of rows.

    Args:
        cells: of each column, one a row.
        forms: of each column.
        where: names the row of a cell in messages, by its index.

    Returns:
        As :func:`elman.data.series.timestamps.read_times`.

    Raises:
        DataError: a cell is no such part, or the parts of a row are no time.
    """
    numbers = [_read_column(column, form, where) for column, form in zip(cells, forms, strict=True)]
    months, days, weeks, micro, offsets = np.sum(numbers, axis=0)
    base = months.astype("datetime64[M]")
    date = base.astype("datetime64[D]") + days
    if "week of year" in forms:
        fourth = base.astype("datetime64[Y]").astype("datetime64[D]") + 3  # of January, which lies in week 1
        monday = fourth - (fourth.astype(np.int64) + 3) % 7
        date = monday + 7 * (weeks - 1)
        wrong = date.astype("datetime64[Y]") > base.astype("datetime64[Y]") + 1 * (weeks < 53)
        wrong |= (weeks == 53) & ((date + 3).astype("datetime64[Y]") != base.astype("datetime64[Y]"))
    else:
        wrong = date.astype("datetime64[M]") != base
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(f"{where(at)} {' '.join(column[at] for column in cells)} is no date. Correct it.")
    return date.astype("datetime64[us]") + micro.astype("timedelta64[us]"), offsets if _have_offset(
        cells, forms
    ) else None


def _have_offset(cells: Sequence[Sequence[str]], forms: Sequence[str]) -> bool:
    parts = [match_part(column[0].strip(), form) for column, form in zip(cells, forms, strict=True)]
    return any(part and (part.groupdict().get("z") or part.groupdict().get("zd")) for part in parts)


def _read_column(cells: Sequence[str], form: str, where: Callable[[int], str]) -> NDArray[np.int64]:
    """Return the months since 1970, days, weeks, microseconds, and minutes of offset of each cell, (5, N)."""
    known: dict[str, tuple[int, ...]] = {}
    for at, cell in enumerate(cells):
        if cell not in known:
            try:
                known[cell] = _read_part(cell.strip(), form)
            except (ValueError, OverflowError):
                expected = _EXPECTED.get(form, f"a date ({form})")
                shown = f"is {cell.strip()[:40]!r}" if cell.strip() else "is empty"
                raise DataError(f"{where(at)} {shown}, and {expected} is expected. Correct it.") from None
    table = np.array(list(known.values()), np.int64)
    numbers = {cell: number for number, cell in enumerate(known)}
    return table[np.fromiter((numbers[cell] for cell in cells), np.int64, len(cells))].T


def _read_part(cell: str, form: str) -> tuple[int, int, int, int, int]:
    match = match_part(cell, form)
    if match is None or form in NUMBERS:
        raise ValueError(cell)
    fields: dict[str, Any] = match.groupdict()
    if form in FORMS and form not in PARTS:
        time, offset = read_fields(fields)
        days = time.day - 1
        micro = ((time.hour * 60 + time.minute) * 60 + time.second) * 1_000_000 + time.microsecond
        return (time.year - 1970) * 12 + time.month - 1, days, 0, micro, offset or 0
    for name, width in (("HM", 4), ("HMS", 6)):
        if digits := fields.get(name):
            digits = digits.rjust(width, "0")
            fields |= {"H": digits[:2], "M": digits[2:4], "S": digits[4:]}
    micro = round(read_clock({"H": "0", **{key: text for key, text in fields.items() if text}}).total_seconds() * 1e6)
    months, offset = 0, None
    if fields.get("y"):
        months += (int(fields["y"]) - 1970) * 12
    if any(fields.get(name) for name in ("m", "n", "q")):
        months += read_fields({**fields, "y": "1970", "d": "1", "w": None, "H": None})[0].month - 1
    day, week = int(fields.get("d") or 1), int(fields.get("w") or 0)
    if not 1 <= day <= 31 or not 0 <= week <= 53:
        raise ValueError(cell)
    if fields.get("z"):
        offset = read_fields({"y": "1970", "z": fields["z"]})[1]
    return months, day - 1, week, micro, offset or 0
