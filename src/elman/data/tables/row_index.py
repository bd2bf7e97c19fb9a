"""An index of the rows of one or several tables, so that any row can be read on its own.

Memory holds 16 bytes a row, and a :class:`elman.data.tables.kinds.ColumnSummary` of each column.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from elman.data.encodings import LOOKED_AT, refuse_other_files
from elman.data.files import head_of, size_of
from elman.data.held import HeldFile
from elman.data.tables.blocks import BYTES_AT_ONCE, RowBlock, read_blocks, split_block
from elman.data.tables.header import (
    DELIMITERS,
    DOUBTED,
    NAMES_OF_DELIMITERS,
    choose_delimiter,
    doubt_header,
    read_header,
)
from elman.data.tables.kinds import ColumnSummary
from elman.data.tables.records import read_records
from elman.data.tables.swallowed import SwallowedRows
from elman.errors import DataError

_ROWS_AT_ONCE = 4096
_BYTES_AT_ONCE = 2**22


class RowIndex:
    """The places of all rows of some files of one form.

    Args:
        paths: `.csv`, `.tsv`, `.tab`, `.jsonl` or `.ndjson`, all with the same columns.
        forms: the usual delimiter by suffix, None for JSON lines.

    Attributes:
        names: of the columns.
        summaries: what each holds.
        notes: sentences about the form, for the user.
        unnamed: columns at the end of the header that have no name there; they are empty.

    Raises:
        DataError: see :func:`elman.data.tables.records.read_records`; a header is not one, a file has no rows, or the
            headers differ.
    """

    def __init__(self, paths: Sequence[Path], forms: Mapping[str, str | None] = DELIMITERS):
        self.names: list[str] = []
        self.summaries: dict[str, ColumnSummary] = {}
        self.notes: list[str] = []
        self.unnamed: set[str] = set()
        self._forms = forms
        self._paths, self._folders = list(paths), [path.parent for path in paths]
        self._names = [str(path) for path in paths]
        self._delimiters: list[str | None] = []
        self._offsets, self._lines = array("q"), array("q")
        self._starts: list[int] = []
        self._ends: list[int] = []
        for path in paths:
            self._starts.append(len(self))
            self._scan(path)
            if len(self) == self._starts[-1]:
                raise DataError(f"{path} has {'a header' if self.names else 'blank lines'} and no row. Add rows to it.")

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def holds_text(self) -> bool:
        """Whether every cell is text, as in all forms but JSON."""
        return None not in self._delimiters

    def where(self, row: int) -> str:
        """Return the place of a row for messages: its file and line, or row."""
        file = self._file(row)
        path = self._paths[file]
        if isinstance(path, HeldFile) and path.place is not None:
            return path.place(row - self._starts[file])
        return f"{self._names[file]} line {self._lines[row]}"

    def folder(self, row: int) -> Path:
        """Return the folder of the table of a row."""
        return self._folders[self._file(row)]

    def read(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Read the cells of some rows, by column.

        Raises:
            DataError: a file was changed or removed.
        """
        return [dict(zip(self.names, cells, strict=True)) for cells in self.cells(rows)]

    def cells(self, rows: Iterable[int]) -> Iterator[list[Any]]:
        """Read the cells of some rows, in the order of `names`; consecutive rows are read together.

        Raises:
            DataError: a file was changed or removed.
        """
        return chain.from_iterable(self._read_runs(rows))

    def columns(self, names: Sequence[str]) -> Iterator[list[list[Any]]]:
        """Read all rows again, some at a time; yield the cells of each of the named columns."""
        places = [self.names.index(name) for name in names]
        for some in self._read_runs(range(len(self))):
            yield [[cells[place] for cells in some] for place in places]

    def _read_runs(self, rows: Iterable[int]) -> Iterator[list[list[Any]]]:
        opened: tuple[int, BinaryIO] | None = None
        with ExitStack() as stack:
            for first, behind in self._runs(rows):
                file = self._file(first)
                if opened is None or opened[0] != file:
                    stack.close()
                    size_of(self._paths[file])
                    opened = file, stack.enter_context(self._paths[file].open("rb"))
                yield self._read_run(first, behind, opened[1])

    def _runs(self, rows: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Yield the first row of each run of rows that are read together, and the row behind its last."""
        first = behind = most = -1
        for row in rows:
            if row != behind or row == most:
                if first >= 0:
                    yield first, behind
                first = row
                most = self._end_of_run(first)
            behind = row + 1
        if first >= 0:
            yield first, behind

    def _end_of_run(self, first: int) -> int:
        """Return the row behind the last one that may be read with this one: in the same file, within a bound."""
        file = self._file(first)
        ends = self._starts[file + 1] if file + 1 < len(self._starts) else len(self)
        bound = self._offsets[first] + BYTES_AT_ONCE
        return bisect_right(self._offsets, bound, first, ends)

    def _read_run(self, first: int, behind: int, stream: BinaryIO) -> list[list[Any]]:
        file = self._file(first)
        name, delimiter, names = str(self._paths[file]), self._delimiters[file], self.names
        offset, line = self._offsets[first], self._lines[first]
        stream.seek(offset)
        if behind - first > 1:
            raw = stream.read(self._end_of(behind - 1) - offset)
            block, split, _ = split_block(raw, delimiter, len(names), offset=offset, line=line)
            if split == len(raw) and np.array_equal(block.offsets, self._offsets[first:behind]):
                return block.rows
            stream.seek(offset)
        records = read_records(stream, name, delimiter, names, offset=offset, line=line)
        rows = []
        for row in range(first, behind):
            record = next(records, None)
            if record is None or record.offset != self._offsets[row]:
                raise DataError(f"{self.where(row)} is gone: the file was changed while it was read. Start again.")
            rows.append(record.cells + [""] * (len(names) - len(record.cells)))
        return rows

    def _end_of(self, row: int) -> int:
        """Return the offset of the next row of the file, or of its end."""
        file = self._file(row)
        is_last = row + 1 == len(self) or row + 1 in self._starts
        return self._ends[file] if is_last else self._offsets[row + 1]

    def _file(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1

    def _scan(self, path: Path) -> None:
        size_of(path)
        name = str(path)
        refuse_other_files(head_of(path, LOOKED_AT), name)
        with path.open("rb") as stream:
            delimiter: str | None = self._forms[path.suffix.lower()]
            offset, line = 0, 1
            if delimiter is not None:
                header = stream.readline(_BYTES_AT_ONCE)
                delimiter = choose_delimiter(header, delimiter)
                if delimiter != self._forms[path.suffix.lower()]:
                    self.notes.append(f"{path} has {NAMES_OF_DELIMITERS[delimiter]} between its columns.")
                stream.seek(0)
                records = read_records(stream, name, delimiter, [])
                record = next(records, None)
                names = read_header(record, name)
                cells = record.cells if record else []
                self.unnamed |= {name for name, cell in list(zip(names, cells, strict=True))[1:] if not cell.strip()}
                if self.names and names != self.names:
                    raise DataError(f"{path} has other columns than {self._paths[0]}. Give both the same header.")
                self.names = names
                offset, line = stream.tell(), self._line_behind_header(path, stream.tell())
            self._delimiters.append(delimiter)
            blocks = read_blocks(stream, name, delimiter, self.names, offset=offset, line=line)
            swallowed = SwallowedRows(delimiter, len(self.names))
            self._gather(map(swallowed.look_at, blocks), path.parent)
            self._ends.append(stream.tell())
            self.notes += swallowed.notes(name)
            if delimiter is not None:
                self._check_header(path, line)

    def _check_header(self, path: Path, line: int) -> None:
        unnamed = [
            name for name, summary in self.summaries.items() if name in self.unnamed and summary.kind() != "empty"
        ]
        if unnamed:
            raise DataError(f"{path} line {line - 1}: {unnamed[0]} of the header has no name. Give it one.")
        doubt = doubt_header(self.summaries)
        if doubt:
            self.notes.append(f"{path} line {line - 1} {DOUBTED}: {doubt}. If so, write a line with names above it.")

    def _line_behind_header(self, path: Path, offset: int) -> int:
        with path.open("rb") as stream:
            return stream.read(offset).count(b"\n") + 1

    def _gather(self, blocks: Iterator[RowBlock], folder: Path) -> None:
        first = len(self)
        rows: list[list[Any]] = []
        begun = 0
        for block in blocks:
            for offset, cells in zip(block.offsets.tolist(), block.rows, strict=True):
                if len(rows) == _ROWS_AT_ONCE or offset - begun > _BYTES_AT_ONCE:
                    self._look(rows, first, folder)
                    first, begun, rows = first + len(rows), offset, []
                rows.append(cells)
            self._offsets.frombytes(block.offsets.tobytes())
            self._lines.frombytes(block.lines.tobytes())
        self._look(rows, first, folder)

    def _look(self, rows: list[list[Any]], first: int, folder: Path) -> None:
        if not rows:
            return
        for at, name in enumerate(self.names):
            if name not in self.summaries:
                self.summaries[name] = ColumnSummary(name, delimiter=self._delimiters[0])
                if first:
                    # In JSON lines a column may first appear in a later line.
                    self.summaries[name].add([""] * first, 0)
            self.summaries[name].add([row[at] if at < len(row) else "" for row in rows], first, folder)
