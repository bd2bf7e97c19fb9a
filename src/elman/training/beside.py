"""What a training has beside its model: a lock, which keeps a second one from its output, and a checkpoint.

The system frees the lock where the process ends.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder, only_one(Path(folder, "m.model")):
...     sorted(path.name for path in Path(folder).iterdir())
['.m.model.lock']
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from elman.errors import DataError

CHECKPOINT = ".checkpoint"


def checkpoint_of(target: Path) -> Path:
    """Return where the checkpoint of a model is."""
    return target.with_name(target.name + CHECKPOINT)


@contextlib.contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Hold the lock of an output.

    Where the system has no such locks, and in a folder that cannot be written to, nothing is held.

    Args:
        target: the file of the model.

    Raises:
        DataError: another process holds it; the message names that process.
    """
    path = target.with_name(f".{target.name}.lock")
    file = _acquire(path, target)
    try:
        yield
    finally:
        if file is not None:
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(file)


def _acquire(path: Path, target: Path) -> int | None:
    if sys.platform == "win32":
        return None
    import fcntl

    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError:
            return None  # the folder is looked at elsewhere, with a better message
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(file, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise DataError(
                f"{target} is the output of another training, process {owner}. Wait for its end, or choose another "
                "name with -o."
            ) from None
        except OSError:
            os.close(file)
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(path)):  # the holder before may have removed it just now
                os.ftruncate(file, 0)
                os.write(file, f"{os.getpid()}\n".encode())
                return file
        os.close(file)
