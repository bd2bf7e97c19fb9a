r"""Split a table into records, and a record into cells; every mistake is reported with its line.

Three forms are read. In CSV a cell may be quoted, with delimiters and line ends in it, and a quote inside it is written
twice (RFC 4180). In TSV a record is always one line, and quotes count only where they enclose a whole cell and every
quote between them is doubled, because texts with single quotes are common there. In JSON lines every line is an
object. Empty lines are skipped, as pandas skips them; line ends within quotes become LF.

The csv module of Python is not enough: it reads a quote that is never closed, and all rows behind it, as one cell.
`blocks` uses it where nothing is wrong.

>>> import io
>>> file = io.BytesIO(b'"so ""good"",\n yes",1\n\nno,2\n')
>>> [(record.line, record.cells) for record in read_records(file, "a.csv", ",", [])]
[(1, ['so "good",\n yes', '1']), (4, ['no', '2'])]
"""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from elman.data.encodings import refuse_other_files
from elman.errors import DataError

MOST_BYTES = 2**26
"""The longest record, because memory must hold it; a longer one was not meant as a table."""

MOST_LINES = 2**20
"""The most lines of one record: a large file is not read to its end behind a quote that is not closed."""

MOST_COLUMNS = 2**16

_MOST_WRONG = 10
_CHUNK = 1 << 16  # bytes that are read at once; of a pipe as many as wait

# Possessive: no backtracking within the quotes of a cell.
_INNER = re.compile(r'(?:[^"]++|"")*+')


class Record(NamedTuple):
    """One row.

    Attributes:
        offset: of its first byte in the file.
        line: of its first line, from 1.
        cells: in the order of the columns. From CSV and TSV they are text; what JSON wrote as a number or a truth
            value becomes text too, null becomes an empty text, lists and objects stay.
    """

    offset: int
    line: int
    cells: list[Any]


CONTROL_CHARACTERS = "\x00-\x1f\x7f-\x9f\u2028\u2029"
"""Those that a name may not have: they break lines and steer terminals."""
_CONTROL = re.compile(f"[{CONTROL_CHARACTERS}]")


class JsonNumber(str):
    """A cell such as 1.024 that JSON wrote as a number, so that its point is a decimal point."""

    __slots__ = ()


class WrongLines:
    """Lines of a file that cannot be read, so that all are reported at once.

    Attributes:
        message: about the first.
        numbers: of the first ten.
        count: of all.
    """

    def __init__(self) -> None:
        self.message = ""
        self.numbers: list[int] = []
        self.count = 0

    def add(self, number: int, message: str) -> None:
        """Add a line."""
        self.message = self.message or message
        self.count += 1
        if self.count <= _MOST_WRONG:
            self.numbers.append(number)

    def refuse(self) -> None:
        """Refuse the file if it has such lines.

        Raises:
            DataError: it has; the message names the first ten.
        """
        if self.count > 1:
            more = ", ".join(map(str, self.numbers[1:])) + (", …" if self.count > _MOST_WRONG else "")
            others = "1 line more is" if self.count == 2 else f"{self.count - 1:,} lines more are"
            raise DataError(f"{self.message} {others} wrong: {more}.")
        if self.count:
            raise DataError(self.message)


class TextLine(NamedTuple):
    """One line: the offset of its first byte, its number from 1, and its text without the line end."""

    offset: int
    number: int
    text: str


def read_records(
    file: BinaryIO,
    name: str,
    delimiter: str | None,
    names: list[str],
    *,
    offset: int = 0,
    line: int = 1,
    wrong: "WrongLines | None" = None,
) -> Iterator[Record]:
    """Read the records of an open file, one after the other, as they arrive.

    Args:
        file: positioned at `offset`; need not be seekable.
        name: its name in messages.
        delimiter: between cells; a tab means TSV, None means JSON lines.
        names: the columns. JSON lines append new keys to them; in other forms a row needs as many cells as there are
            names, unless there are none.
        offset: of the next byte.
        line: the number of the next line.
        wrong: gathers lines with too few or too many cells, or that are no JSON objects, which are then left out; None
            to refuse the first.

    Raises:
        DataError: a byte is not UTF-8 or NUL, a quote is not closed or followed by text, a row has too few or too many
            cells, a line is no JSON object, a record has more than `MOST_BYTES`. The message names the line.
    """
    lines = read_lines(file, name, offset=offset, line=line)
    for current in lines:
        if not current.text.strip("\r"):
            continue
        if delimiter is None:
            if current.text.strip():
                try:
                    cells = _read_object(current, name, names)
                except DataError as error:
                    if wrong is None:
                        raise
                    wrong.add(current.number, str(error))
                else:
                    yield Record(current.offset, current.number, cells)
            continue
        if delimiter == "\t" or '"' not in current.text:
            cells = _split_line(current, name, delimiter)
        else:
            cells = _split_quoted(current, lines, name, delimiter)
        if names and len(cells) != len(names):
            message = _describe_ragged(f"{name} line {current.number}", cells, names)
            if wrong is None:
                raise DataError(message)
            wrong.add(current.number, message)
            continue
        yield Record(current.offset, current.number, cells)


