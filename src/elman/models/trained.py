"""A trained model of any task: its parameters, its file, and reading that file."""

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
from elman.models.learnt import LearntExamples
from elman.nn.weights import plain_state
from elman.phrases import printable
from elman.version import __version__

M = TypeVar("M", bound=nn.Module)

_LONGEST = 200  # characters of a reason
_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}


def current_versions() -> dict[str, str]:
    """Return the versions of the programs that are running."""
    return {"elman": __version__, "torch": str(torch.__version__), "python": platform.python_version()}


@dataclass(kw_only=True)
class Trained:
    """A model that was trained, or read from a file.

    The class of a task has these attributes, and those that turn its data into numbers.

    Attributes:
        task: the recipe, as the model file names it.
        part_names: the names of the parts of its task in its file.
        added_names: the names of the parts that some models of its task have.
        module: the layers; its attribute `recurrent` has the cell.
        configuration: the options that build the module.
        metrics: what was measured in training.
        versions: of the programs that it was trained with.
        stopped: what ended the training: `epochs`, `updates`, `last update`, `patience`, `time budget`, `interrupted`;
            None for a loaded model.
        seconds: how long the training took; 0 for a loaded model.
        kept: the file that the training wrote; None where it wrote none, and for a loaded model.
        learnt: hashes of the training examples; None where none are kept.
    """

    task: ClassVar[str]
    part_names: ClassVar[tuple[str, ...]]
    added_names: ClassVar[tuple[str, ...]] = ()
    module: Any
    configuration: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=current_versions)
    stopped: str | None = None
    seconds: float = field(default=0.0, compare=False)
    kept: Path | None = field(default=None, compare=False)
    learnt: LearntExamples | None = field(default=None, compare=False)

    @classmethod
    def of_file(cls, file: ModelFile, module: nn.Module, **own: Any) -> Self:
        """Return the model of a file, from its module and the attributes of its task."""
        learnt = None if file.learnt is None else LearntExamples.from_dict(file.learnt)
        return cls(
            module=module,
            configuration=file.configuration,
            metrics=file.metrics,
            versions=file.versions,
            learnt=learnt,
            **own,
        )

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return sum(p.numel() for p in self.module.parameters())

    def alone(self) -> Self:
        """Return the model whose first network answers alone; itself where there is nothing else."""
        return self

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return the parts of the task that its file holds, by the names in `part_names`."""
        return {name: getattr(self, name).to_dict() for name in self.part_names}

    def weights(self) -> dict[str, Tensor]:
        """Return the tensors of its file, by name."""
        return plain_state(self.module)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to one file; an existing file is replaced.

        Raises:
            ElmanError: the file cannot be written.
        """
        self.as_file().write(path)

    def as_file(self) -> ModelFile:
        """Return the contents of its file."""
        return ModelFile(
            task=self.task,
            cell=self.module.recurrent.cell.to_dict(),
            configuration=self.configuration,
            metrics=self.metrics,
            versions=self.versions,
            weights=self.weights(),
            parts=self.parts(),
            learnt=None if self.learnt is None else self.learnt.to_dict(),
        )


T = TypeVar("T", bound=Trained)


def load_trained(path: str | PathLike[str], kind: type[T], read: Callable[[ModelFile], T]) -> T:
    """Read a model file. Nothing that the file contains is executed.

    Args:
        path: the file.
        kind: the class of the model.
        read: makes a model from the contents of a file; any exception of it means that the file is damaged.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    file = ModelFile.read(path, kind.task, kind.part_names, kind.added_names)
    try:
        return read(file)
    except Exception as error:  # noqa: BLE001 - a forged file makes libraries raise anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"{path} is damaged: its parts do not fit each other ({printable(reason[:_LONGEST])}). Train it again."
        ) from None


def restore_module(file: ModelFile, kind: type[nn.Module], options: Mapping[str, Any], build: Callable[[], M]) -> M:
    """Build a module and give it the weights of a file.

    Args:
        file: the contents of a model file.
        kind: the class of the module; its annotations declare its options.
        options: the configuration of the file.
        build: builds the module from the options.

    Raises:
        DataError: an option is unknown, or of another kind than the module declares.
        ValueError: the options describe a module that would take too long to build, or fail later.
        RuntimeError: weights and module do not fit each other.
    """
    shape, own = Layers.take(options)
    read_options(kind.__init__, own, "configuration")
    layers = shape.layers
    if layers > len(file.weights):  # each layer has weights; a forged number of layers would fill the memory
        raise ValueError(f"{layers} layers, and {len(file.weights)} weights")
    kinds = {weight.dtype for weight in file.weights.values()}
    if len(kinds) != 1 or not kinds <= _FLOATS:
        raise ValueError(f"weights of {', '.join(sorted(map(str, kinds)))}")
    # On the meta device a module has shapes and no memory, so that a forged size cannot allocate terabytes.
    with torch.device("meta"):
        module = build()
    module.load_state_dict(dict(file.weights), assign=True)
    module.eval()
    return module
