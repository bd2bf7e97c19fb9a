"""Read the examples of a training: what is learnt from and what is held out, and both as sequences of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from torch import Tensor

from elman.data import Dataset, open_dataset
from elman.data.examples.remembered import Remembered
from elman.data.text import Source, as_sources
from elman.encoders.batches import EncodedSet
from elman.encoders.encoder import Encoder, learn_encoder
from elman.encoders.targets import Targets
from elman.errors import ConfigError, DataError
from elman.tasks.classify.settings import ClassifySettings
from elman.training.progress import show_bar
from elman.training.splits import default_share, split


@dataclass(frozen=True)
class Read:
    """Hold the data before they are encoded, divided into what is learnt from and what is held out."""

    dataset: Remembered
    held_from: Remembered
    targets: Targets
    learn: list[int]
    hold: list[int]
    encoded: tuple[Tensor, Tensor]

    def forget(self) -> None:
        """Let go of the examples that were kept to be encoded."""
        self.dataset.forget()
        self.held_from.forget()


@dataclass(frozen=True)
class Parts:
    """Hold the data as the training sees them."""

    read: Read
    encoder: Encoder
    training: EncodedSet
    held_out: EncodedSet

    @property
    def targets(self) -> Targets:
        """Return what is to be predicted."""
        return self.read.targets

    @property
    def longest(self) -> int:
        """Return the steps of the longest example."""
        return int(max(self.training.lengths.max(), self.held_out.lengths.max()))


@dataclass(frozen=True)
class _Known:
    """Hold what is known of each example before it is encoded."""

    targets: list[Any]
    groups: list[str | None]
    where: list[str]
    weights: list[float]

    def at(self, indices: Sequence[int]) -> tuple[list[Any], list[str]]:
        return [self.targets[index] for index in indices], [self.where[index] for index in indices]


def read_examples(data: Source | Sequence[Source] | Dataset, settings: ClassifySettings, quiet: bool) -> Read:
    """Open a dataset, and divide its examples into those to learn from and those held out.

    Raises:
        ConfigError: options contradict what is to be predicted.
        DataError: an example cannot be read, or there are too few of a class.
    """
    dataset = Remembered(_open(data, settings))
    kind = dataset.columns.target_kind
    if kind is None:
        raise DataError(f"{dataset.name} does not say what is to be predicted. Name the column with --target.")
    if kind == "number" and (settings.label_smoothing or settings.class_weights):
        name = "label_smoothing" if settings.label_smoothing else "class_weights"
        raise ConfigError(f"{name} is for classes, and the target {dataset.columns.target} is a number. Drop it.")
    known = _look(dataset, quiet)
    if settings.validation_data is None:
        held_from, held_known = dataset, known
        share = default_share(len(dataset)) if settings.validation is None else settings.validation
        learn, hold = split(known.targets, share=share, seed=settings.seed, groups=known.groups)
    else:
        held_from = Remembered(open_dataset([settings.validation_data], like=dataset.columns))
        held_known = _look(held_from, quiet)
        learn, hold = list(range(len(dataset))), list(range(len(held_from)))
        if not learn or not hold:
            empty = held_from if learn else dataset
            raise DataError(f"{empty.name} has no examples. Give some.")
    # A label may be so rare that it is held out alone; each class has an example to learn from.
    named = known.targets if kind == "labels" else known.at(learn)[0]
    weights = known.weights if kind == "labels" else [known.weights[index] for index in learn]
    targets = Targets.learn(kind, named, settings.class_weights, weights)
    encoded = targets.encode(*known.at(learn)), targets.encode(*held_known.at(hold))
    return Read(dataset, held_from, targets, learn, hold, encoded)


def encode_examples(read: Read, settings: ClassifySettings, quiet: bool) -> Parts:
    """Learn from the examples to learn from how they become numbers, and encode all of them.

    Raises:
        ConfigError: the columns cannot be read together.
        DataError: an example cannot be encoded.
    """
    dataset, learn, hold = read.dataset, read.learn, read.hold
    encoder = learn_encoder(dataset.columns, (dataset[index] for index in learn), settings)
    with show_bar("encoding", quiet) as told:
        total = len(learn) + len(hold)
        training = EncodedSet(dataset, learn, encoder, read.encoded[0], told=lambda done, _: told(done, total))
        held_out = EncodedSet(
            read.held_from, hold, encoder, read.encoded[1], told=lambda done, _: told(len(learn) + done, total)
        )
    return Parts(read, encoder, training, held_out)


def _open(data: Source | Sequence[Source] | Dataset, settings: ClassifySettings) -> Dataset:
    if not isinstance(data, (str, PathLike, Sequence)):
        return data
    return open_dataset(
        as_sources(data),
        inputs=settings.columns(),
        target=settings.target,
        target_kind=settings.target_kind,
        id=settings.id,
        group=settings.group,
    )


def _look(dataset: Dataset, quiet: bool) -> _Known:
    """Read what is to be predicted for every example; the rest of it is not kept."""
    targets, groups, where, weights = [], [], [], []
    with show_bar("reading", quiet) as told:
        for index in range(len(dataset)):
            example = dataset[index]
            if example.target is None or example.target != example.target:
                raise DataError(f"{example.where} has no target. Give it one, or leave the example out.")
            targets.append(example.target)
            groups.append(example.group)
            where.append(example.where)
            weights.append(example.weight)
            told(index + 1, len(dataset))
    return _Known(targets, groups, where, weights)
