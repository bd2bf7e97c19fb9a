"""Read the first line of a table: what separates its columns, and what they are called.

>>> choose_delimiter(b"text;label", ",")
';'
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from elman.data.tables.kinds import ColumnSummary
from elman.data.tables.numbers import is_number
from elman.data.tables.records import CONTROL_CHARACTERS, MOST_COLUMNS, Record
from elman.errors import DataError

TAB = "\t"
DELIMITERS = {".csv": ",", ".tsv": TAB, ".tab": TAB, ".jsonl": None, ".ndjson": None}
NAMES_OF_DELIMITERS = {",": "commas", ";": "semicolons", TAB: "tabs", "|": "bars (|)"}

UNNAMED = "index"
"""The name of a first column without one: pandas writes row numbers there."""

DOUBTED = "may be a row and no header"
"""What a note says of a first line that looks like data."""

_LONGEST_NAME = 1000
_BREAKS = re.compile(f"[ \t]*[{CONTROL_CHARACTERS}]+[ \t]*")
_QUOTED = re.compile(rb'"(?:[^"]|"")*"')


def choose_delimiter(header: bytes, usual: str) -> str:
    """Return the delimiter of a header: the most frequent mark outside quotes, the usual one among equals.

    >>> choose_delimiter(b'a;"b, in EUR, net";c', ","), choose_delimiter(b"text", ",")
    (';', ',')
    """
    bare = _QUOTED.sub(b"", header)
    return max(sorted(NAMES_OF_DELIMITERS, key=lambda mark: mark != usual), key=lambda mark: bare.count(mark.encode()))


def read_header(record: Record | None, table: str) -> list[str]:
    """Return the names of the columns.

    Raises:
        DataError: there is none, or there are too many; a name is empty, long or comes twice, or is a number with
            a fraction.
    """
    if record is None:
        raise DataError(f"{table} has only empty lines. Write the names of the columns, and rows below them.")
    where = f"{table} line {record.line}"
    if len(record.cells) > MOST_COLUMNS:
        raise DataError(
            f"{where}: the header has {len(record.cells):,} columns, and at most {MOST_COLUMNS:,} are read. Save "
            "numbers as .npz; write series below each other, with a column that names them."
        )
    # A spreadsheet may break the line of a name; messages and options have it in one.
    names = [_BREAKS.sub(" ", str(cell)).strip() for cell in record.cells]
    _refuse_other_lines(names[0], where)
    _name_the_last(names)
    if not names[0] and len(names) > 1 and UNNAMED not in names:
        names[0] = UNNAMED
    before: set[str] = set()
    for at, name in enumerate(names):
        if not name:
            raise DataError(f"{where}: column {at + 1} of the header has no name. Give it one.")
        if len(name) > _LONGEST_NAME:
            raise DataError(f"{where}: column {at + 1} of the header has a name of {len(name):,} letters. Shorten it.")
        if is_number(name) and not name.isdecimal():
            raise DataError(f"{where}: {name} is no name of a column. Write a line with names above the data.")
        if name in before:
            raise DataError(
                f"{where}: two columns are called {name}. Rename one; if the line is data, write names above it."
            )
        before.add(name)
    return names


def _refuse_other_lines(first: str, where: str) -> None:
    if first.startswith(("# ", "sep=")):
        raise DataError(f"{where}: {first[:40]!r} is no header. Remove the lines above the names of the columns.")
    if first.lower().startswith(("<!doctype", "<html", "<?xml")):
        raise DataError(f"{where}: the file is a web page and no table. Download the table itself.")


def _name_the_last(names: list[str]) -> None:
    """Name columns at the end that have no name: some programs write a delimiter behind every line."""
    for at in range(len(names) - 1, 0, -1):
        if names[at]:
            return
        names[at] = f"column {at + 1}"


def doubt_header(summaries: Mapping[str, ColumnSummary]) -> str:
    """Say why a header may be a row of data; an empty text where nothing shows it.

    The name of a column is no value of it, unless values are read as names; names that are numbers count up.
    """
    for name, summary in summaries.items():
        if not name.isdecimal() and summary.repeats and summary.kind() == "category" and name in summary.distinct:
            return f"{name!r} is a value of its column as well"
    numbers = [int(name) for name in summaries if name.isdecimal()]
    if any(after <= before for before, after in pairwise(numbers)):
        return f"{numbers[0]} and other numbers are names of columns"
    return ""
