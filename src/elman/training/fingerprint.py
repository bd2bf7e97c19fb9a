"""Recognise the data of a training: a checksum of each file that it names, and of what is given in Python.

>>> fingerprint(["a", 1.5]) == fingerprint(["a", 1.5]) != fingerprint(["a", 2.5])
True
>>> fingerprint(object()) is None
True
"""

import dataclasses
from collections.abc import Mapping
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from elman.data.held import HeldFile

_BLOCK = 1 << 20
_DIGEST = 16  # bytes


def fingerprint(data: Any) -> dict[str, str] | None:
    """Return checksums of data by what they are called: a path, or `the data`.

    Args:
        data: a path or several, or strings, numbers, arrays and tensors in lists, mappings and dataclasses.

    Returns:
        The checksums; None where there is no telling, as of an object of another program, or of standard input.
    """
    if isinstance(data, HeldFile):
        return {str(data): blake2b(data.read_bytes(), digest_size=_DIGEST).hexdigest()}
    paths = [data] if isinstance(data, str | PathLike) else data
    if isinstance(paths, list | tuple) and paths and all(isinstance(one, str | PathLike) for one in paths):
        if "-" in map(str, paths):
            return None
        found = [Path(one) for one in paths]
        if any(path.exists() for path in found):
            # A pipe can be read once, and what cannot be read is refused elsewhere, with a better message.
            if not all(path.is_file() or path.is_dir() for path in found):
                return None
            try:
                return {str(path): sum_of_path(path) for path in found}
            except OSError:
                return None
    total = blake2b(digest_size=_DIGEST)
    return {"the data": total.hexdigest()} if _add(total, data) else None


def sum_of_path(path: Path) -> str:
    """Return the checksum of a file, or of the names and contents of all files in a folder."""
    total = blake2b(digest_size=_DIGEST)
    inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for file in inside:
        total.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                total.update(block)
    return total.hexdigest()


def _add(total: Any, value: Any) -> bool:
    """Add a value to a checksum; False for one whose contents are not known."""
    total.update(f"{type(value).__name__}\0".encode())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return all(_add(total, getattr(value, row.name)) for row in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return all(_add(total, part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        total.update(f"{len(value)}\0".encode())
        return all(_add(total, part) for part in value)
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return _add(total, value.tolist())
        total.update(f"{value.dtype}{value.shape}".encode())
        total.update(np.ascontiguousarray(value).tobytes())
        return True
    if isinstance(value, bytes):
        total.update(value)
        return True
    if value is None or isinstance(value, str | int | float | np.generic | PathLike):
        total.update(f"{value!r}\0".encode())
        return True
    return False
