"""Read and write the bytes of a model file: a safetensors header, the tensors, and a checksum of both.

The header is JSON: a row for each tensor (dtype, shape, offsets), and one metadata entry, `elman`, itself a JSON text
that describes the model. Its field `sha256` is the checksum of the tensors' bytes followed by the header's JSON: keys
sorted, the entry as an object in it, the checksum itself left out:

    {"elman": {"cell": {…}, …}, "tensors": {"readout.bias": {"data_offsets": [0, 28], "dtype": "F32", "shape": [7]}, …}}

A file may come from a stranger: every size has a limit, and sizes are checked before memory is allocated.
"""

import contextlib
import hashlib
import io
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from safetensors.torch import load, save
from torch import Tensor

from elman.backends.memory_check import as_memory
from elman.data.held import HeldFile
from elman.data.signatures import describe_binary
from elman.errors import DataError, ElmanError

SUM = "sha256"
MOST_HEADER = 32 << 20
"""Bytes of a header."""
MOST_VALUES = 1_000_000
"""Values in a header, counted as its commas and brackets; a forecaster of 200,000 series has fewer."""
MOST_BYTES = 4 << 30
"""Bytes of all tensors: a billion parameters in float32."""
MOST_TENSORS = 4096

_ENTRY, _METADATA = "elman", "__metadata__"
_LENGTH = 8  # bytes in front of the header that hold its length
_DIGITS = 19  # of the largest int64
_DEEPEST = 64
_LOOKED_AT = 4096  # bytes of a file that is no model
_SHOWN = 120  # characters of a reason


class Header(NamedTuple):
    """The header of a model file.

    Attributes:
        entry: the description of the model, with the checksum where it has one.
        rows: dtype, shape and offsets of each tensor, by its name.
    """

    entry: dict[str, Any]
    rows: dict[str, Any]


def pack(entry: Mapping[str, Any], weights: Mapping[str, Tensor]) -> bytes:
    """Return the bytes of a model file; the same model gives the same bytes.

    Args:
        entry: the description of the model, plain data without a checksum.
        weights: the tensors, by name.

    Raises:
        ElmanError: a number is not finite, a weight is no plain tensor, or the model is too large to be read again.
    """
    kept = _separate({name: _plain(name, value) for name, value in weights.items()})
    wrong = _first_not_finite(kept)
    if wrong is not None:
        raise ElmanError(f"{wrong} is not finite, and such a model is not kept. Train it with a lower --learning-rate.")
    raw = memoryview(save(kept))
    data = data_of(raw)
    rows = json.loads(bytes(raw[_LENGTH : len(raw) - len(data)]))
    try:
        text = json.dumps({**entry, SUM: sum_of(Header(dict(entry), rows), data)}, sort_keys=True, allow_nan=False)
    except ValueError as error:
        raise ElmanError(
            f"The model has a number that is not finite, and is not kept ({error}). Train it again."
        ) from None
    header = json.dumps({_METADATA: {_ENTRY: text}, **rows}).encode()
    header += b" " * (-len(header) % _LENGTH)
    large = _too_large(header, len(rows), len(data))
    if large is not None:
        raise ElmanError(f"A model that has {large} could not be read again, so it is not kept. Train a smaller one.")
    return b"".join([len(header).to_bytes(_LENGTH, "little"), header, data])


def _plain(name: str, value: Tensor) -> Tensor:
    """Return a weight as a contiguous tensor on the CPU whose memory has its values, or refuse it."""
    if not isinstance(value, Tensor) or value.is_quantized or value.is_meta:
        kind = (
            "is quantised" if getattr(value, "is_quantized", False) else f"is a {type(value).__name__} without values"
        )
        raise ElmanError(
            f"{name} {kind}.\n  A model file has plain tensors.\n  Save the model before its module is converted."
        )
    own = value.detach().cpu()
    return as_memory(name, own, own).contiguous()


