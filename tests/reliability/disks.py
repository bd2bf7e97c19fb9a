"""Let every write of a training and of a command fail in turn: the old file stays, and one line says why.

A write has five moments: when its bytes are put together, when the file is opened, written, flushed to the disk, and
renamed. At one of them the disk is full, an input or output error comes, or memory cannot be allocated. Besides, where
file systems can be mounted, a disk is really full: of each size from one that holds the old file alone upwards.
"""

import contextlib
import errno
import itertools
import os
import shutil
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch

from damaged_models import ask
from elman import writing
from elman.models import bytes as model_bytes
from elman.training import resuming
from small_trainings import RECIPES, SMALL

_FAILURES: tuple[tuple[str, Callable[[], BaseException], tuple[str, ...]], ...] = (
    ("full", lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ("open", "write")),
    ("EIO", lambda: OSError(errno.EIO, os.strerror(errno.EIO)), ("fsync", "replace")),
    ("memory", MemoryError, ("pack",)),
)
COMMANDS: Sequence[tuple[Sequence[str], str, str]] = (
    (("inspect", "a.model", "a.csv", "--html"), "page.html", "classify"),
    (("export", "a.model", "--force", "-o"), "net.c", "generate"),
    (("compose", "a.model", "--seed", "1", "--bars", "1", "-o"), "song.mid", "compose"),
)
"""Commands that write a file, its name, and the training whose model they are given."""
_STEP = 16 << 10
_LARGEST = 1 << 20


class Work(NamedTuple):
    """What writes files.

    Attributes:
        name: for messages.
        do: does it in a folder; returns the exit code and what is said.
        written: the name of the file that it writes there.
    """

    name: str
    do: Callable[[Path], tuple[int, str]]
    written: str


def fail_writes(folder: Path, every: int = 1) -> Iterator[str]:
    """Let writes fail; yield lines of what was found.

    Args:
        folder: an empty one, to work in.
        every: fail one of so many writes; 1 lets each fail.

    Raises:
        AssertionError: an old file was lost or damaged, or more or less than one line was said.
    """
    torch.set_num_threads(1)
    resuming.SECONDS, resuming._OF_TIME = -1.0, 0
    counts: Counter[str] = Counter()
    for work, source in _works(folder):
        for failure, error, moments in _FAILURES:
            for moment in moments:
                counts.update(_fail_in_turn(work, source, folder / "tried", failure, error, moment, every))
    writes = sum(count for name, count in counts.items() if name not in ("refused", "done all the same"))
    yield (
        f"{writes} writes failed, one at a time ({', '.join(f'{name} {count}' for name, count in counts.items())}): "
        "every old file stayed whole, or its new one stands there"
    )


def _works(folder: Path) -> Iterator[tuple[Work, Path]]:
    """Yield works, each with a folder that has their data, and an old file in the place of the new one."""
    for name, (recipe, write, file, options) in RECIPES.items():
        source = folder / f"of-{name}"
        source.mkdir()
        data = write(source / file)
        given = {**SMALL, **options, "epochs": 1}
        recipe.train(data, output=source / "a.model", **given)

        def train(own: Path, recipe: Any = recipe, data: Any = data, given: Any = given) -> tuple[int, str]:
            moved = [_moved(one, own) for one in data] if isinstance(data, list) else _moved(data, own)
            return _caught(lambda: recipe.train(moved, output=own / "a.model", force=True, seed=2, **given))

        yield Work(f"training of {name}", train, "a.model"), source
    for command, written, name in COMMANDS:
        kept = folder / f"of-{name}-for-{command[0]}"
        shutil.copytree(folder / f"of-{name}", kept)
        work = Work(command[0], lambda own, command=command, written=written: _command(own, command, written), written)
        code, said = work.do(kept)
        assert code == 0, said
        yield work, kept


def _moved(path: Any, own: Path) -> Path:
    """Return where a file of the data is in a copy of their folder."""
    parts = Path(path).parts
    start = next(number for number, part in enumerate(parts) if part.startswith("of-"))
    return own.joinpath(*parts[start + 1 :])


def _command(own: Path, command: Sequence[str], written: str) -> tuple[int, str]:
    with contextlib.chdir(own):
        code, _, said = ask([*command, written])
    return code, said


def _caught(call: Callable[[], object]) -> tuple[int, str]:
    from elman.errors import ElmanError

    try:
        call()
    except (ElmanError, MemoryError, OSError) as error:  # the command line makes a line of each
        return 1, f"elman: {error}\n"
    return 0, ""


