"""Write checkpoints of a training, and go on from one: with equal data and options the end is the same, bit for bit.

A command may train several models: trials of a search, folds. They follow each other in an order that does not depend
on time, so their number says which is which: of those that have ended a checkpoint holds the result, of the one that
runs its state, and the others begin anew. What comes before a training, such as reading data, is done again.

The trainer finds the checkpoints of its command in a context variable, since a recipe has nothing to do with them. The
first is written before the first update, and the next after 30 seconds and after a hundred times as long as writing
took.

>>> with Resumer(None, {}) as resumer:
...     current() is resumer, resumer.is_due()
(True, False)
>>> current() is None
True
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import nn
from torch.optim import Optimizer

from elman.errors import DataError, ElmanError
from elman.phrases import abbreviate, name_some
from elman.scores.measured import Measured
from elman.training import ranks
from elman.training.alike import find_unlike
from elman.training.checkpoint import ADVICE, read_checkpoint, write_checkpoint
from elman.training.feed import Feed
from elman.training.keeping import Keeper
from elman.training.outcome import Outcome, Validation
from elman.training.progress import Moment, Progress
from elman.training.run import Run
from elman.training.stopping import Terminated, waiting

SECONDS = 30.0
_OF_TIME = 100  # a checkpoint is written after so many times the seconds that the last one took
EXACT = "exact"
"""The part of a signature that must be equal for equal bits, and may differ otherwise."""

_CURRENT: ContextVar["Resumer | None"] = ContextVar("resumer", default=None)

Validated = Callable[[Outcome, Moment, bool], None]


def current() -> "Resumer | None":
    """Return what writes the checkpoints of the present training command; None where none are written."""
    return _CURRENT.get()


class Resumer:
    """The checkpoints of a command; a context manager around all its trainings.

    Args:
        path: the file; None to write none.
        signature: what is trained on what, in plain data by name. Where it differs from that of the checkpoint, going
            on is refused; but what is named `exact` may differ, with a note.
        resume: go on from the checkpoint that lies there.
        given: what :meth:`known` returned in the first of several processes, in another one.

    Attributes:
        keeper: knows the file of the best model so far; its state is a part of a checkpoint.
        searches: whether trials hear of each other's validations.
        earlier: the seconds that the command took before the checkpoint.
        was_read: whether there was a checkpoint to go on from.
        has_updates: whether a checkpoint holds more than a beginning.
        was_refused: whether what the checkpoint holds could not be restored.

    Raises:
        DataError: the checkpoint is damaged, or was written by another training.
    """

    def __init__(
        self,
        path: Path | None,
        signature: Mapping[str, Any],
        *,
        resume: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        self.path, self.searches, self.was_refused = path, False, False
        self.keeper: Keeper | None = None
        self._signature = dict(signature)
        self._count = 0
        self._done: list[dict[str, Any]] = []
        self._before: dict[str, Any] | None = None  # of the training that was cut
        self.earlier = 0.0
        self._start = time.perf_counter()
        self._due = 0.0
        self._failed = False
        self.notes: list[str] = []
        self.was_read = resume and path is not None and path.exists()
        self.has_updates = self.was_read
        self._kept: dict[str, Any] = {}
        if self.was_read:
            assert path is not None
            self._read(path)
        if given is not None:
            self._done, self._before, self.earlier = given["done"], given["current"], given["seconds"]
            self.was_read = self.has_updates = True

    def __enter__(self) -> Self:
        self._token: Token[Resumer | None] = _CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _CURRENT.reset(self._token)

    def _read(self, path: Path) -> None:
        state = read_checkpoint(path)
        try:
            theirs = state["signature"]
            changed = describe_differences(theirs, self._signature)
            self._done, self._before = state["done"], state["current"]
            self.earlier, self._kept = state["seconds"], state["keeper"]
        except (KeyError, TypeError, AttributeError):
            raise DataError(f"{path} is damaged. {ADVICE}") from None
        if changed:
            raise DataError(
                f"{path} is of another training: {name_some(changed, 3)}. Give the same data and options, or begin "
                "anew with --force."
            )
        others = describe_differences(theirs[EXACT], self._signature[EXACT])
        if others:
            self.notes.append(f"not bit-identical from here on: {name_some(others, 3)}")

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse the checkpoint where what is done with it fails: what it holds is not a state of this training.

        Raises:
            DataError: it is so.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a forged file makes libraries raise anything
            self.was_refused = True
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise DataError(
                f"{self.path} is damaged: it is no state of this training ({abbreviate(reason, 200)}). {ADVICE}"
            ) from None

    def known(self) -> dict[str, Any] | None:
        """Return what was read from the checkpoint, for another process of this training; None without one."""
        return {"done": self._done, "current": self._before, "seconds": self.earlier} if self.was_read else None

    def keep(self, keeper: Keeper) -> None:
        """Make the file of the best model so far a part of checkpoints, and restore what was known of it."""
        self.keeper = keeper
        if self.was_read:
            with self.refusing():
                keeper.load_state_dict(self._kept)

    def seconds(self) -> float:
        """Return how long all trainings of the command have taken, with those before the checkpoint."""
        return self.earlier + (time.perf_counter() - self._start)

    def is_due(self) -> bool:
        """Return whether a checkpoint is to be written."""
        return self.path is not None and time.perf_counter() >= self._due

    def begin(self, module: nn.Module, optimizer: Optimizer, run: Run, feed: Feed[Any, Any]) -> "CheckpointedRun":
        """Return the place of the next training."""
        self._count += 1
        return CheckpointedRun(self, self._count - 1, module, optimizer, run, feed)

    def before(self, number: int) -> dict[str, Any] | None:
        """Return what the checkpoint holds of a training; None for one that had not begun."""
        if number < len(self._done):
            return self._done[number]
        if number == len(self._done) and self._before is not None:
            state, self._before = self._before, None
            return state
        return None

    def end(self, number: int, state: dict[str, Any]) -> None:
        """Receive the result of a training."""
        if number == len(self._done):
            self._done.append(state)

    def write(self, state: dict[str, Any], progress: Progress) -> bool:
        """Write a checkpoint with the state of the training that runs; return whether that went well."""
        assert self.path is not None
        begun = time.perf_counter()
        whole = {
            "signature": self._signature,
            "seconds": self.seconds(),
            "keeper": {} if self.keeper is None else self.keeper.state_dict(),
            "done": self._done,
            "current": state,
        }
        try:
            write_checkpoint(self.path, whole)
        except ElmanError as error:
            if not self._failed:
                progress.note(f"{str(error).partition('. ')[0]}; the training goes on without a new checkpoint")
            self._failed = True
        else:
            self._failed = False
            self.has_updates |= bool(self._done) or state["run"]["outcome"]["updates"] > 0
        now = time.perf_counter()
        self._due = now + max(SECONDS, _OF_TIME * (now - begun))
        return not self._failed


class CheckpointedRun:
    """One training among those of a command.

    Args:
        resumer: the checkpoints of the command.
        number: of the training, from 0.
        module: its module.
        optimizer: its optimiser.
        run: its counts.
        feed: its batches.
    """

    def __init__(
        self,
        resumer: Resumer,
        number: int,
        module: nn.Module,
        optimizer: Optimizer,
        run: Run,
        feed: Feed[Any, Any],
    ) -> None:
        self._resumer, self._number = resumer, number
        self._module, self._optimizer, self._run, self._feed = module, optimizer, run, feed
        self._heard: list[dict[str, Any]] = []

    def restore(self, validated: Validated | None, progress: Progress) -> bool:
        """Restore what the checkpoint holds of this training; return whether the training has ended.

        Args:
            validated: called again with each validation where trials hear of each other's.
            progress: receives a note.

        Raises:
            ElmanError: this ended the training.
            GivenUp: a trial was given up.
        """
        state = self._resumer.before(self._number)
        if state is None:
            if self._number == 0:
                self._write(progress)
            return False
        with self._resumer.refusing():
            self._heard = state["heard"]
            if "run" in state:
                self._load(state)
        if self._resumer.searches and validated is not None:
            for one in self._heard:
                with self._resumer.refusing():
                    best, share = Measured(**one["best"]), float(one["share"])
                heard = Outcome(best=best, history=[Validation(1, 0, math.nan, best.loss)])
                validated(heard, dataclasses.replace(self._run.moment(), share=share), False)
        if "error" in state:
            raise ElmanError(state["error"])
        if "optimizer" not in state:
            return True
        with self._resumer.refusing():
            self._optimizer.load_state_dict(state["optimizer"])
            self._feed.load_state_dict(state["feed"])
            self._run.load_state_dict(state["run"])  # again: what was called may have drawn random numbers
        for line in self._resumer.notes:
            progress.note(line)
        updates = self._run.outcome.updates
        progress.note(f"goes on after update {updates:,}, {self._run.share():.0%} of the training")
        return False

    def _load(self, state: dict[str, Any]) -> None:
        """Restore the weights and the counts, if they are those of such a training."""
        present = {"module": self._module.state_dict(), "run": self._run.state_dict()}
        unlike = next(filter(None, (find_unlike(state[name], one, name) for name, one in present.items())), None)
        if unlike is not None:
            raise ValueError(unlike)
        self._module.load_state_dict(state["module"])
        self._run.load_state_dict(state["run"])

    def hear(self, outcome: Outcome, moment: Moment) -> None:
        """Receive a validation, which trials of a search compare."""
        if self._resumer.searches and outcome.best is not None:
            self._heard.append({"share": moment.share, "best": dataclasses.asdict(outcome.best)})

    def pause(self, progress: Progress) -> None:
        """Write a checkpoint between two updates, if one is due or a signal waits.

        Raises:
            Terminated: a signal ends the training.
        """
        together = ranks.current()
        number, due = waiting(), self._resumer.is_due()
        if together is not None:
            number, due = together.news.signal or None, together.news.due
        if number is not None:
            raise Terminated(number, self._run.outcome.updates if self._write(progress) else None)
        if due:
            self._write(progress)

    def end(self) -> None:
        """Record the result; the module has the weights that are kept."""
        run = {**self._run.state_dict(), "best": None, "average": None}
        self._resumer.end(self._number, {"module": dict(_copied(self._module)), "run": run, "heard": self._heard})

    def fail(self, error: Exception) -> None:
        """Record the error that ended the training."""
        said = {"error": str(error)} if isinstance(error, ElmanError) else {}
        self._resumer.end(self._number, {"heard": self._heard, **said})

    def _write(self, progress: Progress) -> bool:
        feed = self._feed.state_dict()  # processes that train together add up what each of them carries
        if self._resumer.path is None:
            return False
        state = {
            "module": self._module.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "run": self._run.state_dict(),
            "feed": feed,
            "heard": self._heard,
        }
        return self._resumer.write(state, progress)


def describe_differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Name what differs between two signatures, in words.

    >>> describe_differences({"hidden": 8, "seed": 1}, {"hidden": 9, "seed": 1})
    ['hidden was 8 and is 9']
    """
    found = []
    for name in dict.fromkeys([*theirs, *ours]):
        one, other = theirs.get(name), ours.get(name)
        if name == EXACT or one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            parts = dict.fromkeys([*one, *other])
            found += [f"{part} has changed" for part in parts if one.get(part) != other.get(part)]
        else:
            found.append(f"{name} was {one} and is {other}")
    return found


def _copied(module: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, value in module.state_dict().items():
        yield name, value.detach().clone()
