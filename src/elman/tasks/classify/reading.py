"""Read the examples of a training, split them into training and held-out examples, and encode both.

A file is read once: its values are kept until they are encoded, as far as they fit in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from elman.data import Dataset, open_dataset
from elman.data.dataset import Columns
from elman.data.examples.survey import Survey
from elman.data.tables.header import DOUBTED
from elman.data.text import Source, as_sources
from elman.encoders.batches import EncodedSet
from elman.encoders.encoder import Encoder, learn_encoder
from elman.encoders.targets import Targets
from elman.errors import ConfigError, DataError
from elman.tasks.classify.report import Prints
from elman.tasks.classify.settings import ClassifySettings
from elman.training.progress import show_bar
from elman.training.splits import default_share, split


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
    """

    survey: Survey
    held_from: Survey
    targets: Targets
    learn: list[int]
    hold: list[int]
    encoded: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Parts:
    """Encoded examples, ready for the training.

    Attributes:
        columns: the columns that are read and predicted.
        notes: what was inferred about the data, a line each.
        encoder: turns an example into the steps of a sequence.
        targets: the possible answers.
        training: the training examples.
        held_out: the validation examples.
        prints: the fingerprints of both, see :mod:`elman.data.examples.fingerprints`.
        left_out: how many examples were left out of `held_out`, since they equal training examples.
        missing: by column, in how many examples of both a value is missing.
    """

    columns: Columns
    notes: Sequence[str]
    encoder: Encoder
    targets: Targets
    training: EncodedSet
    held_out: EncodedSet
    prints: tuple[Prints, Prints]
    left_out: int
    missing: Mapping[str, int]

    @property
    def longest(self) -> int:
        """Return the steps of the longest example."""
        return int(max(self.training.lengths.max(), self.held_out.lengths.max()))


def read_examples(data: Source | Sequence[Source] | Dataset, settings: ClassifySettings, quiet: bool) -> Split:
    """Survey all examples, split them, and learn the possible answers.

    Raises:
        ConfigError: an option does not suit the target.
        DataError: an example cannot be read or has no target, or there are too few to learn from or to hold out.
    """
    dataset = _open(data, settings)
    kind = dataset.columns.target_kind
    if kind is None:
        is_genome = list(dataset.columns.inputs.values()) == ["letters"] and dataset.columns.target is None
        remedy = "Write label=CLASS into the header of each sequence, or give a file for each class"
        raise DataError(
            f"{dataset.name} does not say what is to be predicted. "
            f"{remedy if is_genome else 'Name the column with --target'}."
        )
    if kind == "number" and (settings.label_smoothing or settings.class_weights):
        name = "label_smoothing" if settings.label_smoothing else "class_weights"
        raise ConfigError(f"{name} is for classes, and the target {dataset.columns.target} is a number. Drop it.")
    survey = _survey(dataset, quiet)
    if settings.validation_data is None:
        held_from = survey
        share = default_share(len(survey)) if settings.validation is None else settings.validation
        try:
            learn, hold = split(
                survey.targets, share=share, seed=settings.seed, groups=survey.groups, hashes=survey.prints
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
    # A rare label may occur in held-out examples alone; each class has a training example.
    named = range(len(survey)) if kind == "labels" else learn
    weights = [survey.weights[index] for index in named]
    targets = Targets.learn(kind, [survey.targets[index] for index in named], settings.class_weights, weights)
    encoded = _encode_targets(targets, survey, learn), _encode_targets(targets, held_from, hold)
    return Split(survey, held_from, targets, learn, hold, encoded)


def encode_examples(split: Split, settings: ClassifySettings, quiet: bool) -> Parts:
    """Learn an encoder from the training examples, and encode both parts.

    Raises:
        ConfigError: the columns cannot be read together.
        DataError: an example cannot be encoded, or there is nothing to learn from.
    """
    survey, held_from, learn, hold = split.survey, split.held_from, split.learn, split.hold
    columns = survey.dataset.columns
    encoder = learn_encoder(columns, survey.read(learn), settings)
    with show_bar("encoding", quiet) as on_progress:
        total = len(learn) + len(hold)
        training = EncodedSet(
            survey.dataset,
            learn,
            encoder,
            split.encoded[0],
            examples=survey.read(learn),
            on_progress=lambda done, _: on_progress(done, total),
            groups=_groups_of(survey, learn),
        )
        held_out = EncodedSet(
            held_from.dataset,
            hold,
            encoder,
            split.encoded[1],
            examples=held_from.read(hold),
            on_progress=lambda done, _: on_progress(len(learn) + done, total),
            groups=_groups_of(held_from, hold),
        )
    prints = survey.prints[learn], held_from.prints[hold]
    left_out = len(survey) - total if held_from is survey else 0
    surveys = [survey, *([] if held_from is survey else [held_from])]
    missing = {name: sum(one.missing.get(name, 0) for one in surveys) for name in columns.inputs}
    missing = {name: count for name, count in missing.items() if count}
    return Parts(columns, survey.dataset.notes, encoder, split.targets, training, held_out, prints, left_out, missing)


def _open(data: Source | Sequence[Source] | Dataset, settings: ClassifySettings) -> Dataset:
    if isinstance(getattr(data, "columns", None), Columns):
        dataset: Dataset = data  # type: ignore[assignment]
        return dataset
    return open_dataset(
        as_sources(data),  # type: ignore[arg-type]
        inputs=settings.columns(),
        target=settings.target,
        target_kind=settings.target_kind,
        id=settings.id,
        group=settings.group,
        decimal=settings.decimal,
    )


def _groups_of(survey: Survey, indices: Sequence[int]) -> list[str | None] | None:
    groups = [survey.groups[index] for index in indices]
    return groups if any(group is not None for group in groups) else None


def _survey(dataset: Dataset, quiet: bool) -> Survey:
    with show_bar("reading", quiet) as on_progress:
        return Survey(dataset, on_progress=on_progress)


def _encode_targets(targets: Targets, survey: Survey, indices: Sequence[int]) -> Tensor:
    return targets.encode([survey.targets[index] for index in indices], lambda at: survey.where(indices[at]))
