"""Features of pictures, computed once and kept in the user's cache folder.

An entry holds those of some pictures in float16, behind the hash of its content, and is named by all that it depends
on. One that is damaged is computed again. Where the folder cannot be written, features stay in memory.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.paths import cache_folder
from elman.writing import write_whole

MOST_BYTES = 4 << 30
"""The limit for the size of the folder."""

_AT_ONCE = 500  # pictures of an entry: an interrupted run has lost no more
_DIGEST = 32
_SUFFIX = ".f16"


def keep_features(
    what: Sequence[object],
    prints: Sequence[int],
    shape: tuple[int, ...],
    compute: Callable[[int], NDArray[np.float16]],
    on_progress: Callable[[int, int], None] | None = None,
) -> list[NDArray[np.float16]]:
    """Return the features of pictures, those that are kept from the cache folder.

    Args:
        what: all that they depend on besides the pictures, such as the name of a network.
        prints: the fingerprint of each picture.
        shape: of the features of a picture.
        compute: returns those of the picture of a number.
        on_progress: called with (pictures that are ready, all of them).

    Returns:
        Of each picture, an array of the shape, mapped where it is kept.
    """
    found: list[NDArray[np.float16]] = []
    folder = _make_folder()
    for start in range(0, len(prints), _AT_ONCE):
        some = list(range(start, min(start + _AT_ONCE, len(prints))))
        name = hashlib.sha256(json.dumps([*what, shape, [prints[i] for i in some]]).encode()).hexdigest()
        path = None if folder is None else folder / f"{name}{_SUFFIX}"
        rows = None if path is None else _fetch(path, (len(some), *shape))
        if rows is None:
            rows = np.empty((len(some), *shape), np.float16)
            for place, index in enumerate(some):
                rows[place] = compute(index)
                if on_progress is not None:
                    on_progress(index + 1, len(prints))
            if path is not None:
                rows = _store(path, rows)
        found += list(rows)
    return found


def _make_folder() -> Path | None:
    try:
        folder = cache_folder() / "elman" / "features"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder


def _fetch(path: Path, shape: tuple[int, ...]) -> NDArray[np.float16] | None:
    try:
        rows = np.memmap(path, np.float16, "r", _DIGEST, shape)
        with path.open("rb") as file:
            digest = file.read(_DIGEST)
        os.utime(path)
    except (OSError, ValueError):
        return None
    return rows if hashlib.sha256(rows.data).digest() == digest else None


def _store(path: Path, rows: NDArray[np.float16]) -> NDArray[np.float16]:
    try:
        write_whole(path, hashlib.sha256(rows.data).digest() + rows.tobytes(), mode=0o600)
        _bound(path.parent.glob(f"*{_SUFFIX}"), path)
        return np.memmap(path, np.float16, "r", _DIGEST, rows.shape)
    except (OSError, ValueError):
        return rows


def _bound(entries: Iterable[Path], newest: Path) -> None:
    """Remove the entries that were not used for the longest time, until all are within the limit."""
    known = []
    for entry in entries:
        with contextlib.suppress(OSError):
            status = entry.stat()
            known.append((entry == newest, status.st_mtime, status.st_size, entry))
    total = sum(size for _, _, size, _ in known)
    for is_newest, _, size, entry in sorted(known):
        if total > MOST_BYTES and not is_newest:
            with contextlib.suppress(OSError):
                entry.unlink()
                total -= size
