"""Choose the columns of a table of series: times, what tells series apart, what is forecast, what is known beside.

What was inferred is said in notes, one sentence each.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from elman.data.examples.choosing import SERIES_NAMES, find_column
from elman.data.examples.rows import describe_odd_number
from elman.data.series.frequency import Moments
from elman.data.series.regularity import infer_frequency
from elman.data.series.timestamps import NUMERIC, guess_form, is_ambiguous, read_times
from elman.data.tables.kinds import ColumnSummary
from elman.data.tables.row_index import RowIndex
from elman.data.text import is_number
from elman.errors import DataError
from elman.phrases import name_some

TIME_NAMES = frozenset(("t", "time", "step", "timestep", "time_step", "ds", "period", "timestamp", "date", "datetime"))
_CLOCK_NAMES = frozenset(("year", "quarter", "month", "week", "day", "hour", "minute", "second", "frame"))
VALUE_NAMES = (
    "y",
    "value",
    "values",
    "target",
    "sales",
    "demand",
    "quantity",
    "qty",
    "amount",
    "count",
    "price",
    "load",
)
ID_NAMES = (
    *SERIES_NAMES,
    "unique_id",
    "item_id",
    "item",
    "store",
    "store_id",
    "product",
    "sku",
    "key",
    "sensor",
    "name",
)
MOST_LEVELS = 50

_DECIMAL_COMMA = re.compile(r"\s*[+-]?[0-9]+,[0-9]+\s*")
_THOUSANDS = re.compile(r"\s*[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?\s*")
_CLOCK_ALONE = re.compile(r"\s*[0-9]{1,2}:[0-9]{2}(?::[0-9.]+)?\s*([AaPp]\.?[Mm]\.?)?\s*")
_SAMPLE = 500
_ROWS_COMPARED = 500
_COMES_AGAIN = 1.5  # rows at each time above which a table is long


@dataclass(frozen=True)
class SeriesAsked:
    """Hold what the caller asked for; see :func:`elman.data.series.opening.open_series`."""

    targets: tuple[str, ...] = ()
    time: str | None = None
    id: tuple[str, ...] | None = None
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    def check(self, index: RowIndex, name: str) -> None:
        """Check that every column is there, and has one part.

        Raises:
            DataError: as said.
        """
        parts = (*self.targets, self.time or "", *(self.id or ()), *self.past, *self.known, *self.static)
        for column, times in Counter(filter(None, parts)).items():
            find_column(column, index.summaries, name)
            if times > 1:
                raise DataError(f"{name}: column {column} was named for two parts. Name it for one.")


def split_names(asked: str | Sequence[str] | None, columns: Sequence[str]) -> tuple[str, ...]:
    """Split `a,b` into the names of columns, unless one is called so.

    >>> split_names("a, b", ["a", "b"]), split_names("a, b", ["a, b"])
    (('a', 'b'), ('a, b',))
    """
    if asked is None:
        return ()
    parts = [asked] if isinstance(asked, str) else asked
    names = [[part] if part in columns else part.split(",") for part in parts]
    return tuple(name.strip() for own in names for name in own if name.strip())


def choose_time(index: RowIndex, asked: str | None) -> tuple[str | None, str]:
    """Return the column of times and its form; None where rows are counted.

    Raises:
        DataError: the column that was asked for holds no times, or days cannot be told from months.
    """
    if asked == "":
        return None, ""
    found: dict[str, str] = {}
    for column in [asked] if asked else index.names:
        sample = _sample(index.summaries[column])
        form = guess_form(sample, named=asked is not None or _may_be_time(column)) if sample else None
        if form and (asked or _is_plausible(index.summaries[column], form)):
            found[column] = form
    if not found:
        if asked is None:
            return None, ""
        raise DataError(
            f"{index.where(0)}, column {asked}: {_first(index, asked)[:40]!r} is no time that is understood. Write "
            "times such as 2024-01-31 or 2024-01-31 13:00."
        )
    # Written dates before numbers.
    column = min(found, key=lambda column: found[column] in NUMERIC)
    form = found[column]
    if form in ("day first", "month first") and is_ambiguous(_sample(index.summaries[column])):
        form = _choose_order(index, column)
    return column, form


def choose_id(
    index: RowIndex, times: Moments | None, columns: Mapping[str, Sequence[str]], asked: SeriesAsked
) -> tuple[tuple[str, ...], str]:
    """Return the columns that tell series apart, and a note of how they were found; none for a wide table.

    Args:
        index: of the table.
        times: of each row; None where rows are counted.
        columns: the cells of the columns of `candidates`.
        asked: what the caller asked for.
    """
    if asked.id is not None:
        return asked.id, ""
    if times is None:
        named = next((name for name in columns if name.lower() in ID_NAMES and index.summaries[name].repeats), None)
        return ((named,), f"Rows with the same {named} form one series.") if named else ((), "")
    different = len(np.unique(times))
    if different == len(times):
        return (), ""
    ordered = sorted(columns, key=lambda name: name.lower() not in ID_NAMES)
    named_ones = [name for name in ordered if name.lower() in ID_NAMES]
    long = len(times) >= _COMES_AGAIN * different
    for found in [(name,) for name in (ordered if long else named_ones)] + (
        list(combinations(ordered, 2)) if long else []
    ):
        groups = group_rows([columns[name] for name in found])[1]
        pairs = np.unique(np.stack([groups, times.astype(np.int64)]), axis=1).shape[1]
        if pairs == len(times) and 2 * (groups.max() + 1) <= len(times):
            return found, f"Rows with the same {' and '.join(found)} form one series, because times come again."
    return (), ""


def candidates(index: RowIndex, time: str | None, asked: SeriesAsked) -> list[str]:
    """Name the columns that may tell series apart: texts, and numbers that are called so."""
    if asked.id is not None:
        return list(asked.id)
    taken = {time, *asked.targets, *asked.past, *asked.known, *asked.static}
    kinds = ("category", "text", "letters")
    return [
        name
        for name, seen in index.summaries.items()
        if name not in taken
        and seen.repeats
        and (seen.kind() in kinds or name.lower() in ID_NAMES)
        and not all(map(_CLOCK_ALONE.fullmatch, _sample(seen)))
    ]


def choose_targets(
    index: RowIndex, asked: SeriesAsked, time: str | None, id: Sequence[str], name: str
) -> tuple[tuple[str, ...], str]:
    """Return the columns to forecast, and a note.

    Args:
        index: of the table.
        asked: what the caller asked for.
        time: the column of times.
        id: the columns that tell series apart; none for a wide table.
        name: of the table.

    Raises:
        DataError: there is none, or several of a long table.
    """
    if asked.targets:
        return asked.targets, ""
    taken = {time, *id, *asked.past, *asked.known, *asked.static}
    numbers = [
        column
        for column, seen in index.summaries.items()
        if column not in taken and seen.kind() == "number" and not seen.counts_up()
    ]
    if not numbers:
        for column, seen in index.summaries.items():
            if column not in taken and seen.first_odd and _has_comma(seen.first_odd[1]):
                check_numbers(seen, index.where)
        raise DataError(
            f"{name} has no column of numbers to forecast: {name_some(index.names)}. Add one, or name it with --target."
        )
    if id:
        lower = {column.lower(): column for column in reversed(numbers)}
        found = next((lower[usual] for usual in VALUE_NAMES if usual in lower), numbers[0])
        if len(numbers) > 1 and found.lower() not in VALUE_NAMES:
            raise DataError(f"{name} has several columns of numbers: {name_some(numbers)}. Name one with --target.")
        numbers = [found]
    constant = [column for column in numbers if _is_constant(index.summaries[column])]
    left_out = frozenset(constant)
    varying = [column for column in numbers if column not in left_out]
    note = f"Left out, because its value never changes: {name_some(constant)}." if constant and varying else ""
    return tuple(varying or numbers), note


def choose_levels(index: RowIndex, columns: Sequence[str], name: str) -> dict[str, tuple[str, ...]]:
    """Return the values of covariates that are text.

    Raises:
        DataError: one has too many, or holds lists.
    """
    levels = {}
    for column in columns:
        seen = index.summaries[column]
        if seen.kind() in ("number", "empty"):
            continue
        if seen.kind() in ("series", "labels", "object"):
            raise DataError(f"{name}: column {column} holds lists or objects. Write numbers or short texts.")
        found = sorted({text.strip() for text in seen.distinct} - {""})
        if seen.many or len(found) > MOST_LEVELS:
            raise DataError(
                f"{name}: the covariate {column} has more than {MOST_LEVELS} different texts. Write numbers, or fewer "
                "kinds."
            )
        levels[column] = tuple(found)
    return levels


def check_numbers(seen: ColumnSummary, where: Callable[[int], str]) -> None:
    """Check that a column holds numbers.

    Raises:
        DataError: a cell is text, or all are empty; the message names the first.
    """
    if seen.first_odd:
        row, cell = seen.first_odd
        place = f"{where(row)}, column {seen.name}:"
        if _THOUSANDS.fullmatch(str(cell)):
            raise DataError(f"{place} {cell} has commas. Write {str(cell).strip().replace(',', '')} without them.")
        if _DECIMAL_COMMA.fullmatch(str(cell)):
            raise DataError(f"{place} {cell} has a decimal comma. Write {str(cell).strip().replace(',', '.')}.")
        raise DataError(describe_odd_number(cell, place))
    if seen.missing == seen.rows:
        raise DataError(f"{where(0)}, column {seen.name}: the column has no number. Name another one.")


def group_rows(columns: Sequence[Sequence[str]]) -> tuple[list[tuple[str, ...]], NDArray[np.int64]]:
    """Number rows by what stands in some columns.

    Returns:
        The groups in the order of their first rows, and the number of each row.
    """
    numbers: dict[tuple[str, ...], int] = {}
    codes = [numbers.setdefault(cells, len(numbers)) for cells in zip(*columns, strict=True)]
    return list(numbers), np.array(codes, np.int64)


def _sample(seen: ColumnSummary) -> list[str]:
    cells = sorted(cell for cell in seen.distinct if cell.strip())
    return cells[:: max(1, len(cells) // _SAMPLE)]


def _first(index: RowIndex, column: str) -> str:
    return str(index.read([0])[0][column])


def _may_be_time(column: str) -> bool:
    return column.lower() in TIME_NAMES | _CLOCK_NAMES


def _is_plausible(seen: ColumnSummary, form: str) -> bool:
    """Say whether a column that nobody named holds the times of rows, and not a part of them, such as the hour."""
    if seen.kind() == "number" and form not in NUMERIC:
        return False
    return form != "count" or seen.name.lower() in TIME_NAMES or seen.counts_up()


def _choose_order(index: RowIndex, column: str) -> str:
    """Choose between 1/2 as a day of February and of January by what makes even steps."""
    rows = range(min(len(index), _ROWS_COMPARED))
    cells = [str(row[column]) for row in index.read(rows)]
    uneven = {}
    for form in ("day first", "month first"):
        times = np.unique(read_times(cells, form, lambda at: f"{index.where(at)}, column {column}:")[0])
        uneven[form] = _count_uneven(times)
    if uneven["day first"] == uneven["month first"]:
        raise DataError(
            f"{index.where(0)}, column {column}: {cells[0]} may begin with a day or with a month. Write times such as "
            "2024-01-31."
        )
    return min(uneven, key=lambda form: uneven[form])


def _count_uneven(times: Moments) -> int:
    """Count the steps that are missing between times, and the times that are on no step."""
    frequency = infer_frequency([times])
    if frequency is None:
        return 0
    steps = frequency.positions(times, times[0])
    return int((steps < 0).sum() + steps.max() + 1 - len(steps))


def _has_comma(cell: object) -> bool:
    return any(pattern.fullmatch(str(cell)) for pattern in (_DECIMAL_COMMA, _THOUSANDS))


def _is_constant(seen: ColumnSummary) -> bool:
    return not seen.many and len({float(cell) for cell in seen.distinct if is_number(cell)}) < 2
