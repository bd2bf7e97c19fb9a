r"""Read rows as they arrive, from a file or from standard input, for a model that answers each.

What arrives is looked at once: JSON lines begin with a brace; a first line that names the inputs is the header of a
table; for a model with one input every other line is an example by itself.

>>> import io
>>> rows = RowStream(io.BytesIO(b"no,text\n1,so good\n"), "standard input", Columns({"text": "text"}))
>>> [(row.cells, row.example.values) for row in rows]
[({'no': '1', 'text': 'so good'}, {'text': 'so good'})]
>>> [row.cells for row in RowStream(io.BytesIO(b"so good\nso bad\n"), "standard input", Columns({"text": "text"}))]
[{'text': 'so good'}, {'text': 'so bad'}]
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from elman.data.cells import read_example
from elman.data.choosing import Asked
from elman.data.dataset import Columns, Example
from elman.data.records import read_records
from elman.data.row_index import DELIMITERS, choose_delimiter, read_header
from elman.data.text import decode
from elman.errors import DataError


class Row(NamedTuple):
    """Hold one row as it stands there, by column, and as an example."""

    cells: dict[str, Any]
    example: Example


class RowStream:
    """Give the rows of a file that need not have an end; the target is not read.

    Args:
        file: what is read.
        name: what messages call it.
        columns: those of the model.
        path: the file's, whose suffix tells its form; None for standard input.

    Attributes:
        delimiter: what stands between the cells of a row; None for JSON lines.

    Raises:
        DataError: there is nothing, or no header with the model's inputs; on iterating, a row cannot be read.
    """

    def __init__(self, file: BinaryIO, name: str, columns: Columns, path: Path | None = None) -> None:
        self._name = name
        self._columns = replace(columns, target=None, group=None)
        self._folder = Path() if path is None else path.parent
        first = file.readline()
        if not first:
            raise DataError(f"{name} is empty. Give it a row to answer.")
        self._file = _Again(first, file)
        if path is None:
            self.delimiter = None if first.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") else ","
        else:
            self.delimiter = DELIMITERS[path.suffix.lower()]
        if self.delimiter is not None:
            self.delimiter = choose_delimiter(first, self.delimiter)
        self._plain = path is None and self.delimiter is not None and self._names_no_input(first)

    def __iter__(self) -> Iterator[Row]:
        if self._plain:
            return self._read_lines()
        return self._read_objects() if self.delimiter is None else self._read_table(self.delimiter)

    def _names_no_input(self, first: bytes) -> bool:
        """Say whether the first line is an example already; only a model with one input can read that."""
        inputs = self._columns.inputs
        cells = [cell.strip().strip('"') for cell in decode(first, self._name).split(self.delimiter)]
        return len(inputs) == 1 and not set(inputs) & set(cells)

    def _read_lines(self) -> Iterator[Row]:
        (column,) = self._columns.inputs
        self.delimiter = ","
        number = 0
        while raw := self._file.readline():
            number += 1
            where = f"{self._name} line {number}"
            cells = {column: decode(raw, where).rstrip("\n")}
            if cells[column].strip():
                yield Row(cells, read_example(cells, self._columns, self._folder, where))

    def _read_table(self, delimiter: str) -> Iterator[Row]:
        names: list[str] = []
        records = read_records(cast("BinaryIO", self._file), self._name, delimiter, names)
        names += read_header(next(records, None), self._name)
        for column in self._columns.inputs:
            Asked().find(column, names, self._name)
        for record in records:
            cells = dict(zip(names, record.cells, strict=True))
            yield Row(cells, self._read(cells, record.line))

    def _read_objects(self) -> Iterator[Row]:
        names: list[str] = []
        for record in read_records(cast("BinaryIO", self._file), self._name, None, names):
            written: dict[str, Any] = json.loads(self._file.last)
            cells = dict(zip(names, record.cells, strict=False))
            for column in self._columns.inputs:
                Asked().find(column, list(written), f"{self._name} line {record.line}")
            yield Row(written, self._read(cells, record.line))

    def _read(self, cells: dict[str, Any], line: int) -> Example:
        return read_example(cells, self._columns, self._folder, f"{self._name} line {line}")


class _Again:
    """Give the line that was looked at once more, then the others; remember the last."""

    def __init__(self, first: bytes, file: BinaryIO) -> None:
        self.last = b""
        self._first, self._file = first, file

    def readline(self, most: int = -1) -> bytes:
        self.last, self._first = self._first or self._file.readline(most), b""
        return self.last
