r"""Read rows as they arrive, from a pipe or a keyboard, as the model's columns say.

CSV (with a header), TSV and JSON lines are told apart by the first line. For a model with one input, plain lines
will do: each is a text, or the name of a file. Empty lines are skipped.

>>> import io
>>> columns = Columns({"review": "text"}, target="label", target_kind="category")
>>> [example.values["review"] for example in stream_rows(io.BytesIO(b"so bad\nvery good, really\n"), columns)]
['so bad', 'very good, really']
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, cast

from elman.data.cells import read_example, read_group, read_target, read_value
from elman.data.choosing import SERIES, Asked
from elman.data.dataset import Columns, Example
from elman.data.long_tables import read_steps
from elman.data.records import MOST_BYTES, read_lines, read_records
from elman.data.row_index import TAB, choose_delimiter, read_header
from elman.errors import DataError

NAME = "standard input"

_Row = tuple[str, Mapping[str, Any]]
"""Where a row stands, and its cells by column."""


def stream_rows(file: BinaryIO, like: Columns) -> Iterator[Example]:
    """Read examples one by one; none waits for the next, but a series ends where its `id` changes.

    Args:
        file: need not be seekable. Names of files in it begin in the current folder.
        like: the columns that a model was trained with. The target may be absent.

    Raises:
        DataError: what arrives is no row, or lacks a column; the message names the line.
    """
    source = _Ahead(file)
    first = source.first.decode("utf-8", "replace").removeprefix("\ufeff").strip()
    if not first:
        raise DataError(f"{NAME} is empty. Send rows to it, or name a file.")
    stream = cast("BinaryIO", source)
    if first.startswith("{"):
        yield from _examples(_from_objects(stream), like)
        return
    delimiter = choose_delimiter(source.first, TAB if b"\t" in source.first and b"," not in source.first else ",")
    header = [cell.strip().strip('"') for cell in first.split(delimiter)]
    needed = list(like.names if like.id else like.inputs)
    if set(needed) <= set(header):
        yield from _examples(_from_cells(stream, delimiter), like)
    elif len(needed) == 1 and not like.id and not (len(header) > 1 and like.target in header):
        yield from _from_lines(stream, like)
    else:
        for column in needed:
            Asked().find(column, header, f"{NAME} line 1")


def _from_lines(file: BinaryIO, like: Columns) -> Iterator[Example]:
    [(column, kind)] = like.inputs.items()
    for line in read_lines(file, NAME):
        if line.text.strip():
            where = f"{NAME} line {line.number}"
            yield Example({column: read_value(kind, line.text, Path(), where)}, None, where)


def _from_objects(file: BinaryIO) -> Iterator[_Row]:
    names: list[str] = []
    for record in read_records(file, NAME, None, names):
        row = {name: cell for name, cell in zip(names, record.cells, strict=True) if cell != ""}
        yield f"{NAME} line {record.line}", row


def _from_cells(file: BinaryIO, delimiter: str) -> Iterator[_Row]:
    names: list[str] = []
    for record in read_records(file, NAME, delimiter, names):
        if names:
            yield f"{NAME} line {record.line}", dict(zip(names, record.cells, strict=True))
        else:
            names += read_header(record, NAME)


def _examples(rows: Iterator[_Row], like: Columns) -> Iterator[Example]:
    if like.id:
        yield from _series(rows, like)
        return
    for where, cells in rows:
        # In JSON a key that is left out is a missing number or category, and no text can be missing.
        for column, kind in like.inputs.items():
            if column not in cells and kind not in ("number", "category"):
                Asked().find(column, list(cells), where)
        yield read_example({**dict.fromkeys(like.inputs, ""), **cells}, _present(like, cells), Path(), where)


def _series(rows: Iterator[_Row], like: Columns) -> Iterator[Example]:
    """Join rows that follow each other and have the same id; without that column all rows are one series."""
    ended: set[str] = set()
    for series, group in groupby(rows, lambda row: str(row[1].get(like.id or "", "")).strip()):
        steps = list(group)
        where, cells = steps[0]
        if series in ended:
            raise DataError(
                f"{where}: {like.id} {series} had ended before. Send the rows of a series one after another."
            )
        ended.add(series)
        columns = _present(like, cells)
        values = read_steps(
            [{**dict.fromkeys(like.names, ""), **row} for _, row in steps], like, [place for place, _ in steps]
        )
        named = f"{where} ({like.id} {series})" if series else where
        yield Example({SERIES: values}, read_target(cells, columns, where), named, read_group(cells, columns))


def _present(like: Columns, cells: Mapping[str, Any]) -> Columns:
    """Return the columns with the target and group that a row has."""
    target = like.target if like.target and cells.get(like.target, "") != "" else None
    return replace(like, target=target, group=like.group if like.group in cells else None)


class _Ahead:
    """Give a file's lines with a look at the first that is not blank."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._waiting = [file.readline(MOST_BYTES + 1)]
        while self._waiting[-1] and not self._waiting[-1].strip():
            self._waiting.append(file.readline(MOST_BYTES + 1))
        self.first = self._waiting[-1]

    def readline(self, size: int = -1) -> bytes:
        return self._waiting.pop(0) if self._waiting else self._file.readline(size)
