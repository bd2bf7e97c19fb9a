"""Write a file whole or not at all, also when several processes write to the same folder.

The bytes go to a file with a random name in the same folder, which is then renamed to the target: a reader sees the old
file or the new one. The writer locks its unfinished file. An unfinished file that is older than an hour and not locked
was left by a process that died; the next writer in the folder removes it.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     write_whole(Path(folder, "poem.txt"), b"Arma virumque cano")
...     [(path.name, path.read_bytes()) for path in Path(folder).iterdir()]
[('poem.txt', b'Arma virumque cano')]
"""

import contextlib
import os
import secrets
import stat
import sys
import time
from pathlib import Path

_PREFIX, _SUFFIX = ".elman-", ".unfinished"
_HOUR = 3600.0
# Windows has neither flag; a name with 64 random bits is safe there as well.
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_LOOK = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def write_whole(path: str | os.PathLike[str], content: bytes, mode: int | None = None) -> None:
    """Write a file whole or not at all; when this returns it is on the disk.

    A file that is replaced keeps its mode and, as far as this user may set them, its owner and group. A symbolic link
    stays, and what it points to is replaced. A pipe or a device, such as /dev/stdout, is written into.

    Args:
        path: the file.
        content: all of it.
        mode: of the file, whatever was there before; None keeps that of the old one, or leaves it to the umask.

    Raises:
        OSError: the disk is full, or the folder is gone or cannot be written to. What stood there is as it was, and
            no other file is left.
    """
    old = _status(path)
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(path, "wb") as stream:
            stream.write(content)
        return
    target = Path(os.path.realpath(path))
    name = target.with_name(f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")
    handle = os.open(name, _NEW, 0o666 if mode is None and old is None else 0o600)
    try:
        with open(handle, "wb") as file:
            _lock(handle)
            file.write(content)
            file.flush()
            _set_rights(handle, old, mode)
            os.fsync(handle)
            if sys.platform == "win32":
                file.close()  # An open file cannot be renamed there.
            os.replace(name, target)
    finally:
        with contextlib.suppress(OSError):
            name.unlink(missing_ok=True)
    _sync_folder(target.parent)
    _remove_leftovers(target.parent)


def _status(path: str | os.PathLike[str]) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _set_rights(file: int, old: os.stat_result | None, mode: int | None) -> None:
    if sys.platform == "win32":
        return  # A file has the rights of its folder there.
    if mode is None and old is not None:
        mode = _keep_owner(file, old)
    if mode is not None:
        os.fchmod(file, mode)


def _keep_owner(file: int, old: os.stat_result) -> int:
    """Give a file the owner and group of another, and return the mode that it may have then."""
    kept, new = old.st_mode & 0o777, os.fstat(file)
    if (new.st_uid, new.st_gid) == (old.st_uid, old.st_gid):
        return kept
    for owner in (old.st_uid, -1):
        with contextlib.suppress(PermissionError):
            os.fchown(file, owner, old.st_gid)
            return kept
    return kept & 0o707  # What its group could do is not for another group.


def _sync_folder(folder: Path) -> None:
    """Put the new name on the disk, where folders can be opened for that; the file itself is there already."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files that nobody holds, of those that are old; what may not be touched stays."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX):
                with contextlib.suppress(OSError):
                    _remove_if_left(entry.path)


def _remove_if_left(path: str) -> None:
    file = os.open(path, _LOOK)
    try:
        status = os.fstat(file)
        if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > _HOUR and _lock(file):
            os.unlink(path)
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    """Lock a file; False where another holds it, or where the file system has no locks."""
    if sys.platform == "win32":
        return False  # An open file cannot be removed there, and one that was left stays.
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
