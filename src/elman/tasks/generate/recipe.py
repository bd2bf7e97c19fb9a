"""Train a language model on a text, and let it write: the recipe behind `elman train generate`.

The text is cut into B parallel streams, the streams into windows of T steps. Each window is one update: the gradient
of truncated BPTT stops at its left edge, the state is carried across. The end of the text is held out, or a text of its
own is given; the weights that predict it best are the ones that stay. A folder with a class each is read in the same
way, the class of each unit beside it.

>>> from elman.tasks import generate
>>> model = generate.train("book.txt", hidden=256, time_budget="10m", output="book.elman.safetensors")  # doctest: +SKIP
>>> model = generate.load("book.elman.safetensors")                                                    # doctest: +SKIP
>>> print("".join(model.generate("Once ", length=200)))                                                # doctest: +SKIP
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from elman import cells
from elman.data.text import Source, as_sources
from elman.errors import ConfigError
from elman.expr import Cell
from elman.expr.roles import hidden_to_hidden
from elman.models.finite import without_infinite
from elman.nn import activation_penalty, temporal_activation_penalty
from elman.phrases import bits
from elman.tasks.generate.model import TrainedModel, build_module, load
from elman.tasks.generate.module import LanguageModel, detach
from elman.tasks.generate.reading import Part, prepare
from elman.tasks.generate.scores import mean_loss, perplexity
from elman.tasks.generate.settings import Settings
from elman.training.keeping import Keeper
from elman.training.loop import Trainer
from elman.training.outcome import Outcome, describe_outcome, require_result, versions
from elman.training.progress import Moment, Progress, show_progress
from elman.training.start import refuse_giants, start
from elman.training.windows import Streams, first_windows, truncation_windows

__all__ = ["load", "train"]

_BATCH = 32
_WINDOWS_PER_STREAM = 4
_VALIDATION_STEPS_PER_STREAM = 1000
_SAMPLES_PER_RUN = 5
_CHARACTER_EMBEDDING = 64
_REGULARISING = (
    "dropout", "locked", "input_dropout", "embedding_dropout", "recurrent_dropout", "weight_dropout", "zoneout"
)  # fmt: skip
_SAMPLE_LENGTHS = {"character": 240, "word": 50, "subword": 80}


def train(
    data: Source | Sequence[Source],
    *,
    cell: str | Cell = "lstm",
    sizes: Mapping[str, int] | None = None,
    output: str | PathLike[str] | None = None,
    force: bool = False,
    quiet: bool = False,
    **options: Any,
) -> TrainedModel:
    """Train a language model.

    Ctrl-C ends the training and returns the best model so far, with `stopped` set to `interrupted`.

    Args:
        data: one or many UTF-8 text files; `"-"` is standard input; one folder stands for its classes, see
            :mod:`elman.tasks.generate.corpus`.
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open, such as `{"h": 64}` for the projected LSTM.
        output: where to keep the model; it is written whenever a validation was the best so far, and at the end.
        force: replace `output` if it is a model. That stays until the training has ended; if it is interrupted, the new
            one is beside it, as `NAME.interrupted.elman.safetensors`.
        quiet: show no progress on standard error.
        **options: see `Settings`, whose names and defaults they are.

    Raises:
        ConfigError: an option is unknown or outside its range, or options contradict each other or the cell.
        DataError: a text cannot be read or is shorter than the window; `output` is taken or cannot be written.
        CellError: the cell is unknown, or its equations do not hold together.
        ElmanError: the gradient stayed non-finite; or the model could not be written to `output`, and the message
            says where it is instead.
    """
    settings = Settings.of(options)
    keeper = Keeper(output, force)
    chosen = cells.find(cell) if isinstance(cell, str) else cell
    found = prepare(data, settings)
    with keeper, torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        configuration = _configure(chosen, settings, found.classes, Path(as_sources(data)[0]).resolve().name, sizes)
        module = _build(chosen, len(found.vocabulary), configuration, settings)
        model = TrainedModel(module, found.vocabulary, configuration, metrics={}, versions=versions())
        with show_progress(quiet, found.vocabulary.unit) as progress:
            outcome = _fit(model, found.training, found.held_out, settings, progress, keeper)
        require_result(module, outcome)
        model.stopped, model.seconds = outcome.stopped, outcome.seconds
        model.metrics = _metrics(model, outcome, len(found.training), len(found.held_out), settings.window)
        module.eval()
        keeper.finish(model)
    return model


def _configure(
    cell: Cell, settings: Settings, classes: Sequence[str], folder: str, sizes: Mapping[str, int] | None
) -> dict[str, Any]:
    """Say what builds the module; what is left open follows from the unit and the cell."""
    characters = settings.unit == "character"
    tied = not characters if settings.tied is None else settings.tied
    embedding = settings.embedding
    if settings.given is not None and not classes:
        raise ConfigError(
            f"given is {settings.given!r}, the name of what classes are, and a text has none. "
            "Train on a folder with a class each, or drop it."
        )
    if embedding is None:
        first = cell.states[0]
        output = {"hidden": settings.hidden, **(sizes or {})}.get(cell.state_size(first), settings.hidden)
        embedding = output if tied or not characters else _CHARACTER_EMBEDDING
    return {
        "embedding": embedding,
        "hidden": settings.hidden,
        "layers": settings.layers,
        "sizes": dict(sizes or {}),
        "tied": tied,
        "classes": list(classes),
        "given": (settings.given or folder) if classes else "",
        **{name: getattr(settings, name) for name in _REGULARISING},
    }


def _build(cell: Cell, units: int, configuration: dict[str, Any], settings: Settings) -> LanguageModel:
    try:
        with refuse_giants(configuration["hidden"]):
            module = build_module(cell, units, configuration)
    except ConfigError as error:
        if settings.preset is None or hidden_to_hidden(cell.graph):
            raise
        raise ConfigError(f"preset {settings.preset} does not fit cell {cell.name}. {error}") from None
    start(module.recurrent, settings.init, settings.forget_bias, settings.chrono)
    return module


def _fit(
    model: TrainedModel,
    training: Part,
    held_out: Part,
    settings: Settings,
    progress: Progress,
    keeper: Keeper,
) -> Outcome:
    trainer = Trainer(model.module, settings, progress)
    read, held = training.on(trainer.fabric), held_out.on(trainer.fabric)
    streams = Streams(read.numbers, _choose_batch(len(training), settings), read.given)
    updates_per_epoch = _count_updates(streams, settings)
    for line in _describe(model, training, held_out, streams, settings):
        progress.note(line)
    randomness = random.Random(settings.seed)  # noqa: S311 - the same windows must come back

    def losses() -> Iterator[tuple[Tensor, int]]:
        return window_losses(trainer.module, streams, settings, randomness)

    def validate() -> float:
        batch = max(1, (len(held) - 1) // _VALIDATION_STEPS_PER_STREAM)
        return mean_loss(trainer.module, held.numbers, batch, held.given)

    samples = _Samples(settings)

    def validated(outcome: Outcome, moment: Moment, improved: bool) -> None:
        if improved and keeper.target is not None:
            model.metrics = _metrics(model, outcome, len(training), len(held_out), settings.window)
            keeper.keep(model, progress)
        else:
            keeper.try_again(progress)
        if samples.wanted(moment) and math.isfinite(outcome.history[-1].validation_loss):
            length, given = _SAMPLE_LENGTHS[model.vocabulary.unit], next(iter(model.classes), None)
            progress.sample("".join(model.generate(length=length, seed=settings.seed, given=given)))

    cost = len(held) / (streams.batch * settings.window * settings.accumulate)
    return trainer.fit(losses, updates_per_epoch, validate if len(held) else None, validated, validation_cost=cost)


def _describe(
    model: TrainedModel, training: Part, held_out: Part, streams: Streams, settings: Settings
) -> Iterator[str]:
    """Say what is trained, and on what."""
    units = f"{model.vocabulary.unit}s"
    apart = f"the last {len(held_out):,}" if settings.validation_data is None else f"{len(held_out):,} more"
    classes = f" in {len(model.classes)} classes" if model.classes else ""
    known = "different" if model.vocabulary.unknown is None else "known"
    yield (
        f"{len(training) + len(held_out) * (settings.validation_data is None):,} {units}{classes}, "
        f"{len(model.vocabulary):,} {known}; {apart} are held out for validation"
    )
    unknown = model.vocabulary.count_unknown(training.numbers)
    if unknown:
        yield f"{unknown / len(training):.1%} of the words to train on are <unk>"
    updates = _count_updates(streams, settings)
    yield (
        f"{model.parameters:,} parameters; an epoch is {updates:,} updates of {streams.batch} streams × "
        f"{min(settings.window, streams.steps) * settings.accumulate} steps"
    )
    if streams.steps < settings.window:
        short = f"{streams.steps} steps, fewer than the window of {settings.window}"
        yield f"each of the {streams.batch} streams has {short}"


def window_losses(
    module: nn.Module, streams: Streams, settings: Settings, randomness: random.Random | None = None
) -> Iterator[tuple[Tensor, int]]:
    """Read all streams once: yield what each window's update lowers, and how many units it is a mean of.

    The first window starts from zero; each later one from the state in which the one before has ended, whose gradient
    is cut. What is lowered is the mean loss in nats, with smoothed labels and the penalties on activations if asked for
    (AR and TAR of Merity et al. 2017).

    Args:
        module: a `LanguageModel`, or one that a training library has wrapped.
        streams: what is read.
        settings: the window, and what is added to the loss.
        randomness: where `shift_windows` takes the length of the first window from.
    """
    state, first = None, None
    if settings.shift_windows and randomness is not None:
        first = randomness.choice(first_windows(streams.steps, settings.window))
    for inputs, targets, given in streams.windows(settings.window, first):
        logits, state, dropped, output = module(inputs, state, given=given, with_output=True)
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=settings.label_smoothing)
        if settings.activation_penalty:
            loss = loss + settings.activation_penalty * activation_penalty(dropped)
        if settings.temporal_penalty:
            loss = loss + settings.temporal_penalty * temporal_activation_penalty(output)
        yield loss, targets.numel()
        state = detach(state)


def _count_updates(streams: Streams, settings: Settings) -> int:
    """Return the number of updates of an epoch, which is the same wherever shifted windows are cut."""
    first = first_windows(streams.steps, settings.window)[0] if settings.shift_windows else None
    return settings.count_updates(len(truncation_windows(streams.steps, settings.window, first)))


def _choose_batch(units: int, settings: Settings) -> int:
    """Return B: as asked, or 32 unless the streams of a short text would then be shorter than four windows."""
    if settings.batch is None:
        return max(1, min(_BATCH, (units - 1) // (settings.window * _WINDOWS_PER_STREAM)))
    return settings.batch


class _Samples:
    """Say after which validations a sample is shown: every n-th, or at each fifth of the run."""

    def __init__(self, settings: Settings) -> None:
        self._every = settings.sample_every
        self._seen = 0
        self._next_share = 0.0

    def wanted(self, moment: Moment) -> bool:
        self._seen += 1
        if self._every is not None:
            return self._every > 0 and self._seen % self._every == 0
        if moment.share < self._next_share:
            return False
        self._next_share = math.floor(moment.share * _SAMPLES_PER_RUN + 1) / _SAMPLES_PER_RUN
        return True


def _metrics(model: TrainedModel, outcome: Outcome, training: int, held_out: int, window: int) -> dict[str, Any]:
    measured = outcome.best_loss if math.isfinite(outcome.best_loss) else None
    units = f"{model.vocabulary.unit}s"
    return {
        "validation_loss": measured,
        "perplexity": None if measured is None else without_infinite(perplexity(measured)),
        f"validation_{units}": held_out,
        f"training_{units}": training,
        "window": window,
        **describe_outcome(outcome),
        **({"bits_per_character": bits(measured)} if units == "characters" and measured is not None else {}),
    }
