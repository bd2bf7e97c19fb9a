"""Check what a user gives as a path, before a file is opened: the empty string would otherwise be the current folder.

>>> check_path("book.txt", "the data")
PosixPath('book.txt')
>>> check_path("", "the data")
Traceback (most recent call last):
elman.errors.DataError: The path of the data is empty. Name a file.
"""

import itertools
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from elman.errors import ConfigError, DataError
from elman.phrases import abbreviate

_MOST_BYTES, _MOST_BYTES_OF_A_NAME = 4095, 255  # of Linux; other systems have no larger limits in practice


def check_path(path: Any, what: str) -> Path:
    """Return a path, whether or not there is a file.

    Args:
        path: a string or a `PathLike`.
        what: the file in words, such as `the model`.

    Raises:
        DataError: it is neither, it is empty, has a NUL, or is longer than a path may be.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise DataError(f"The path of {what} is {abbreviate(repr(text))}. Give a string or a pathlib.Path.")
    if not text.strip():
        raise DataError(f"The path of {what} is {'blank' if text else 'empty'}. Name a file.")
    if "\0" in text:
        raise DataError(f"The path of {what}, {abbreviate(repr(text))}, has a NUL character. Name a file without it.")
    encoded = os.fsencode(text)
    if len(encoded) > _MOST_BYTES or max(map(len, encoded.split(os.fsencode(os.sep)))) > _MOST_BYTES_OF_A_NAME:
        raise DataError(
            f"The path of {what} has {len(text):,} characters, too many for a file ({abbreviate(text)}). Name a file."
        )
    return path if isinstance(path, Path) else Path(text)


def refuse_shared(written: Mapping[str, str | os.PathLike[str]], read: Mapping[str, Iterable[str]]) -> None:
    """Refuse files that would replace each other, or what is read.

    Args:
        written: by the name of its option, such as `--output`, a file that will be written.
        read: by what they are in words, files that are read; a blank and `-` are none.

    Raises:
        ConfigError: two are one file, perhaps through a link. Devices and folders are no such files.
    """
    for (one, path), (other, second) in itertools.combinations(written.items(), 2):
        if _is_shared(path, second):
            raise ConfigError(f"{other} and {one} both name {second}. Choose another name for one of them.")
    for name, path in written.items():
        for what, others in read.items():
            if any(_is_shared(path, other) for other in others if other not in ("", "-")):
                raise ConfigError(f"{name} names {path}, which is read as {what}. Choose another name.")


def _is_shared(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Return whether two paths lead to one file, or would."""
    try:
        if os.path.exists(one) and os.path.exists(other):
            return os.path.isfile(one) and os.path.samefile(one, other)
        return os.path.realpath(one) == os.path.realpath(other)
    except (OSError, ValueError):  # it is no path, which is said where it is opened
        return False


def cache_folder() -> Path:
    """Return the folder of the user in which programs keep what they can compute again.

    Raises:
        RuntimeError: this user has no home folder.
    """
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    requested = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification requires that a relative path is ignored.
    return requested if requested.is_absolute() else Path.home() / ".cache"
