"""Keep a trained model in one file, and read it back without running anything.

The file is safetensors: a JSON header, then the weights. The header's one metadata entry, `elman`, is a JSON text:

    {"format": 2, "task": "generate", "cell": {…}, "configuration": {…}, "metrics": {…}, "versions": {…},
     "vocabulary": {…}}

What stands last is the task's own, see `PARTS`: what turns data into numbers, and numbers into answers.
The cell travels as its graph, which is data, and is verified before use. Neither times nor paths are written, so that
the same data, options and seed give the same bytes. (One entry, because safetensors orders several of them by chance.)
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from elman.errors import DataError, ElmanError
from elman.writing import write_whole

FORMAT = 2
SUFFIX = ".elman.safetensors"

_ENTRY = "elman"
_KINDS = {"task": str, "cell": dict, "configuration": dict, "metrics": dict, "versions": dict}

PARTS = {
    "generate": ("vocabulary",),
    "classify": ("columns", "encoder", "targets"),
    "tag": ("layout", "encoder", "targets"),
    "forecast": ("columns", "reading"),
}
"""What the file of a task holds besides, each a dictionary."""


@dataclass(frozen=True)
class ModelFile:
    """Hold what a model file holds.

    Attributes:
        task: the recipe that wrote it, such as `generate`.
        cell: `Cell.to_dict()`.
        configuration: the sizes that build the module.
        metrics: what was measured in training.
        versions: what it was trained with.
        weights: the tensors, by name.
        parts: what the task needs besides, by the names in `PARTS`.
    """

    task: str
    cell: dict[str, Any]
    configuration: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
    weights: Mapping[str, Tensor]
    parts: Mapping[str, dict[str, Any]]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file whole or not at all, see :func:`elman.writing.write_whole`.

        Raises:
            ElmanError: the disk is full, or the folder is gone or cannot be written to.
        """
        header = {"format": FORMAT, **{name: getattr(self, name) for name in _KINDS}, **self.parts}
        weights = {name: value.detach().cpu().contiguous() for name, value in self.weights.items()}
        raw = save(weights, metadata={_ENTRY: json.dumps(header, sort_keys=True)})
        try:
            write_whole(path, raw)
        except OSError as error:
            raise ElmanError(f"{path} cannot be written: {error.strerror}. Choose another place with -o.") from None

    @classmethod
    def read(cls, path: str | os.PathLike[str], task: str) -> "ModelFile":
        """Read a file that `write` wrote.

        Args:
            path: the file.
            task: the task that the caller wants it for.

        Raises:
            DataError: there is no such file, it is not a model, it is damaged, of another format, or for another task.
        """
        header, weights = _read_safetensors(Path(path))
        if header.get("format") != FORMAT:
            raise DataError(
                f"{path} has model format {header.get('format')!r}; this program reads format {FORMAT}. "
                "Use the version of elman that wrote it, or train it again."
            )
        _require(path, header, _KINDS)
        if header["task"] != task:
            raise DataError(f"{path} is a model for {header['task']!r}, not for {task!r}. Use the command of its task.")
        _require(path, header, dict.fromkeys(PARTS[task], dict))
        parts = {name: header[name] for name in PARTS[task]}
        return cls(weights=weights, parts=parts, **{name: header[name] for name in _KINDS})


def task_of(path: str | os.PathLike[str]) -> str:
    """Say which recipe wrote a model, so that a command can serve several.

    Raises:
        DataError: there is no such file, or it is not a model.
    """
    return str(_read_header(Path(path)).get("task"))


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is a model that this package wrote, in whatever format."""
    try:
        _read_header(Path(path))
    except DataError:
        return False
    return True


def check_target(path: str | os.PathLike[str], force: bool) -> None:
    """Make sure, before any work, that a model may be written to a path.

    A model that took an hour to train is not lost to a command typed twice: an existing model is replaced only by
    `force`, and a file that is not a model never.

    Raises:
        DataError: the path is taken, or its folder does not exist or cannot be written to.
    """
    target = Path(path)
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
        return
    if not is_model_file(target):
        raise DataError(f"{target} exists and is not a model, so it is never overwritten. Choose another name with -o.")
    if not force:
        raise DataError(f"{target} exists. Give --force to replace it, or another name with -o.")


def _require(path: str | os.PathLike[str], header: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    for name, kind in kinds.items():
        if not isinstance(header.get(name), kind):
            raise DataError(f"{path} is damaged: its {name} is missing or of the wrong kind. Train it again.")


def _read_header(path: Path) -> dict[str, Any]:
    return _read_safetensors(path, only_header=True)[0]


def _read_safetensors(path: Path, only_header: bool = False) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a model. Name a file that `elman train` wrote.")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_ENTRY)
            names = [] if only_header else list(file.keys())
            weights = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise DataError(f"{path} does not exist. Check the path; the current folder is {Path.cwd()}.") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}. Check the file and its permissions."
        ) from None
    except SafetensorError as error:
        raise DataError(
            f"{path} is not a model, or is cut short ({error}). Name a file that `elman train` wrote."
        ) from None
    try:
        header = json.loads(text or "null")
    except json.JSONDecodeError:
        header = None
    if not isinstance(header, dict):
        raise DataError(
            f"{path} is a safetensors file of another program, not a model of elman. Train one: elman train generate"
        )
    return header, weights
