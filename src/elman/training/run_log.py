"""The log of a training: a file with a line of JSON for each event, and functions that are called at each validation.

The first line has `event` `start` and what was trained on what; the last has `end` and the result. Between them is one
`validation` a line:

    trial, fold                      of which, from 1; where there is a search, or folds
    update, epoch                    from 1
    seconds                          since the start of this trial or fold
    training_loss, validation_loss   in nats a unit
    score                            that chooses the weights, higher is better; null where the loss does
    learning_rate, gradient_norm     of this update; the norm before clipping
    best                             whether it is the best so far of its trial or fold

A number that is not finite is null, as JSON has none. A line is written as soon as it is known. A training that goes on
adds a line `resume`, and drops the validations after its checkpoint, which are computed again.

>>> import tempfile
>>> from elman.training.progress import Moment, QuietProgress
>>> from elman.training.outcome import Validation
>>> heard = []
>>> with tempfile.TemporaryDirectory() as folder, RunLog(f"{folder}/run.jsonl", [heard.append]) as log:
...     log.begin({"task": "tag"}, QuietProgress())
...     log.hear(Outcome(history=[Validation(1, 9, 0.5, 0.6)]), Moment(1, 9, 0.1, None, 0.5, 1.0, 2.0), True)
>>> heard[0]["update"], heard[0]["validation_loss"], heard[0]["gradient_norm"], heard[0]["best"]
(9, 0.6, 2.0, True)
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from elman.errors import ConfigError, DataError, ElmanError
from elman.models.finite import as_json, without_infinite
from elman.models.trained import Trained, current_versions
from elman.paths import check_path
from elman.training.outcome import Outcome
from elman.training.progress import Moment, Progress
from elman.training.stopping import Terminated
from elman.writing import GrowingFile

Callback = Callable[[dict[str, Any]], object]
_PARTS = ("trial", "fold")
_MOST_PATHS = 100
_LONG = ("history", "ledger", "glances")  # metrics that the lines have, or the model file alone


class RunLog:
    """The log of a training; a context manager around it.

    Args:
        path: the file; None to write none.
        callbacks: called with each validation, a plain dict with what its line has.
        force: replace a log that is there.
        resume: go on with a log that is there.

    Raises:
        ConfigError: `callbacks` are no functions.
        DataError: the file is there and neither is given; or it is no log, which is never replaced; or its folder is
            missing.
    """

    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        callbacks: Sequence[Callback] = (),
        *,
        force: bool = False,
        resume: bool = False,
    ) -> None:
        self._path = None if path is None else check_path(path, "the log")
        if not isinstance(callbacks, list | tuple) or not all(map(callable, callbacks)):
            raise ConfigError(f"callbacks is {callbacks!r}; it must be a list of functions. Give e.g. [print].")
        self._callbacks = list(callbacks)
        self._file: GrowingFile | None = None
        self._progress: Progress | None = None
        self._goes_on = False
        self._before: list[str] = []  # lines of the training that goes on
        self._restored: list[dict[str, int]] = []  # the parts that have gone on
        self._waiting: list[str] = []  # lines that could not be written yet
        self._ended = self._failed = False
        if self._path is not None:
            self._goes_on = _check(self._path, force, resume) and resume

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._file = GrowingFile(self._path)
                if self._goes_on:
                    text = self._path.read_text(encoding="utf-8")
                    self._before = text[: text.rfind("\n") + 1].splitlines()  # a last line may be torn
            except OSError as error:
                raise DataError(
                    f"The log {self._path} cannot be opened: {error.strerror}. Choose another place."
                ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        if self._progress is not None and error is not None and not self._ended:
            self._write({"event": "end", **_why(error)})
        self._file.close()
        if self._progress is None and self._file.was_made and self._path is not None:
            self._path.unlink(missing_ok=True)  # nothing was trained

    def begin(self, facts: Mapping[str, Any], progress: Progress) -> None:
        """Write what is trained on what.

        Args:
            facts: plain data.
            progress: receives a note where a line cannot be written.

        Raises:
            ElmanError: the file cannot be written.
        """
        self._progress = progress
        if self._file is None:
            return
        time = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        event = {"event": "resume" if self._goes_on else "start", "time": time, **facts, "versions": current_versions()}
        try:
            if not self._file.was_made:
                self._file.replace(self._before)
            self._file.add(as_json(event))
        except OSError as error:
            raise ElmanError(
                f"The log {self._path} cannot be written: {error.strerror}. Choose another place."
            ) from None

    def hear(self, outcome: Outcome, moment: Moment, improved: bool, part: Mapping[str, int] | None = None) -> None:
        """Receive a validation: write its line, then call the functions.

        Args:
            outcome: so far; its history ends with the validation.
            moment: of it.
            improved: whether it is the best so far.
            part: the number of the `trial` or `fold`, if there are several.
        """
        last, part = outcome.history[-1], dict(part or {})
        if last.update == 0:
            return  # a search that goes on compares it again; the log has it
        self._drop_lost(part, [one.update for one in outcome.history[:-1]])
        event: dict[str, Any] = without_infinite(
            {
                "event": "validation",
                **part,
                "update": last.update,
                "epoch": last.epoch,
                "seconds": round(moment.seconds, 3),
                "training_loss": last.training_loss,
                "validation_loss": last.validation_loss,
                "score": last.score,
                "learning_rate": moment.learning_rate,
                "gradient_norm": moment.gradient_norm,
                "best": improved,
            }
        )
        self._write(event)
        for function in self._callbacks:
            function(dict(event))

    def end(self, model: Trained) -> None:
        """Write the result, and why the training stopped."""
        metrics = {name: value for name, value in model.metrics.items() if name not in _LONG}
        kept = None if model.kept is None else str(model.kept)
        done = {"stopped": model.stopped, "seconds": round(model.seconds, 3), "model": kept}
        self._write({"event": "end", **done, "parameters": model.parameters, "metrics": metrics})
        self._ended = True

    def _drop_lost(self, part: Mapping[str, int], known: Sequence[int]) -> None:
        """Drop the lines of validations that came after the checkpoint from which this part goes on."""
        if not self._before or self._file is None or self._path is None or part in self._restored:
            return
        self._restored.append(dict(part))
        lost = {line for line in self._before if _is_lost(line, part, known)}
        if not lost:
            return
        self._before = [line for line in self._before if line not in lost]
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            self._file.replace([line for line in lines if line not in lost])
        except OSError as error:
            self._say(error)

    def _write(self, event: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        self._waiting.append(as_json(event))
        try:
            while self._waiting:
                self._file.add(self._waiting[0])
                del self._waiting[0]
        except OSError as error:
            self._say(error)
        else:
            self._failed = False

    def _say(self, error: OSError) -> None:
        if self._progress is not None and not self._failed:
            self._progress.note(
                f"The log {self._path} cannot be written: {error.strerror}; it is tried again at each validation"
            )
        self._failed = True


def name_data(data: Any) -> list[str]:
    """Name the data of a training: its paths, or the type of what is given in Python."""
    several = data if isinstance(data, list | tuple) and data else [data]
    if len(several) <= _MOST_PATHS and all(isinstance(one, str | PathLike) for one in several):
        return [str(one) for one in several]
    return [f"of type {type(data).__name__}"]


def _check(path: Path, force: bool, resume: bool) -> bool:
    """Return whether there is a log, which may be replaced or go on."""
    if not path.absolute().parent.is_dir():
        raise DataError(f"The log {path} cannot be written: there is no folder {path.parent}. Choose another place.")
    if path.is_dir():
        raise DataError(f"The log {path} is a folder. Name a file in it, e.g. {path / 'run.jsonl'}")
    if not path.is_file():
        return False  # a new file, a pipe or a device
    if path.stat().st_size and not _is_log(path):
        raise DataError(f"{path} exists and is not the log of a training, so it is never overwritten. Choose another.")
    if not (force or resume):
        raise DataError(
            f"The log {path} exists already. Choose another name, replace it with --force, or go on with --resume."
        )
    return True


def _is_log(path: Path) -> bool:
    with path.open("rb") as file:
        first = _read(file.readline().decode("utf-8", "replace"))
    return first.get("event") in ("start", "resume")


def _is_lost(line: str, part: Mapping[str, int], known: Sequence[int]) -> bool:
    event = _read(line)
    same = event.get("event") == "validation" and {name: event[name] for name in _PARTS if name in event} == part
    return same and event.get("update") not in known


def _read(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _why(error: BaseException) -> dict[str, Any]:
    """Say what ended a training that has no result."""
    if isinstance(error, KeyboardInterrupt):
        return {"stopped": "interrupted"}
    if isinstance(error, Terminated):
        return {"stopped": str(error)}
    return {"stopped": "error", "error": f"{type(error).__name__}: {error}"}
