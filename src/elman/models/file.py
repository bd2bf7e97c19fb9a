"""A trained model as one file, which is read without executing anything.

The file is safetensors, see :mod:`elman.models.bytes`. Its metadata entry describes the model:

    {"format": 3, "task": "generate", "cell": {…}, "configuration": {…}, "metrics": {…}, "versions": {…},
     "vocabulary": {…}, "learnt": {…}, "sha256": "…"}

In place of `vocabulary` each task has parts of its own, as its class of a trained model says: they turn data into
numbers and numbers into answers. The cell is stored as its graph, which is data, and is verified before use. Times and
paths are not written, so that the same data, options and seed give the same bytes. The entry `learnt`, by which
training examples are recognised, may be missing. Format 2 had no checksum.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from elman.errors import DataError, ElmanError
from elman.models.bytes import SUM, Header, data_of, pack, read_header, read_whole, sum_of, unpack
from elman.models.finite import without_infinite
from elman.paths import check_path
from elman.writing import write_whole

FORMAT, WITHOUT_SUM = 3, 2
SUFFIX = ".elman.safetensors"
LEARNT = "learnt"

_KINDS = {"task": str, "cell": dict, "configuration": dict, "metrics": dict, "versions": dict}


@dataclass(frozen=True)
class ModelFile:
    """The contents of a model file.

    Attributes:
        task: the recipe that wrote it, such as `generate`.
        cell: `Cell.to_dict()`.
        configuration: the options that build the module.
        metrics: what was measured in training.
        versions: of the programs that it was trained with.
        weights: the tensors, by name.
        parts: the parts of the task, each a dictionary, by name.
        learnt: hashes of the training examples, see :mod:`elman.models.learnt`; None where none are kept.
    """

    task: str
    cell: dict[str, Any]
    configuration: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
    weights: Mapping[str, Tensor]
    parts: Mapping[str, dict[str, Any]]
    learnt: dict[str, Any] | None = None

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file whole or not at all, see :func:`elman.writing.write_whole`.

        Raises:
            ElmanError: the disk is full, the folder is gone or cannot be written to, or a weight is not finite.
        """
        raw = self.to_bytes()
        path = check_path(path, "the model")
        try:
            write_whole(path, raw)
        except OSError as error:
            raise ElmanError(f"{path} cannot be written: {error.strerror}. Choose another place with -o.") from None

    def to_bytes(self) -> bytes:
        """Return the bytes of the file.

        Raises:
            ElmanError: a weight is not finite, or the model is too large to be read again.
        """
        entry = {"format": FORMAT, **{name: getattr(self, name) for name in _KINDS}, **self.parts}
        if self.learnt is not None:
            entry[LEARNT] = self.learnt
        return pack({**entry, "metrics": without_infinite(self.metrics)}, self.weights)

    @classmethod
    def read(
        cls, path: str | os.PathLike[str], task: str, parts: Sequence[str], added: Sequence[str] = ()
    ) -> "ModelFile":
        """Read a file that `write` wrote.

        Args:
            path: the file.
            task: the task of the model.
            parts: the names of the parts of this task.
            added: the names of those that some of its models have.

        Raises:
            DataError: there is no such file, it is not a model, it is damaged, of another format, or for another task.
        """
        path = check_path(path, "the model")
        header, raw = read_whole(path)
        entry = header.entry
        _check_sum(path, header, data_of(raw))
        _require(path, entry, _KINDS)
        if entry["task"] != task:
            raise DataError(
                f"{path} is a model for {entry['task'][:20]!r}, not for {task!r}. Use the command of its task."
            )
        parts = [*parts, *(name for name in added if name in entry)]
        _require(path, entry, dict.fromkeys(parts, dict))
        if LEARNT in entry:
            _require(path, entry, {LEARNT: dict})
        unknown = sorted(entry.keys() - {"format", SUM, LEARNT, *_KINDS, *parts})
        if unknown:
            raise DataError(
                f"{path} is damaged: it has an entry {unknown[0][:20]!r}, which no model has. Train it again."
            )
        known = {name: entry[name] for name in _KINDS}
        own = {name: entry[name] for name in parts}
        return cls(weights=unpack(path, raw), parts=own, learnt=entry.get(LEARNT), **known)


def task_of(path: str | os.PathLike[str]) -> str:
    """Return the task that the header of a file names; the rest of the file may be damaged.

    Raises:
        DataError: there is no such file, or it is not a model.
    """
    return str(read_header(check_path(path, "the model")).entry.get("task"))


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the header of a file is that of a model of this package, in any format; it may be damaged."""
    try:
        read_header(check_path(path, "the model"))
    except DataError:
        return False
    return True


def check_target(path: str | os.PathLike[str], force: bool) -> None:
    """Check, before any work, that a model may be written to a path.

    A command that is typed twice does not destroy a model: an existing model is replaced only by `force`, and a file
    that is not a model never.

    Raises:
        DataError: the path is taken, or its folder does not exist or cannot be written to.
    """
    target = check_path(path, "the model")
    try:
        os.lstat(target)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise DataError(f"{target} cannot be a file: {error.strerror}. Choose another name with -o.") from None
    if not target.parent.is_dir():
        raise DataError(f"{target}: the folder {target.parent} does not exist. Make it first: mkdir -p {target.parent}")
    if target.is_dir():
        raise DataError(f"{target} is a folder. Name the file in it, e.g.: -o {target / ('model' + SUFFIX)}")
    if not os.access(target.parent, os.W_OK):
        raise DataError(f"{target}: the folder {target.parent} cannot be written to. Choose another place with -o.")
    if not target.exists():
        if target.is_symlink():
            raise DataError(
                f"{target} is a link to a file that does not exist. Remove it, or choose another name with -o."
            )
        return
    if not is_model_file(target):
        raise DataError(f"{target} exists and is not a model, so it is never overwritten. Choose another name with -o.")
    if not force:
        raise DataError(f"{target} exists. Give --force to replace it, or another name with -o.")


def _check_sum(path: Path, header: Header, data: memoryview) -> None:
    """Refuse a file of another format, and one that was changed after it was written."""
    version = header.entry.get("format")
    if version not in (FORMAT, WITHOUT_SUM) or isinstance(version, bool | float):
        raise DataError(
            f"{path} has model format {repr(version)[:20]}; this program reads formats {WITHOUT_SUM} and {FORMAT}. "
            "Use the version of elman that wrote it, or train it again."
        )
    written = header.entry.get(SUM)
    if version == WITHOUT_SUM:
        if SUM in header.entry:
            raise DataError(f"{path} is damaged: it says format {version}, which has no {SUM}. Train it again.")
        logging.getLogger("elman").warning(
            "%s is of format %d, without a sum that would tell whether it is damaged. Train it again to have one.",
            path,
            version,
        )
    elif written is None:
        raise DataError(f"{path} is damaged: it has no {SUM}, the sum over all that it holds. Train it again.")
    elif written != sum_of(header, data):
        raise DataError(
            f"{path} is damaged: it is not as it was written, says its {SUM}. Copy it again, or train it again."
        )


def _require(path: str | os.PathLike[str], header: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    for name, kind in kinds.items():
        if not isinstance(header.get(name), kind):
            raise DataError(f"{path} is damaged: its {name} is missing or of the wrong kind. Train it again.")
