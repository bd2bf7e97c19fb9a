"""Read files that hold a table and are no text: Parquet, spreadsheets, packed text.

>>> unpack(Path("a.csv")) is None
True
"""

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elman.data.files import check_size, open_unpacked, read_stream, size_of
from elman.data.held import HeldFile, refuse_missing
from elman.errors import DataError

_TEXTS = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson")
_MOST_TIMES, _TRUSTED = 50, 2**23  # as of gzip, see `files`
_PART = 2**20


def unpack(path: Path) -> HeldFile | None:
    """Return the table of a file in memory; None where the file is read as it is.

    Raises:
        DataError: it is damaged, unpacks to far more than tables do, or what reads it is not installed.
    """
    suffix = path.suffix.lower()
    form = Path(path.stem).suffix.lower()
    if suffix in (".gz", ".zst") and form in _TEXTS:
        size_of(path)
        return HeldFile(str(path), form, _READERS[suffix](path))
    if suffix in _READERS and suffix not in (".gz", ".zst"):
        size_of(path)
        first = 0 if suffix == ".parquet" else 2
        return HeldFile(str(path), ".csv", _READERS[suffix](path), lambda row: f"{path}, row {row + first}")
    return None


def _read_gzip(path: Path) -> bytes:
    with open_unpacked(path) as file:
        return bytes(read_stream(file, str(path)))


def _read_zstandard(path: Path) -> bytes:
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        raise refuse_missing(str(path), "pyarrow") from None
    content, most = bytearray(), max(_TRUSTED, _MOST_TIMES * size_of(path))
    with _explained(path, OSError), pa.input_stream(str(path), compression="zstd") as file:
        while part := file.read(_PART):
            content += part
            check_size(str(path), len(content))
            if len(content) > most:
                raise DataError(
                    f"{path} unpacks to more than {_MOST_TIMES} times its size. If this is right, unpack it first."
                )
    return bytes(content)


def _read_parquet(path: Path) -> bytes:
    try:
        from pyarrow import ArrowException, csv, parquet
    except ModuleNotFoundError:
        raise refuse_missing(str(path), "pyarrow") from None
    from elman.data.frames import BoundedText, refuse_names

    text = BoundedText(str(path))
    with _explained(path, ArrowException, OSError), parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        refuse_names(schema.empty_table())
        nested = [field.name for field in schema if field.type.num_fields]
        if nested:
            raise DataError(f"{path} holds lists or objects in column {nested[0]}. Open it, and give the frame.")
        for number, batch in enumerate(file.iter_batches()):
            csv.write_csv(batch, text, csv.WriteOptions(include_header=not number))
    return text.getvalue()


def _read_spreadsheet(path: Path) -> bytes:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ModuleNotFoundError:
        raise refuse_missing(str(path), "python-calamine") from None
    from elman.data.frames import BoundedText

    text = BoundedText(str(path))
    with _explained(path, CalamineError, OSError, ValueError), CalamineWorkbook.from_path(str(path)) as book:
        if not book.sheet_names:
            raise DataError(f"{path} has no sheet. Give one with a table.")
        rows = book.get_sheet_by_index(0).iter_rows()
        lines = io.StringIO(newline="")
        write = csv.writer(lines, lineterminator="\n")
        for row in rows:
            write.writerow(map(_as_text, row))
            text.write(lines.getvalue().encode())
            lines.seek(0)
            lines.truncate()
    return text.getvalue()


def _as_text(cell: Any) -> Any:
    """Return a cell as a table of text has it: a spreadsheet has no whole numbers, and no dates without a time."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date()
    return str(cell).lower() if isinstance(cell, bool) else cell


@contextmanager
def _explained(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn the errors of a library into one of ours."""
    try:
        yield
    except errors as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0][:200]}. Save it again.") from None


_READERS: dict[str, Callable[[Path], bytes]] = {
    ".gz": _read_gzip,
    ".zst": _read_zstandard,
    ".parquet": _read_parquet,
    ".xlsx": _read_spreadsheet,
    ".xls": _read_spreadsheet,
    ".xlsb": _read_spreadsheet,
    ".ods": _read_spreadsheet,
}
