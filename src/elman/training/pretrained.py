"""Fine-tuning: a training that goes on from a model, its cell, its sizes, what it knows, and its weights.

The file of the model decides how data are read, what the layers are, and what numbers are scaled by. What it knows may
grow, such as words and classes: every row of a weight that stands for something known is copied, wherever it stands
now, and the rows of what is new keep their initial values. A recipe says with :class:`Axis` what the rows stand for.

>>> old, new = nn.Embedding(2, 3), nn.Embedding(3, 3)
>>> copy_known(old, new, [Axis("", ["a", "c"])], [Axis("", ["a", "b", "c"])])
>>> bool((new.weight[[0, 2]] == old.weight).all())
True
"""

import contextlib
import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from elman.data.held import HeldFile
from elman.errors import ConfigError, DataError
from elman.expr import Cell
from elman.models.bytes import read_whole
from elman.models.file import SUFFIX
from elman.models.learnt import LearntExamples
from elman.models.trained import Trained
from elman.paths import check_path
from elman.phrases import counted
from elman.sides import write_sides
from elman.training.ranks import Ranks
from elman.training.settings import SidedLayerSettings
from elman.vocabulary.growth import Growth

if TYPE_CHECKING:
    from elman.training.recipe import Recipe

M = TypeVar("M", bound=Trained)

RATE = 0.25
"""The default learning rate of fine-tuning, as a share of that of a training from the start."""

IN_MEMORY = "the model"
"""What a model is called that is given in Python, and not as a file."""

_FROM_THE_START = ("init", "forget_bias", "chrono", "vectors", "preset")
_FREE = {
    "dropout",
    "locked",
    "recurrent_dropout",
    "weight_dropout",
    "zoneout",
    "input_dropout",
    "word_dropout",
    "embedding_dropout",
}
"""Options in the configuration of a module that change its training alone."""

_VALIDATES_FIRST: ContextVar[bool] = ContextVar("validates_first", default=False)


@dataclass(frozen=True)
class Axis:
    """What the entries along an axis of some weights stand for.

    Attributes:
        weights: the name of a weight, or of a module that holds some; empty for all.
        labels: what each entry stands for, no two alike.
    """

    weights: str
    labels: Sequence[Hashable]

    def holds(self, name: str) -> bool:
        """Return whether a weight is one of these."""
        return not self.weights or name == self.weights or name.startswith(f"{self.weights}.")


@dataclass(frozen=True)
class Pretrained(Generic[M]):
    """The model that a training goes on from.

    Attributes:
        models: its networks, each as a model of its own.
        name: its path, for messages.
        sha256: the checksum of its file.
        growth: counts what is known and what is new.
    """

    models: tuple[M, ...]
    name: str
    sha256: str
    growth: Growth = field(default_factory=Growth, compare=False)

    @property
    def model(self) -> M:
        """Its network, or the first of several."""
        return self.models[0]

    @property
    def cell(self) -> Cell:
        """Its equations."""
        cell: Cell = self.model.module.recurrent.cell
        return cell

    def member(self, number: int) -> Self:
        """Return the network that a fold goes on from: that of its number, and round again where there are fewer."""
        return replace(self, models=(self.models[number % len(self.models)],), growth=Growth())

    def facts(self) -> dict[str, Any]:
        """Return what a model keeps of the one that it went on from."""
        return {"from_model": {"name": Path(self.name).name, "sha256": self.sha256}}

    def describe(self, folds: int) -> str:
        """Say what is kept and what is new.

        Args:
            folds: how many models are trained.
        """
        layers = counted(int(self.model.configuration.get("layers", 1)), "layer")
        several = len(self.models)
        of = "" if several == 1 else f", {'each fold from one' if folds > 1 else 'the first'} of its {several} networks"
        return f"goes on from {self.name}{of}: {layers} kept{self.growth.describe()}"


def read_pretrained(
    given: Any, kind: str, load: Callable[[Any], M], split: Callable[[M], Sequence[M]], together: Ranks | None
) -> Pretrained[M]:
    """Read the model that a training goes on from; of several processes the first one reads it for all.

    Args:
        given: the path of a model, or a trained model, which stays as it is.
        kind: the task.
        load: reads the file of such a model.
        split: returns each of its networks as a model.
        together: the processes.

    Raises:
        DataError: there is no such file, it is damaged, or a model of another task.
    """
    if isinstance(given, Trained):
        name, raw = IN_MEMORY, given.as_file().to_bytes()
    elif isinstance(given, str | PathLike):
        path = check_path(given, "the model to go on from")
        name = str(path)
        raw = read_whole(path)[1] if together is None or together.is_first else b""
    else:
        raise DataError(f"A {kind} model goes on from a file or a trained model, not from a {type(given).__name__}.")
    if together is not None:
        read = torch.frombuffer(bytearray(raw), dtype=torch.uint8) if together.is_first else torch.empty(0)
        raw = together.broadcast(read).numpy().tobytes()
    model = load(HeldFile(name, SUFFIX, raw))
    return Pretrained(tuple(split(model)), name, hashlib.sha256(raw).hexdigest())


