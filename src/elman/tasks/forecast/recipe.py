"""Train a model that forecasts series: the recipe behind `elman train forecast`.

The end of every series is held out. The part before it is cut into windows, a look-back and a horizon, at every step;
one model is trained on the windows of all series. It forecasts quantiles, the weights that forecast the held-out part
best are kept, and its intervals are then calibrated on that part.

>>> from elman.tasks import forecast
>>> model = forecast.train("sales.csv", target="sales", output="sales.elman.safetensors")  # doctest: +SKIP
>>> model.metrics["verdict"]                                                               # doctest: +SKIP
'MASE 0.712, 14% below the best without recurrence, seasonal naive (0.828).'
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.series.series import SeriesSet
from elman.expr import Cell
from elman.nn.rows import part_of, take
from elman.phrases import counted
from elman.scores.measured import Measured
from elman.tasks.forecast.backtest import MOST_COMPARED, say_error, score_baselines, thin
from elman.tasks.forecast.baseline.baselines import ValidationWindow
from elman.tasks.forecast.baseline.fitted import FittedBaselines
from elman.tasks.forecast.judging import judge_forecaster
from elman.tasks.forecast.model import TrainedForecaster, build_module, load
from elman.tasks.forecast.module import Windows, pinball
from elman.tasks.forecast.reading import Parts, encode_series, read_series
from elman.tasks.forecast.report import report_series
from elman.tasks.forecast.scores import ForecastScores
from elman.tasks.forecast.settings import ForecastSettings
from elman.tasks.forecast.space import search_space
from elman.training.attempt import Validated
from elman.training.feed import Feed
from elman.training.loop import Trainer
from elman.training.outcome import Outcome
from elman.training.pretrained import Axis, Pretrained
from elman.training.progress import EXAMPLE, Progress
from elman.training.recipe import Recipe
from elman.training.search import Space
from elman.training.start import refuse_giants, start

__all__ = ["RECIPE", "load", "train"]

Compared = tuple[FittedBaselines, dict[str, ForecastScores]]

_LEARNING_RATE = 2e-3
_UPDATES = 1000
_UPDATES_PER_EPOCH = 100  # windows overlap: they need not all be seen
_BATCH, _SMALLEST_BATCH, _FEWEST_BATCHES = 256, 16, 16
_MOST_VALIDATED = 2000  # windows of a validation in training
_AT_ONCE = 512


class ForecastRecipe(Recipe[SeriesSet, Parts, Compared, ForecastSettings, TrainedForecaster]):
    """The recipe of a model that forecasts one or many series."""

    settings = ForecastSettings
    cell = "gru"
    rate = _LEARNING_RATE

    def read(
        self,
        data: Any,
        settings: ForecastSettings,
        quiet: bool,
        pretrained: Pretrained[TrainedForecaster] | None = None,
    ) -> SeriesSet:
        """Read the series."""
        return read_series(data, settings, pretrained)

    def encode(
        self,
        read: SeriesSet,
        settings: ForecastSettings,
        quiet: bool,
        pretrained: Pretrained[TrainedForecaster] | None = None,
    ) -> Parts:
        """Cut the series into windows; the end of each is held out."""
        return encode_series(read, settings, pretrained)

    def fixed(self, model: TrainedForecaster, settings: ForecastSettings) -> dict[str, Any]:
        """Return the options of the layers and the windows, and of the columns beside the target."""
        columns, reading = model.columns, model.reading
        seasons = columns.frequency.seasons or (1,)
        named = {
            name: (getattr(settings, name), ",".join(getattr(columns, of)) or None)
            for name, of in (
                ("time", "times"),
                ("id", "id"),
                ("known", "known"),
                ("past", "past"),
                ("static", "static"),
            )
        }
        return {
            **super().fixed(model, settings),
            "lookback": reading.lookback,
            "horizon": reading.horizon,
            "calendar": bool(reading.cycles),
            "scale": "log" if reading.logarithms else "linear",
            "levels": settings.levels if settings.percents() == model.percents else ",".join(map(str, model.percents)),
            "season": settings.season if settings.seasons() == seasons else ",".join(map(str, seasons)),
            "fill_gaps": columns.fill_gaps,
            **{name: value for name, (given, value) in named.items() if given is not None},
        }

    def axes(self, model: TrainedForecaster) -> list[Axis]:
        """Return what series, and static covariates, stand for."""
        reading = model.reading
        return [Axis("own", [0, *reading.spreads]), Axis("describe", reading.covariates.static_labels())]

    def warn_of_learnt(self, pretrained: Pretrained[TrainedForecaster], parts: Parts) -> Iterator[str]:
        """Say how many windows held out the model has learnt from."""
        seen = sum(int(parts.learnt[series]) > step for series, step in parts.hold) if parts.learnt else 0
        if seen:
            were = "is" if seen == 1 else "are"
            yield (
                f"{seen:,} of the {counted(len(parts.hold), 'window')} held out {were} from before the end of what "
                f"{pretrained.name} has learnt from, so the scores are too good"
            )

    def unit(self, parts: Parts) -> str:
        """Count windows as examples."""
        return EXAMPLE

    def report(self, parts: Parts) -> Iterator[str]:
        """Describe the data and the windows."""
        yield from parts.data.notes
        yield from report_series(parts.data).lines()
        if parts.table.reading.logarithms:
            yield "values are read as logarithms"
        yield (
            f"forecasts {counted(parts.sizes.horizon, 'step')} from {parts.sizes.lookback:,}, read in segments of "
            f"{parts.sizes.segment:,}; {counted(len(parts.learn), 'window')} to train on, {len(parts.hold):,} held out"
        )

    def compare(self, parts: Parts, settings: ForecastSettings, progress: Progress, parameters: int) -> Compared:
        """Fit the baselines on the training part, and score them on the held-out part."""
        values, reading = [one.values for one in parts.data.series], parts.table.reading
        origins = thin(parts.hold, MOST_COMPARED)
        baselines = FittedBaselines.fit(
            [series[:end] for series, end in zip(values, parts.ends, strict=True)],
            [
                ValidationWindow(values[number][:at], values[number][at : at + reading.horizon])
                for number, at in origins
            ],
            horizon=reading.horizon,
            lookback=reading.lookback,
            season=parts.data.frequency.season,
            longer=parts.data.frequency.longer,
            levels=settings.percents(),
            logarithms=reading.logarithms,
        )
        scores = score_baselines(baselines.forecasters, parts.table, parts.ends, origins)
        for name, score_of_one in scores.items():
            progress.note(f"without recurrence, {name}: validation {say_error(score_of_one)}")
        return baselines, scores

    def space(self, given: Mapping[str, Any], parts: Parts, settings: ForecastSettings) -> Space:
        """Return the options that a search may choose."""
        return search_space(given, settings, _LEARNING_RATE, _choose_batch(len(parts.learn), settings))

    def build(
        self,
        cell: Cell,
        sizes: Mapping[str, int] | None,
        parts: Parts,
        settings: ForecastSettings,
        baselines: Compared | None,
    ) -> TrainedForecaster:
        """Build the network; the fitted baselines are kept in the model."""
        reading = parts.table.reading
        configuration = {
            **settings.layers_of(sizes),
            "decode": settings.decode,
            "segment": parts.sizes.segment,
            "quantiles": list(settings.quantiles()),
            "series": parts.own,
            "missing": parts.missing,
            "seasons": parts.seasons,
        }
        with refuse_giants(settings.hidden):
            module = build_module(cell, reading, configuration)
        start(module.recurrent, settings.init, settings.forget_bias, settings.chrono)
        model = TrainedForecaster(
            module=module, columns=parts.data.columns, reading=reading, configuration=configuration
        )
        if baselines is not None:
            model.baselines = baselines[0]
        return model

    def fit(
        self,
        model: TrainedForecaster,
        parts: Parts,
        settings: ForecastSettings,
        progress: Progress,
        validated: Validated,
    ) -> Outcome:
        """Train on windows drawn anew in every epoch."""
        batch = _choose_batch(len(parts.learn), settings)
        losses_per_epoch = min(math.ceil(len(parts.learn) / batch), _UPDATES_PER_EPOCH * settings.accumulate)
        updates = settings.count_updates(losses_per_epoch)
        settings = _complete(settings, updates)
        trainer = Trainer(model.module, settings, progress)
        progress.note(
            f"{model.parameters:,} parameters; an epoch is {counted(updates, 'update')} of "
            f"{counted(batch * settings.accumulate, 'window')}"
        )
        held_out = thin(parts.hold, _MOST_VALIDATED)

        def draw(chance: np.random.Generator) -> list[Any]:
            drawn = chance.permutation(len(parts.learn))[: losses_per_epoch * batch]
            return [drawn[start : start + batch] for start in range(0, len(drawn), batch)]

        feed = Feed(draw, np.random.default_rng(settings.seed))

        def losses() -> Iterator[tuple[Tensor, int]]:
            for drawn in feed.epoch():
                windows, ahead = parts.table.windows(parts.learn[drawn])
                with trainer.share(len(ahead)):
                    loss = _loss(trainer, model, Windows(*map(take, windows)), take(ahead))
                yield loss, len(ahead)

        def validate() -> Measured:
            total = 0.0
            with torch.no_grad():
                for windows, ahead in parts.table.batches(held_out, _AT_ONCE):
                    total += float(_loss(trainer, model, windows, ahead)) * len(ahead)
            loss = total / len(held_out)
            return Measured(loss, said=f"scaled error {loss:.4f}")

        cost = len(held_out) / (batch * settings.accumulate)
        return trainer.fit(losses, updates, validate, validated, validation_cost=cost, feed=feed)

    def count(self, model: TrainedForecaster, parts: Parts) -> dict[str, Any]:
        """Return the numbers of windows."""
        return {"validation_windows": len(parts.hold), "training_windows": len(parts.learn)}

    def judge(
        self,
        model: TrainedForecaster,
        parts: Parts,
        settings: ForecastSettings,
        baselines: Compared | None,
    ) -> dict[str, Any]:
        """Decide what is mixed in, calibrate the intervals on the held-out part, and compare with the baselines."""
        return judge_forecaster(model, parts, {} if baselines is None else baselines[1], settings.alone)


def _loss(trainer: Trainer, model: TrainedForecaster, windows: Windows, ahead: Tensor) -> Tensor:
    forecast, scaling = trainer.module(windows.on(trainer.fabric.device))
    right = scaling.apply(trainer.fabric.to_device(ahead)).to(forecast.dtype)
    return part_of(pinball(forecast, right, model.module.quantiles), (~right.isnan()).sum())


def _choose_batch(windows: int, settings: ForecastSettings) -> int:
    """Return B: as requested, or 256, less where an epoch would have fewer than 16 updates."""
    if settings.batch is not None:
        return settings.batch
    return min(_BATCH, max(_SMALLEST_BATCH, windows // _FEWEST_BATCHES))


def _complete(settings: ForecastSettings, updates_per_epoch: int) -> ForecastSettings:
    """Fill in the epochs where neither they nor updates were requested: about 1000 updates."""
    if settings.epochs is None and settings.updates is None:
        settings = dataclasses.replace(settings, epochs=math.ceil(_UPDATES / updates_per_epoch))
    return settings


RECIPE = ForecastRecipe()
train = RECIPE.train
