"""The file of a checkpoint: the state of a training as plain data, read again without executing anything.

The bytes are those of a model file, see :mod:`elman.models.bytes`, with a checksum over all. Its entry names the task
`checkpoint` and holds the state as JSON; what JSON does not have is an object with one tag, so that what is read is
equal to what was written. The bytes of all tensors lie in one.

>>> import tempfile
>>> state = {"loss": math.nan, "weights": {3: torch.ones(2, 5)}, "position": (1, 2**70)}
>>> with tempfile.TemporaryDirectory() as folder:
...     write_checkpoint(Path(folder, "m.checkpoint"), state)
...     again = read_checkpoint(Path(folder, "m.checkpoint"))
>>> again["position"], again["weights"][3].shape, math.isnan(again["loss"])
((1, 1180591620717411303424), torch.Size([2, 5]), True)
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.errors import DataError, ElmanError
from elman.models.bytes import SUM, data_of, pack, read_whole, sum_of, unpack
from elman.writing import write_whole

TASK = "checkpoint"
FORMAT = 1

_BYTES = "bytes"
_EXACT = 2**53  # integers of JSON below are exact in every program
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128, torch.int64,
        torch.int32, torch.int16, torch.int8, torch.uint64, torch.uint32, torch.uint16, torch.uint8, torch.bool,
    )
}  # fmt: skip
ADVICE = "Remove it, or begin anew with --force."


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state whole or not at all.

    Args:
        path: of the file; one that stands there is replaced.
        state: None, booleans, numbers, strings, tensors and numpy's arrays, in lists, tuples and dictionaries.

    Raises:
        ElmanError: it cannot be written, or is too large to be read again.
    """
    plain, tensors = pack_state(state)
    entry = {"format": FORMAT, "task": TASK, "state": plain}
    try:
        write_whole(path, pack(entry, {_BYTES: tensors}))
    except OSError as error:
        raise ElmanError(f"{path} cannot be written: {error.strerror}. Make room, or choose another -o.") from None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state.

    Raises:
        DataError: there is no such file, or it is damaged or no checkpoint.
    """
    try:
        header, raw = read_whole(path)
    except DataError as error:
        raise DataError(f"{str(error).partition('. ')[0]}. {ADVICE}") from None
    if header.entry.get(SUM) != sum_of(header, data_of(raw)):
        raise DataError(f"{path} is damaged: it is not as it was written, says its {SUM}. {ADVICE}")
    if header.entry.get("task") != TASK or header.entry.get("format") != FORMAT:
        raise DataError(f"{path} is no checkpoint of this version of elman. {ADVICE}")
    try:
        state = unpack_state(header.entry["state"], unpack(path, raw)[_BYTES])
    except Exception as error:  # noqa: BLE001 - a forged file makes libraries raise anything
        raise DataError(f"{path} is damaged ({type(error).__name__}). {ADVICE}") from None
    if not isinstance(state, dict):
        raise DataError(f"{path} is damaged: its state is a {type(state).__name__}. {ADVICE}")
    return state


def pack_state(state: Any) -> tuple[Any, Tensor]:
    """Turn a state into JSON, and the bytes of its tensors, (n,) uint8."""
    packed = _StateWriter()
    return packed.write(state), packed.all()


def unpack_state(plain: Any, tensors: Tensor) -> Any:
    """Return the state of which :func:`pack_state` made JSON and bytes."""
    return _StateReader(tensors).read(plain)


class _StateWriter:
    """A state that is written: its JSON, and the bytes of its tensors one behind the other."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def all(self) -> Tensor:
        """Return the bytes of all tensors."""
        return torch.frombuffer(bytearray(b"".join([*self._parts, b"\0"])), dtype=torch.uint8)

    def write(self, value: Any) -> Any:
        """Return a value as JSON."""
        match value:
            case None | bool() | str():
                return value
            case np.generic():
                return self.write(value.item())
            case int():
                return value if -_EXACT < value < _EXACT else {"int": str(value)}
            case float():
                return value if math.isfinite(value) else {"float": str(value)}
            case Tensor():
                return {"tensor": self._add(value.detach().cpu())}
            case np.ndarray():
                return {"array": self._add(torch.from_numpy(np.ascontiguousarray(value)))}
            case dict():
                return {"dict": [self.write(one) for pair in value.items() for one in pair]}
            case tuple():
                return {"tuple": [self.write(one) for one in value]}
            case list():
                return [self.write(one) for one in value]
        raise TypeError(f"a {type(value).__name__} has no place in a checkpoint")

    def _add(self, tensor: Tensor) -> list[Any]:
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
        row = [str(tensor.dtype).removeprefix("torch."), list(tensor.shape), self._length, len(raw)]
        self._parts.append(raw)
        self._length += len(raw)
        return row


class _StateReader:
    """A state that is read.

    Args:
        bytes_: those of all tensors.
    """

    def __init__(self, bytes_: Tensor) -> None:
        self._bytes = bytes_

    def read(self, value: Any) -> Any:
        """Return the value that JSON stands for."""
        if isinstance(value, list):
            return [self.read(one) for one in value]
        if not isinstance(value, dict):
            return value
        (tag, inside), *others = value.items()
        if others:
            raise ValueError("two tags")
        match tag:
            case "int":
                return int(inside)
            case "float":
                return float(inside)
            case "tensor":
                return self._take(*inside)
            case "array":
                return self._take(*inside).numpy()
            case "tuple":
                return tuple(self.read(one) for one in inside)
            case "dict":
                read = [self.read(one) for one in inside]
                return dict(zip(read[::2], read[1::2], strict=True))
        raise ValueError(f"the tag {tag[:20]}")

    def _take(self, dtype: str, shape: list[int], start: int, length: int) -> Tensor:
        kind = _DTYPES[dtype]
        if math.prod(shape) * kind.itemsize != length or min(start, *shape, 0) < 0:
            raise ValueError("a tensor of another size")
        if start + length >= len(self._bytes):
            raise ValueError("a tensor behind the end")
        return self._bytes[start : start + length].clone().view(kind).reshape(shape)
