"""Train a model that forecasts series: the recipe behind `elman train forecast`.

The end of every series is held out. What comes before it is cut into windows, a look-back and a horizon, at every step;
one model learns from the windows of all series. It forecasts quantiles, the weights that forecast the held-out part
best stay, and its intervals are then calibrated on that part.

>>> from elman.tasks import forecast
>>> model = forecast.train("sales.csv", target="sales", output="sales.elman.safetensors")  # doctest: +SKIP
>>> model.metrics["verdict"]                                                               # doctest: +SKIP
'MAE 11.2, 14 % below that of the best without recurrence, seasonal naive: 13.1.'
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman import cells
from elman.data.series.opening import open_series
from elman.data.series.series import SeriesSet
from elman.data.text import Source, as_sources
from elman.errors import DataError
from elman.expr import Cell
from elman.scores.measured import Measured
from elman.tasks.forecast.backtest import compare as compare_scores
from elman.tasks.forecast.backtest import judge_forecasts, say_error, score, score_beside, thin
from elman.tasks.forecast.baseline.baselines import Window
from elman.tasks.forecast.baseline.beside import Beside
from elman.tasks.forecast.calendar import cycles_of
from elman.tasks.forecast.covariates import Covariates
from elman.tasks.forecast.intervals.conformal import margins
from elman.tasks.forecast.model import TrainedForecaster, build_module, load
from elman.tasks.forecast.module import Windows, pinball
from elman.tasks.forecast.report import report_series
from elman.tasks.forecast.scores import ForecastScores
from elman.tasks.forecast.settings import ForecastSettings
from elman.tasks.forecast.sizes import Asked, Sizes, choose_sizes
from elman.tasks.forecast.space import search_space
from elman.tasks.forecast.windows import Reading, SeriesTable, measure_scale, measure_spread
from elman.training.attempt import Attempt, Validated
from elman.training.keeping import Keeper
from elman.training.loop import Trainer
from elman.training.outcome import Outcome, describe_outcome, versions
from elman.training.progress import EXAMPLE, Progress, show_progress
from elman.training.search import require_optuna
from elman.training.start import refuse_giants, start

__all__ = ["load", "train"]

_Scores = dict[str, ForecastScores]

_LEARNING_RATE = 2e-3
_UPDATES = 1000
_UPDATES_PER_EPOCH = 100  # windows overlap: they need not all be seen
_BATCH, _SMALLEST_BATCH, _FEWEST_BATCHES = 256, 16, 16
_MOST_VALIDATED = 2000  # windows of a validation in training
_MOST_CALIBRATED = 8000
_MOST_COMPARED = 2000
_AT_ONCE = 512


def train(
    data: Source | Sequence[Source] | SeriesSet,
    *,
    cell: str | Cell = "gru",
    sizes: Mapping[str, int] | None = None,
    output: str | PathLike[str] | None = None,
    force: bool = False,
    quiet: bool = False,
    search: int | None = None,
    compare: bool = True,
    **options: Any,
) -> TrainedForecaster:
    """Train a model that forecasts one or many series.

    Ctrl-C ends the training and returns the best model so far, with `stopped` set to `interrupted`.

    Args:
        data: one or many tables, see :func:`elman.data.series.opening.open_series`, or what it gives.
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open, such as `{"h": 64}` for the projected LSTM.
        output: where to keep the model; it is written whenever a validation was the best so far, and at the end.
        force: replace `output` if it is a model. That stays until the training has ended; if it is interrupted, the new
            one is beside it, as `NAME.interrupted.elman.safetensors`.
        quiet: show no progress on standard error.
        search: try so many settings, the given ones first, and keep the model that forecasts the held-out part best.
            What is given stays as it is; a time budget is for all of them together. Needs optuna.
        compare: fit models without recurrence, to say what this one is worth.
        **options: see `ForecastSettings`, whose names and defaults they are.

    Raises:
        ConfigError: an option is unknown or outside its range, or options contradict each other or the cell.
        DataError: the data cannot be read, a series is too short or constant, or `output` is taken.
        CellError: the cell is unknown, or its equations do not hold together.
        ElmanError: the gradient stayed non-finite; or the model could not be written to `output`, and the message
            says where it is instead.
    """
    settings = ForecastSettings.of(options)
    if search is not None:
        require_optuna()
    keeper = Keeper(output, force)
    chosen = cells.find(cell) if isinstance(cell, str) else cell
    with keeper, torch.random.fork_rng(devices=[]):
        opened = _open(data, settings)
        parts = _encode(opened, settings)
        with show_progress(quiet, EXAMPLE) as progress:
            for line in _report(parts):
                progress.note(line)
            beside, scores = _stand_beside(parts, settings, progress) if compare else (Beside(), {})
            attempt = _attempt(chosen, sizes, keeper, beside)
            if search is None:
                model, outcome = attempt.once(parts, settings, progress)
            else:
                model, outcome, parts = attempt.search(
                    search_space(options, settings, _LEARNING_RATE, _choose_batch(len(parts.learn), settings)),
                    lambda other: _encode(opened, other),
                    parts,
                    trials=search,
                    given=options,
                    settings=settings,
                    encoded_by=(),
                    progress=progress,
                )
            _calibrate(model, parts)
            found = _compare(model, parts, scores)
        model.module.eval()
        model.stopped, model.seconds = outcome.stopped, outcome.seconds
        model.metrics = {**model.metrics, **_describe(outcome, parts), **found}
        keeper.finish(model)
    return model


@dataclass(frozen=True)
class _Parts:
    """Hold the data as the training sees them.

    Attributes:
        data: the series that are long enough.
        sizes: of the windows.
        table: the series as numbers.
        learn: (N, 2) the windows that are learnt from.
        hold: (M, 2) the windows whose horizon lies in the held-out part.
        ends: for each series the first step that is held out.
    """

    data: SeriesSet
    sizes: Sizes
    table: SeriesTable
    learn: NDArray[np.int64]
    hold: NDArray[np.int64]
    ends: list[int]

    @property
    def missing(self) -> bool:
        """Say whether any value is missing, within a series or before it."""
        return self.table.reading.padded > 0 or any(bool(np.isnan(one.values).any()) for one in self.data.series)


def _open(data: Source | Sequence[Source] | SeriesSet, settings: ForecastSettings) -> SeriesSet:
    if isinstance(data, SeriesSet):
        return data
    return open_series(
        as_sources(data),
        target=settings.target,
        time=settings.time,
        id=settings.id,
        known=settings.known or (),
        past=settings.past or (),
        static=settings.static or (),
        season=settings.season,
        held_out=settings.validation,
        fill_gaps=settings.fill_gaps,
    )


def _encode(data: SeriesSet, settings: ForecastSettings) -> _Parts:
    data, sizes = _choose_sizes(data, settings)
    lengths = [len(one) for one in data.series]
    ends = [length - held for length, held in zip(lengths, sizes.held_out, strict=True)]
    for one, end in zip(data.series, ends, strict=True):
        _refuse_constant(one.values[:end], one.where)
    learnt = {one.name: one.values[:end] for one, end in zip(data.series, ends, strict=True)}
    reading = Reading(
        sizes.lookback,
        sizes.horizon,
        {name: measure_spread(part) for name, part in learnt.items()},
        {name: measure_scale(part, sizes.lookback) for name, part in learnt.items()},
        {
            one.name: str(data.frequency.timestamps(one.start, end + 1)[-1])
            for one, end in zip(data.series, ends, strict=True)
        },
        cycles_of(data.frequency, max(ends)) if settings.calendar else (),
        Covariates.learn(data.series, ends),
        0 if min(ends) >= sizes.lookback + sizes.horizon else sizes.lookback - sizes.past,
    )
    table = SeriesTable(data.series, data.frequency, reading)
    learn = table.origins([(0, end) for end in ends])
    hold = table.origins(list(zip(ends, lengths, strict=True)))
    if not len(learn) or not len(hold):
        part = "to learn from" if not len(learn) else "to validate on"
        raise DataError(f"{data.name} has no window {part}: too many values are missing. Give more of them.")
    return _Parts(data, sizes, table, learn, hold, ends)


def _choose_sizes(data: SeriesSet, settings: ForecastSettings) -> tuple[SeriesSet, Sizes]:
    """Choose sizes, and leave out the series that are too short for them; the longest must have a whole look-back."""
    lengths = [len(one) for one in data.series]
    asked = Asked(settings.horizon, settings.lookback, settings.segment, settings.validation)
    sizes = choose_sizes(asked, season=data.frequency.season, lengths=lengths)
    apart = "to learn and to validate on apart,"
    longest = lengths.index(max(lengths))
    dataclasses.replace(data, series=[data.series[longest]]).require_steps(
        sizes.fewest(sizes.lookback)[longest],
        f"a look-back of {sizes.lookback:,} and a horizon of {sizes.horizon:,}, {apart}",
    )
    fewest = sizes.fewest(sizes.past)
    kept = data.leave_out_short(fewest, f"a horizon of {sizes.horizon:,} behind {sizes.past:,} steps, {apart}")
    held = [held for held, length, steps in zip(sizes.held_out, lengths, fewest, strict=True) if length >= steps]
    return kept, dataclasses.replace(sizes, held_out=tuple(held))


def _refuse_constant(values: NDArray[np.float64], where: str) -> None:
    there = values[~np.isnan(values)]
    if not len(there) or (there == there[0]).all():
        what = f"always {there[0]:g}" if len(there) else "nowhere known"
        raise DataError(
            f"{where}: the series is {what} in the part that is learnt from, so nothing can be learnt. Leave it out."
        )


def _report(parts: _Parts) -> Iterator[str]:
    """Say what there is to learn from."""
    yield from parts.data.notes
    yield from report_series(parts.data).lines()
    yield (
        f"forecasts {parts.sizes.horizon:,} steps from {parts.sizes.lookback:,}, read in segments of "
        f"{parts.sizes.segment:,}; {len(parts.learn):,} windows to learn from, {len(parts.hold):,} held out"
    )


def _attempt(
    cell: Cell, sizes: Mapping[str, int] | None, keeper: Keeper, beside: Beside
) -> Attempt[_Parts, ForecastSettings, TrainedForecaster]:
    def train_one(
        parts: _Parts,
        settings: ForecastSettings,
        progress: Progress,
        validated: Callable[[TrainedForecaster], Validated],
    ) -> tuple[TrainedForecaster, Outcome]:
        model = _build(cell, parts, settings, sizes)
        model.beside = beside
        return model, _fit(model, parts, settings, progress, validated(model))

    return Attempt(train_one, _describe, keeper)


def _build(cell: Cell, parts: _Parts, settings: ForecastSettings, sizes: Mapping[str, int] | None) -> TrainedForecaster:
    reading = parts.table.reading
    configuration = {
        **{name: getattr(settings, name) for name in _CONFIGURED},
        "segment": parts.sizes.segment,
        "quantiles": list(settings.quantiles()),
        "series": len(reading.spreads) if len(reading.spreads) > 1 else 0,
        "missing": parts.missing,
        "sizes": dict(sizes or {}),
    }
    with refuse_giants(settings.hidden):
        module = build_module(cell, reading, configuration)
    start(module.recurrent, settings.init, settings.forget_bias, settings.chrono)
    return TrainedForecaster(module, parts.data.columns, reading, configuration, metrics={}, versions=versions())


_CONFIGURED = ("decode", "hidden", "layers", "dropout", "recurrent_dropout", "zoneout")


def _fit(
    model: TrainedForecaster,
    parts: _Parts,
    settings: ForecastSettings,
    progress: Progress,
    validated: Validated,
) -> Outcome:
    batch = _choose_batch(len(parts.learn), settings)
    losses_per_epoch = min(math.ceil(len(parts.learn) / batch), _UPDATES_PER_EPOCH * settings.accumulate)
    updates = settings.count_updates(losses_per_epoch)
    settings = _complete(settings, updates)
    trainer = Trainer(model.module, settings, progress)
    progress.note(
        f"{model.parameters:,} parameters; an epoch is {updates:,} updates of {batch * settings.accumulate} windows"
    )
    randomness = np.random.default_rng(settings.seed)
    held_out = thin(parts.hold, _MOST_VALIDATED)

    def losses() -> Iterator[tuple[Tensor, int]]:
        drawn = randomness.permutation(len(parts.learn))[: losses_per_epoch * batch]
        for windows, ahead in parts.table.batches(parts.learn[drawn], batch):
            yield _loss(trainer, model, windows, ahead), len(ahead)

    def validate() -> Measured:
        total = 0.0
        with torch.no_grad():
            for windows, ahead in parts.table.batches(held_out, _AT_ONCE):
                total += float(_loss(trainer, model, windows, ahead)) * len(ahead)
        loss = total / len(held_out)
        return Measured(loss, said=f"scaled error {loss:.4f}")

    cost = len(held_out) / (batch * settings.accumulate)
    return trainer.fit(losses, updates, validate, validated, validation_cost=cost)


def _loss(trainer: Trainer, model: TrainedForecaster, windows: Windows, ahead: Tensor) -> Tensor:
    forecast, scaling = trainer.module(windows.on(trainer.fabric.device))
    right = scaling.apply(trainer.fabric.to_device(ahead)).to(forecast.dtype)
    return pinball(forecast, right, model.module.quantiles)


def _choose_batch(windows: int, settings: ForecastSettings) -> int:
    """Return B: as asked, or 256 unless an epoch of few windows would then have fewer than 16 updates."""
    if settings.batch is not None:
        return settings.batch
    return min(_BATCH, max(_SMALLEST_BATCH, windows // _FEWEST_BATCHES))


def _complete(settings: ForecastSettings, updates_per_epoch: int) -> ForecastSettings:
    """Say how many epochs and which learning rate: as asked; else about 1000 updates, and 0.002."""
    if settings.epochs is None and settings.time_budget is None:
        settings = dataclasses.replace(settings, epochs=math.ceil(_UPDATES / updates_per_epoch))
    if settings.learning_rate is None and settings.optimizer in ("adam", "adamw"):
        settings = dataclasses.replace(settings, learning_rate=_LEARNING_RATE)
    return settings


def _calibrate(model: TrainedForecaster, parts: _Parts) -> None:
    """Let the intervals hold on the held-out part what they promise."""
    forecast, right = model.scaled(parts.table, thin(parts.hold, _MOST_CALIBRATED))
    percents = model.percents[::-1]
    moved = [
        margins(forecast[:, :, place], forecast[:, :, -1 - place], right, percent)
        for place, percent in enumerate(percents)
    ]
    model.module.margins.copy_(torch.stack(moved))


def _stand_beside(parts: _Parts, settings: ForecastSettings, progress: Progress) -> tuple[Beside, _Scores]:
    """Fit what does without recurrence on what is learnt from, and score it on the held-out part."""
    values, reading = [one.values for one in parts.data.series], parts.table.reading
    origins = thin(parts.hold, _MOST_COMPARED)
    beside = Beside.fit(
        [known[:end] for known, end in zip(values, parts.ends, strict=True)],
        [Window(values[number][:at], values[number][at : at + reading.horizon]) for number, at in origins],
        horizon=reading.horizon,
        lookback=reading.lookback,
        season=parts.data.frequency.season,
        levels=settings.percents(),
    )
    scores = score_beside(beside.baselines, parts.table, parts.ends, origins)
    for name, one in scores.items():
        progress.note(f"without recurrence, {name}: validation {say_error(one)}")
    return beside, scores


def _compare(model: TrainedForecaster, parts: _Parts, beside: _Scores) -> dict[str, Any]:
    """Score the model on the held-out part, and say what that is worth."""
    origins = thin(parts.hold, _MOST_COMPARED)
    ours = score(lambda part: model.ahead(parts.table, part), parts.table, parts.ends, origins)
    found = compare_scores(ours, beside)
    return {"validation": found.ours.to_dict(), **found.to_dict_beside(), "verdict": judge_forecasts(found)}


def _describe(outcome: Outcome, parts: _Parts) -> dict[str, Any]:
    best = outcome.best
    return {
        "validation_loss": None if best is None else best.loss,
        "validation_windows": len(parts.hold),
        "training_windows": len(parts.learn),
        **describe_outcome(outcome),
    }
