"""Read the examples of a training: what is learnt from and what is held out, and both as sequences of numbers.

A file is read once for all that: its values are kept until they are encoded, as long as memory lasts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

from torch import Tensor

from elman.data import Dataset, open_dataset
from elman.data.dataset import Columns
from elman.data.examples.survey import Survey
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
    """Examples before they are encoded, divided into what is learnt from and what is held out.

    Attributes:
        survey: of the data.
        held_from: of the data whose examples are held out, which may be the same.
        targets: what is to be predicted.
        learn: which examples of `survey` are learnt from.
        hold: which of `held_from` are held out.
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
    """Examples as the training sees them.

    Attributes:
        columns: what was read.
        notes: what was inferred about it.
        encoder: how it became steps.
        targets: what is to be predicted.
        training: the examples to learn from.
        held_out: those to validate on.
        prints: fingerprints of both, see :func:`elman.tasks.classify.report.report_data`.
        missing: by column, in how many examples of both a value is missing.
    """

    columns: Columns
    notes: Sequence[str]
    encoder: Encoder
    targets: Targets
    training: EncodedSet
    held_out: EncodedSet
    prints: tuple[Prints, Prints]
    missing: Mapping[str, int]

    @property
    def longest(self) -> int:
        """Return the steps of the longest example."""
        return int(max(self.training.lengths.max(), self.held_out.lengths.max()))


def read_examples(data: Source | Sequence[Source] | Dataset, settings: ClassifySettings, quiet: bool) -> Split:
    """Look at all examples, divide them, and learn what there is to answer.

    Raises:
        ConfigError: an option does not suit the target.
        DataError: an example cannot be read or has no target, or there are too few to learn from or to hold out.
    """
    dataset = _open(data, settings)
    kind = dataset.columns.target_kind
    if kind is None:
        raise DataError(f"{dataset.name} does not say what is to be predicted. Name the column with --target.")
    if kind == "number" and (settings.label_smoothing or settings.class_weights):
        name = "label_smoothing" if settings.label_smoothing else "class_weights"
        raise ConfigError(f"{name} is for classes, and the target {dataset.columns.target} is a number. Drop it.")
    survey = _survey(dataset, quiet)
    if settings.validation_data is None:
        held_from = survey
        share = default_share(len(survey)) if settings.validation is None else settings.validation
        learn, hold = split(survey.targets, share=share, seed=settings.seed, groups=survey.groups)
    else:
        held_from = _survey(open_dataset([settings.validation_data], like=dataset.columns), quiet)
        learn, hold = list(range(len(survey))), list(range(len(held_from)))
        if not learn or not hold:
            empty = held_from if learn else survey
            raise DataError(f"{empty.dataset.name} has no examples. Give some.")
    # A label may be so rare that it is held out alone; each class has an example to learn from.
    named = range(len(survey)) if kind == "labels" else learn
    weights = [survey.weights[index] for index in named]
    targets = Targets.learn(kind, [survey.targets[index] for index in named], settings.class_weights, weights)
    encoded = _encode_targets(targets, survey, learn), _encode_targets(targets, held_from, hold)
    return Split(survey, held_from, targets, learn, hold, encoded)


def encode_examples(split: Split, settings: ClassifySettings, quiet: bool) -> Parts:
    """Learn from the one part how examples become steps, and encode both.

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
        )
        held_out = EncodedSet(
            held_from.dataset,
            hold,
            encoder,
            split.encoded[1],
            examples=held_from.read(hold),
            on_progress=lambda done, _: on_progress(len(learn) + done, total),
        )
    prints = _prints(training, survey, learn), _prints(held_out, held_from, hold)
    surveys = [survey, *([] if held_from is survey else [held_from])]
    missing = {name: sum(one.missing.get(name, 0) for one in surveys) for name in columns.inputs}
    missing = {name: count for name, count in missing.items() if count}
    return Parts(columns, survey.dataset.notes, encoder, split.targets, training, held_out, prints, missing)


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


def _survey(dataset: Dataset, quiet: bool) -> Survey:
    with show_bar("reading", quiet) as on_progress:
        return Survey(dataset, on_progress=on_progress)


def _encode_targets(targets: Targets, survey: Survey, indices: Sequence[int]) -> Tensor:
    return targets.encode([survey.targets[index] for index in indices], lambda at: survey.where(indices[at]))


def _prints(examples: EncodedSet, survey: Survey, indices: Sequence[int]) -> Prints:
    if examples.prints is not None:
        return examples.prints
    assert survey.prints is not None  # units are texts or letters
    return survey.prints[indices]
