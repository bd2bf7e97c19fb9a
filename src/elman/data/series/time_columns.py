"""Find the columns of a table that hold the time of its rows, and read them.

One column may hold a time, or several together: a date and a clock, or year, month, day and hour. A column that has
the name of a time and cannot be read as one is an error: what is time must never become a series or a target.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.frequency import Frequency, Moments
from elman.data.series.notation import TimeNotation
from elman.data.series.regularity import infer_frequency
from elman.data.series.time_names import (
    CLOCK_NAMES,
    NEVER_VALUES,
    TIME_NAMES,
    in_range,
    is_part,
    part_named,
    plain_name,
    sample_of,
)
from elman.data.series.time_parts import PARTS, fits_part, read_parts
from elman.data.series.timestamps import (
    FORMS,
    NUMBERS,
    NUMERIC,
    count_fitting,
    guess_form,
    has_clock,
    is_ambiguous,
    read_times,
)
from elman.data.tables.kinds import ColumnSummary
from elman.data.tables.numbers import is_number
from elman.data.tables.row_index import RowIndex
from elman.errors import DataError

_ORDER = ("year", "month", "day", "hour", "minute", "second")
_SAMPLE = 500
_ROWS_COMPARED = 2000
_MOST_UNEVEN = 0.5  # missing steps, in units of the times, up to which a clock is joined to dates that repeat
_MOST_FIT = 0.9
_LAST_ROWS = 200
_ADVICE = "Write times such as 2024-01-31 or 2024-01-31 13:00; --time '' counts rows instead."


@dataclass(frozen=True)
class TimeColumns:
    """The columns of the time of a row.

    Attributes:
        columns: one, or several that are one time together.
        forms: of each.
    """

    columns: tuple[str, ...]
    forms: tuple[str, ...]

    @property
    def named(self) -> str:
        """Return the names for a message: `column date`, `columns Date, Time`."""
        return f"column{'s' * (len(self.columns) > 1)} {', '.join(self.columns)}"

    def read(self, cells: Sequence[Sequence[str]], index: RowIndex) -> tuple[Moments, NDArray[np.int64] | None]:
        """Read times; see :func:`elman.data.series.timestamps.read_times`."""

        def where(at: int) -> str:
            return f"{index.where(at)}, {self.named}:"

        if len(self.columns) == 1:
            return read_times(cells[0], self.forms[0], where)
        return read_parts(cells, self.forms, where)

    def learn_notation(self, cells: Sequence[Sequence[str]], rows: Sequence[int]) -> TimeNotation:
        """Learn how times are written from the rows that are given, the latest last."""
        earlier = rows[:-_LAST_ROWS]  # where months of one digit may be
        shown = [*earlier[:: len(earlier) // _LAST_ROWS + 1], *rows[-_LAST_ROWS:]]
        return TimeNotation.learn(self.columns, self.forms, [[column[row] for row in shown] for column in cells])


def choose_time(
    index: RowIndex, requested: Sequence[str] | None, frequency: Frequency | None = None
) -> TimeColumns | None:
    """Return the columns of times; None where rows are counted.

    Args:
        index: of the table.
        requested: columns that the caller named; none to count rows, None to infer them.
        frequency: of the model that the table is read for; it decides between two readings of dates.

    Raises:
        DataError: a column holds no times, its dates have two readings, or times are written in several forms.
    """
    if requested is not None and not requested:
        return None
    chosen = _infer(index) if requested is None else _read_requested(index, requested)
    if chosen is None:
        return None
    forms = tuple(
        _choose_order(index, chosen, number, frequency)
        if form in ("day first", "month first") and is_ambiguous(sample_of(index.summaries[column]))
        else form
        for number, (column, form) in enumerate(zip(chosen.columns, chosen.forms, strict=True))
    )
    return TimeColumns(chosen.columns, forms)


def _infer(index: RowIndex) -> TimeColumns | None:
    forms = {column: form for column in index.names if (form := _guess(index.summaries[column]))}
    # Written dates before numbers.
    best = min(forms, key=lambda column: forms[column] in NUMERIC) if forms else None
    if best is None or forms[best] in ("year", "count"):
        joined = _join_year(index)
        if joined:
            return joined
    if best is None:
        _refuse_unreadable(index)
        return None
    if forms[best] in NUMBERS or not index.summaries[best].repeats or _any_clock(index.summaries[best], forms[best]):
        return TimeColumns((best,), (forms[best],))
    for clock in _list_clocks(index, (best,)):
        joined = TimeColumns((best, *clock), (forms[best], *clock.values()))
        if _divides_days(index, joined):
            return joined
    return TimeColumns((best,), (forms[best],))


def _read_requested(index: RowIndex, requested: Sequence[str]) -> TimeColumns:
    if len(requested) == 1:
        [column] = requested
        sample = sample_of(index.summaries[column])
        form = guess_form(sample, named=True) if sample else None
        if form is None:
            raise _unreadable(index, column)
        return TimeColumns((column,), (form,))
    forms: dict[str, str | None] = {}
    for column in [*requested, *requested]:  # a clock may come before its date
        if forms.get(column) is None:
            before = [form for form in forms.values() if form]
            forms[column] = _guess_part(index.summaries[column], before)
    for column, form in forms.items():
        if form is None:
            raise _unreadable(index, column, "no part of a time that fits the others")
    if not any(form in FORMS for form in forms.values()):
        raise DataError(
            f"{index.where(0)}: {', '.join(requested)} are no whole time: the date or the year is missing. Name its "
            "column as well."
        )
    return TimeColumns(tuple(requested), tuple(form for column in requested if (form := forms[column])))


def _guess(summary: ColumnSummary) -> str | None:
    """Return the form of a column that nobody named; None where it does not look like times."""
    sample, name = sample_of(summary), summary.name.lower()
    form = guess_form(sample, named=name in TIME_NAMES or part_named(name) is not None) if sample else None
    if form is None or (summary.kind() == "number" and form not in NUMERIC):
        return None
    # A part of a time, such as the hour, is none.
    plausible = {
        "count": name in TIME_NAMES or summary.counts_up(),
        "serial": "date" in name or ("time" in name and not all(map(str.isdecimal, sample))),
    }
    if form == "serial" and not plausible["serial"]:
        form = "count" if count_fitting(sample, "count") == len(sample) else form
    return form if plausible.get(form, True) else None


def _guess_part(summary: ColumnSummary, before: Sequence[str]) -> str | None:
    """Return the form of a column that is one of several; parts that come before are larger."""
    sample = sample_of(summary)
    if not sample:
        return None
    named = part_named(summary.name)
    form = guess_form(sample, named=True)
    if named and _most_fit(sample, named):
        return named
    has_date = "day" in before or any(one in FORMS and one not in PARTS for one in before)
    if not has_date and form and form not in NUMBERS:
        return form
    last = max((_ORDER.index(one) for one in before if one in _ORDER), default=-1)
    smaller = _ORDER[last + 1 :] if before else ("year",)
    possible = _clock_forms(summary) if has_date and "hour" not in before else smaller
    return next((one for one in possible if _most_fit(sample, one)), None)


def _most_fit(sample: Sequence[str], form: str) -> bool:
    """Tell whether most cells are such parts; reading then names the row of another one."""
    return sum(fits_part(cell, form) for cell in sample) >= _MOST_FIT * len(sample)


def _clock_forms(summary: ColumnSummary) -> list[str]:
    """List the forms of clocks that a column may have."""
    if summary.kind() != "number":
        return ["clock"]
    largest = max((float(cell) for cell in sample_of(summary) if is_number(cell)), default=0.0)
    whole = not any("." in cell.strip().rstrip("0").rstrip(".") for cell in sample_of(summary))
    if not whole:
        return ["clock"]
    return ["hour"] if largest <= 24 and not _zero_filled(summary) else ["hhmm"] if largest <= 2400 else ["hhmmss"]


def _zero_filled(summary: ColumnSummary) -> bool:
    return any(cell.strip().startswith("0") and len(cell.strip()) == 4 for cell in sample_of(summary))


def _list_clocks(index: RowIndex, date: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the columns that may be the clock of the columns of a date, the likeliest first, with their forms."""
    names = sorted(
        (name for name in index.names if name not in date), key=lambda name: plain_name(name) not in CLOCK_NAMES
    )
    parts = {part: name for name in reversed(names) if (part := part_named(name))}
    for name in names:
        summary = index.summaries[name]
        sample = sample_of(summary)
        if not sample or (summary.kind() == "number" and plain_name(name) not in CLOCK_NAMES):
            continue
        for form in _clock_forms(summary):
            if _most_fit(sample, form):
                clock = {name: form}
                if form == "hour":
                    for part in ("minute", "second"):
                        if part in parts and in_range(index.summaries[parts[part]], part):
                            clock[parts[part]] = part
                yield clock


