"""Train a model that gives one answer to a whole sequence: the recipe behind `elman train classify`.

The sequence is a text, a series of numbers, a row of a table, sound, an image or a genome; the answer a class, several
labels, or a number. A part of the examples is held out, of each class its share; words, scales and all else that turns
examples into numbers is learnt from the other part alone; and the weights that answer the held-out part best are the
ones that stay.

>>> from elman.tasks import classify
>>> model = classify.train("reviews.csv", target="label", output="reviews.elman.safetensors")  # doctest: +SKIP
>>> model.predict(["what a film"])                                                             # doctest: +SKIP
['pos']
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from elman import cells
from elman.data import Dataset, open_dataset
from elman.data.examples.remembered import Remembered
from elman.data.text import Source, as_sources
from elman.encoders.batches import EncodedSet, answer
from elman.encoders.encoder import Encoder, learn_encoder
from elman.encoders.targets import Targets
from elman.errors import ConfigError, DataError
from elman.expr import Cell
from elman.nn import Recurrent, init
from elman.scores.classes import Scores
from elman.scores.measured import Measured
from elman.scores.verdict import judge
from elman.tasks.classify.baseline.linear import Baseline, train_baseline
from elman.tasks.classify.model import TrainedClassifier, build_module, load
from elman.tasks.classify.report import report_data
from elman.tasks.classify.scoring import score_outputs, score_shuffled
from elman.tasks.classify.settings import DIRECTION, ClassifySettings
from elman.tasks.classify.space import ENCODED_BY, choose_rate, search_space
from elman.training.attempt import FEWEST_EPOCHS, Attempt, Validated, choose_batch, choose_epochs
from elman.training.keeping import Keeper
from elman.training.loop import Trainer
from elman.training.outcome import Outcome, describe_outcome, versions
from elman.training.progress import EXAMPLE, Progress, show_bar, show_progress
from elman.training.search import Space, require_optuna
from elman.training.splits import default_share, split
from elman.training.start import refuse_giants, start

__all__ = ["load", "train"]

_SECONDS_OF_BASELINE = 20.0
_BASELINE_OF_BUDGET = 0.1


def train(
    data: Source | Sequence[Source] | Dataset,
    *,
    cell: str | Cell = "lstm",
    sizes: Mapping[str, int] | None = None,
    output: str | PathLike[str] | None = None,
    force: bool = False,
    quiet: bool = False,
    search: int | None = None,
    compare: bool = True,
    **options: Any,
) -> TrainedClassifier:
    """Train a model that answers a sequence with a class, labels or a number.

    Ctrl-C ends the training and returns the best model so far, with `stopped` set to `interrupted`.

    Args:
        data: one or many paths, see :func:`elman.data.open_dataset`, or a dataset.
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open, such as `{"h": 64}` for the projected LSTM.
        output: where to keep the model; it is written whenever a validation was the best so far, and at the end.
        force: replace `output` if it is a model. That stays until the training has ended; if it is interrupted, the new
            one is beside it, as `NAME.interrupted.elman.safetensors`.
        quiet: show no progress on standard error.
        search: try so many settings, the given ones first, and keep the model that answers the held-out examples best.
            What is given stays as it is; a time budget is for all of them together. Needs optuna.
        compare: train a model without recurrence, and let the model answer shuffled steps, to say what it is worth.
        **options: see `ClassifySettings`, whose names and defaults they are.

    Raises:
        ConfigError: an option is unknown or outside its range, or options contradict each other or the cell.
        DataError: an example cannot be read, there are too few of a class, or `output` is taken or cannot be written.
        CellError: the cell is unknown, or its equations do not hold together.
        ElmanError: the gradient stayed non-finite; or the model could not be written to `output`, and the message
            says where it is instead.
    """
    settings = ClassifySettings.of(options)
    if search is not None:
        require_optuna()
    keeper = Keeper(output, force)
    chosen = cells.find(cell) if isinstance(cell, str) else cell
    with keeper, torch.random.fork_rng(devices=[]):
        read = _read(data, settings, quiet)
        parts = _encode(read, settings, quiet)
        with show_progress(quiet, EXAMPLE) as progress:
            for line in _report(parts):
                progress.note(line)
            read.dataset.forget()
            read.held_from.forget()
            baseline = _train_baseline(parts, settings, progress) if compare else None
            attempt = _attempt(chosen, sizes, keeper)
            if search is None:
                model, outcome = attempt.once(parts, settings, progress)
            else:
                model, outcome, parts = attempt.search(
                    _space(options, parts, settings),
                    lambda other: _encode(read, other, quiet=True),
                    parts,
                    trials=search,
                    given=options,
                    settings=settings,
                    encoded_by=ENCODED_BY,
                    progress=progress,
                )
        model.module.eval()
        model.stopped, model.seconds = outcome.stopped, outcome.seconds
        model.metrics = {
            **model.metrics,
            **_describe(outcome, parts),
            **_compare(model, parts, baseline, settings.seed),
        }
        keeper.finish(model)
    return model


@dataclass(frozen=True)
class _Read:
    """Hold the data before they are encoded, divided into what is learnt from and what is held out."""

    dataset: Remembered
    held_from: Remembered
    targets: Targets
    learn: list[int]
    hold: list[int]
    encoded: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class _Parts:
    """Hold the data as the training sees them."""

    dataset: Remembered
    encoder: Encoder
    targets: Targets
    training: EncodedSet
    held_out: EncodedSet

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


def _read(data: Source | Sequence[Source] | Dataset, settings: ClassifySettings, quiet: bool) -> _Read:
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
    return _Read(dataset, held_from, targets, learn, hold, encoded)


def _encode(read: _Read, settings: ClassifySettings, quiet: bool) -> _Parts:
    dataset, learn, hold = read.dataset, read.learn, read.hold
    encoder = learn_encoder(dataset.columns, (dataset[index] for index in learn), settings)
    with show_bar("encoding", quiet) as told:
        total = len(learn) + len(hold)
        training = EncodedSet(dataset, learn, encoder, read.encoded[0], told=lambda done, _: told(done, total))
        held_out = EncodedSet(
            read.held_from, hold, encoder, read.encoded[1], told=lambda done, _: told(len(learn) + done, total)
        )
    return _Parts(dataset, encoder, read.targets, training, held_out)


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


def _report(parts: _Parts) -> Iterator[str]:
    """Say what there is to learn from."""
    yield from parts.dataset.notes
    described = parts.encoder.describe()
    yield from report_data(
        parts.dataset.columns, described, parts.targets, parts.training, parts.held_out, units=parts.encoder.units
    ).lines()


def _train_baseline(parts: _Parts, settings: ClassifySettings, progress: Progress) -> tuple[Baseline, Scores]:
    """Train what a recurrent model has to beat, and say how good it is."""
    budget = settings.seconds()
    found = train_baseline(
        parts.training,
        parts.held_out,
        parts.targets,
        units=parts.encoder.describe().partition(",")[0] if parts.encoder.units else None,
        seed=settings.seed,
        seconds=_SECONDS_OF_BASELINE if budget is None else min(_SECONDS_OF_BASELINE, _BASELINE_OF_BUDGET * budget),
    )
    score = _score(parts, found.outputs(parts.held_out))
    progress.note(f"without recurrence, {found.what}: validation {score.measure} {score.said()}")
    return found, score


def _score(parts: _Parts, outputs: Tensor) -> Scores:
    return score_outputs(parts.targets, outputs, parts.held_out.targets, parts.held_out.weights)


def _compare(
    model: TrainedClassifier, parts: _Parts, beside: tuple[Baseline, Scores] | None, seed: int
) -> dict[str, Any]:
    """Score the model, and what stands beside it: no recurrence, and its own answers to steps in random order."""
    ours = _score(parts, answer(model.module, parts.held_out))
    found = {"validation": {"measure": ours.measure, "said": ours.said(), **ours.to_dict()}}
    if beside is None:
        return found
    baseline, other = beside
    shuffled = score_shuffled(model.module, parts.held_out, parts.targets, seed=seed) if parts.longest > 1 else []
    facts = {"what": baseline.what, "parameters": baseline.parameters, "finished": baseline.finished}
    return {
        **found,
        "baseline": {**facts, **other.to_dict()},
        "shuffled": [one.to_dict() for one in shuffled],
        "verdict": judge(
            ours,
            model.parameters,
            shuffled=shuffled,
            other=other,
            what=baseline.what,
            other_parameters=baseline.parameters,
        ),
    }


def _attempt(
    cell: Cell, sizes: Mapping[str, int] | None, keeper: Keeper
) -> Attempt[_Parts, ClassifySettings, TrainedClassifier]:
    def train_one(
        parts: _Parts,
        settings: ClassifySettings,
        progress: Progress,
        validated: Callable[[TrainedClassifier], Validated],
    ) -> tuple[TrainedClassifier, Outcome]:
        model = _build(cell, parts, settings, sizes)
        return model, _fit(model, parts, settings, progress, validated(model))

    return Attempt(train_one, _describe, keeper)


def _space(given: Mapping[str, Any], parts: _Parts, settings: ClassifySettings) -> Space:
    batch = choose_batch(len(parts.training), settings.batch)
    return search_space(given, parts.dataset.columns, parts.encoder.front, parts.longest, batch)


def _build(cell: Cell, parts: _Parts, settings: ClassifySettings, sizes: Mapping[str, int] | None) -> TrainedClassifier:
    configuration = {
        **{name: getattr(settings, name) for name in _CONFIGURED},
        "bidirectional": (settings.direction or parts.encoder.front.get("direction", DIRECTION)) == "both",
        "sizes": dict(sizes or {}),
    }
    with refuse_giants(settings.hidden):
        module = build_module(cell, parts.encoder, parts.targets, configuration)
    start(
        module.recurrent, settings.init, settings.forget_bias, _choose_memory(settings, module.recurrent, parts.encoder)
    )
    return TrainedClassifier(
        module, parts.dataset.columns, parts.encoder, parts.targets, configuration, metrics={}, versions=versions()
    )


def _choose_memory(settings: ClassifySettings, layer: Recurrent, encoder: Encoder) -> int | None:
    """Say up to how many steps units remember at the start: as asked, else as this kind of input wants it."""
    wanted = encoder.front.get("memory")
    free = settings.chrono is None and settings.forget_bias is None and settings.init == "uniform"
    return wanted if free and wanted is not None and init.remembers(layer) else settings.chrono


_CONFIGURED = (
    "hidden", "layers", "pooling", "embedding", "dropout", "input_dropout", "word_dropout", "recurrent_dropout",
    "zoneout",
)  # fmt: skip


def _fit(
    model: TrainedClassifier,
    parts: _Parts,
    settings: ClassifySettings,
    progress: Progress,
    validated: Validated,
) -> Outcome:
    batch = choose_batch(len(parts.training), settings.batch)
    losses_per_epoch = math.ceil(len(parts.training) / batch)
    front = parts.encoder.front
    updates, fewest = settings.count_updates(losses_per_epoch), front.get("epochs", FEWEST_EPOCHS)
    settings = choose_epochs(settings, updates, fewest=fewest)
    settings = dataclasses.replace(settings, learning_rate=choose_rate(settings, front))
    trainer = Trainer(model.module, settings, progress)
    progress.note(
        f"{model.parameters:,} parameters; an epoch is {updates:,} updates of {batch * settings.accumulate} examples"
    )
    randomness = torch.Generator().manual_seed(settings.seed)
    to_device = trainer.fabric.to_device

    def losses() -> Iterator[tuple[Tensor, int]]:
        for few in parts.training.batches(batch, randomness=randomness, augment=settings.augment):
            outputs = trainer.module(to_device(few.steps), to_device(few.lengths))
            targets, weights = to_device(few.targets), to_device(few.weights)
            yield parts.targets.training_loss(outputs, targets, settings.label_smoothing, weights), len(few.indices)

    def validate() -> Measured:
        held_out = parts.held_out
        return parts.targets.measure(answer(trainer.module, held_out), held_out.targets, held_out.weights)

    steps = int(parts.held_out.lengths.sum()) / int(parts.training.lengths.sum()) * len(parts.training)
    cost = steps / (batch * settings.accumulate)
    return trainer.fit(losses, updates, validate, validated, validation_cost=cost)


def _describe(outcome: Outcome, parts: _Parts) -> dict[str, Any]:
    best = outcome.best
    return {
        "validation_loss": None if best is None else best.loss,
        "validation_examples": len(parts.held_out),
        "training_examples": len(parts.training),
        **describe_outcome(outcome),
    }
