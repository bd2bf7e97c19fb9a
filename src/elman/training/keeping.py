"""Keep the best model of a training in a file, also when the training fails or the file cannot be written.

Where the name is free, the best model so far is written to it after each validation. A model that is to be replaced
stays until the new training has ended; until then the best is written to `NAME.interrupted.elman.safetensors` in the
same folder, where it remains if the training is interrupted. A model that cannot be written is held in memory and
written at a later validation; at the end, it is written to another folder if necessary.

>>> with Keeper(None, force=False) as keeper:
...     keeper.target is None
True
"""

import contextlib
import dataclasses
import itertools
import re
import tempfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from elman.errors import ElmanError
from elman.models.file import SUFFIX, ModelFile, check_target
from elman.models.trained import Trained
from elman.paths import check_path
from elman.training.progress import Progress


class Keeper:
    """The file of a model during its training and at the end; a context manager around the training.

    An exception that ends the training gets a note with the path of the best model so far.

    Args:
        output: the path of the model at the end; None to write nothing.
        force: whether an existing model may be replaced.
        resumed: whether the training goes on, so that a model at `output` may be its own; the state is to be loaded.

    Attributes:
        target: the output as a `Path`.
        was_interrupted: whether the training was, whose model was written at the end.
        was_lost: whether the model could be written nowhere.

    Raises:
        DataError: see :func:`elman.models.file.check_target`.
    """

    def __init__(self, output: str | PathLike[str] | None, force: bool, resumed: bool = False) -> None:
        self.target = None if output is None else check_path(output, "the model")
        if self.target is not None and not (resumed and _is_empty(self.target)):
            check_target(self.target, force or resumed)
        self._replaces = self.target is not None and self.target.exists()
        self.was_interrupted = self.was_lost = False
        self._path: Path | None = None  # of the best so far
        self._waiting: ModelFile | None = None  # the best so far, until it is written
        self._failed = False  # whether the last attempt failed

    def __enter__(self) -> Self:
        return self

    def state_dict(self) -> dict[str, Any]:
        """Return what a training that goes on must know of its file, as plain data."""
        return {"replaces": self._replaces, "name": None if self._path is None else self._path.name}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; a file that is gone is written anew.

        Raises:
            ValueError: the name is none that a training of this output gives.
        """
        self._replaces = bool(state["replaces"])
        # Where the name was free, a file that has it is one of this training, maybe newer than its checkpoint.
        assert self.target is not None
        name = state["name"] or (None if self._replaces else self.target.name)
        stem = self.target.name.removesuffix(SUFFIX)
        own = rf"{re.escape(stem)}(\.interrupted)?(-\d+)?({re.escape(SUFFIX)})?"
        if name is not None and not re.fullmatch(own, name):
            raise ValueError(f"{name!r} is no name of a model of this training")
        path = None if name is None else self.target.with_name(name)
        self._path = None if path is None or not path.exists() else path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        if self._waiting is not None:
            self._path = self._write_anywhere(self._waiting, interrupted=True)
        if self._path is not None:
            error.add_note(f"The best model so far is kept in {self._path}.")

    def keep(self, model: Trained, progress: Progress) -> None:
        """Write the best model so far, or hold it in memory until it can be written."""
        if self.target is None:
            return
        self._waiting = model.as_file()
        self.try_again(progress)
        if self._waiting is not None:  # the training changes the weights in place
            copies = {name: value.detach().clone() for name, value in self._waiting.weights.items()}
            self._waiting = dataclasses.replace(self._waiting, weights=copies)

    def try_again(self, progress: Progress) -> None:
        """Write the model that is held in memory, if there is one."""
        if self._waiting is None:
            return
        try:
            path = self._write(self._waiting, self._path, interrupted=True)
        except ElmanError as error:
            if not self._failed:
                progress.note(f"{_reason(error)}; the best model is held in memory, and tried again at each validation")
            self._failed = True
            return
        if self._failed:
            progress.note(f"the best model so far is written to {path}")
        elif self._path is None and self._replaces:
            progress.note(f"{self.target} stays until the training has ended; the best so far is {path}")
        elif self._path is None and path != self.target:
            progress.note(f"{self.target} was taken in the meantime; the model is kept in {path}")
        self._path, self._waiting, self._failed = path, None, False

    def finish(self, model: Trained) -> None:
        """Write the model at the end of its training, and set `model.kept` to its path.

        Raises:
            ElmanError: it cannot be written there; the message says where it is instead.
        """
        if self.target is None:
            return
        file, interrupted = model.as_file(), model.stopped == "interrupted"
        self.was_interrupted = interrupted
        try:
            model.kept = self._write(file, self._path, interrupted)
        except ElmanError as error:
            found = self._write_anywhere(file, interrupted)
            self.was_lost = found is None
            if found != self.target:  # the second attempt may succeed
                where = f"The model is kept in {found}" if found else "Nothing can be written elsewhere either"
                self._path = self._waiting = None
                raise ElmanError(f"{_reason(error)}. {where}.") from None
            model.kept = found
        if self._path is not None and self._path != model.kept:
            self._path.unlink(missing_ok=True)
        self._path, self._waiting = model.kept, None

    def _write(self, file: ModelFile, before: Path | None, interrupted: bool) -> Path:
        """Write to the target, or to another name in its folder while the target must stay."""
        assert self.target is not None
        if self._replaces and not interrupted:
            file.write(self.target)
            return self.target
        if before is not None:
            file.write(before)
            return before
        if not self._replaces:
            return _write_new(file, self.target)  # another process may have taken the name since the training began
        stem = self.target.name.removesuffix(SUFFIX)
        return _write_new(file, self.target.with_name(f"{stem}.interrupted{SUFFIX}"))

    def _write_anywhere(self, file: ModelFile, interrupted: bool) -> Path | None:
        """Write to the first folder that allows it; return None if none does."""
        assert self.target is not None
        name = self.target.name
        places: list[Callable[[], Path]] = [
            lambda: self._write(file, self._path, interrupted),
            lambda: _write_new(file, Path.cwd() / name),
            lambda: _write_new(file, Path(tempfile.gettempdir()) / name),
        ]
        for write in places:
            with contextlib.suppress(ElmanError, OSError):
                return write()
        return None


def _write_new(file: ModelFile, path: Path) -> Path:
    """Write to a name that is free: the one given, or with a number behind it; return it.

    Raises:
        ElmanError: the folder cannot be written to.
    """
    stem = path.name.removesuffix(SUFFIX)
    suffix = path.name[len(stem) :]
    for number in itertools.count(1):
        free = path.with_name(f"{stem}-{number}{suffix}") if number > 1 else path
        try:
            free.touch(exist_ok=False)  # from here on the name is taken
        except FileExistsError:
            continue
        except OSError as error:
            raise ElmanError(f"{free} cannot be written: {error.strerror}. Choose another place with -o.") from None
        try:
            file.write(free)
        except BaseException:
            free.unlink(missing_ok=True)
            raise
        return free
    raise AssertionError("numbers do not end")


def _is_empty(path: Path) -> bool:
    """Return whether a name was taken for a model that was not written, see :func:`_write_new`."""
    return path.is_file() and path.stat().st_size == 0


def _reason(error: ElmanError) -> str:
    return str(error).partition(". ")[0]