def _join_year(index: RowIndex) -> TimeColumns | None:
    """Join columns that have the names of a year and of parts of it."""
    parts: dict[str, str] = {}
    for name, summary in index.summaries.items():
        part = part_named(name)
        if part and part not in parts and sample_of(summary) and _most_fit(sample_of(summary), part):
            parts[part] = name
    within = next((part for part in ("month", "quarter of year", "week of year") if part in parts), None)
    if "year" not in parts or within is None:
        return None
    chosen = ["year", within]
    if within == "month":
        for part in ("day", "hour", "minute", "second"):
            if part not in parts:
                break
            chosen.append(part)
    joined = TimeColumns(tuple(parts[part] for part in chosen), tuple(chosen))
    for clock in _list_clocks(index, joined.columns) if chosen[-1] == "day" else ():
        with_clock = TimeColumns((*joined.columns, *clock), (*joined.forms, *clock.values()))
        if _divides_days(index, with_clock):
            return with_clock
    return joined


def _divides_days(index: RowIndex, joined: TimeColumns) -> bool:
    """Tell whether a clock is that of the dates: each row has a time of its own, or times have even steps."""
    rows = index.read(range(min(len(index), _ROWS_COMPARED)))
    try:
        cells = [[str(row[column]).strip() for row in rows] for column in joined.columns]
        forms = joined.forms
        times = read_parts(cells, forms, index.where)[0]
    except DataError:
        return True  # so that reading names the row
    dates = times.astype("datetime64[D]")
    different, days = np.unique(times), np.unique(dates)
    if len(different) == len(days):
        return False
    if count_uneven(different) <= _MOST_UNEVEN * len(different):
        return True
    return len(different) == len(times) and not _identifies(index, rows, dates, joined.columns)


