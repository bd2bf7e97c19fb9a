r"""Read tables: CSV, TSV and JSON lines, a row an example, or the rows of one `id` an example.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     file = Path(folder, "iris.csv")
...     _ = file.write_text("width,colour,label\n1.5,blue,a\n,red,b\n2,blue,a\n3,red,b\n")
...     iris = open_table([file])
...     iris.columns.inputs, iris[1].values, iris.notes[-1]
({'width': 'number', 'colour': 'category'}, {'width': nan, 'colour': 'red'}, 'Missing values: width 1.')
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from elman.data.dataset import Columns, Dataset, Example
from elman.data.examples.choosing import (
    NOTHING_REQUESTED,
    ColumnChoice,
    RequestedColumns,
    check_input,
    check_target,
    find_column,
)
from elman.data.examples.long_table import LongTable
from elman.data.examples.rows import read_example
from elman.data.files import name_files
from elman.data.tables.dialects import check_dialect, stored_dialects
from elman.data.tables.numbers import PLAIN
from elman.data.tables.row_index import RowIndex


class Table:
    """The rows of tables as examples; see :class:`elman.data.Dataset`."""

    def __init__(self, name: str, index: RowIndex, columns: Columns, notes: Sequence[str]):
        self.name, self.columns, self.notes = name, columns, notes
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    @property
    def names(self) -> Sequence[str]:
        """The names of all columns of the tables."""
        return self._index.names

    def __getitem__(self, index: int, /) -> Example:
        [example] = self.read([range(len(self))[index]])
        return example

    def read(self, indices: Sequence[int]) -> Iterator[Example]:
        """Read rows one after the other; consecutive ones are read together."""
        names = self._index.names
        for row, cells in zip(indices, self._index.cells(indices), strict=True):
            by_name = dict(zip(names, cells, strict=True))
            yield read_example(by_name, self.columns, self._index.folder(row), self._index.where(row))

    def read_texts(self) -> Iterator[tuple[list[list[str]], list[str], list[str | None]]] | None:
        """Read all rows by columns, some at a time, if they are texts with a class, which need no conversion.

        Returns:
            The texts of each input, the classes and the groups of some rows at a time; None for other kinds of columns.
        """
        columns, texts = self.columns, len(self.columns.inputs)
        are_texts = set(columns.inputs.values()) == {"text"} and self._index.holds_text
        if not are_texts or columns.target is None or columns.target_kind != "category":
            return None
        wanted = [*columns.inputs, columns.target, *([columns.group] if columns.group else [])]
        return (
            (
                cells[:texts],
                [cell.strip() for cell in cells[texts]],
                [cell.strip() or None for cell in cells[-1]] if columns.group else [None] * len(cells[0]),
            )
            for cells in self._index.columns(wanted)
        )

    def where(self, index: int) -> str:
        """Return the place of a row for messages."""
        return self._index.where(index)


def open_table(
    paths: Sequence[Path], requested: RequestedColumns = NOTHING_REQUESTED, like: Columns | None = None
) -> Dataset:
    """Open one or several tables with the same columns.

    Args:
        paths: see :class:`elman.data.tables.row_index.RowIndex`.
        requested: the columns that were named.
        like: the columns that a model was trained with; nothing is inferred then, and the target may be absent.

    Raises:
        DataError: a table cannot be read, or columns are missing or of another kind.
    """
    index = RowIndex(paths)
    name = name_files(paths, "tables")
    notes = index.notes
    if like:
        columns = follow(like, index, name)
        if like.target and not columns.target:
            notes.append(f"{name} has no target {like.target}.")
    else:
        choice = ColumnChoice(index.summaries, name, requested, index.where)
        columns = choice.columns
        notes += choice.notes
    if columns.id is None:
        return Table(name, index, columns, notes)
    return LongTable(name, index, columns, notes)


def follow(like: Columns, index: RowIndex, name: str) -> Columns:
    """Return the columns of a model that this table has: the target and the group may be absent.

    Raises:
        DataError: an input is absent or of another kind, or the target is missing in some rows.
    """
    summaries = index.summaries
    for column in (*like.needed, *([like.id] if like.id is not None else [])):
        find_column(column, summaries, name)
    numbers = {}
    timed = {side.column for side in like.sides.values() if side.form}
    steps = dict.fromkeys([name for name in like.needed if name not in timed], "number")
    for column, kind in steps.items() if like.id is not None else like.inputs.items():
        check_input(summaries[column], kind, index.where)
        if kind == "number":
            numbers[column] = check_dialect(summaries[column], like.numbers.get(column, PLAIN), index.where)
    target = like.target
    if target is None or target not in summaries or summaries[target].empty == len(index):
        target = None
    else:
        check_target(summaries[target], like.target_kind or "category", index.where)
        if like.target_kind == "number":
            numbers[target] = check_dialect(summaries[target], like.numbers.get(target, PLAIN), index.where)
    group = like.group if like.group in summaries else None
    return replace(like, target=target, group=group, numbers=stored_dialects(numbers))
