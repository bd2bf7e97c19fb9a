"""Keep compiled code in the user's cache folder: a kernel is compiled once on a machine, not once in every process.

The files there are run as code. So the folder must belong to the user and be closed to others, and an entry must belong
to the user and contain the hash of its content. No failure here is an error: code is then compiled in every process,
and one line in the log gives the reason.

>>> name = digest(["a program", "float32"])
>>> len(name)
64
"""

import contextlib
import functools
import hashlib
import json
import logging
import os
import re
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from elman.paths import cache_folder as _base
from elman.writing import write_whole

MOST_BYTES = 256 << 20
"""The limit for the size of the folder."""

_MAGIC = b"elmanLL1"
_HEADER = len(_MAGIC) + 2 * hashlib.sha256().digest_size
_OURS = re.compile(r"[0-9a-f]{64}\.o")
_DAY = 86400.0


def digest(parts: Sequence[str]) -> str:
    """Name code by everything that it depends on: the parts, and the sources that emit and compile it.

    >>> digest(["ab", "c"]) == digest(["a", "bc"])
    False
    """
    return hashlib.sha256(json.dumps([_sources(), *parts]).encode()).hexdigest()


def fetch(name: str) -> bytes | None:
    """Read the code of a digest; None if there is no entry that can be trusted."""
    folder = _folder()
    if folder is None:
        return None
    path = folder / f"{name}.o"
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read() if _distrust(status) is None else b""
        if time.time() - status.st_mtime > _DAY:
            os.utime(path)
    except OSError:
        return None
    code = content[_HEADER:]
    return code if content[:_HEADER] == _header(name, code) else None


def store(name: str, code: bytes) -> None:
    """Write the code of a digest. Other processes may do the same at the same time; none reads a partial file."""
    folder = _folder()
    if folder is None:
        return
    try:
        write_whole(folder / f"{name}.o", _header(name, code) + code, mode=0o600)
        _bound(folder)
    except OSError as error:
        _warn(f"{folder} cannot be written: {error.strerror}")


def _header(name: str, code: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(code).digest() + bytes.fromhex(name)


def _folder() -> Path | None:
    """Find the folder, and make it if needed; None if that is impossible or if others could write to it."""
    try:
        path = _base() / "elman"
    except RuntimeError:
        _warn("this user has no home folder")
        return None
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.lstat(path)
    except OSError as error:
        _warn(f"{path} cannot be made: {error.strerror}")
        return None
    fault = "is not a folder" if not stat.S_ISDIR(status.st_mode) else _distrust(status)
    if fault:
        _warn(f"{path} {fault}")
    return None if fault else path


def _distrust(status: os.stat_result) -> str | None:
    """Return the reason why another user may have written to a folder or file, or None."""
    if sys.platform == "win32":
        return None  # the folder inherits the rights of the user's folder
    if status.st_uid != os.geteuid():
        return "belongs to another user"
    return "can be written by others" if status.st_mode & 0o022 else None


def _bound(folder: Path) -> None:
    """Remove the least recently used entries until the folder is within its limit."""
    entries = []
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):
            if _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                entries.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total > MOST_BYTES:
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= size


@functools.cache
def _sources() -> str:
    total = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


@functools.cache
def _warn(reason: str) -> None:
    logging.getLogger("elman").warning(
        "Compiled kernels are not kept: %s. They are compiled again in every process.", reason
    )
