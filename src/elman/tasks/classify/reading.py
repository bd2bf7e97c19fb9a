"""Read the examples of a training, split them into training and held-out examples, and encode both.

A file is read once: its values are kept until they are encoded, as far as they fit in memory.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from elman.data import Dataset, open_dataset
from elman.data.dataset import Columns
from elman.data.examples.survey import Survey
from elman.data.tables.header import DOUBTED
from elman.data.text import Source, as_sources
from elman.encoders.batches import EncodedSet
from elman.encoders.encoder import Encoder, learn_covariates, learn_encoder, split_columns
from elman.encoders.growing import grow_encoder, grow_table
from elman.encoders.table import TableEncoder
from elman.encoders.targets import Targets
from elman.encoders.words import WordsEncoder
from elman.errors import ConfigError, DataError
from elman.models.sides import carried_names
from elman.phrases import counted, name_some
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.report import Prints
from elman.tasks.classify.settings import ClassifySettings
from elman.training.folds import FOLDS, draw_folds, hold_within, most_folds, need_folds
from elman.training.pretrained import Pretrained
from elman.training.progress import show_bar
from elman.training.splits import default_share, leave_out_copies, split
from elman.vocabulary.vectors import WordVectors, read_vectors

Before = Pretrained[TrainedClassifier] | None
"""The model that a training goes on from."""


@dataclass(frozen=True)
class Split:
    """Examples before they are encoded, split into training and held-out examples.

    Attributes:
        survey: of the data.
        held_from: of the data with the held-out examples, which may be the same.
        targets: the possible answers.
        learn: the indices of the training examples in `survey`.
        hold: the indices of the held-out examples in `held_from`.
        encoded: the targets of both.
        within: of a fold, the places in `learn` of those that its baseline learns from at first, and of those that
            choose its settings; None where the held-out examples do.
        folds: how many folds there are.
        notes: what is said of the folds, a line each.
    """

    survey: Survey
    held_from: Survey
    targets: Targets
    learn: list[int]
    hold: list[int]
    encoded: tuple[Tensor, ...]
    within: tuple[list[int], list[int]] | None = None
    folds: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parts:
    """Encoded examples, ready for the training.

    Attributes:
        columns: the columns that are read and predicted.
        notes: what was inferred about the data, a line each.
        encoder: turns an example into the steps of a sequence.
        targets: the possible answers.
        training: the training examples.
        held_out: the validation examples, which choose the weights and score the model; of a fold, those that it is
            scored on.
        within: as :class:`Split` has it.
        folds: how many folds there are.
        prints: the fingerprints of the training examples, and of those held out.
        left_out: how many examples were left out, since they equal training examples.
        missing: by column, in how many examples a value is missing.
        vectors: of words that the embedding begins with.
        covariates: turns what is read beside a sequence into numbers; None where nothing is.
    """

    columns: Columns
    notes: Sequence[str]
    encoder: Encoder
    targets: Targets
    training: EncodedSet
    held_out: EncodedSet
    within: tuple[list[int], list[int]] | None
    folds: int
    prints: tuple[Prints, Prints]
    left_out: int
    missing: Mapping[str, int]
    vectors: WordVectors | None = None
    covariates: TableEncoder | None = None

    @property
    def longest(self) -> int:
        """Return the steps of the longest example."""
        return int(max(part.lengths.max() for part in (self.training, self.held_out)))


def read_examples(
    data: Source | Sequence[Source] | Dataset, settings: ClassifySettings, quiet: bool, pretrained: Before = None
) -> Split:
    """Survey all examples, split them, and learn the possible answers.

    Raises:
        ConfigError: an option does not suit the target.
        DataError: an example cannot be read or has no target, or there are too few to learn from or to hold out.
    """
    dataset = _open(data, settings, pretrained)
    kind = dataset.columns.target_kind
    if kind is None:
        is_genome = list(dataset.columns.inputs.values()) == ["letters"] and dataset.columns.target is None
        remedy = "Write label=CLASS into the header of each sequence, or give a file for each class"
        raise DataError(
            f"{dataset.name} does not say what is to be predicted. "
            f"{remedy if is_genome else 'Name the column with --target'}."
        )
    of_classes = {
        "label_smoothing": settings.label_smoothing,
        "class_weights": settings.class_weights,
        "select": settings.select not in (None, "loss"),
    }
    if kind == "number" and any(of_classes.values()):
        name = next(name for name, given in of_classes.items() if given)
        raise ConfigError(f"{name} is for classes, and the target {dataset.columns.target} is a number. Drop it.")
    survey = _survey(dataset, quiet)
    if settings.validation_data is None:
        held_from = survey
        share = default_share(len(survey)) if settings.validation is None else settings.validation
        try:
            learn, hold = split(
                survey.targets,
                share=share,
                seed=settings.seed,
                groups=survey.groups,
                hashes=survey.prints,
                together=True,
                where=survey.where,
            )
        except DataError as error:
            for note in dataset.notes:
                if DOUBTED in note:  # the note would not be shown, and the header may be the reason
                    error.add_note(note)
            raise
    else:
        held_from = _survey(open_dataset([settings.validation_data], like=dataset.columns), quiet)
        learn, hold = list(range(len(survey))), list(range(len(held_from)))
        if not learn or not hold:
            empty = held_from if learn else survey
            raise DataError(f"{empty.dataset.name} has no examples. Give some.")
    return _divided(survey, held_from, learn, hold, settings, pretrained)


def _divided(
    survey: Survey,
    held_from: Survey,
    learn: list[int],
    hold: list[int],
    settings: ClassifySettings,
    pretrained: Before,
    **said: Any,
) -> Split:
    """Learn the possible answers from the training examples, and encode those of all."""
    kind = str(survey.dataset.columns.target_kind)
    # A rare label may occur in held-out examples alone; each class has a training example.
    named = range(len(survey)) if kind == "labels" else learn
    weights = [survey.weights[index] for index in named]
    targets = Targets.learn(kind, [survey.targets[index] for index in named], settings.class_weights, weights)
    if pretrained is not None:
        targets = pretrained.model.targets.grown(targets, pretrained.growth)
    encoded = _encode_targets(targets, survey, learn), _encode_targets(targets, held_from, hold)
    return Split(survey, held_from, targets, learn, hold, encoded, **said)


def divide_examples(split: Split, settings: ClassifySettings, pretrained: Before = None) -> list[Split]:
    """Divide examples into folds, if they are requested or few examples would be held out; else return the split."""
    if settings.folds == 1 or settings.validation is not None or settings.validation_data is not None:
        return [split]
    survey = split.survey
    grouped = any(group is not None for group in survey.groups)
    held_groups = [survey.groups[index] for index in split.hold] if grouped else None
    if settings.folds is None and not need_folds(len(split.hold), held_groups):
        return [split]
    wanted = FOLDS if settings.folds is None else settings.folds
    count = min(wanted, most_folds(survey.targets, survey.groups, survey.prints))
    notes = []
    if count < wanted:
        what = "there are no more groups, or examples of a class" if grouped else "a class has no more that differ"
        notes.append(f"{counted(count, 'fold')} instead of {wanted}: {what}")
    if count == 1:
        return [dataclasses.replace(split, notes=tuple(notes) if settings.folds else ())]
    folds = draw_folds(
        survey.targets, count, seed=settings.seed, groups=survey.groups if grouped else None, hashes=survey.prints
    )
    return [
        _fold(
            split, fold, settings, None if pretrained is None else pretrained.member(number), len(folds), tuple(notes)
        )
        for number, fold in enumerate(folds)
    ]


def _fold(
    split: Split, fold: list[int], settings: ClassifySettings, pretrained: Before, folds: int, notes: tuple[str, ...]
) -> Split:
    """Let a fold learn from what it does not hold out, and divide that once more for its baseline."""
    survey, apart = split.survey, set(fold)
    rest = [index for index in range(len(survey)) if index not in apart]
    targets, groups = [survey.targets[index] for index in rest], _groups_of(survey, rest)
    within = hold_within(targets, seed=settings.seed, groups=groups, hashes=survey.prints[rest])
    kept = leave_out_copies(survey.prints[fold], survey.prints[rest], [str(survey.targets[index]) for index in fold])
    hold = [fold[place] for place in kept]
    return _divided(survey, survey, rest, hold, settings, pretrained, within=within, folds=folds, notes=notes)


def encode_examples(split: Split, settings: ClassifySettings, quiet: bool, pretrained: Before = None) -> Parts:
    """Learn an encoder from the training examples, and encode both parts.

    Raises:
        ConfigError: the columns cannot be read together.
        DataError: an example cannot be encoded, or there is nothing to learn from.
    """
    survey, columns = split.survey, split.survey.dataset.columns
    if pretrained is None:
        encoder = learn_encoder(columns, survey.read(split.learn), settings)
        covariates = learn_covariates(columns, survey.read(split.learn), settings)
    else:
        encoder, covariates = _grow(pretrained, survey, split.learn, settings)
    vectors = None if settings.vectors is None else _read_vectors(settings.vectors, encoder, settings)
    places = [(survey, split.learn), (split.held_from, split.hold)]
    total = sum(len(indices) for _, indices in places)
    sets: list[EncodedSet] = []
    with show_bar("encoding", quiet) as on_progress:
        for (of, indices), targets in zip(places, split.encoded, strict=True):
            before = sum(map(len, sets))
            sets.append(
                EncodedSet(
                    of.dataset,
                    indices,
                    encoder,
                    targets,
                    examples=of.read(indices),
                    on_progress=lambda done, _, before=before: on_progress(before + done, total),  # type: ignore[misc]
                    groups=_groups_of(of, indices),
                    covariates=covariates,
                )
            )
    left_out = len(survey) - total if split.held_from is survey else 0
    surveys = [survey, *([] if split.held_from is survey else [split.held_from])]
    missing = {name: sum(one.missing.get(name, 0) for one in surveys) for name in columns.inputs}
    return Parts(
        columns,
        [*survey.dataset.notes, *split.notes],
        encoder,
        split.targets,
        training=sets[0],
        held_out=sets[1],
        within=split.within,
        folds=split.folds,
        prints=(survey.prints[split.learn], split.held_from.prints[split.hold]),
        left_out=left_out,
        missing={name: count for name, count in missing.items() if count},
        vectors=vectors,
        covariates=covariates,
    )


def _grow(
    pretrained: Pretrained[TrainedClassifier], survey: Survey, learn: list[int], settings: ClassifySettings
) -> tuple[Encoder, TableEncoder | None]:
    """Add what training examples have to what a model reads, as a sequence and beside it."""
    model, growth = pretrained.model, pretrained.growth
    columns, others = split_columns(survey.dataset.columns)
    encoder = grow_encoder(model.encoder, columns, survey.read(learn), settings, growth)
    if model.covariates is None or others is None:
        return encoder, None
    return encoder, grow_table(model.covariates, others, survey.read(learn), settings, growth)


def _read_vectors(path: str, encoder: Encoder, settings: ClassifySettings) -> WordVectors:
    """Read vectors of the words that an encoder knows.

    Raises:
        ConfigError: it reads no words, or another size of the embedding was requested.
        DataError: the file cannot be read.
    """
    if not isinstance(encoder, WordsEncoder) or encoder.unit != "word":
        raise ConfigError(f"vectors are of words, and what is read here is {encoder.describe()}. Drop the option.")
    vectors = read_vectors(path, encoder.known)
    vectors.check_size(settings.embedding, ClassifySettings.embedding)
    return vectors


def _open(data: Source | Sequence[Source] | Dataset, settings: ClassifySettings, pretrained: Before) -> Dataset:
    if isinstance(getattr(data, "columns", None), Columns):
        dataset: Dataset = data  # type: ignore[assignment]
        if pretrained is not None:
            _require_alike(dataset, pretrained)
        carried = carried_names(settings.sides())
        if carried != tuple(sorted(dataset.columns.sides)):
            has = name_some(list(dataset.columns.sides)) or "nothing"
            raise DataError(
                f"side is {settings.side}, and {dataset.name} have {has} beside their steps. Open a table with "
                "open_dataset(…, sides=…), or give a number, such as dt=1."
            )
        return dataset
    if pretrained is not None:
        dataset = open_dataset(as_sources(data), like=pretrained.model.columns)  # type: ignore[arg-type]
        _require_alike(dataset, pretrained)
        return dataset
    return open_dataset(
        as_sources(data),  # type: ignore[arg-type]
        inputs=settings.columns(),
        target=settings.target,
        target_kind=settings.target_kind,
        id=settings.id,
        group=settings.group,
        decimal=settings.decimal,
        sides=settings.sides(),
    )


def _require_alike(dataset: Dataset, pretrained: Pretrained[TrainedClassifier]) -> None:
    """Refuse data that a model does not read or answer."""
    model, own = pretrained.model, dataset.columns
    model.check_columns(dataset)
    if own.target is None and model.columns.target is not None:
        raise DataError(f"{dataset.name} has no {model.columns.target}, which {pretrained.name} answers. Give it some.")
    if own.target_kind not in (None, model.targets.kind):
        raise DataError(
            f"The target of {dataset.name} is a {own.target_kind}, and {pretrained.name} answers with a "
            f"{model.targets.kind}. Give the same, or train a new model."
        )


def _groups_of(survey: Survey, indices: Sequence[int]) -> list[str | None] | None:
    groups = [survey.groups[index] for index in indices]
    return groups if any(group is not None for group in groups) else None


def _survey(dataset: Dataset, quiet: bool) -> Survey:
    with show_bar("reading", quiet) as on_progress:
        return Survey(dataset, on_progress=on_progress)


def _encode_targets(targets: Targets, survey: Survey, indices: Sequence[int]) -> Tensor:
    return targets.encode([survey.targets[index] for index in indices], lambda at: survey.where(indices[at]))
