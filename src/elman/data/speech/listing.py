r"""Read lists in which a line is a key and a value, a space or a tab between them.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "text")
...     _ = path.write_text("a1 SO GOOD\na2\n")
...     {key: (entry.value, entry.where.rpartition("/")[2]) for key, entry in read_listing(path).items()}
{'a1': ('SO GOOD', 'text line 1'), 'a2': ('', 'text line 2')}
"""

from pathlib import Path
from typing import NamedTuple

from elman.data.files import open_unpacked
from elman.data.tables.records import read_lines
from elman.errors import DataError


class ListedValue(NamedTuple):
    """A value, and the file and line where it stands."""

    value: str
    where: str


def read_listing(path: Path) -> dict[str, ListedValue]:
    """Read the values of a list by their keys; empty lines are skipped.

    Raises:
        DataError: the file cannot be read, has no line, or a key twice.
    """
    found: dict[str, ListedValue] = {}
    for where, line in numbered_lines(path):
        key, _, value = line.strip().replace("\t", " ").partition(" ")
        if key in found:
            raise DataError(f"{where}: {key} was in {found[key].where} before. Remove one of the two.")
        found[key] = ListedValue(value.strip(), where)
    return found


def numbered_lines(path: Path) -> list[tuple[str, str]]:
    """Read the lines of a file that are not empty, each with its place.

    Raises:
        DataError: the file cannot be read, or all its lines are empty.
    """
    with open_unpacked(path) as file:
        lines = [(f"{path} line {line.number}", line.text) for line in read_lines(file, str(path)) if line.text.strip()]
    if not lines:
        raise DataError(f"{path} has only empty lines. Copy it again from where it came.")
    return lines