def _fail_in_turn(
    work: Work, source: Path, own: Path, failure: str, error: Callable[[], BaseException], moment: str, every: int
) -> Iterator[str]:
    """Let the first write fail at a moment, then the second, until there are no more."""
    for at in itertools.count(1, every):
        shutil.rmtree(own, ignore_errors=True)
        shutil.copytree(source, own)
        before = (own / work.written).read_bytes()
        names = sorted(path.name for path in own.iterdir())
        reached, code, said = _in_a_fork(lambda: work.do(own), _Fault(at, moment, error))
        if not reached:
            return
        what = f"{work.name}, {failure} at {moment} {at}: "
        after = (own / work.written).read_bytes() if (own / work.written).exists() else None
        assert code in (0, 1), f"{what}ended with {code}: {said[-1600:]}"
        if code == 1:
            lines = [line for line in said.splitlines() if line.startswith("elman: ")]
            assert len(lines) == 1, f"{what}{said[-1600:]}"
            assert after == before, f"{what}the old file is another: {said[-1600:]}"
            yield "refused"
        else:
            yield "done all the same"
        assert after, what
        more = {path.name for path in own.iterdir()} - set(names)
        left = {name for name in more if name.endswith(".unfinished")}
        assert not left, f"{what}{left} is left"
        yield failure


class _Fault:
    """A failure of the n-th write at a moment of it; `reached` once it came."""

    def __init__(self, number: int, moment: str, error: Callable[[], BaseException]) -> None:
        self.number, self.moment, self.error = number, moment, error
        self.count, self.reached = 0, False

    def plant(self) -> None:
        """Plant it in this process."""
        if self.moment == "pack":
            for module in (model_bytes, sys.modules["elman.training.checkpoint"], sys.modules["elman.models.file"]):
                if hasattr(module, "pack"):
                    module.pack = self._failing(module.pack)  # type: ignore[attr-defined]
        elif self.moment == "write":
            writing.open = self._opened  # type: ignore[attr-defined]
        else:
            writing.os = _Changed(os, self.moment, self._failing(getattr(os, self.moment)))

    def _failing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def fail_or_call(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self.number:
                self.reached = True
                raise self.error()
            return call(*args, **kwargs)

        return fail_or_call

    def _opened(self, *args: Any, **kwargs: Any) -> Any:
        file = open(*args, **kwargs)  # noqa: SIM115 - the caller closes it
        return _Changed(file, "write", self._failing(lambda content: file.write(content[: len(content) // 2])))


class _Changed:
    """An object with one attribute changed."""

    def __init__(self, real: Any, name: str, value: Any) -> None:
        self._real, self._name, self._value = real, name, value

    def __getattr__(self, name: str) -> Any:
        return self._value if name == self._name else getattr(self._real, name)

    def __enter__(self) -> Self:
        self._real.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._real.__exit__(*error)


def _in_a_fork(do: Callable[[], tuple[int, str]], fault: _Fault | None) -> tuple[bool, int, str]:
    """Do it in a process of its own; return whether the fault came, the exit code, and what was said."""
    reading, answer = os.pipe()
    process = os.fork()
    if process == 0:
        code, said = 70, ""
        try:
            if fault is not None:
                fault.plant()
            code, said = do()
        except BaseException as error:
            said = "".join(traceback.format_exception(error))
        finally:
            reached = fault is None or fault.reached
            os.write(answer, f"{int(reached)}{code:03d}{said[-3000:]}".encode())
            os._exit(0)
    os.close(answer)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        text = pipe.read()
    os.waitpid(process, 0)
    return text[0] == "1", int(text[1:4]), text[4:]


def fill_a_disk(folder: Path) -> str:
    """Train on disks that hold an old model and little more; say what was found.

    Raises:
        AssertionError: a training on a full disk lost the old model, or left a part of a file.
    """
    recipe, write, file, options = RECIPES["generate"]
    given = {**SMALL, **options, "epochs": 1}
    source, disk, elsewhere = (folder / name for name in ("of-generate-whole", "disk", "elsewhere"))
    for own in (source, disk, elsewhere):
        own.mkdir()
    recipe.train(write(source / file), output=source / "a.model", **given)
    held = sum(path.stat().st_size for path in source.iterdir())
    own, before = disk / "own", (source / "a.model").read_bytes()

    def train() -> tuple[int, str]:
        # A model that its folder cannot hold is kept in the current one.
        with contextlib.chdir(elsewhere):
            return _caught(lambda: recipe.train(own / file, output=own / "a.model", force=True, seed=2, **given))

    full = whole = 0
    for size in range(held // _STEP * _STEP + _STEP, held + _LARGEST, _STEP):
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            return "no disk of a given size can be mounted here"
        try:
            shutil.copytree(source, own)
            _, code, said = _in_a_fork(train, None)
            assert code in (0, 1), said
            assert ((own / "a.model").read_bytes() == before) == (code == 1), f"{size}: {said}"
            assert not [path for path in own.iterdir() if path.name.endswith(".unfinished")]
            full, whole = full + (code == 1), whole + (code == 0)
        except (OSError, shutil.Error):
            continue  # the old files alone do not fit
        finally:
            subprocess.run(["umount", str(disk)], check=True)
        if whole > 1:
            break
    return f"disks of {full + whole} sizes: {full} were full, where the old model stayed; {whole} held the new one"
