"""Read long tables: the rows that share an `id` are the steps of one series, in the order of the rows.

Rows of several series may be mixed. Each row of a series repeats its target.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.dataset import Columns, Example
from elman.data.examples.choosing import SERIES
from elman.data.examples.rows import read_group, read_number, read_target
from elman.data.examples.side_columns import read_side_cells
from elman.data.tables.numbers import PLAIN, as_numbers
from elman.data.tables.row_index import RowIndex
from elman.errors import DataError


class LongTable:
    """The series of tables as examples; see :class:`elman.data.Dataset`.

    Memory holds 16 bytes a row more than for a table of single rows, and the names of the series.

    Attributes:
        series: their names, in the order of the examples.

    Raises:
        DataError: a row names no series, or the target of a series is not the same in all of its rows.
    """

    def __init__(self, name: str, index: RowIndex, columns: Columns, notes: Sequence[str]):
        self.name, self.columns, self.notes = name, columns, list(notes)
        self._index = index
        dialects = [columns.numbers.get(name, PLAIN) for name in columns.names]
        self._all_plain = all(dialect.decimal != "," and not dialect.unit for dialect in dialects)
        self.series, codes = self._name_rows()
        # Stable, so that the rows of a series stay in their order.
        self._order = np.argsort(codes, kind="stable")
        lengths = np.bincount(codes)
        self._ends = np.cumsum(lengths)
        self.notes.append(f"{len(lengths):,} series of {lengths.min():,} to {lengths.max():,} steps.")

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int, /) -> Example:
        [example] = self.read([index])
        return example

    def read(self, indices: Sequence[int]) -> Iterator[Example]:
        """Read series one after the other; consecutive rows of a file are read together."""
        cells = self._index.cells(row for index in indices for row in self._rows(index))
        for index in indices:
            rows = self._rows(index)
            yield self._make_example(index, rows, list(islice(cells, len(rows))))

    def where(self, index: int) -> str:
        """Return the place of a series for messages: its first row and its id."""
        at = range(len(self))[index]
        return f"{self._index.where(self._rows(at)[0])} ({self.columns.id} {self.series[at]})"

    def _rows(self, index: int) -> list[int]:
        at = range(len(self))[index]
        rows: list[int] = self._order[self._ends[at - 1] if at else 0 : self._ends[at]].tolist()
        return rows

    def _make_example(self, index: int, rows: list[int], cells: list[list[Any]]) -> Example:
        names, size = self._index.names, len(self.columns.names)
        places = [names.index(name) for name in self.columns.names]
        numbers = as_numbers([row[place] for row in cells for place in places]) if self._all_plain else None
        if numbers is None:
            by_name = [dict(zip(names, row, strict=True)) for row in cells]
            steps = read_steps(by_name, self.columns, [self._index.where(row) for row in rows])
        else:
            steps = numbers.reshape(-1, size).astype(np.float32)
        if self.columns.sides:
            own = {side.column: names.index(side.column) for side in self.columns.sides.values()}
            given = {column: [row[place] for row in cells] for column, place in own.items()}
            steps = np.hstack([steps, read_side_cells(self.columns, given, lambda at: self._index.where(rows[at]))])
        where, first = self.where(index), dict(zip(names, cells[0], strict=True))
        return Example({SERIES: steps}, read_target(first, self.columns, where), where, read_group(first, self.columns))

    def _name_rows(self) -> tuple[list[str], NDArray[np.int64]]:
        """Return the series in the order of their first rows, and the number of the series of each row."""
        assert self.columns.id is not None
        firsts: dict[str, tuple[int, int, Any]] = {}
        codes = array("q")
        target = [self.columns.target] if self.columns.target else []
        for ids, *answers in self._index.columns([self.columns.id, *target]):
            for name, answer in zip(ids, answers[0] if target else [None] * len(ids), strict=True):
                series = str(name).strip()
                if not series:
                    where = self._index.where(len(codes))
                    raise DataError(f"{where}: {self.columns.id} is empty. Name the series of the row.")
                code, first, expected = firsts.setdefault(series, (len(firsts), len(codes), answer))
                if answer != expected:
                    self._refuse_two_targets(series, len(codes), answer, first, expected)
                codes.append(code)
        return list(firsts), np.frombuffer(codes, np.int64)

    def _refuse_two_targets(self, series: str, row: int, target: Any, first: int, expected: Any) -> None:
        raise DataError(
            f"{self._index.where(row)}: the target {self.columns.target} of {self.columns.id} {series} is "
            f"{str(target)[:40]!r}, and {str(expected)[:40]!r} in line {self._index.where(first).rpartition(' ')[2]}. "
            "Give a series one target; if every row is an example of its own, say so with an empty id."
        )


def read_steps(rows: Sequence[Mapping[str, Any]], columns: Columns, where: Sequence[str]) -> NDArray[np.float32]:
    """Turn rows into the steps of one series.

    Args:
        rows: the cells of each, by column.
        columns: their `names` are the numbers of a step.
        where: the place of each row for messages.

    Returns:
        (T, D), NaN where a number is missing.

    Raises:
        DataError: a cell is no number.
    """
    steps = [
        [
            read_number(cells[name], f"{place}, column {name}:", columns.numbers.get(name, PLAIN))
            for name in columns.names
        ]
        for cells, place in zip(rows, where, strict=True)
    ]
    return np.array(steps, np.float32)