def _separate(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy the weights that share memory with another one, which safetensors does not write."""
    seen: set[int] = set()
    for name, value in weights.items():
        address = value.untyped_storage().data_ptr()
        if address in seen:
            weights[name] = value.clone()
        seen.add(address)
    return weights


def read_header(path: Path) -> Header:
    """Read the header alone, without checking that the rest of the file is complete.

    Raises:
        DataError: there is no such file, or its header is not that of a model.
    """
    with _opened(path) as (file, size):
        return _parse_header(path, _read_front(path, file, size)[_LENGTH:])


def read_whole(path: Path) -> tuple[Header, bytes]:
    """Read a whole file once, or the bytes of a held one, after checking its sizes.

    Returns:
        The header, and all bytes of the file.

    Raises:
        DataError: as for :func:`read_header`, or the file is not as long as its header says.
    """
    with _opened(path) as (file, whole):
        front = _read_front(path, file, whole)
        header = _parse_header(path, front[_LENGTH:])
        size = whole - len(front)
        large = _too_large(b"", len(header.rows), size)
        if large is not None:
            raise DataError(f"{path} has {large}. No model of elman is so large; train it again.")
        if max((_end(row) for row in header.rows.values()), default=0) != size:
            raise _no_model(path, f"{size:,} bytes of weights are not what its header says")
        return header, front + file.read(size)


def unpack(path: Path, raw: bytes) -> dict[str, Tensor]:
    """Return the tensors in all bytes of a file; they have their own memory.

    Raises:
        DataError: the header does not fit the bytes, or a weight is not finite.
    """
    try:
        weights: dict[str, Tensor] = load(raw)
    except Exception as error:  # noqa: BLE001 - a forged row makes the library raise anything
        raise _no_model(path, str(error).splitlines()[0][:_SHOWN]) from None
    wrong = _first_not_finite(weights)
    if wrong is not None:
        raise DataError(f"{path} is damaged: {wrong} is not finite. Train it again.")
    return weights


def data_of(raw: bytes | memoryview) -> memoryview:
    """Return the bytes of a file that follow its header."""
    return memoryview(raw)[_LENGTH + int.from_bytes(raw[:_LENGTH], "little") :]


def sum_of(header: Header, data: memoryview) -> str:
    """Return the checksum of a model, as hexadecimal digits."""
    entry = {name: value for name, value in header.entry.items() if name != SUM}
    total = hashlib.sha256(data)
    total.update(json.dumps({_ENTRY: entry, "tensors": header.rows}, sort_keys=True).encode())
    return total.hexdigest()


def _first_not_finite(weights: Mapping[str, Tensor]) -> str | None:
    return next((f"the weight {name[:60]!r}" for name, value in weights.items() if not value.isfinite().all()), None)


def _too_large(header: bytes, tensors: int, size: int) -> str | None:
    """Describe what is above its limit; None where nothing is."""
    if len(header) > MOST_HEADER:
        return f"a header of more than {MOST_HEADER >> 20} MiB"
    if sum(header.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        return f"more than {MOST_VALUES:,} values in its header"
    if tensors > MOST_TENSORS:
        return f"more than {MOST_TENSORS:,} tensors"
    return f"more than {MOST_BYTES >> 30} GiB of weights" if size > MOST_BYTES else None


def _no_model(path: Path, why: str) -> DataError:
    return DataError(f"{path} is not a model, or is cut short ({why}). Name a file that `elman train` wrote.")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file; yield it, and how many bytes it has."""
    if isinstance(path, HeldFile):
        raw = path.read_bytes()
        yield io.BytesIO(raw), len(raw)
        return
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DataError(f"{path} is a folder, not a model. Name a file that `elman train` wrote.")
        if not stat.S_ISREG(mode):
            raise DataError(f"{path} is a pipe or a device, not a model. Name a file that `elman train` wrote.")
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise DataError(f"{path} does not exist. Check the path; the current folder is {Path.cwd()}.") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}. Check the file and its permissions."
        ) from None


def _read_front(path: Path, file: BinaryIO, size: int) -> bytes:
    """Read the header and its length in front of it."""
    front = file.read(_LENGTH)
    length = int.from_bytes(front, "little")
    if len(front) < _LENGTH or length > size - _LENGTH:
        file.seek(0)
        what = describe_binary(file.read(_LOOKED_AT))
        raise _no_model(path, f"it is {what}" if what else "it ends before its header does")
    if length > MOST_HEADER:
        raise _no_model(path, f"its header would have {length:,} bytes")
    return front + file.read(length)


def _parse_header(path: Path, text: bytes) -> Header:
    large = _too_large(text, 0, 0)
    if large is not None:
        raise DataError(f"{path} has {large}. No model of elman is so large; train it again.")
    try:
        rows = _parse(text)
        entry = rows.pop(_METADATA)
    except (ValueError, RecursionError) as error:
        raise _no_model(path, f"its header: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise _foreign(path) from None
    if not isinstance(entry, dict) or entry.keys() != {_ENTRY} or not isinstance(entry[_ENTRY], str):
        raise _foreign(path)
    try:
        description = _parse(entry[_ENTRY])
    except (ValueError, RecursionError) as error:
        raise _foreign(path, str(error)) from None
    if not isinstance(description, dict):
        raise _foreign(path)
    return Header(description, rows)


def _foreign(path: Path, why: str = "no entry `elman`") -> DataError:
    return DataError(
        f"{path} is a safetensors file of another program, or damaged ({why}). Train a model: elman train generate"
    )


def _parse(text: bytes | str) -> Any:
    """Parse JSON strictly: keys are unique, integers fit int64, and numbers that are not finite become None."""
    value = json.loads(
        text if isinstance(text, str) else text.decode(),
        object_pairs_hook=_object,
        parse_int=_whole,
        parse_float=_finite,
        parse_constant=_finite,
    )
    level, depth = [value], 0
    while level:  # a bounded depth, so that other code may recurse
        if depth > _DEEPEST:
            raise ValueError(f"nested more than {_DEEPEST} deep")
        inside = [part.values() if isinstance(part, dict) else part for part in level]
        level, depth = [part for parts in inside for part in parts if isinstance(part, dict | list)], depth + 1
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a name stands twice")
    return unique


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _DIGITS or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _end(row: Any) -> int:
    """Return the offset of the end of a tensor, -1 where its row has none."""
    match row:
        case {"data_offsets": [int(), int(end)]}:
            return end
    return -1
