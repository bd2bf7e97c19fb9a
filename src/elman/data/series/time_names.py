"""Recognise columns of tables as times or parts of times, by their names and cells.

>>> part_named("Hour (UTC)"), part_named("hours")
('hour', None)
"""

import re
from collections.abc import Sequence

from elman.data.series.time_parts import fits_part
from elman.data.series.timestamps import MONTHS, WEEKDAYS, find_name, guess_form
from elman.data.tables.kinds import MISSING_NUMBERS, ColumnSummary
from elman.data.tables.numbers import is_number
from elman.data.tables.row_index import RowIndex

TIME_NAMES = frozenset(("t", "time", "step", "timestep", "time_step", "ds", "period", "timestamp", "date", "datetime"))
NEVER_VALUES = frozenset(("time", "timestamp", "date", "datetime", "ds"))
"""Names of columns that are refused where they cannot be read as times."""

_UNIX_WORDS = ("time", "epoch", "unix", "date", "stamp")

PART_NAMES = {
    "year": ("year", "yr"),
    "quarter of year": ("quarter", "qtr"),
    "month": ("month", "mon", "mo"),
    "week of year": ("week", "wk", "weekofyear", "isoweek", "weeknumber"),
    "day": ("day", "dy", "dayofmonth", "mday"),
    "hour": ("hour", "hr", "hourofday", "hourending", "hourbeginning"),
    "minute": ("minute", "minuteofhour"),
    "second": ("second",),
}
_OTHER_PARTS = ("weekday", "dayofweek", "dow", "wday", "dayofyear", "doy", "yday", "monthname", "dayname")
_JOINED_PARTS = ("yearweek", "yearmonth", "yyyymm", "yyyyww", "isoyearweek", "epoch", "unixtime")
CLOCK_NAMES = ("time", "clock", "timeofday", "hour", "hr", "hhmm", "hhmmss", "hms")
_RANGES = {
    "year": (1500, 2999),
    "quarter of year": (1, 4),
    "month": (1, 12),
    "week of year": (0, 53),
    "day": (1, 31),
    "hour": (0, 24),
    "minute": (0, 59),
    "second": (0, 59),
}
_SAMPLE = 500  # cells of a column


def list_time_parts(index: RowIndex, used: Sequence[str]) -> list[str]:
    """List the columns besides those used that hold times or parts of them, which are neither targets nor series."""
    return [name for name, summary in index.summaries.items() if name not in used and is_part(summary)]


def describe_unread(index: RowIndex, columns: Sequence[str]) -> dict[str, str]:
    """Return a note, by column, for those that are called like times and cannot be read as such."""
    notes = {}
    for column in columns:
        if column.lower() in TIME_NAMES or part_named(column):
            odd = index.summaries[column].odd
            if odd:
                row, cell = odd[0]
                notes[column] = (
                    f"{index.where(row)}, column {column}: {str(cell)[:40]!r} is no time that is understood, so "
                    "the column is not read."
                )
    return notes


def is_part(summary: ColumnSummary) -> bool:
    """Tell whether a column holds times, or parts of them: by its name and its cells, or by its cells alone."""
    sample = sample_of(summary)
    if not sample:
        return False
    part, name = part_named(summary.name), plain_name(summary.name)
    if summary.kind() == "number":
        if part:
            return in_range(summary, part)
        if name in _JOINED_PARTS:
            return True
        if name in _OTHER_PARTS:
            return all(is_number(cell) and float(cell).is_integer() and 0 <= float(cell) <= 366 for cell in sample)
        form = guess_form(sample, named=True)
        if form == "unix" and any(word in name for word in _UNIX_WORDS):
            return True
        return name in NEVER_VALUES or (name in TIME_NAMES and (form in ("compact", "year") or summary.counts_up()))
    return (
        all(fits_part(cell.strip(), "clock") for cell in sample)
        or guess_form(sample, named=False) is not None
        or all(_is_calendar_name(cell) for cell in sample)
    )


def _is_calendar_name(cell: str) -> bool:
    text = cell.strip().rstrip(".").lower()
    if text in ("am", "pm"):
        return True
    for names in (MONTHS, WEEKDAYS):
        try:
            return len(text) >= 3 and find_name(text, names) > 0
        except ValueError:
            continue
    return False


def in_range(summary: ColumnSummary, part: str) -> bool:
    """Tell whether all cells of a column are numbers in the range of a part."""
    least, most = _RANGES[part]
    return all(
        fits_part(cell, part) and is_number(cell) and least <= float(cell) <= most for cell in sample_of(summary)
    )


def part_named(column: str) -> str | None:
    """Return the part of a time that a column has the name of."""
    return next((part for part, names in PART_NAMES.items() if plain_name(column) in names), None)


def plain_name(column: str) -> str:
    """Return a name without brackets and marks: `Hour (UTC)` is `hour`."""
    return re.sub(r"[^a-z]", "", re.sub(r"\(.*?\)|\[.*?\]", "", column.lower()))


def sample_of(summary: ColumnSummary) -> list[str]:
    """Return some different cells of a column that are not missing, evenly spread."""
    cells = sorted(cell for cell in summary.distinct if cell.strip() not in MISSING_NUMBERS)
    return cells[:: max(1, len(cells) // _SAMPLE)]
