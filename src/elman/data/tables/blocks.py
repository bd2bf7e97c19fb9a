r"""Split a table into blocks of rows: well-formed rows with Python's csv module, the others with `records`.

The csv module takes a tenth of the time, and where it raises nothing and every row is as long as the header, the cells
are those of :mod:`elman.data.tables.records`. From the first error or ragged row to the end of the block, `records`
reads: it finds what is wrong, in which line, and accepts what the csv module is too strict for. It also reads blocks
that the csv module would read differently: those with NUL, a lone carriage return, or bytes that are not UTF-8.

>>> import io
>>> file = io.BytesIO(b'"so ""good"",\n yes",1\n\nno,2\n')
>>> [block] = read_blocks(file, "a.csv", ",", ["text", "label"])
>>> block.rows, block.lines.tolist(), block.offsets.tolist()
([['so "good",\n yes', '1'], ['no', '2']], [1, 4], [0, 23])
"""

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.data.tables.records import MOST_BYTES, WrongLines, read_records, unquote
from elman.errors import DataError

BYTES_AT_ONCE = 2**20


class RowBlock(NamedTuple):
    """Consecutive rows.

    Attributes:
        offsets: of the first byte of each in the file.
        lines: of its first line, from 1.
        rows: the cells of each, in the order of the columns; see :class:`elman.data.tables.records.Record`.
    """

    offsets: NDArray[np.int64]
    lines: NDArray[np.int64]
    rows: list[list[Any]]


def read_blocks(
    file: BinaryIO, name: str, delimiter: str | None, names: list[str], *, offset: int = 0, line: int = 1
) -> Iterator[RowBlock]:
    """Read all rows of an open file from an offset on; wrong lines are refused together at its end.

    Args:
        file: positioned at `offset`.
        name: its name in messages.
        delimiter: between cells; a tab means TSV, None means JSON lines.
        names: the columns; JSON lines append new keys to them.
        offset: of the next byte.
        line: the number of the next line.

    Raises:
        DataError: see :func:`elman.data.tables.records.read_records`.
    """
    wrong = WrongLines()
    while raw := file.read(BYTES_AT_ONCE):
        raw += b"" if raw.endswith(b"\n") else file.readline(MOST_BYTES + 1)
        block, split, lines = split_block(raw, delimiter, len(names), offset=offset, line=line)
        if block.rows:
            yield block
        offset, line, end = offset + split, line + lines, offset + len(raw)
        if offset < end:
            file.seek(offset)
            try:
                odd = read_odd(file, name, delimiter, names, offset=offset, line=line, end=end, wrong=wrong)
            except DataError:
                wrong.refuse()  # the first mistake first
                raise
            if odd.rows:
                yield odd
            behind = file.tell()
            file.seek(offset)
            line += file.read(behind - offset).count(b"\n")
            offset = behind
    wrong.refuse()


def read_odd(
    file: BinaryIO,
    name: str,
    delimiter: str | None,
    names: list[str],
    *,
    offset: int,
    line: int,
    end: int,
    wrong: WrongLines,
) -> RowBlock:
    """Read the rows that begin before `end`, one by one; see :func:`read_blocks`."""
    offsets, lines, rows = [], [], []
    for record in read_records(file, name, delimiter, names, offset=offset, line=line, wrong=wrong):
        offsets.append(record.offset)
        lines.append(record.line)
        rows.append(record.cells)
        if file.tell() >= end:
            break
    return RowBlock(np.array(offsets, np.int64), np.array(lines, np.int64), rows)


def split_block(raw: bytes, delimiter: str | None, width: int, *, offset: int, line: int) -> tuple[RowBlock, int, int]:
    """Split whole lines into rows, up to the first that is not well-formed.

    Args:
        raw: the lines.
        delimiter: between cells.
        width: how many cells a row has.
        offset: of the first byte.
        line: the number of the first line.

    Returns:
        The rows, their size in bytes, and their number of lines; the next row is not well-formed.
    """
    text = None if delimiter is None else _decode(raw, offset)
    if text is None or delimiter is None:
        return RowBlock(np.zeros(0, np.int64), np.zeros(0, np.int64), []), 0, 0
    split = _split_tabs if delimiter == "\t" else _split_cells
    rows, numbers, lines = split(text, delimiter, width)
    begins = np.append(0, np.flatnonzero(np.frombuffer(raw, np.uint8) == ord("\n")) + 1)
    at = np.array(numbers, np.int64)
    end = len(raw) if lines is None else int(begins[lines])
    return RowBlock(offset + begins[at], line + at, rows), end, len(begins) - 1 if lines is None else lines


def _decode(raw: bytes, offset: int) -> str | None:
    """Return lines as text with LF line ends; None where the csv module would read them differently."""
    if len(raw) > MOST_BYTES or 0 in raw or (offset == 0 and raw.startswith((b"\xff\xfe", b"\xfe\xff"))):
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if offset == 0:
        text = text.removeprefix("\ufeff")
    text = text.replace("\r\n", "\n")
    return None if "\r" in text else text


def _split_cells(text: str, delimiter: str, width: int) -> tuple[list[list[str]], list[int], int | None]:
    """Return the rows, the line of each from 0, and the line of the first that is not well-formed, or None."""
    rows: list[list[str]] = []
    numbers: list[int] = []
    read = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True)
    before = 0
    try:
        for cells in read:
            if len(cells) == width:
                rows.append(cells)
                numbers.append(before)
            elif cells:
                return rows, numbers, before
            before = read.line_num
    except csv.Error:
        return rows, numbers, before
    return rows, numbers, None


def _split_tabs(text: str, delimiter: str, width: int) -> tuple[list[list[str]], list[int], int | None]:
    """Do the same for TSV, where a row is a line."""
    rows: list[list[str]] = []
    numbers: list[int] = []
    for number, line in enumerate(text.split("\n")):
        if not line:
            continue
        cells = line.split(delimiter)
        if len(cells) != width:
            return rows, numbers, number
        rows.append([unquote(cell) for cell in cells] if '"' in line else cells)
        numbers.append(number)
    return rows, numbers, None
