"""Train a model that gives every word of a sentence a tag: the recipe behind `elman train tag`.

Parts of speech, names, slots: whatever stands beside each word of a file. Where tags mark chunks (`B-LOC`, `I-LOC`,
`O`), they are chosen together by a CRF and scored as conlleval does; a label of the whole sentence, such as what
somebody wants who asks, is learnt beside them. Words and letters to know are learnt from the sentences that are not
held out, and the weights that tag the held-out ones best are the ones that stay.

>>> from elman.tasks import tag
>>> model = tag.train("english.conllu", output="english.elman.safetensors")     # doctest: +SKIP
>>> model.predict([["the", "dog", "barks"]])                                    # doctest: +SKIP
[['DET', 'NOUN', 'VERB']]
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from elman import cells
from elman.data.sentences.opening import TaggedSet, open_tagged
from elman.data.sentences.sentence import Sentence
from elman.data.text import Source, as_sources
from elman.errors import DataError
from elman.expr import Cell
from elman.scores.measured import Measured
from elman.tasks.tag.baseline import TagBaseline, train_tag_baseline
from elman.tasks.tag.batches import EncodedSentences, answer_sentences
from elman.tasks.tag.encoder import TagEncoder, learn_tag_encoder
from elman.tasks.tag.model import TrainedTagger, build_module, load, score_answers
from elman.tasks.tag.module import drop_words
from elman.tasks.tag.report import report_tags
from elman.tasks.tag.scores import TagScores
from elman.tasks.tag.settings import TagSettings
from elman.tasks.tag.space import ENCODED_BY, tag_space
from elman.tasks.tag.targets import TagTargets
from elman.tasks.tag.verdict import compare as compare_with
from elman.tasks.tag.verdict import score_baseline
from elman.training.attempt import Attempt, Validated, choose_batch, choose_epochs
from elman.training.keeping import Keeper
from elman.training.loop import Trainer
from elman.training.outcome import Outcome, describe_outcome, versions
from elman.training.progress import SENTENCE, Progress, show_progress
from elman.training.search import require_optuna
from elman.training.splits import default_share, split
from elman.training.start import refuse_giants, start
from elman.vocabulary.tally import FIRST

__all__ = ["load", "train"]

_UPDATES = 5000
_SECONDS_OF_BASELINE = 20.0
_BASELINE_OF_BUDGET = 0.1


def train(
    data: Source | Sequence[Source] | TaggedSet,
    *,
    cell: str | Cell = "lstm",
    sizes: Mapping[str, int] | None = None,
    output: str | PathLike[str] | None = None,
    force: bool = False,
    quiet: bool = False,
    search: int | None = None,
    compare: bool = True,
    **options: Any,
) -> TrainedTagger:
    """Train a model that gives every word a tag.

    Ctrl-C ends the training and returns the best model so far, with `stopped` set to `interrupted`.

    Args:
        data: one or many paths, see :func:`elman.data.sentences.opening.open_tagged`, or sentences.
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open, such as `{"h": 64}` for the projected LSTM.
        output: where to keep the model; it is written whenever a validation was the best so far, and at the end.
        force: replace `output` if it is a model. That stays until the training has ended; if it is interrupted, the new
            one is beside it, as `NAME.interrupted.elman.safetensors`.
        quiet: show no progress on standard error.
        search: try so many settings, the given ones first, and keep the model that tags the held-out sentences best.
            What is given stays as it is; a time budget is for all of them together. Needs optuna.
        compare: train a model without recurrence, and let the model tag shuffled words, to say what it is worth.
        **options: see `TagSettings`, whose names and defaults they are.

    Raises:
        ConfigError: an option is unknown or outside its range, or options contradict each other or the cell.
        DataError: a sentence cannot be read, there are too few, or `output` is taken or cannot be written.
        CellError: the cell is unknown, or its equations do not hold together.
        ElmanError: the gradient stayed non-finite; or the model could not be written to `output`, and the message
            says where it is instead.
    """
    settings = TagSettings.of(options)
    if search is not None:
        require_optuna()
    keeper = Keeper(output, force)
    chosen = cells.find(cell) if isinstance(cell, str) else cell
    with keeper, torch.random.fork_rng(devices=[]):
        read = _read(data, settings)
        parts = _encode(read, settings)
        with show_progress(quiet, SENTENCE) as progress:
            report = report_tags(parts.training, parts.held_out, parts.encoder, parts.targets)
            for line in (*read.data.notes, *report.lines()):
                progress.note(line)
            beside = _train_baseline(read, settings, progress) if compare else None
            attempt = _attempt(chosen, sizes, keeper)
            if search is None:
                model, outcome = attempt.once(parts, settings, progress)
            else:
                model, outcome, parts = attempt.search(
                    tag_space(options, choose_batch(len(parts.training), settings.batch)),
                    lambda other: _encode(read, other),
                    parts,
                    trials=search,
                    given=options,
                    settings=settings,
                    encoded_by=ENCODED_BY,
                    progress=progress,
                )
        model.module.eval()
        model.stopped, model.seconds = outcome.stopped, outcome.seconds
        compared = compare_with(model, parts.held_out, beside, settings.seed)
        model.metrics = {**model.metrics, **_describe(outcome, parts), **compared}
        keeper.finish(model)
    return model


@dataclass(frozen=True)
class _Read:
    """Hold the sentences, divided into those to learn from and those held out."""

    data: TaggedSet
    learn: list[Sentence]
    hold: list[Sentence]
    targets: TagTargets


@dataclass(frozen=True)
class _Parts:
    """Hold the sentences as the training sees them."""

    read: _Read
    encoder: TagEncoder
    training: EncodedSentences
    held_out: EncodedSentences

    @property
    def targets(self) -> TagTargets:
        return self.read.targets


def _read(data: Source | Sequence[Source] | TaggedSet, settings: TagSettings) -> _Read:
    if not isinstance(data, TaggedSet):
        data = open_tagged(as_sources(data), words=settings.words, tags=settings.tags, label=settings.label)
    sentences = list(data.sentences)
    if settings.validation_data is not None:
        paths = [part.strip() for part in settings.validation_data.split(",")]
        learn, hold = sentences, list(open_tagged(paths, like=data.layout).sentences)
    else:
        share = default_share(len(sentences)) if settings.validation is None else settings.validation
        chosen = split([None] * len(sentences), share=share, seed=settings.seed)
        learn, hold = ([sentences[index] for index in part] for part in chosen)
    labelled = data.layout.label is not None
    if labelled and any(one.label is None for one in hold):
        raise DataError(f"{settings.validation_data} has no labels, and {data.name} has. Give it some.")
    targets = TagTargets.learn(learn, labelled=labelled, scheme=settings.scheme)
    targets.check_scheme(hold)
    return _Read(data, learn, hold, targets)


def _encode(read: _Read, settings: TagSettings) -> _Parts:
    encoder = learn_tag_encoder(
        (one.words for one in read.learn), letters=settings.letters, min_count=settings.min_count
    )
    training, held_out = (EncodedSentences(part, encoder, read.targets) for part in (read.learn, read.hold))
    return _Parts(read, encoder, training, held_out)


def _train_baseline(read: _Read, settings: TagSettings, progress: Progress) -> tuple[TagBaseline, TagScores, TagScores]:
    """Train what a recurrent model has to beat, and say how good it is."""
    budget = settings.seconds()
    seconds = _SECONDS_OF_BASELINE if budget is None else min(_SECONDS_OF_BASELINE, _BASELINE_OF_BUDGET * budget)
    found = train_tag_baseline(read.learn, read.targets, seed=settings.seed, seconds=seconds)
    network, usual = score_baseline(found, read.hold, read.targets)
    progress.note(f"without recurrence, {found.what}: validation {network.measure} {network.said()}")
    progress.note(f"the most frequent tag of each word: {usual.said()}")
    return found, network, usual


def _attempt(
    cell: Cell, sizes: Mapping[str, int] | None, keeper: Keeper
) -> Attempt[_Parts, TagSettings, TrainedTagger]:
    def train_one(
        parts: _Parts, settings: TagSettings, progress: Progress, validated: Callable[[TrainedTagger], Validated]
    ) -> tuple[TrainedTagger, Outcome]:
        model = _build(cell, parts, settings, sizes)
        return model, _fit(model, parts, settings, progress, validated(model))

    return Attempt(train_one, _describe, keeper)


def _build(cell: Cell, parts: _Parts, settings: TagSettings, sizes: Mapping[str, int] | None) -> TrainedTagger:
    configuration = {
        **{name: getattr(settings, name) for name in _CONFIGURED},
        "bidirectional": settings.direction == "both",
        "crf": parts.targets.scheme is not None if settings.crf is None else settings.crf,
        "sizes": dict(sizes or {}),
    }
    with refuse_giants(settings.hidden):
        module = build_module(cell, parts.encoder, parts.targets, configuration)
    for layer in module.layers_that_recur:
        start(layer, settings.init, settings.forget_bias, settings.chrono)
    return TrainedTagger(
        module, parts.read.data.layout, parts.encoder, parts.targets, configuration, metrics={}, versions=versions()
    )


_CONFIGURED = (
    "hidden", "layers", "embedding", "letter_embedding", "letter_hidden", "dropout", "input_dropout",
    "recurrent_dropout", "zoneout",
)  # fmt: skip


def _fit(
    model: TrainedTagger, parts: _Parts, settings: TagSettings, progress: Progress, validated: Validated
) -> Outcome:
    batch = choose_batch(len(parts.training), settings.batch)
    losses_per_epoch = math.ceil(len(parts.training) / batch)
    settings = choose_epochs(settings, settings.count_updates(losses_per_epoch), updates=_UPDATES)
    trainer = Trainer(model.module, settings, progress)
    updates = settings.count_updates(losses_per_epoch)
    progress.note(
        f"{model.parameters:,} parameters; an epoch is {updates:,} updates of {batch * settings.accumulate} sentences"
    )
    randomness = torch.Generator().manual_seed(settings.seed)
    counts = torch.tensor([0.0] * FIRST + [float(count) for count in parts.encoder.counts])
    to_device = trainer.fabric.to_device

    def losses() -> Iterator[tuple[Tensor, int]]:
        for few in parts.training.batches(batch, randomness=randomness):
            steps = drop_words(few.steps, counts, settings.word_dropout, randomness)
            said = trainer.module(to_device(steps), to_device(few.lengths))
            tags, labels, lengths = (to_device(part) for part in (few.tags, few.labels, few.lengths))
            yield model.module.loss(said, tags, labels, lengths), len(few.indices)

    def validate() -> Measured:
        answers = answer_sentences(model.module, parts.held_out)
        scores = score_answers(answers, parts.held_out.sentences, model.encoder, model.targets)
        return _measure(scores, answers.loss)

    cost = int(parts.held_out.lengths.sum()) / int(parts.training.lengths.sum()) * updates
    return trainer.fit(losses, updates, validate, validated, validation_cost=cost)


def _measure(scores: TagScores, loss: float) -> Measured:
    """Return what the best weights are chosen by: the score of the tags, with labels the mean of both."""
    said = f"{scores.measure} {scores.quality:.2%}"
    if scores.label_accuracy is None:
        return Measured(loss, scores.quality, said)
    return Measured(loss, (scores.quality + scores.label_accuracy) / 2, f"{said}, label {scores.label_accuracy:.1%}")


def _describe(outcome: Outcome, parts: _Parts) -> dict[str, Any]:
    best = outcome.best
    return {
        "validation_loss": None if best is None or math.isnan(best.loss) else best.loss,
        "validation_sentences": len(parts.held_out),
        "training_sentences": len(parts.training),
        **describe_outcome(outcome),
    }