def read_lines(file: BinaryIO, name: str, *, offset: int = 0, line: int = 1) -> Iterator[TextLine]:
    """Read the lines of an open file as they arrive; see :func:`read_records`."""
    head = b""
    while raw := file.readline(MOST_BYTES + 1):
        if len(raw) > MOST_BYTES:
            raise DataError(f"{name} line {line} has more than {MOST_BYTES:,} bytes. Cut it into lines.")
        head = head or raw if offset == 0 else head
        yield TextLine(offset, line, _decode_line(raw, name, offset, line, head))
        offset += len(raw)
        line += 1


def read_waiting_lines(file: BinaryIO, name: str, most: int) -> Iterator[list[TextLine]]:
    """Read the lines of an open file as they arrive, those that wait together; see :func:`read_records`.

    Args:
        file: has `read1`, as standard input has.
        name: its name in messages.
        most: lines that are given together.
    """
    rest, head, offset, number = b"", b"", 0, 1
    while chunk := file.read1(_CHUNK):  # type: ignore[attr-defined]
        rest += chunk
        *whole, rest = rest.split(b"\n")
        head = head or (whole[0] if whole else b"")
        lines: list[TextLine] = []
        for raw in whole:
            try:
                lines.append(TextLine(offset, number, _decode_line(raw, name, offset, number, head)))
            except DataError:
                yield lines  # what came before is answered
                raise
            offset, number = offset + len(raw) + 1, number + 1
            if len(lines) == most:
                yield lines
                lines = []
        if lines:
            yield lines
        if len(rest) > MOST_BYTES:
            raise DataError(f"{name} line {number} has more than {MOST_BYTES:,} bytes. Cut it into lines.")
    if rest:
        yield [TextLine(offset, number, _decode_line(rest, name, offset, number, head or rest))]


def read_arriving_lines(file: BinaryIO, name: str) -> Iterator[Iterator[str]]:
    r"""Read the lines of an open file, each as the pieces of its text while they arrive; see :func:`read_records`.

    A line is read to its end before the next begins, also where its pieces are not all taken.

    Args:
        file: has `read1`, as standard input has.
        name: its name in messages.

    >>> import io
    >>> [list(pieces) for pieces in read_arriving_lines(io.BytesIO("ein Hund\n\n☃".encode()), "a text")]
    [['ein Hund'], [], ['☃']]
    """
    lines = _ArrivingLines(file, name)
    while lines.go_on():
        pieces = lines.pieces()
        yield pieces
        for _ in pieces:
            pass


