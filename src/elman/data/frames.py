r"""Write a data frame as the table that its own library would write.

>>> import pandas                                              # doctest: +SKIP
>>> write_frame(pandas.DataFrame({"n": [1, 2]})).read_bytes()  # doctest: +SKIP
b'n\n1\n2\n'
"""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import narwhals as nw

from elman.data.files import MOST_BYTES
from elman.data.held import HeldFile
from elman.errors import DataError
from elman.phrases import name_some

NAME = "the frame"
VALUE = "value"
"""The name of a series that has none."""
TIME = "time"
"""The name of an index of times that has none."""

_ROWS_AT_ONCE = 4096
_MOST_NAMES = 5


def write_frame(given: Any) -> HeldFile:
    """Write a data frame, or a series as a frame of one column.

    An index of times (of pandas) becomes a column in front; another index is left out.

    Raises:
        DataError: it is lazy, has no rows, columns without names that are text or twice the same, or is too large.
    """
    frame = as_frame(given)
    if not len(frame):
        raise DataError(f"{NAME} has no rows. Give one with some.")
    nested = [name for name in frame.columns if _is_nested(frame[name], frame.implementation.is_polars())]
    text = BoundedText(NAME)
    if nested:
        for line in _lines_of_json(frame):
            text.write(line)
        return HeldFile(NAME, ".jsonl", text.getvalue(), place)
    write_table(frame, text)
    # Line ends within cells, which are in quotes, become LF, as those of any text that is read.
    return HeldFile(NAME, ".csv", text.getvalue().replace(b"\r\n", b"\n").replace(b"\r", b"\n"), place)


def place(row: int) -> str:
    """Name a row in messages; rows are counted from 0, as the libraries do."""
    return f"{NAME}, row {row}"


def as_frame(given: Any) -> nw.DataFrame[Any]:
    """Return a frame, or a series as one; an index of times becomes a column.

    Raises:
        DataError: it is lazy, or its columns have no names, or one name twice.
    """
    if nw.dependencies.is_polars_lazyframe(given):
        raise DataError("The frame is lazy: its rows are not there yet. Give frame.collect().")
    refuse_names(given)
    found = nw.from_native(_with_times(given), allow_series=True, eager_only=True)
    return found.alias(found.name or VALUE).to_frame() if isinstance(found, nw.Series) else found


def refuse_names(given: Any) -> None:
    """Refuse columns whose names are no texts, or the same.

    Raises:
        DataError: there are some.
    """
    names = getattr(given, "column_names", getattr(given, "columns", None))
    if names is None:
        return
    listed = list(names)
    odd = [name for name in listed if not isinstance(name, str)]
    if odd:
        raise DataError(
            f"The frame has columns whose names are no text: {name_some([repr(name) for name in odd], _MOST_NAMES)}. "
            "Name them, e.g.: frame.columns = frame.columns.map(str)"
        )
    twice = [name for name in dict.fromkeys(listed) if listed.count(name) > 1]
    if twice:
        raise DataError(f"The frame has several columns with the name {name_some(twice, _MOST_NAMES)}. Rename one.")


def write_table(frame: nw.DataFrame[Any], file: io.BytesIO) -> None:
    """Write a frame as CSV."""
    if frame.implementation.is_pandas():
        # With its usual quotes it writes a lone carriage return without any.
        frame.to_native().to_csv(file, index=False, mode="wb", encoding="utf-8", quoting=csv.QUOTE_NONNUMERIC)
    else:
        frame.write_csv(file)


class BoundedText(io.BytesIO):
    """Bytes in memory, of which there may not be too many.

    Args:
        name: of what is written, for messages.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def write(self, part: Any, /) -> int:
        """Add bytes.

        Raises:
            DataError: there are more than a file that is read as a whole may have.
        """
        if self.tell() + len(part) > MOST_BYTES:
            raise DataError(
                f"{self._name} takes more than {MOST_BYTES:,} bytes as text. Give a part of it, or columns."
            )
        return super().write(part)


def _with_times(given: Any) -> Any:
    """Return a frame of pandas whose index holds times with a column of them; others as they are."""
    index = getattr(given, "index", None)
    levels = getattr(index, "levels", None) or ([] if index is None or callable(index) else [index])
    if index is None or not any(type(level).__name__ in ("DatetimeIndex", "PeriodIndex") for level in levels):
        return given
    framed = (
        given.to_frame(given.name if isinstance(given.name, str) else VALUE) if hasattr(given, "to_frame") else given
    )
    names = [
        name if isinstance(name, str) else TIME if len(levels) == 1 else f"index {number}"
        for number, name in enumerate(index.names)
    ]
    return framed.reset_index(names=names)


def _is_nested(column: nw.Series[Any], is_polars: bool) -> bool:
    """Return whether cells hold lists, arrays or objects, which have no form in CSV; polars writes no object there.

    Raises:
        DataError: they hold bytes.
    """
    if column.dtype.is_nested():
        return True
    if column.dtype == nw.Binary:
        raise DataError(f"The frame holds bytes in column {column.name}. Give texts, or the names of files.")
    if column.dtype != nw.Object:
        return False
    first = next((value for value in column if not _is_missing(value)), None)
    if isinstance(first, bytes):
        raise DataError(f"The frame holds bytes in column {column.name}. Give texts, or the names of files.")
    return is_polars or isinstance(first, list | tuple | dict) or hasattr(first, "tolist")


def _lines_of_json(frame: nw.DataFrame[Any]) -> Iterator[bytes]:
    """Yield rows as JSON lines; missing values are left out."""
    for row in frame.iter_rows(named=True, buffer_size=_ROWS_AT_ONCE):
        cells = {name: value for name, value in row.items() if not _is_missing(value)}
        yield (json.dumps(cells, default=_as_plain, ensure_ascii=False) + "\n").encode()


def _is_missing(value: Any) -> bool:
    return value is None or (not hasattr(value, "__len__") and value != value)


def _as_plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
