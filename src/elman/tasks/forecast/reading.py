"""Read the series of a training, and divide their windows into training and validation."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.opening import open_series
from elman.data.series.series import SeriesColumns, SeriesSet
from elman.data.text import Source, as_sources
from elman.errors import DataError
from elman.tasks.forecast.calendar import cycles_of
from elman.tasks.forecast.covariates import Covariates
from elman.tasks.forecast.logarithms import prefers_logarithms, require_positive
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.settings import ForecastSettings
from elman.tasks.forecast.sizes import RequestedSizes, Sizes, choose_sizes
from elman.tasks.forecast.windows import Reading, SeriesTable, measure_scale, measure_spread
from elman.training.pretrained import Pretrained

Before = Pretrained[TrainedForecaster] | None
"""The model that a training goes on from."""


@dataclass(frozen=True)
class Parts:
    """The data of a training.

    Attributes:
        data: the series that are long enough.
        sizes: of the windows.
        table: the series as numbers.
        learn: (N, 2) the training windows.
        hold: (M, 2) the validation windows, whose horizon lies in the held-out part.
        ends: the first held-out step of each series.
        before: the configuration of the model that the training goes on from; None where there is none.
        learnt: the first step of each series that this model has not learnt from; none where there is no model.
    """

    data: SeriesSet
    sizes: Sizes
    table: SeriesTable
    learn: NDArray[np.int64]
    hold: NDArray[np.int64]
    ends: list[int]
    before: Mapping[str, Any] | None = None
    learnt: Sequence[int] = ()

    @property
    def own(self) -> int:
        """Return how many series have an embedding of their own; none where there is one, or the model has none."""
        series = len(self.table.reading.spreads)
        return series if (series > 1 if self.before is None else self.before["series"]) else 0

    @property
    def seasons(self) -> list[int]:
        """Return the seasons that a look-back covers, if there are several; see :mod:`elman.tasks.forecast.lags`."""
        if self.before is not None:
            return list(self.before["seasons"])
        seasons = self.data.frequency.seasons
        return [season for season in seasons if season <= self.sizes.lookback] if len(seasons) > 1 else []

    @property
    def missing(self) -> bool:
        """Tell whether any value is missing, within a series or before it; a model reads this as it has learnt to."""
        if self.before is not None:
            return bool(self.before["missing"])
        return self.table.reading.padded > 0 or any(bool(np.isnan(one.values).any()) for one in self.data.series)


def read_series(
    data: Source | Sequence[Source] | SeriesSet, settings: ForecastSettings, pretrained: Before = None
) -> SeriesSet:
    """Read series from tables, unless they have been read.

    Raises:
        DataError: they cannot be read, or are not what the model reads.
    """
    like = None if pretrained is None else pretrained.model.columns
    if isinstance(data, SeriesSet):
        if like is None:
            return data
        _require_alike(data, like)
        return dataclasses.replace(data, columns=dataclasses.replace(data.columns, frequency=like.frequency))
    if like is not None:
        return open_series(as_sources(data), target=settings.target, like=like)
    return open_series(
        as_sources(data),
        target=settings.target,
        time=settings.time,
        id=settings.id,
        known=settings.known or (),
        past=settings.past or (),
        static=settings.static or (),
        season=settings.seasons(),
        held_out=settings.validation,
        fill_gaps=settings.fill_gaps,
        decimal=settings.decimal,
        rows=settings.rows,
    )


def _require_alike(data: SeriesSet, like: SeriesColumns) -> None:
    """Refuse series with other steps or covariates than a model reads."""
    own = data.columns
    for what, given, wanted in (
        ("steps", own.frequency.describe(), like.frequency.describe()),
        ("past covariates", own.past, like.past),
        ("known covariates", own.known, like.known),
        ("static covariates", own.static, like.static),
    ):
        if given != wanted:
            raise DataError(f"{data.name} has other {what} than the model reads: {given}, and not {wanted}.")


def encode_series(data: SeriesSet, settings: ForecastSettings, pretrained: Before = None) -> Parts:
    """Choose the sizes of windows, and measure scales on what is not held out.

    Raises:
        DataError: a series is too short or constant, or no window is whole.
    """
    data, sizes = _choose_sizes(data, settings)
    lengths = [len(one) for one in data.series]
    ends = [length - held for length, held in zip(lengths, sizes.held_out, strict=True)]
    for one, end in zip(data.series, ends, strict=True):
        _refuse_constant(one.values[:end], one.where)
    training = {one.name: one.values[:end] for one, end in zip(data.series, ends, strict=True)}
    logarithms = _reads_logarithms(data, list(training.values()), sizes, settings)
    read = {name: np.log(values) if logarithms else values for name, values in training.items()}
    reading = Reading(
        sizes.lookback,
        sizes.horizon,
        {name: measure_spread(values) for name, values in training.items()},
        {name: measure_scale(values, sizes.lookback) for name, values in read.items()},
        {
            one.name: str(data.frequency.timestamps(one.start, end + 1)[-1])
            for one, end in zip(data.series, ends, strict=True)
        },
        cycles_of(data.frequency, max(ends)) if settings.calendar else (),
        Covariates.learn(data.series, ends),
        0 if min(ends) >= sizes.lookback + sizes.horizon else sizes.lookback - sizes.past,
        logarithms,
    )
    learnt: Sequence[int] = ()
    if pretrained is not None:
        before = pretrained.model.reading
        learnt = SeriesTable(data.series, data.frequency, dataclasses.replace(before, padded=reading.padded)).unlearnt
        further = {one.name for one, end, known in zip(data.series, ends, learnt, strict=True) if known > end}
        reading = before.grown(reading, further, pretrained.growth)
        holes = reading.padded > 0 or any(bool(np.isnan(one.values).any()) for one in data.series)
        if holes and not pretrained.model.configuration["missing"]:
            pretrained.growth.keep("missing values are read as the last one of a look-back, since it has met none")
    table = SeriesTable(data.series, data.frequency, reading)
    learn = table.origins([(0, end) for end in ends])
    hold = table.origins(list(zip(ends, lengths, strict=True)))
    if not len(learn) or not len(hold):
        part = "to train on" if not len(learn) else "to validate on"
        raise DataError(f"{data.name} has no window {part}: too many values are missing. Give more of them.")
    configuration = None if pretrained is None else pretrained.model.configuration
    return Parts(data, sizes, table, learn, hold, ends, configuration, learnt)


def _choose_sizes(data: SeriesSet, settings: ForecastSettings) -> tuple[SeriesSet, Sizes]:
    """Choose sizes, and leave out series that are too short for them; the longest must have a whole look-back."""
    lengths = [len(one) for one in data.series]
    requested = RequestedSizes(settings.horizon, settings.lookback, settings.segment, settings.validation)
    sizes = choose_sizes(requested, season=data.frequency.season, lengths=lengths, longer=data.frequency.longer)
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


def _reads_logarithms(
    data: SeriesSet, training: Sequence[NDArray[np.float64]], sizes: Sizes, settings: ForecastSettings
) -> bool:
    """Decide whether values are read as logarithms.

    Raises:
        DataError: they were requested, and a value is 0 or below.
    """
    if settings.scale is None:
        if any(np.nanmin(one.values) <= 0 for one in data.series):
            return False
        return prefers_logarithms(
            training, horizon=sizes.horizon, lookback=sizes.lookback, season=data.frequency.season
        )
    for one in data.series if settings.scale == "log" else ():
        require_positive(one, data.frequency)
    return settings.scale == "log"


def _refuse_constant(values: NDArray[np.float64], where: str) -> None:
    known = values[~np.isnan(values)]
    if not len(known) or (known == known[0]).all():
        content = f"always {known[0]:.15g}" if len(known) else "always missing"
        raise DataError(
            f"{where}: the series is {content} in its training part, so there is nothing to learn. Leave it out."
        )
