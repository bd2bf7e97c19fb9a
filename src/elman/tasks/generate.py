"""Train a character model on a text, and let it write: the recipe behind `elman train generate`.

The text is cut into B parallel streams, the streams into windows of T steps. Each window is one update: the gradient
of truncated BPTT stops at its left edge, the state is carried across. The end of the text is held out; the weights
that predict it best are the ones that stay.

>>> from elman.tasks import generate
>>> model = generate.train("book.txt", hidden=256, time_budget="10m", output="book.elman.safetensors")  # doctest: +SKIP
>>> model = generate.load("book.elman.safetensors")                                                    # doctest: +SKIP
>>> print("".join(model.generate("Once ", length=200)))                                                # doctest: +SKIP
"""

import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import elman
from elman import cells
from elman.errors import ConfigError, DataError, ElmanError
from elman.expr import Cell
from elman.tasks.language_model import LanguageModel, TrainedModel, detach, load, mean_loss
from elman.tasks.model_file import check_target
from elman.tasks.progress import Moment, Progress, bits, show_progress
from elman.tasks.settings import Settings
from elman.tasks.text import Source, read_text
from elman.tasks.training import Outcome, Trainer
from elman.tasks.vocabulary import Vocabulary
from elman.tasks.windows import Streams, truncation_windows

__all__ = ["load", "train"]

