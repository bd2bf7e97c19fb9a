"""Read tables that lie on their side: a row is a whole series, its name and then its values, step by step.

The tables of the M competitions are such, and those of countries by years. A table is taken for one on evidence: the
names of its columns are times; or they count up, V2, V3, …, and the rows have names of their own, or end early. Where
there is less evidence the user is asked.

>>> table = {"country": "category", "1999": "number", "2000": "number", "2001": "number", "2002": "number"}
>>> find_steps(list(table), table)
['1999', '2000', '2001', '2002']
>>> counts_up(["V2", "V3", "V4"]), counts_up(["V2", "V4"]), counts_up(["low", "high"])
(True, False, False)
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from elman.data.series.cells import to_numbers
from elman.data.series.choosing import RequestedRoles
from elman.data.series.frequency import Frequency, Moments
from elman.data.series.notation import TimeNotation
from elman.data.series.regularity import check_order, infer_frequency, place_on_grid
from elman.data.series.series import Numbers, Series, SeriesColumns
from elman.data.series.timestamps import NUMBERS, count_fitting, guess_form, is_ambiguous, read_times
from elman.data.tables.dialects import settle_all, stored_dialects
from elman.data.tables.numbers import PLAIN, NumberDialect
from elman.data.tables.row_index import RowIndex
from elman.errors import DataError
from elman.phrases import name_some

VALUE = "value"
"""What the cells are called, since no column is named after them."""

_FEWEST_STEPS = 4
_FEWEST_TO_ASK = 8
_COUNTED = re.compile(r"(.*?)(\d+)")
_ADVICE = "Say which with --rows series or --rows steps."


@dataclass(frozen=True)
class StepColumns:
    """The columns of a table whose rows are series.

    Attributes:
        name: the column that names the series; None where rows are numbered.
        steps: the columns of values, in the order of time.
        form: how their names are written as times, see `elman.data.series.timestamps.FORMS`; None to count them.
    """

    name: str | None
    steps: list[str]
    form: str | None

    def describe(self) -> str:
        """Say what was inferred."""
        steps = f"{len(self.steps):,} columns from {self.steps[0]} to {self.steps[-1]} are its steps"
        named = f", named by {self.name}" if self.name else ""
        return f"Each row is a series{named}: the {steps}. If a row is a step of every series, say --rows steps."

    def place(
        self, seasons: Sequence[int] | None, table: str, fill_gaps: bool
    ) -> tuple[Frequency, NDArray[np.int64], Moments | None]:
        """Return the frequency, the step of each column, and its time; None where steps are counted.

        Raises:
            DataError: the names of the columns are no times that follow each other.
        """
        if self.form is None:
            return Frequency("step", 1, 1).with_seasons(seasons or ()), np.arange(len(self.steps)), None

        def where(at: int) -> str:
            return f"{table}, the name of column {self.steps[at]}:"

        times, offsets = read_times(self.steps, self.form, where)
        if offsets is not None:
            raise DataError(f"{where(0)} the time has a UTC offset. Leave it out, or count columns with --time ''.")
        check_order(times, where, lambda at: self.steps[at])
        frequency = infer_frequency([times], seasons)
        assert frequency is not None
        return frequency, place_on_grid(times, frequency, where, lambda at: self.steps[at], fill_gaps=fill_gaps), times

    def notation(self) -> TimeNotation | None:
        """Return how the names of the columns write times."""
        return None if self.form is None else TimeNotation.learn(["time"], [self.form], [self.steps])


def choose_rows(index: RowIndex, requested: str | None, roles: RequestedRoles, *, has_time: bool) -> StepColumns | None:
    """Decide whether rows are series; return None where they are steps.

    Args:
        index: of the table.
        requested: `steps` or `series`; None to look at the table.
        roles: the columns that the user named.
        has_time: whether there is a column of times.

    Raises:
        DataError: rows may be either; or they should be series, and there are no columns of steps.
    """
    named = roles.targets or roles.past or roles.known or roles.static
    if requested == "steps" or (requested is None and (has_time or named)):
        return None
    name = roles.id[0] if roles.id else None
    kinds = {column: summary.kind() for column, summary in index.summaries.items()}
    steps = find_steps([column for column in index.names if column != name], kinds)
    if len(steps) < _FEWEST_STEPS:
        if requested is None:
            return None
        raise DataError(f"{index.where(0)}: there are no columns of numbers for the steps of a series. Add some.")
    if name is None:
        name = next((column for column in index.names if column not in steps and _names_rows(index, column)), None)
    form = None if roles.time == () else _find_form(steps)
    counts, early = counts_up(steps), _ends_early(index, steps)
    if requested or form or (counts and (name or early)):
        return StepColumns(name, steps, form)
    if len(steps) >= _FEWEST_TO_ASK and name and (early or len(steps) > 2 * len(index)):
        raise DataError(
            f"{index.where(0)}: {name} differs in each row, and {len(steps):,} columns of numbers follow "
            f"({name_some(steps)}): a row may be a series, or a step of every series. {_ADVICE}"
        )
    return None


def read_sideways(
    index: RowIndex,
    found: StepColumns,
    table: str,
    *,
    seasons: Sequence[int] | None,
    decimal: str | None,
    fill_gaps: bool,
    like: SeriesColumns | None,
    note: Callable[[str], None],
) -> tuple[SeriesColumns, list[Series], TimeNotation | None]:
    """Read each row as a series.

    Args:
        index: of the table.
        found: its columns.
        table: its name.
        seasons: steps of each season, ascending; None for the calendar's.
        decimal: see :func:`elman.data.series.opening.open_series`.
        fill_gaps: whether columns of missing times become missing values.
        like: the columns of a model.
        note: receives sentences for the user.

    Raises:
        DataError: the names of columns or the numbers cannot be read; a row has no name, or that of another.
    """
    filled = [column for column in found.steps if index.summaries[column].kind() != "empty"]
    known = None if like is None else dict.fromkeys(filled, like.numbers.get(VALUE, PLAIN))
    dialects = settle_all(index, filled, decimal, known)
    frequency, steps, times = found.place(seasons, table, fill_gaps)
    if like is None:
        note(found.describe())
        written = stored_dialects({VALUE: dialects[filled[0]]} if filled else {})
        columns = SeriesColumns(
            (VALUE,),
            frequency,
            None if times is None else "time",
            () if found.name is None else (found.name,),
            fill_gaps=fill_gaps,
            numbers=written,
            sideways=True,
        )
    else:
        columns = like
        if frequency.step != like.frequency.step:
            raise DataError(
                f"{table}: the model was trained on steps that are {like.frequency.describe()}, and these are "
                f"{frequency.describe()}. Write them as in its training data."
            )
    series = _read_rows(index, found, dialects, frequency, steps, times, note)
    return columns, series, found.notation()


def _read_rows(
    index: RowIndex,
    columns: StepColumns,
    dialects: Mapping[str, NumberDialect],
    frequency: Frequency,
    steps: NDArray[np.int64],
    times: Moments | None,
    note: Callable[[str], None],
) -> list[Series]:
    """Read each row from its first value to its last; rows without any are left out, and said."""
    values = np.full((len(index), int(steps[-1]) + 1), np.nan)
    names: list[str] = []
    wanted = [*([columns.name] if columns.name else []), *columns.steps]
    first = 0
    for cells in index.columns(wanted):
        if columns.name:
            names += [str(cell).strip() for cell in cells.pop(0)]
        for step, column, part in zip(steps, columns.steps, cells, strict=True):
            read = to_numbers(index.summaries[column], dialects.get(column), column, part)
            values[first : first + len(part), step] = read
        first += len(cells[0])
    seen: dict[str, int] = {}
    series: list[Series] = []
    empty: list[str] = []
    for row, own in enumerate(values):
        name = names[row] if names else f"row {row + 1}"
        if not name:
            raise DataError(f"{index.where(row)}: {columns.name} is empty. Name the series of the row.")
        if name in seen:
            raise DataError(f"{index.where(row)}: {name} was there before, in {index.where(seen[name])}. Rename one.")
        seen[name] = row
        [known] = np.nonzero(~np.isnan(own))
        if not len(known):
            empty.append(name)
            continue
        begin, end = int(known[0]), int(known[-1]) + 1
        start = begin if times is None else frequency.timestamps(times[0], begin + 1)[-1]
        none: Numbers = np.empty((end - begin, 0))
        where = index.where(row)
        series.append(
            Series(name, own[begin:end].copy(), int(start) if times is None else start, none, none, {}, where, where)
        )
    if empty:
        note(f"Without any value, and left out: {name_some(empty)}.")
    return series


def find_steps(names: Sequence[str], kinds: Mapping[str, str]) -> list[str]:
    """Return the longest stretch of columns of numbers, some of which may be empty."""
    longest: list[str] = []
    present: list[str] = []
    for name in names:
        present = [*present, name] if kinds[name] in ("number", "empty") else []
        if len(present) > len(longest):
            longest = present
    return longest


def counts_up(names: Sequence[str]) -> bool:
    """Tell whether names are one word and consecutive numbers."""
    found = [_COUNTED.fullmatch(name.strip()) for name in names]
    words = {match[1] for match in found if match}
    numbers = [int(match[2]) for match in found if match]
    return len(numbers) == len(names) and len(words) == 1 and all(b == a + 1 for a, b in pairwise(numbers))


def _find_form(steps: Sequence[str]) -> str | None:
    """Return the form in which the names of columns are times; None where they are none."""
    form = guess_form(steps, named=True)
    if form is None or form in NUMBERS or count_fitting(steps, form) < len(steps):
        return None
    if form in ("day first", "month first") and is_ambiguous(steps):
        raise DataError(f"The names of columns, such as {steps[0]}, may be day or month first. Write 2024-01-31.")
    return form


def _names_rows(index: RowIndex, column: str) -> bool:
    """Tell whether a column of texts differs in each row."""
    summary = index.summaries[column]
    return summary.kind() in ("text", "category", "letters") and not summary.repeats and not summary.missing


def _ends_early(index: RowIndex, steps: Sequence[str]) -> bool:
    """Tell whether some rows end before others: from a column to the next no more cells are filled."""
    missing = [index.summaries[column].missing for column in steps]
    return missing[0] == 0 < missing[-1] and all(a <= b for a, b in pairwise(missing))
