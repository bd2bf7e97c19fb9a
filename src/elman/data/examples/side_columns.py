"""Choose the columns of side inputs, and read them from the rows of a series; see :mod:`elman.data.examples.sides`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.dataset import Columns, SideColumn
from elman.data.examples.rows import read_number
from elman.data.examples.sides import read_sides
from elman.data.series.timestamps import MINUTE, NUMBERS, NUMERIC, count_fitting, guess_form, is_ambiguous, read_times
from elman.data.tables.kinds import MISSING_NUMBERS, ColumnSummary
from elman.data.tables.numbers import PLAIN, as_numbers
from elman.errors import DataError
from elman.phrases import name_some
from elman.sides import GAPS, SideSource

TIME_NAMES = ["t", "time", "times", "timestamp", "timestamps", "date", "datetime", "clock"]
"""Usual names of a column of times, where none is named."""

_SAMPLE = 500


def choose_side_columns(
    sources: Mapping[str, SideSource],
    summaries: Mapping[str, ColumnSummary],
    name: str,
    where: Callable[[int], str],
) -> dict[str, SideColumn]:
    """Return the column of each side input that steps carry.

    Args:
        sources: of the side inputs, each with a column.
        summaries: of the columns of a table that may be it.
        name: of the table, for messages.
        where: returns the place of a row for messages.

    Raises:
        DataError: there is no such column, it holds text, or none or several may hold the times.
    """
    chosen = {}
    for side, source in sources.items():
        column = choose_column(side, source, list(summaries), name)
        summary = summaries[column]
        form = _form_of_times(summary, name) if source.gaps else ""
        if not form and summary.kind() != "number":
            row, cell = next(iter(summary.odd), (0, ""))
            raise DataError(
                f"{where(row)}, column {column} is {str(cell)[:40]!r}, and the side input {side} needs "
                f"{'times or ' * source.gaps}numbers. Name another column."
            )
        chosen[side] = SideColumn(column, source.gaps, form)
    return chosen


def choose_side_lists(sources: Mapping[str, SideSource], names: Sequence[str], where: str) -> dict[str, SideColumn]:
    """Return the column, or array, of each side input, which has the numbers of all steps of an example.

    Raises:
        DataError: as :func:`choose_column`.
    """
    return {
        side: SideColumn(choose_column(side, source, names, where), source.gaps) for side, source in sources.items()
    }


def choose_column(side: str, source: SideSource, names: Sequence[str], where: str) -> str:
    """Return the name of the column of a side input: as it was given, or the one that is usual for times.

    Args:
        side: the name of the side input.
        source: of it.
        names: of the columns, or arrays, that may be it.
        where: names the data.

    Raises:
        DataError: there is no such column, or none or several may hold the times.
    """
    if source.column:
        if source.column not in names:
            raise DataError(
                f"{where} has no column {source.column} that the side input {side} could be. It has: "
                f"{name_some(names)}."
            )
        return source.column
    found = [name for name in names if name.lower() in TIME_NAMES]
    if len(found) != 1:
        which = f"several may be it: {name_some(found)}" if found else f"there are {name_some(names)}"
        raise DataError(f"{where}: {side}={GAPS} needs a column of times, and {which}. Name it: {side}={GAPS}:COLUMN.")
    return found[0]


def _form_of_times(summary: ColumnSummary, name: str) -> str:
    """Return the form of timestamps; an empty text where times are numbers, or the column holds neither."""
    cells = sorted(cell.strip() for cell in summary.distinct if cell.strip() not in MISSING_NUMBERS)
    cells = cells[:: len(cells) // _SAMPLE + 1]
    form = guess_form(cells, named=True) if cells else None
    if form is None or form in (*NUMBERS, "year") or (form in NUMERIC and count_fitting(cells, form) < len(cells)):
        return ""
    if form in ("day first", "month first") and is_ambiguous(cells):
        raise DataError(
            f"{name}, column {summary.name}: day and month cannot be told apart in {cells[0]!r} and all others. Write "
            "2024-01-31."
        )
    return form


def refuse_sides(sources: Mapping[str, SideSource], why: str) -> None:
    """Refuse side inputs that steps would carry, where there is nothing to read them from.

    Raises:
        DataError: there are some.
    """
    for side, source in sources.items():
        raise DataError(f"{side}={source} is a number for each step of a series, and {why}. Give {side}=1, or series.")


def describe_sides(sides: Mapping[str, SideColumn]) -> list[str]:
    """Say where side inputs come from, a sentence each."""
    return [
        f"{name} is the time since the step before, by the column {side.column}"
        f"{', in seconds' if side.form else ''}; it is 0 at the first step."
        if side.gaps
        else f"{name} is the column {side.column}, as it is."
        for name, side in sorted(sides.items())
    ]


def read_side_cells(
    columns: Columns, cells: Mapping[str, Sequence[Any]], where: Callable[[int], str]
) -> NDArray[np.float32]:
    """Turn the cells of the rows of one series into what its steps carry, (T, S).

    Args:
        columns: the side inputs.
        cells: of the T rows, by column.
        where: names a row by its place among them.

    Raises:
        DataError: as :func:`read_sides`; or a cell is no number, or no time of the form of its column.
    """
    values: dict[str, Any] = {}
    for side in columns.sides.values():
        own = cells[side.column]

        def place(at: int, column: str = side.column) -> str:
            return f"{where(at)}, column {column}:"

        if side.form:
            times, offsets = read_times([str(cell) for cell in own], side.form, place)
            values[side.column] = times if offsets is None else times - (offsets * MINUTE).astype("timedelta64[us]")
            continue
        dialect = columns.numbers.get(side.column, PLAIN)
        is_plain = dialect.decimal != "," and not dialect.unit
        numbers = as_numbers(own) if is_plain else None
        if numbers is None:
            numbers = np.array([read_number(str(cell), place(at), dialect) for at, cell in enumerate(own)])
        values[side.column] = numbers
    return read_sides(columns, values, where)