_BATCH = 32
_WINDOWS_PER_STREAM = 4
_VALIDATION_SHARE = 0.1
_MOST_VALIDATION_CHARACTERS = 200_000
_VALIDATION_STEPS_PER_STREAM = 1000
_SAMPLES_PER_RUN = 5
_SAMPLE_LENGTH = 240


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
    """Train a character model.

    Ctrl-C ends the training and returns the best model so far, with `stopped` set to `interrupted`.

    Args:
        data: one or many UTF-8 text files; `"-"` is standard input.
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open, such as `{"h": 64}` for the projected LSTM.
        output: where to keep the model; it is written whenever a validation was the best so far, and at the end.
        force: replace `output` if it is a model.
        quiet: show no progress on standard error.
        **options: see `Settings`, whose names and defaults they are.

    Raises:
        ConfigError: an option is unknown or outside its range.
        DataError: a text cannot be read or is shorter than the window; `output` is taken or cannot be written.
        CellError: the cell is unknown, or its equations do not hold together.
        ElmanError: the gradient stayed non-finite.
    """
    settings = Settings.of(options)
    if output is not None:
        check_target(output, force)
    chosen = cells.find(cell) if isinstance(cell, str) else cell
    text = read_text(data)
    vocabulary = Vocabulary.of(text)
    training, held_out = split(vocabulary.encode(text), settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        configuration: dict[str, Any] = {
            "embedding": settings.embedding,
            "hidden": settings.hidden,
            "layers": settings.layers,
            "dropout": settings.dropout,
            "sizes": dict(sizes or {}),
        }
        module = _build(chosen, len(vocabulary), configuration)
        model = TrainedModel(module, vocabulary, configuration, metrics={}, versions=_versions())
        with show_progress(quiet) as progress:
            outcome = _fit(model, training, held_out, settings, progress, output)
    _require_result(module, outcome, output)
    model.stopped, model.seconds = outcome.stopped, outcome.seconds
    model.metrics = _metrics(outcome, len(training), len(held_out))
    module.eval()
    if output is not None:
        model.save(output)
    return model


def _build(cell: Cell, characters: int, configuration: dict[str, Any]) -> LanguageModel:
    try:
        return LanguageModel(cell, characters, **configuration)
    except (RuntimeError, TypeError, OverflowError) as error:
        if "memory" not in str(error) and "verflow" not in str(error):
            raise
        raise ConfigError(
            f"A model of hidden size {configuration['hidden']} does not fit in memory. Use a smaller one."
        ) from None


def _require_result(module: nn.Module, outcome: Outcome, output: str | PathLike[str] | None) -> None:
    """Refuse to call untrained or broken weights a model, and to put them in the place of one."""
    if outcome.stopped == "interrupted" and not outcome.history:
        replaces = output is not None and Path(output).exists()
        if outcome.updates == 0 or replaces:
            raise KeyboardInterrupt
    if not all(bool(p.isfinite().all()) for p in module.parameters()):
        raise ElmanError(
            f"Training diverged: after {outcome.updates} updates the weights are not finite, so no model is written. "
            "Try a lower --learning-rate."
        )


def split(numbers: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """Cut a text into what is trained on and the end that is held out.

    Args:
        numbers: (N,) characters.
        settings: `validation` is the share held out; by default a tenth, and no more than 200,000 characters.

    Raises:
        DataError: what is left to train on is not longer than the window, or too little is held out to measure.
    """
    count = len(numbers)
    if settings.validation is None:
        held = min(math.ceil(count * _VALIDATION_SHARE), _MOST_VALIDATION_CHARACTERS)
    else:
        held = math.ceil(count * settings.validation)
    left = count - held
    if left <= settings.window:
        apart = f" ({held} more are held out for validation)" if held else ""
        shorter = f", or a window below {left}" if left > 1 else ""
        raise DataError(
            f"The text is too short: {left} characters to train on{apart}, and the window is {settings.window}. "
            f"Give more text{shorter}."
        )
    if held == 1:
        raise DataError("One character is held out, too few to measure a loss. Raise validation, or set it to 0.")
    return numbers[:left], numbers[left:]


def _fit(
    model: TrainedModel,
    training: Tensor,
    held_out: Tensor,
    settings: Settings,
    progress: Progress,
    output: str | PathLike[str] | None,
) -> Outcome:
    trainer = Trainer(model.module, settings, progress)
    streams = Streams(trainer.fabric.to_device(training), _choose_batch(len(training), settings))
    held = trainer.fabric.to_device(held_out)
    updates_per_epoch = len(truncation_windows(streams.steps, settings.window))
    progress.note(
        f"{len(training) + len(held_out):,} characters, {len(model.vocabulary)} different; the last {len(held_out):,} "
        f"are held out for validation"
    )
    progress.note(
        f"{model.parameters:,} parameters; an epoch is {updates_per_epoch:,} updates of {streams.batch} streams × "
        f"{min(settings.window, streams.steps)} steps"
    )
    if streams.steps < settings.window:
        progress.note(
            f"each of the {streams.batch} streams has {streams.steps} steps, fewer than the window of {settings.window}"
        )

    def losses() -> Iterator[tuple[Tensor, int]]:
        return window_losses(trainer.module, streams, settings.window)

    def validate() -> float:
        return mean_loss(trainer.module, held, max(1, (len(held) - 1) // _VALIDATION_STEPS_PER_STREAM))

    samples = _Samples(settings)

    def validated(outcome: Outcome, moment: Moment, improved: bool) -> None:
        if improved and output is not None:
            model.metrics = _metrics(outcome, len(training), len(held_out))
            model.save(output)
        if samples.wanted(moment) and math.isfinite(outcome.history[-1].validation_loss):
            progress.sample("".join(model.generate(length=_SAMPLE_LENGTH, seed=settings.seed)))

    return trainer.fit(losses, updates_per_epoch, validate if len(held) else None, validated)


def window_losses(module: nn.Module, streams: Streams, window: int) -> Iterator[tuple[Tensor, int]]:
    """Read all streams once: yield the mean loss of each window in nats, and of how many characters it is the mean.

    The first window starts from zero; each later one from the state in which the one before has ended, whose gradient
    is cut.
    """
    state = None
    for inputs, targets in streams.windows(window):
        logits, state = module(inputs, state)
        yield cross_entropy(logits.flatten(0, 1), targets.flatten()), targets.numel()
        state = detach(state)


def _choose_batch(characters: int, settings: Settings) -> int:
    """Return B: as asked, or 32 unless the streams of a short text would then be shorter than four windows."""
    if settings.batch is None:
        return max(1, min(_BATCH, (characters - 1) // (settings.window * _WINDOWS_PER_STREAM)))
    if settings.batch >= characters:
        raise ConfigError(
            f"batch is {settings.batch}, and there are {characters} characters to train on, not a step a stream. "
            "Use a smaller batch."
        )
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


def _metrics(outcome: Outcome, training: int, held_out: int) -> dict[str, Any]:
    measured = outcome.best_loss if math.isfinite(outcome.best_loss) else None
    return {
        "validation_loss": measured,
        "bits_per_character": None if measured is None else bits(measured),
        "validation_characters": held_out,
        "training_loss": _finite(outcome.training_loss),
        "training_characters": training,
        "epoch": outcome.epoch,
        "updates": outcome.updates,
        "best_update": outcome.best_update,
        "skipped_updates": outcome.skipped,
        "history": [[one.update, _finite(one.training_loss), _finite(one.validation_loss)] for one in outcome.history],
    }


def _finite(value: float) -> float | None:
    """Write a number that JSON has no word for as nothing."""
    return value if math.isfinite(value) else None


def _versions() -> dict[str, str]:
    return {"elman": elman.__version__, "torch": str(torch.__version__), "python": platform.python_version()}
