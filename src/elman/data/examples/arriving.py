r"""Read rows as they arrive, from a pipe or a keyboard, by the columns of a model.

The first line decides between CSV (with a header), TSV and JSON lines. A model with one input also reads plain lines:
each is a text, or the name of a file. Empty lines are skipped.

>>> import io
>>> columns = Columns({"review": "text"}, target="label", target_kind="category")
>>> [example.values["review"] for example in stream_rows(io.BytesIO(b"so bad\nvery good, really\n"), columns)]
['so bad', 'very good, really']
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from elman.data.dataset import COVARIATE_KINDS, Columns, Example
from elman.data.examples.choosing import SERIES, find_column
from elman.data.examples.long_table import read_steps
from elman.data.examples.rows import read_example, read_group, read_target, read_value
from elman.data.examples.side_columns import read_side_cells
from elman.data.tables.header import DELIMITERS, TAB, choose_delimiter, read_header
from elman.data.tables.records import MOST_BYTES, read_lines, read_records
from elman.errors import DataError

NAME = "standard input"

_Row = tuple[str, Mapping[str, Any], dict[str, Any], str]
"""The place of a row, its cells by column, the same as JSON holds them, and its lines as they were written."""


class Row(NamedTuple):
    """One row that arrived, and its example.

    Attributes:
        cells: by column; of a series of rows only its id.
        example: made of them.
        written: the lines of the row as they were written, blank ones before it included; empty where the row is not a
            row of a table.
    """

    cells: dict[str, Any]
    example: Example
    written: str = ""


def stream_rows(file: BinaryIO, like: Columns) -> Iterator[Example]:
    """Read examples one by one; none waits for the next, but a series ends only where its `id` changes.

    Args:
        file: need not be seekable. Names of files in it are relative to the current folder.
        like: the columns that a model was trained with. The target may be absent.

    Raises:
        DataError: a line is no row, or lacks a column; the message names the line.
    """
    return (row.example for row in Arriving(file, like))


class Arriving:
    """Rows one by one, as they were written and as examples; see :func:`stream_rows`.

    Args:
        file: need not be seekable.
        like: the columns that a model was trained with.
        path: of the table, if it is a file: its suffix decides the form, and names of files are relative to its folder.

    Attributes:
        delimiter: between the cells of a row; None for JSON lines.
        header: the lines of the header as they were written, once a row has been read; empty where rows are not
            answered one by one.

    Raises:
        DataError: the file is empty, or a column is missing; on iteration, a row cannot be read.
    """

    def __init__(self, file: BinaryIO, like: Columns, path: Path | None = None) -> None:
        self._name, self._folder = (NAME, Path()) if path is None else (str(path), path.parent)
        self._like = like
        self._source = _Ahead(file)
        self.header = ""
        raw = self._source.first
        first = raw.decode("utf-8", "replace").removeprefix("\ufeff").strip()
        if not first:
            raise DataError(f"{self._name} is empty. Send rows to it, or name a file.")
        self.delimiter: str | None
        if path is None:
            usual = TAB if b"\t" in raw and b"," not in raw else ","
            self.delimiter = None if first.startswith("{") else choose_delimiter(raw, usual)
        else:
            known = DELIMITERS[path.suffix.lower()]
            self.delimiter = known and choose_delimiter(raw, known)
        self._rows = self._objects() if self.delimiter is None else self._choose(first, self.delimiter, path is None)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def _choose(self, first: str, delimiter: str, plain: bool) -> Iterator[Row]:
        like = self._like
        header = [cell.strip().strip('"') for cell in first.split(delimiter)]
        needed = list(like.needed)
        if plain and not set(needed) <= set(header):
            if len(needed) == 1 and not like.id and not (len(header) > 1 and like.target in header):
                self.delimiter = ","
                return self._lines()
            for column in needed:
                find_column(column, header, f"{self._name} line 1")
        return self._examples(self._cells(delimiter))

    def _lines(self) -> Iterator[Row]:
        [(column, kind)] = self._like.inputs.items()
        for line in read_lines(self._stream, self._name):
            if line.text.strip():
                where = f"{self._name} line {line.number}"
                self._source.take()
                value = read_value(kind, line.text, self._folder, where)
                yield Row({column: line.text}, Example({column: value}, None, where))

    def _objects(self) -> Iterator[Row]:
        return self._examples(self._read_objects())

    def _read_objects(self) -> Iterator[_Row]:
        names: list[str] = []
        for record in read_records(self._stream, self._name, None, names):
            cells = {name: cell for name, cell in zip(names, record.cells, strict=True) if cell != ""}
            written = self._source.take()
            yield f"{self._name} line {record.line}", cells, json.loads(written.removeprefix("\ufeff")), written

    def _cells(self, delimiter: str) -> Iterator[_Row]:
        names: list[str] = []
        for record in read_records(self._stream, self._name, delimiter, names):
            if names:
                cells = dict(zip(names, record.cells, strict=True))
                yield f"{self._name} line {record.line}", cells, cells, self._source.take()
            else:
                names += read_header(record, self._name)
                header = self._source.take()
                self.header = "" if self._like.id else header
                known = dict.fromkeys(names)
                for column in self._like.needed:
                    find_column(column, known, f"{self._name} line {record.line}")

    def _examples(self, rows: Iterator[_Row]) -> Iterator[Row]:
        like = self._like
        if like.id:
            yield from self._series(rows)
            return
        for where, cells, values, written in rows:
            # In JSON an absent key is a missing number or category; a text may not be missing.
            for column, kind in like.inputs.items():
                if column not in cells and kind not in COVARIATE_KINDS:
                    find_column(column, list(cells), where)
            for side in like.sides.values():
                find_column(side.column, list(cells), where)
            columns = _present(like, cells)
            whole = {**dict.fromkeys(like.inputs, ""), **cells}
            yield Row(values, read_example(whole, columns, self._folder, where), written)

    def _series(self, rows: Iterator[_Row]) -> Iterator[Row]:
        """Join consecutive rows with the same id; without that column all rows are one series."""
        like = self._like
        name = str(like.id)
        ended: set[str] = set()
        for series, group in groupby(rows, lambda row: str(row[1].get(name, "")).strip()):
            steps = list(group)
            where, cells, *_ = steps[0]
            if series in ended:
                raise DataError(
                    f"{where}: {name} {series} had ended before. Send the rows of a series one after another."
                )
            ended.add(series)
            columns = _present(like, cells)
            whole, places = [{**dict.fromkeys(like.needed, ""), **row} for _, row, *_ in steps], [s[0] for s in steps]
            values = read_steps(whole, like, places)
            if like.sides:
                given = {column: [row[column] for row in whole] for column in like.needed}
                values = np.hstack([values, read_side_cells(like, given, places.__getitem__)])
            named = f"{where} ({name} {series})" if series else where
            yield Row(
                {name: series},
                Example({SERIES: values}, read_target(cells, columns, where), named, read_group(cells, columns)),
            )

    @property
    def _stream(self) -> BinaryIO:
        return cast("BinaryIO", self._source)


class ArrivingTables:
    """The rows of several tables, one table after the other; see :class:`Arriving`.

    Args:
        paths: of tables with the same columns.
        like: the columns that a model was trained with.

    Attributes:
        delimiter: of the first table; None for JSON lines.
        header: of the first table, once a row has been read.
    """

    def __init__(self, paths: Sequence[Path], like: Columns) -> None:
        self.header = ""
        self._paths, self._like = paths, like
        with paths[0].open("rb") as file:
            self.delimiter = Arriving(file, like, paths[0]).delimiter

    def __iter__(self) -> Iterator[Row]:
        for number, path in enumerate(self._paths):
            with path.open("rb") as file:
                rows = Arriving(file, self._like, path)
                for row in rows:
                    if not number:
                        self.header = rows.header
                        yield row
                    elif rows.delimiter == self.delimiter:
                        yield row._replace(written=row.written.removeprefix("\ufeff"))
                    else:
                        yield row._replace(written="")


def _present(like: Columns, cells: Mapping[str, Any]) -> Columns:
    """Return the columns with the target and group that a row has."""
    target = like.target if like.target and cells.get(like.target, "") != "" else None
    return replace(like, target=target, group=like.group if like.group in cells else None)


class _Ahead:
    """The lines of a file, with access to the first that is not blank; keeps those that were read until taken."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._waiting = [file.readline(MOST_BYTES + 1)]
        while self._waiting[-1] and not self._waiting[-1].strip():
            self._waiting.append(file.readline(MOST_BYTES + 1))
        self.first = self._waiting[-1]
        self._read: list[bytes] = []

    def readline(self, size: int = -1) -> bytes:
        line = self._waiting.pop(0) if self._waiting else self._file.readline(size)
        self._read.append(line)
        return line

    def take(self) -> str:
        """Return the lines that were read since the last call."""
        text = b"".join(self._read).decode("utf-8")
        self._read.clear()
        return text
