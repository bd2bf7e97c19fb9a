"""Do what every trained model can do, whatever its task: count its parameters, be kept in a file, be read back."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn

from elman.data.plain import read_options
from elman.errors import DataError
from elman.models.file import ModelFile
from elman.models.layers import Layers
from elman.phrases import printable
from elman.version import __version__

M = TypeVar("M", bound=nn.Module)

_LONGEST = 200  # characters of a reason
_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}


def current_versions() -> dict[str, str]:
    """Return what a model is trained with now."""
    return {"elman": __version__, "torch": str(torch.__version__), "python": platform.python_version()}


@dataclass(kw_only=True)
class Trained:
    """Be a model that was trained, or read from a file.

    A task's own class has these attributes, and whatever turns its data into numbers.

    Attributes:
        task: the recipe, as the model file names it.
        part_names: what its file holds besides, by name.
        module: the layers, of which `recurrent` holds the cell.
        configuration: what builds the module.
        metrics: what was measured in training.
        versions: what it was trained with.
        stopped: what ended the training (`epochs`, `patience`, `time budget`, `interrupted`); None for a loaded model.
        seconds: how long the training took; 0 for a loaded model.
        kept: the file that the training wrote it to; None for none, and for a loaded model.
    """

    task: ClassVar[str]
    part_names: ClassVar[tuple[str, ...]]
    module: Any
    configuration: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=current_versions)
    stopped: str | None = None
    seconds: float = field(default=0.0, compare=False)
    kept: Path | None = field(default=None, compare=False)

    @classmethod
    def of_file(cls, file: ModelFile, module: nn.Module, **own: Any) -> Self:
        """Make the model that a file holds, of its module and of what is the task's own."""
        return cls(module=module, configuration=file.configuration, metrics=file.metrics, versions=file.versions, **own)

    @property
    def parameters(self) -> int:
        """Return how many numbers the model has learnt."""
        return sum(p.numel() for p in self.module.parameters())

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return what the file of the task holds besides, by the names in `part_names`."""
        return {name: getattr(self, name).to_dict() for name in self.part_names}

    def weights(self) -> dict[str, Tensor]:
        """Return the tensors that its file holds, by name."""
        return dict(self.module.state_dict())

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to one file; an existing file is replaced.

        Raises:
            ElmanError: the file cannot be written.
        """
        self.as_file().write(path)

    def as_file(self) -> ModelFile:
        """Return what its file holds."""
        return ModelFile(
            task=self.task,
            cell=self.module.recurrent.cell.to_dict(),
            configuration=self.configuration,
            metrics=self.metrics,
            versions=self.versions,
            weights=self.weights(),
            parts=self.parts(),
        )


T = TypeVar("T", bound=Trained)


def load_trained(path: str | PathLike[str], kind: type[T], read: Callable[[ModelFile], T]) -> T:
    """Read a model file. Nothing that the file contains is executed.

    Args:
        path: the file.
        kind: the class of the models that the caller wants.
        read: makes a model of what the file holds; whatever it raises says that the file is damaged.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    file = ModelFile.read(path, kind.task, kind.part_names)
    try:
        return read(file)
    except Exception as error:  # noqa: BLE001 - what a forged file makes any library raise is a fault of the file
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"{path} is damaged: its parts do not fit each other ({printable(reason[:_LONGEST])}). Train it again."
        ) from None


def restore_module(file: ModelFile, kind: type[nn.Module], options: Mapping[str, Any], build: Callable[[], M]) -> M:
    """Build a module and give it the weights of a file.

    Args:
        file: whose weights.
        kind: the class of the module, whose annotations say what its options are.
        options: those of the file.
        build: makes the module that they describe.

    Raises:
        DataError: an option is unknown, or of another kind than the module declares.
        ValueError: the options ask for what would fail only later, or never end.
        RuntimeError: weights and module do not fit each other.
    """
    shape, own = Layers.take(options)
    read_options(kind.__init__, own, "configuration")
    layers = shape.layers
    if layers > len(file.weights):  # each has some; a forged number would build them until memory ends
        raise ValueError(f"{layers} layers, and {len(file.weights)} weights")
    kinds = {weight.dtype for weight in file.weights.values()}
    if len(kinds) != 1 or not kinds <= _FLOATS:
        raise ValueError(f"weights of {', '.join(sorted(map(str, kinds)))}")
    # On the meta device a module has shapes and no memory, so that a forged size cannot ask for terabytes.
    with torch.device("meta"):
        module = build()
    module.load_state_dict(dict(file.weights), assign=True)
    module.eval()
    return module
