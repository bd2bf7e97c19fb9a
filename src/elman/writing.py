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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    write_together({path: content}, mode)


def write_together(files: Mapping[str | os.PathLike[str], bytes], mode: int | None = None) -> None:
    """Write several files, all or none; each as :func:`write_whole` does.

    Args:
        files: the content of each.
        mode: as for :func:`write_whole`.

    Raises:
        OSError: as for :func:`write_whole`. What stood at all places is as it was.
    """
    placed: list[_Placed] = []
    with contextlib.ExitStack() as stack:
        steps = [stack.enter_context(_prepare(path, content, mode)) for path, content in files.items()]
        try:
            for number, place in enumerate(steps, 1):
                placed.append(place(number < len(steps)))
        except BaseException:
            for one in reversed(placed):
                one.take_back()
            raise
    for folder in {one.target.parent for one in placed if one.target is not None}:
        _sync_folder(folder)
        _remove_leftovers(folder)


@dataclass(frozen=True)
class _Placed:
    """A file that was put in place, and what stood there before; None for a pipe or a device, and for no file."""

    target: Path | None
    old: bytes | None = None

    def take_back(self) -> None:
        if self.target is not None:
            with contextlib.suppress(OSError):
                if self.old is None:
                    self.target.unlink()
                else:
                    write_whole(self.target, self.old)


@contextlib.contextmanager
def _prepare(path: str | os.PathLike[str], content: bytes, mode: int | None) -> Iterator[Callable[[bool], _Placed]]:
    """Write a file beside its place, and yield what puts it there; called with whether it may be taken back."""
    old = _status(path)
    if old is not None and not stat.S_ISREG(old.st_mode):
        yield lambda _: _fill(path, content)
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

            def place(may_go: bool) -> _Placed:
                before = target.read_bytes() if may_go and old is not None else None
                os.replace(name, target)
                return _Placed(target, before)

            yield place
    finally:
        with contextlib.suppress(OSError):
            name.unlink(missing_ok=True)


def _fill(path: str | os.PathLike[str], content: bytes) -> _Placed:
    """Write into a pipe or a device."""
    with open(path, "wb") as stream:
        stream.write(content)
    return _Placed(None)


class GrowingFile:
    """A file that grows line by line; a line is in it whole, or not at all.

    A line has reached the system when :meth:`add` returns, so it survives the process, though not a loss of power.

    Args:
        path: the file; it is made if it is not there. A pipe or a device is written into.

    Attributes:
        was_made: whether it was not there.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self.was_made = not os.path.exists(path)
        self._file = self._open()

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        return os.open(self._path, flags, 0o666)

    def add(self, line: str) -> None:
        """Append a line, which has no newline.

        Raises:
            OSError: it cannot be written; what is there of it is cut off again.
        """
        content, before = memoryview(f"{line}\n".encode()), os.fstat(self._file)
        try:
            while content:
                content = content[os.write(self._file, content) :]
        except OSError:
            if stat.S_ISREG(before.st_mode):
                os.ftruncate(self._file, before.st_size)
            raise

    def replace(self, lines: Sequence[str]) -> None:
        """Replace all lines, whole or not at all; of a pipe or a device nothing is taken back.

        Raises:
            OSError: as for :func:`write_whole`.
        """
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            return
        os.close(self._file)
        try:
            write_whole(self._path, "".join(f"{line}\n" for line in lines).encode())
        finally:
            self._file = self._open()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


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