class _ArrivingLines:
    """A file that arrives, and the place in it."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self._waiting, self._has_ended = b"", False
        self._head, self._offset, self._number = b"", 0, 1

    def go_on(self) -> bool:
        """Wait for more; say whether there is."""
        if not self._waiting and not self._has_ended:
            self._waiting = self._file.read1(_CHUNK)  # type: ignore[attr-defined]
            self._has_ended = not self._waiting
        return bool(self._waiting)

    def pieces(self) -> Iterator[str]:
        """Yield the text of a line as it arrives, without its end."""
        decoder, raw, kept = getincrementaldecoder("utf-8")(), bytearray(), ""
        is_over, is_begun = False, self._offset > 0
        while not is_over:
            has_ended = not self.go_on()
            part, feed, self._waiting = self._waiting.partition(b"\n")
            raw += part
            is_over = has_ended or bool(feed)
            try:
                text = decoder.decode(part, final=is_over)
            except UnicodeDecodeError:
                text = "\0"
            if "\0" in text or len(raw) > MOST_BYTES:
                self._refuse(bytes(raw))
            if text and not is_begun:
                text, is_begun = text.removeprefix("\ufeff"), True
            text = kept + text
            kept = "\r" if text.endswith("\r") and not is_over else ""
            if text := text.removesuffix("\r"):
                yield text
        self._head = self._head or bytes(raw)
        self._offset, self._number = self._offset + len(raw) + 1, self._number + 1

    def _refuse(self, raw: bytes) -> None:
        """Refuse a line that is too long, or no text."""
        if len(raw) > MOST_BYTES:
            raise DataError(f"{self._name} line {self._number} has more than {MOST_BYTES:,} bytes. Cut it into lines.")
        _decode_line(raw, self._name, self._offset, self._number, self._head or raw)


def _decode_line(raw: bytes, name: str, offset: int, number: int, head: bytes) -> str:
    where = f"{name} line {number}"
    if 0 in raw:
        refuse_other_files(head, name)
        raise DataError(
            f"{where} has a NUL byte at offset {offset + raw.index(0)}: the file is damaged, or is no text. "
            "Save it again as UTF-8."
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse_other_files(head, name)
        raise DataError(
            f"{where} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {offset + error.start}. "
            "Save the whole file in one encoding, e.g.: iconv -f THE_ENCODING_IT_HAS -t UTF-8"
        ) from None
    if offset == 0:
        text = text.removeprefix("\ufeff")
    return text.removesuffix("\n").removesuffix("\r")


def _split_line(line: TextLine, name: str, delimiter: str) -> list[str]:
    if "\r" in line.text:
        raise DataError(_describe_carriage_return(name, line.number))
    cells = line.text.split(delimiter)
    if '"' in line.text:
        cells = [unquote(cell) for cell in cells]
    return cells


def unquote(cell: str) -> str:
    """Drop the quotes around a cell of TSV, if every quote between them is doubled."""
    inner = cell[1:-1]
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else cell


def _split_quoted(line: TextLine, lines: Iterator[TextLine], name: str, delimiter: str) -> list[str]:
    cells = []
    at = 0
    while True:
        if line.text.startswith('"', at):
            cell, line, at = _read_quoted(line, at, lines, name)
            if at < len(line.text) and line.text[at] != delimiter:
                raise DataError(
                    f"{name} line {line.number}: {line.text[at : at + 20]!r} follows a closing quote. Write a quote "
                    "within quotes twice, or close the quote that was opened before."
                )
        else:
            end = line.text.find(delimiter, at)
            cell, at = (line.text[at:end], end) if end >= 0 else (line.text[at:], len(line.text))
            if "\r" in cell:
                raise DataError(_describe_carriage_return(name, line.number))
        cells.append(cell)
        if at == len(line.text):
            return cells
        at += 1


def _read_quoted(line: TextLine, at: int, lines: Iterator[TextLine], name: str) -> tuple[str, TextLine, int]:
    """Return a cell in quotes, the line that it ends in, and the place behind its closing quote."""
    opened, text = line.number, line.text
    parts: list[str] = []
    length = 0
    at += 1
    while True:
        inner = _INNER.match(text, at)
        assert inner is not None  # it also matches nothing
        end = inner.end()
        parts.append(text[at:end].replace('""', '"'))
        if end < len(text):
            return "".join(parts).replace("\r\n", "\n").replace("\r", "\n"), line, end + 1
        parts.append("\n")
        length += end - at
        following = next(lines, None)
        if following is None or length > MOST_BYTES or following.number - opened > MOST_LINES:
            before = "the end of the file" if following is None else f"line {following.number}"
            raise DataError(
                f"{name} line {opened}: a quote is opened and not closed before {before}. Close it, or write it twice "
                "within quotes if it is part of the text."
            )
        line, text, at = following, following.text, 0


def _describe_ragged(where: str, cells: Sequence[str], names: Sequence[str]) -> str:
    extra = cells[len(names) :]
    advice = (
        f"The row ends before {names[len(cells)]}."
        if len(cells) < len(names)
        else "The first line must be the header; remove lines above it."
        if len(names) == 1
        else "The row ends with a delimiter, and the header does not. Write both alike."
        if not any(map(str.strip, extra))
        else f"Behind {names[-1]} there is {str(cells[len(names)])[:40]!r}. Quote cells that hold the delimiter."
    )
    return f"{where} has {len(cells)} cells, and the header {len(names)}. {advice}"


def _describe_carriage_return(name: str, number: int) -> str:
    return f"{name} line {number} has a carriage return (CR) within it. Convert it, e.g.: tr '\\r' '\\n'"


def _as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of names and values; JSON would let the last of two values win."""
    by_name = dict(pairs)
    if len(by_name) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)[:60]!r} occurs twice")
    return by_name


def _read_object(line: TextLine, name: str, names: list[str]) -> list[Any]:
    where = f"{name} line {line.number}"
    try:
        # NaN and Infinity are no JSON, but many programs write them: the columns complain of them.
        value = json.loads(line.text, parse_constant=str, object_pairs_hook=_as_object)
        if "\\u" in line.text:
            # Half a surrogate pair is allowed in JSON and is no letter.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        if line.text.strip() in ("[", "{"):
            pattern = ".[]" if line.text.strip() == "[" else "."
            advice = f"is JSON over several lines. Write one object a line, e.g. with: jq -c '{pattern}'"
            raise DataError(f"{where} {advice}") from None
        raise DataError(f"{where} is no JSON: {error}. Write one object a line.") from None
    if isinstance(value, list):
        raise DataError(f"{where} is a list. Write one object a line, e.g. with: jq -c '.[]'")
    if not isinstance(value, dict):
        raise DataError(f'{where} is no JSON object. Write one a line, such as {{"text": "…", "label": "…"}}.')
    known = set(names)
    new = [key for key in value if key not in known]
    for key in new:
        if _CONTROL.search(key):
            raise DataError(f"{where}: the key {key[:40]!r} has control characters. Rename it.")
    names += new
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{where}: more than {MOST_COLUMNS:,} different keys. Use the same keys in every line.")
    return [_as_cell(value.get(key)) for key in names]


def _as_cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | float():
            text = repr(value)
            # Only three digits behind a point could be thousands.
            return JsonNumber(text) if text[-4:-3] == "." else text
        case _:
            return value
