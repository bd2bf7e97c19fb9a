r"""Tables that are no text file: data frames, Parquet, spreadsheets, packed files. Each becomes a table in memory.

A data frame is read as the CSV file that its own library would write, so the columns that are inferred, the rows that
are refused and the model that is learnt are those of that file. Cells with lists, arrays or objects in them are written
as JSON lines instead. The text takes one object of Python, whatever the number of rows.

==================================================  ===================================================================
given                                               needs
==================================================  ===================================================================
a data frame or series of pandas, polars, pyarrow   narwhals
`.csv.gz`, `.tsv.gz`, `.tab.gz`, `.jsonl.gz`, …     nothing
`.parquet`, `.csv.zst`, …                           pyarrow, of `elman[tables]`
`.xlsx`, `.xls`, `.xlsb`, `.ods`                    python-calamine, of `elman[tables]`; the first sheet
==================================================  ===================================================================

>>> file = HeldFile("the frame", ".csv", b"text,label\n", lambda row: f"row {row}")
>>> file, file.suffix, file.exists(), file.open().read()
(HeldFile('the frame'), '.csv', True, b'text,label\n')
"""

import io
import sys
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO, Any

from elman.errors import DataError
from elman.paths import check_path

Place = Callable[[int], str]


class HeldFile(type(Path())):  # type: ignore[misc]
    """A table in memory, where the path of a file is expected.

    Args:
        name: of the data, for messages: a path, or `the frame`. Files that its cells name are relative to its folder.
        form: the suffix of the text, such as `.csv`.
        content: the text.
        place: names a row, counted from 0, in messages; None to count lines of the text.
    """

    def __new__(cls, name: str, form: str, content: bytes, place: Place | None = None) -> "HeldFile":  # noqa: ARG004
        """Make a path of the name alone."""
        made: HeldFile = super().__new__(cls, name)
        return made

    def __init__(self, name: str, form: str, content: bytes, place: Place | None = None) -> None:
        if sys.version_info >= (3, 12):
            super().__init__(name)
        self._form, self._content, self.place = form, content, place

    def with_segments(self, *parts: str | PathLike[str]) -> Path:
        """Return a path of the file system: nothing that is derived from this one is held."""
        return Path(*parts)

    @property
    def suffix(self) -> str:  # type: ignore[override]
        """The form of the text, not of the file that it was read from."""
        return self._form

    @property
    def suffixes(self) -> list[str]:  # type: ignore[override]
        """The form alone."""
        return [self._form]

    @property
    def parent(self) -> Path:
        """The folder of the file, or the current one."""
        return Path(str(self)).parent

    def open(self, *_: Any, **__: Any) -> IO[Any]:
        """Open the bytes."""
        return io.BytesIO(self._content)

    def read_bytes(self) -> bytes:
        """Return the bytes."""
        return self._content

    def exists(self, **_: Any) -> bool:
        """Return True."""
        return True

    is_file = exists

    def is_dir(self, **_: Any) -> bool:
        """Return False."""
        return False

    def resolve(self, strict: bool = False) -> Path:  # noqa: ARG002
        """Return the path of its name."""
        return Path(str(self))

    def samefile(self, other: Any) -> bool:
        """Return whether the other is this one."""
        return self is other


def as_path(given: Any) -> Path:
    """Return the path of a source of data; what is no text file is held in memory.

    Args:
        given: a path, or a data frame, see the table above.

    Raises:
        DataError: it is neither, it cannot be read, or what reads it is not installed.
    """
    if isinstance(given, HeldFile):
        return given
    if isinstance(given, str | PathLike):
        from elman.data.unpacking import unpack

        path = check_path(given, "the data")
        return unpack(path) or path
    return hold(given)


def hold(given: Any) -> Any:
    """Hold a data frame, alone or in a list of sources; everything else is returned as it is.

    Raises:
        DataError: a frame cannot be written as a table.
    """
    if isinstance(given, list | tuple) and any(map(is_frame, given)):
        return [hold(one) for one in given]
    if not is_frame(given):
        return given
    from elman.data.frames import write_frame

    return write_frame(given)


def is_frame(given: Any) -> bool:
    """Return whether this is a data frame or series of a library that narwhals knows; no library is imported.

    >>> is_frame([[1.0]]), is_frame("a.csv")
    (False, False)
    """
    root = type(given).__module__.partition(".")[0]
    if root in ("builtins", "numpy", "torch", "elman", "pathlib") or root not in sys.modules:
        return False
    from narwhals import dependencies

    known = dependencies.is_into_dataframe(given) or dependencies.is_into_series(given)
    return bool(known or dependencies.is_polars_lazyframe(given))


def refuse_missing(what: str, name: str) -> DataError:
    """Return the error where a library is not installed."""
    return DataError(f"{what} needs {name}, and it is not installed. Install it: pip install 'elman[tables]'.")
