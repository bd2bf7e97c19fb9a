r"""Read UTF-8 text from files or standard input.

Every recipe on text starts here, so that the same mistake always gets the same message. Only two things are changed:
a byte order mark at the start of a file is dropped, and the line ends of Windows (CR LF) and of old Macs (CR) become
LF, so that a model does not spend a character a line on them.

>>> decode(b"\xef\xbb\xbfone\r\ntwo\n", "book.txt")
'one\ntwo\n'
"""

import csv
import io
import sys
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path

from elman.data.encodings import refuse_other_files
from elman.data.files import read_stream, read_whole
from elman.data.held import HeldFile, hold
from elman.errors import DataError

STANDARD_INPUT = "-"

Source = str | PathLike[str]


def read_text(sources: Source | Sequence[Source]) -> str:
    """Read one text from one or many UTF-8 files, or from standard input.

    Several files are joined in the order given, with a line feed between two where the first does not end with one.

    Args:
        sources: a path, or several; `"-"` is standard input.

    Raises:
        DataError: no source, a missing, unreadable or empty file, a byte that is not UTF-8, standard input twice.

    >>> read_text([])
    Traceback (most recent call last):
    elman.errors.DataError: No text: the list of files is empty. Name at least one file, or - for standard input.
    """
    paths = as_sources(sources)
    if not paths:
        raise DataError("No text: the list of files is empty. Name at least one file, or - for standard input.")
    if paths.count(STANDARD_INPUT) > 1:
        raise DataError("Standard input (-) is named twice, but it can be read only once. Name it once.")
    texts = [_read_one(path) for path in paths]
    ended = [text if text.endswith("\n") else text + "\n" for text in texts[:-1]]
    return "".join([*ended, texts[-1]])


def decode(raw: bytes | bytearray, name: str) -> str:
    """Decode UTF-8, drop a byte order mark, and write every line end as LF.

    Args:
        raw: the bytes of one file.
        name: their name in messages.

    Raises:
        DataError: `raw` is empty, not UTF-8, or has a NUL; the message gives the offset of the first bad byte, counted
            from 0.
    """
    if not raw:
        raise DataError(f"{name} is empty. Give a file with text in it.")
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        refuse_other_files(raw, name)
        raise DataError(
            f"{name} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}. Convert it, e.g.: "
            "iconv -f THE_ENCODING_IT_HAS -t UTF-8"
        ) from None
    if 0 in raw:
        refuse_other_files(raw, name)
        raise DataError(
            f"{name} has a NUL byte at offset {raw.index(0)}: it is damaged, or is no text in UTF-8. Save it as UTF-8."
        )
    if not text:
        raise DataError(f"{name} holds a byte order mark and no text. Give a file with text in it.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def as_sources(sources: Source | Sequence[Source]) -> list[str | HeldFile]:
    """Return one or several paths as a list of strings, and data frames as files in memory.

    Raises:
        DataError: they are no paths.

    >>> as_sources("book.txt")
    ['book.txt']
    """
    sources = hold(sources)
    listed = [sources] if isinstance(sources, (str, PathLike)) else sources
    if not isinstance(listed, Sequence) or not all(isinstance(source, (str, PathLike)) for source in listed):
        raise DataError(f"The data are {_describe(sources)}, and files are read. Give one path, or a list of paths.")
    return [source if isinstance(source, HeldFile) else fspath(source) for source in listed]


def _describe(given: object) -> str:
    """Name what was given in place of paths: its type, and that of an item that is no path."""
    wrong = (
        [item for item in given if not isinstance(item, (str, PathLike))] if isinstance(given, (list, tuple)) else []
    )
    return f"of type {type(given).__name__}" + (f" with items of type {type(wrong[0]).__name__}" if wrong else "")


def name_of(source: str) -> str:
    """Name a source as messages do: its path, or "standard input".

    >>> name_of("-")
    'standard input'
    """
    return "standard input" if source == STANDARD_INPUT else source


def _read_one(path: str | HeldFile) -> str:
    if isinstance(path, HeldFile):
        return _read_column(path)
    if path != STANDARD_INPUT:
        return decode(read_whole(Path(path)), path)
    if sys.stdin is None:
        raise DataError("Standard input is closed. Name a file, or send text to the command.")
    return decode(read_stream(sys.stdin.buffer, name_of(path)), name_of(path))


def _read_column(file: HeldFile) -> str:
    """Join the texts of a frame with one column, a line each."""
    rows = csv.reader(io.StringIO(file.read_bytes().decode("utf-8"), newline=""))
    header = next(rows)
    if file.suffix != ".csv" or len(header) != 1:
        raise DataError(f"{file} has columns, and one text is read here. Give the column, such as frame['text'].")
    return "".join(f"{row[0]}\n" for row in rows if row)


def is_number(text: str) -> bool:
    """Return whether Python reads a text as a number; `inf` and `nan` are numbers.

    >>> is_number(" 1e3"), is_number("1,5")
    (True, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True
