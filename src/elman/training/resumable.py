"""Around a training command: one process for an output, its checkpoint beside it, and the file of its best model.

>>> with resumable(None, ["a"], TrainingSettings(), {}) as keeper:
...     keeper.target is None
True
"""

import contextlib
import hashlib
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from elman.errors import ConfigError, DataError, ElmanError
from elman.models.file import is_model_file
from elman.models.trained import current_versions
from elman.paths import check_path
from elman.training import ranks
from elman.training.beside import checkpoint_of, only_one
from elman.training.fingerprint import fingerprint, sum_of_path
from elman.training.keeping import Keeper
from elman.training.progress import show_progress
from elman.training.resuming import EXACT, Resumer
from elman.training.settings import TrainingSettings

ENDED = "ended before"
"""How a training stopped that had ended when it was to go on."""

Output = str | PathLike[str] | None


@contextlib.contextmanager
def resumable(
    output: Output,
    data: Any,
    settings: TrainingSettings,
    identity: Mapping[str, Any],
    *,
    resume: bool = False,
    force: bool = False,
    quiet: bool = True,
) -> Iterator[Keeper]:
    """Yield what keeps the best model of a training, which writes checkpoints where it has an output.

    Args:
        output: the file of the model; None to write nothing.
        data: what is learnt from.
        settings: of the training.
        identity: what else decides the result, in plain data by name.
        resume: go on from the checkpoint.
        force: replace a model, and begin anew where there is a checkpoint.
        quiet: write no note.

    Raises:
        ConfigError: it is to go on without an output, or its data cannot be recognised.
        DataError: the output is taken, or another training has it; or the checkpoint is refused.
    """
    target = None if output is None else check_path(output, "the model")
    if target is None:
        if resume:
            raise ConfigError("resume goes on from a checkpoint beside the model, and there is no output. Give one.")
        with Keeper(None, force) as keeper:
            yield keeper
        return
    together = ranks.current()
    if together is not None and not together.is_first:
        resumer = Resumer(None, {}, given=together.broadcast(None))
        resumer.searches = identity.get("search") is not None
        with resumer, Keeper(None, force) as keeper:
            yield keeper
        return
    with only_one(target):
        path = checkpoint_of(target)
        _check(path, target, resume, force)
        keeper = Keeper(target, force, resume and path.exists())
        if resume and not path.exists():
            show_progress(quiet).note(f"There is no {path}, so the training begins.")
        recognised = fingerprint(data)
        if recognised is None and resume:
            raise ConfigError("resume needs data that it can recognise: files, or lists and arrays in Python.")
        signature = {
            **{name: value for name, value in asdict(settings).items() if value is not None},
            **identity,
            "data": {**(recognised or {}), **_sum_up_files(settings)},
            EXACT: describe_machine(),
        }
        resumer = Resumer(None if recognised is None else path, signature, resume=resume)
        resumer.searches = identity.get("search") is not None
        resumer.keep(keeper)
        if together is not None:
            together.broadcast(resumer.known())
        try:
            with resumer, keeper:
                yield keeper
        except ElmanError:
            if not (keeper.was_lost or resumer.was_refused):  # to go on would end in the same error
                path.unlink(missing_ok=True)
            raise
        except KeyboardInterrupt:
            if not resumer.has_updates:
                path.unlink(missing_ok=True)
            raise
        if not keeper.was_interrupted:
            path.unlink(missing_ok=True)


def find_ended(output: Output, start: str | None = None) -> Path | None:
    """Return the model of a training that has ended: it is there, and no checkpoint is.

    Args:
        output: the file of the model.
        start: the SHA-256 of the model that the training goes on from, which may be that file.
    """
    target = None if output is None else check_path(output, "the model")
    if target is None or checkpoint_of(target).exists() or not target.exists() or not is_model_file(target):
        return None
    return None if start is not None and hashlib.sha256(target.read_bytes()).hexdigest() == start else target


def describe_machine() -> dict[str, str]:
    """Return what the last bits of a training depend on, by name."""
    together = ranks.current()
    return {
        **{f"the version of {name}": version for name, version in current_versions().items()},
        "the number of processes": "1" if together is None else str(together.count),
        "the number of threads": str(torch.get_num_threads()),
        "the processor": f"{platform.machine()} with {torch.backends.cpu.get_cpu_capability()}",
    }


def _check(path: Path, target: Path, resume: bool, force: bool) -> None:
    if path.exists() and not (resume or force):
        raise DataError(
            f"{path} is there: a training of {target.name} was stopped. Go on with --resume, or begin anew with "
            "--force."
        )


def _sum_up_files(settings: TrainingSettings) -> dict[str, str]:
    """Return the checksums of the files that options name, by their path."""
    named = [one for value in asdict(settings).values() if isinstance(value, str) for one in value.split(",")]
    found = {one: Path(one) for one in named if one.strip() and "\0" not in one}
    return {one: sum_of_path(path) for one, path in found.items() if path.is_file() or path.is_dir()}
