"""Read long tables: the rows that share an `id` are the steps of one series, in the order of the rows.

Rows of several series may be mixed. The target of a series stands in each of its rows.
"""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.dataset import Columns, Example
from elman.data.examples.choosing import SERIES
from elman.data.examples.rows import read_group, read_number, read_target
from elman.data.tables.row_index import RowIndex
from elman.errors import DataError


class LongTable:
    """Give the series of tables as examples; see :class:`elman.data.Dataset`.

    Memory holds 16 bytes a row more than a table of single rows, and the names of the series.

    Attributes:
        series: their names, in the order of the examples.

    Raises:
        DataError: a row names no series, or the target of a series is not the same in all of its rows.
    """

    def __init__(self, name: str, index: RowIndex, columns: Columns, notes: Sequence[str]):
        self.name, self.columns, self.notes = name, columns, list(notes)
        self._index = index
        self.series, codes = self._name_rows()
        # Stable, so that the rows of a series stay in their order.
        self._order = np.argsort(codes, kind="stable")
        lengths = np.bincount(codes)
        self._ends = np.cumsum(lengths)
        self.notes.append(f"{len(lengths):,} series of {lengths.min():,} to {lengths.max():,} steps.")

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int, /) -> Example:
        at = range(len(self))[index]
        rows = self._order[self._ends[at - 1] if at else 0 : self._ends[at]].tolist()
        cells = self._index.read(rows)
        steps = read_steps(cells, self.columns, [self._index.where(row) for row in rows])
        where = f"{self._index.where(rows[0])} ({self.columns.id} {self.series[at]})"
        return Example(
            {SERIES: steps}, read_target(cells[0], self.columns, where), where, read_group(cells[0], self.columns)
        )

    def _name_rows(self) -> tuple[list[str], NDArray[np.int64]]:
        """Return the series in the order of their first rows, and the number of the series of each row."""
        assert self.columns.id is not None
        firsts: dict[str, tuple[int, int, Any]] = {}
        codes = array("q")
        for row, cells in enumerate(self._index.rows()):
            series = str(cells[self.columns.id]).strip()
            if not series:
                raise DataError(f"{self._index.where(row)}: {self.columns.id} is empty. Name the series of the row.")
            target = cells[self.columns.target] if self.columns.target else None
            code, first, expected = firsts.setdefault(series, (len(firsts), row, target))
            if target != expected:
                raise DataError(
                    f"{self._index.where(row)}: the target {self.columns.target} of {self.columns.id} {series} is "
                    f"{str(target)[:40]!r}, and {str(expected)[:40]!r} in line "
                    f"{self._index.where(first).rpartition(' ')[2]}. Give a series one target; if every row is an "
                    "example of its own, say so with an empty id."
                )
            codes.append(code)
        return list(firsts), np.frombuffer(codes, np.int64)


def read_steps(rows: Sequence[Mapping[str, Any]], columns: Columns, where: Sequence[str]) -> NDArray[np.float32]:
    """Turn rows into the steps of one series.

    Args:
        rows: the cells of each, by column.
        columns: their `names` are the numbers of a step.
        where: names each row in messages.

    Returns:
        (T, D), NaN where a number is missing.

    Raises:
        DataError: a cell is no number.
    """
    steps = [
        [read_number(cells[name], f"{place}, column {name}:") for name in columns.names]
        for cells, place in zip(rows, where, strict=True)
    ]
    return np.array(steps, np.float32)