def _identifies(index: RowIndex, rows: Sequence[Mapping[str, Any]], dates: Moments, used: Sequence[str]) -> bool:
    """Tell whether a column of texts makes dates unique, so that they are those of several series."""
    for column, summary in index.summaries.items():
        if column not in used and summary.repeats and not is_part(summary) and summary.kind() in ("category", "text"):
            pairs = {(date, str(row[column])) for date, row in zip(dates.tolist(), rows, strict=True)}
            if len(pairs) == len(rows):
                return True
    return False


def _refuse_unreadable(index: RowIndex) -> None:
    """Refuse a column that is called a time, or that is one in several forms."""
    for column, summary in index.summaries.items():
        sample = sample_of(summary)
        if not sample or summary.kind() in ("series", "labels", "object"):
            continue
        if summary.kind() == "number":
            if summary.name.lower() in NEVER_VALUES:
                raise _unreadable(index, column)
            continue
        written = [form for form in FORMS if form not in NUMERIC]
        known = sum(any(count_fitting([cell.strip()], form) for form in written) for cell in sample)
        if summary.name.lower() in NEVER_VALUES or (known > 0.9 * len(sample) and len(sample) > 1):
            raise _unreadable(index, column)


def _unreadable(index: RowIndex, column: str, what: str = "no time that is understood") -> DataError:
    """Return the error of a column that is no time: it names the first cell, and the first of another form."""
    first: tuple[int, str, str] | None = None
    for row, cells in enumerate(index.cells(range(len(index)))):
        cell = str(cells[index.names.index(column)]).strip()
        if not cell:
            continue
        form = next((form for form in FORMS if form not in NUMERIC and count_fitting([cell], form)), "")
        if first is None:
            first = row, cell, form
        elif form != first[2]:
            return DataError(
                f"{index.where(row)}, column {column}: {cell[:40]!r} has another form than {first[1][:40]!r} in "
                f"{index.where(first[0])}. Write all times in one form, such as 2024-01-31 13:00."
            )
        if row > _ROWS_COMPARED * 50:
            break
    if first is None:
        return DataError(f"{index.where(0)}, column {column}: the column is empty, and times are expected. {_ADVICE}")
    row, cell, _ = first
    if fits_part(cell, "clock") and index.summaries[column].kind() != "number":
        what = "a clock without a date"
        return DataError(
            f"{index.where(row)}, column {column}: {cell[:40]!r} is {what}. Add a column of dates, and name both as "
            f"--time DATE,{column}; --time '' counts rows instead."
        )
    return DataError(f"{index.where(row)}, column {column}: {cell[:40]!r} is {what}. {_ADVICE}")


def _choose_order(index: RowIndex, chosen: TimeColumns, number: int, frequency: Frequency | None) -> str:
    """Choose between reading 1/2 as a day of February and of January by which gives even steps."""
    rows = index.read(range(min(len(index), _SAMPLE)))
    cells = [[str(row[column]).strip() for row in rows] for column in chosen.columns]
    uneven = {}
    for form in ("day first", "month first"):
        forms = (*chosen.forms[:number], form, *chosen.forms[number + 1 :])
        times = np.unique(TimeColumns(chosen.columns, forms).read(cells, index)[0])
        uneven[form] = count_uneven(times, frequency)
    if uneven["day first"] == uneven["month first"]:
        raise DataError(
            f"{index.where(0)}, column {chosen.columns[number]}: {cells[number][0]} may begin with a day or with a "
            "month. Write times such as 2024-01-31."
        )
    return min(uneven, key=lambda form: uneven[form])


def count_uneven(times: Moments, frequency: Frequency | None = None) -> int:
    """Count the missing steps between times, and the times that are off the grid of steps."""
    frequency = frequency or infer_frequency([times])
    if frequency is None:
        return 0
    steps = frequency.positions(times, times[0])
    return int((steps < 0).sum() + steps.max() + 1 - len(steps))


def _any_clock(summary: ColumnSummary, form: str) -> bool:
    return any(has_clock(cell, form) for cell in sample_of(summary))