def settle(
    recipe: "Recipe[Any, Any, Any, Any, Any]",
    pretrained: Pretrained[Any],
    options: Mapping[str, Any],
    cell: Cell | None,
    sizes: Mapping[str, int] | None,
) -> dict[str, Any]:
    """Return the options of a training that goes on from a model: those that are given, and those of the model.

    Raises:
        ConfigError: an option is for a training from the start, or contradicts the model.
    """
    name, model, remedy = pretrained.name, pretrained.model, "Drop it, or train a new model."
    # What is given fits the options of the model, and perhaps not the defaults of others.
    given = recipe.settings.of({**recipe.fixed(model, recipe.settings()), **options})
    rows = {row.name: row.default for row in fields(recipe.settings)}
    for option in _FROM_THE_START:
        if option in options and getattr(given, option) != rows[option]:
            raise ConfigError(f"{option} is for layers that begin anew, and those of {name} go on. {remedy}")
    if cell is not None and cell.to_dict() != pretrained.cell.to_dict():
        own = pretrained.cell.name if pretrained.cell.name != cell.name else "another of this name"
        raise ConfigError(f"The cell is {cell.name}, and that of {name} is {own}. {remedy}")
    known = dict(model.configuration.get("sizes") or {})
    if sizes and dict(sizes) != known:
        raise ConfigError(
            f"The sizes are {dict(sizes)}, and those of {name} are {known or 'fixed by its cell'}. {remedy}"
        )
    fixed = recipe.fixed(model, given)
    for option, value in fixed.items():
        wanted = getattr(given, option)
        if option in options and wanted is not None and wanted != value:
            raise ConfigError(f"{option} is {wanted!r}, and for {name} it is {value!r}. {remedy}")
    return {**options, **fixed}


def fixed_by(configuration: Mapping[str, Any], settings: type) -> dict[str, Any]:
    """Return the options of a table that the configuration of a module fixes."""
    names = {row.name for row in fields(settings)} - _FREE
    found = {name: value for name, value in configuration.items() if name in names}
    if issubclass(settings, SidedLayerSettings):
        found["side"] = write_sides(configuration.get("sides", {})) or None
    return found


@torch.no_grad()
def copy_known(old: nn.Module, new: nn.Module, known: Sequence[Axis], grown: Sequence[Axis]) -> None:
    """Copy all weights and buffers, those of an axis that has grown to where their labels stand now.

    Args:
        old: the module that has them.
        new: another of the same layers, with initial values.
        known: the axes of `old`.
        grown: those of `new`, in the same order, with all labels of the former.

    Raises:
        ConfigError: the modules are of other layers.
    """
    ours, theirs = new.state_dict(), old.state_dict()
    if ours.keys() != theirs.keys():
        name = min(ours.keys() ^ theirs.keys())
        raise ConfigError(f"These options make other layers than the model has: {name}. Drop those that it decides.")
    for name, value in ours.items():
        places = [
            _places(name, axis, theirs[name].shape[axis], value.shape[axis], known, grown)
            for axis in range(value.dim())
        ]
        block = theirs[name].to(value)
        _fill(value, block, places)


def _fill(value: Tensor, block: Tensor, places: Sequence[Tensor | None]) -> None:
    """Put a block into a tensor at some places of each axis; None is all of them."""
    moved = [axis for axis, own in enumerate(places) if own is not None]
    if not moved:
        value.copy_(block)
        return
    grid = [torch.arange(value.shape[axis]) if own is None else own for axis, own in enumerate(places)]
    value[torch.meshgrid(*grid, indexing="ij")] = block


def _places(name: str, axis: int, before: int, now: int, known: Sequence[Axis], grown: Sequence[Axis]) -> Tensor | None:
    """Return where the entries along an axis of a weight stand now; None where they stay.

    Raises:
        ConfigError: no labels say so.
    """
    fitting = [
        (one, other)
        for one, other in zip(known, grown, strict=True)
        if one.holds(name) and (len(one.labels), len(other.labels)) == (before, now)
    ]
    if before == now and all(list(one.labels) == list(other.labels) for one, other in fitting):
        return None
    if not fitting:
        raise ConfigError(
            f"These options make another layer than the model has: along axis {axis} {name} would have {now:,} "
            f"numbers, and has {before:,}. Drop those that the model decides."
        )
    one, other = fitting[0]
    where = {label: place for place, label in enumerate(other.labels)}
    return torch.tensor([where[label] for label in one.labels])


def join_learnt(own: LearntExamples | None, before: LearntExamples | None) -> LearntExamples | None:
    """Return by what examples of either training are recognised; None where one of them keeps none."""
    return own if own is None or before is None else own.joined(before)


@contextlib.contextmanager
def validating_first(pretrained: Pretrained[Any] | None) -> Iterator[None]:
    """Let trainings validate before their first update, where they go on from a model: it may stay the best."""
    token = _VALIDATES_FIRST.set(pretrained is not None)
    try:
        yield
    finally:
        _VALIDATES_FIRST.reset(token)


def validates_first() -> bool:
    """Return whether a training validates before its first update."""
    return _VALIDATES_FIRST.get()
