"""Hold a model that forecasts: forecast, measure over rolling origins, keep it in a file, read it back.

>>> from elman.tasks import forecast
>>> model = forecast.load("sales.elman.safetensors")             # doctest: +SKIP
>>> [ahead] = model.forecast(open_series("sales.csv"))           # doctest: +SKIP
>>> ahead.point[:3].round()                                      # doctest: +SKIP
array([112., 131.,  98.])
"""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.series.frequency import Moments
from elman.data.series.series import Numbers, Series, SeriesColumns, SeriesSet
from elman.encoders.batches import OnProgress
from elman.errors import DataError
from elman.expr import Cell
from elman.models.file import ModelFile
from elman.models.finite import require_finite_output
from elman.models.layers import Layers
from elman.models.trained import Trained, load_trained, restore_module
from elman.nn.evaluation import evaluating
from elman.renamed import renamed_arguments
from elman.tasks.forecast.baseline.beside import PREFIX, Beside
from elman.tasks.forecast.intervals.recalibration import recalibrate
from elman.tasks.forecast.module import SegmentForecaster
from elman.tasks.forecast.scores import Intervals
from elman.tasks.forecast.windows import Reading, SeriesTable

_AT_ONCE = 512  # windows


@dataclass(frozen=True)
class Forecast:
    """Hold what is forecast for one series.

    Attributes:
        series: what it goes on from.
        times: (H,) of the steps ahead.
        point: (H,) the median.
        intervals: by level in percent, low and high, each (H,).
    """

    series: Series
    times: Moments
    point: Numbers
    intervals: Mapping[int, tuple[Numbers, Numbers]]


@dataclass(kw_only=True)
class TrainedForecaster(Trained):
    """Hold a trained model and all that is needed to use it.

    Attributes:
        columns: what it reads and forecasts.
        reading: how series become numbers.
        beside: what forecasts without recurrence, to compare with.
    """

    task: ClassVar[str] = "forecast"
    part_names: ClassVar[tuple[str, ...]] = ("columns", "reading")

    module: SegmentForecaster
    columns: SeriesColumns
    reading: Reading
    beside: Beside = field(default_factory=Beside)

    @property
    def horizon(self) -> int:
        """Return how many steps it forecasts."""
        return self.reading.horizon

    @property
    def lookback(self) -> int:
        """Return how many steps it reads."""
        return self.reading.lookback

    @property
    def fewest(self) -> int:
        """Return how many steps a series must have: the look-back, or fewer if the model learnt to do with them."""
        return self.reading.fewest

    @property
    def percents(self) -> tuple[int, ...]:
        """Return the levels of its intervals, ascending."""
        low = self.module.quantiles[: len(self.module.quantiles) // 2]
        return tuple(round(100 * (1 - 2 * share)) for share in reversed(low))

    def forecast(self, data: SeriesSet) -> list[Forecast]:
        """Forecast what follows each series.

        Raises:
            DataError: a series is shorter than `fewest`, ends with a look-back of missing values, or a covariate
                that must be known ahead is not. :meth:`leave_out_short` leaves out what is too short.
        """
        data.require_steps(self.fewest, self._say_lookback())
        data.require_known(self.horizon)
        table = self.table(data)
        point, intervals = self.ahead(table, table.ends())
        return [
            Forecast(
                series,
                data.frequency.timestamps(series.start, len(series) + self.horizon)[len(series) :],
                point[number],
                {percent: (low[number], high[number]) for percent, (low, high) in intervals.items()},
            )
            for number, series in enumerate(data.series)
        ]

    def leave_out_short(self, data: SeriesSet, to_compare: bool = False) -> SeriesSet:
        """Return the series that are long enough, with a note on the others.

        Args:
            data: the series.
            to_compare: whether a horizon must stand behind the look-back.

        Raises:
            DataError: none is long enough.
        """
        steps, why = self.fewest, self._say_lookback()
        if to_compare:
            steps, why = steps + self.horizon, f"{why} and a horizon of {self.horizon:,} to compare with"
        return data.leave_out_short([steps] * len(data), why)

    def _say_lookback(self) -> str:
        if self.reading.padded:
            return f"a look-back of {self.lookback:,}, of which {self.fewest:,} must be there,"
        return f"a look-back of {self.lookback:,}"

    def table(self, data: SeriesSet, until: list[int] | None = None) -> SeriesTable:
        """Make the numbers that the module reads of series.

        Args:
            data: the series.
            until: the step of each up to which it may be looked at before anything is forecast; its end by default.

        Raises:
            DataError: the frequency is not that of the training.
        """
        if data.frequency.step != self.columns.frequency.step:
            raise DataError(
                f"{data.name} has steps that are {data.frequency.describe()}, and the model learnt from steps that are "
                f"{self.columns.frequency.describe()}. Give data of the same frequency, or train a model on these."
            )
        return SeriesTable(data.series, data.frequency, self.reading, until)

    @renamed_arguments(told="on_progress")
    def ahead(
        self, table: SeriesTable, origins: NDArray[np.int64], on_progress: OnProgress | None = None
    ) -> tuple[Numbers, Intervals]:
        """Forecast from given origins.

        Args:
            table: the series.
            origins: (N, 2), see :meth:`SeriesTable.origins`.
            on_progress: called with (how many are done, how many there are).

        Intervals are calibrated by the latest forecasts of each series whose outcome is known, where there are enough.

        Returns:
            The median, (N, H), and the intervals by level, in the units of the series.

        Raises:
            ElmanError: they are not finite.
        """
        found: list[Numbers] = []
        device = self.module.embed.weight.device
        stored, levels = self.module.margins.cpu(), self.percents[::-1]
        moved = recalibrate(lambda past: self.scaled(table, past), origins, table.unlearnt, stored, levels)
        with evaluating(self.module), torch.no_grad():
            for windows, _ in table.batches(origins, _AT_ONCE):
                margins = moved[sum(map(len, found)) :][: len(windows.history)].to(device)
                found.append(self.module.forecast(windows.on(device), margins).cpu().double().numpy())
                if on_progress is not None:
                    on_progress(sum(map(len, found)), len(origins))
        quantiles = len(self.module.quantiles)
        ahead = np.concatenate(found) if found else np.zeros((0, self.horizon, quantiles))
        require_finite_output(bool(np.isfinite(ahead).all()))
        middle = quantiles // 2
        intervals = {
            percent: (ahead[:, :, middle - away], ahead[:, :, middle + away])
            for away, percent in enumerate(self.percents, 1)
        }
        return ahead[:, :, middle], intervals

    def scaled(self, table: SeriesTable, origins: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Forecast from given origins as calibration wants it.

        Returns:
            Quantiles (N, H, Q) in order, and what came, (N, H), in the scaled units of the windows; NaN where that is
            not known.
        """
        found, came = [], []
        device = self.module.embed.weight.device
        with evaluating(self.module), torch.no_grad():
            for windows, ahead in table.batches(origins, _AT_ONCE):
                forecast, scaling = self.module(windows.on(device))
                found.append(forecast.cpu().sort(dim=2).values)
                came.append(scaling.apply(ahead.to(device)).cpu().to(forecast.dtype))
        return torch.cat(found), torch.cat(came)

    def weights(self) -> dict[str, Tensor]:
        """Return the tensors of the module, and those of what stands beside it."""
        return {**self.module.state_dict(), **{name: one.to(self.dtype) for name, one in self.beside.tensors().items()}}

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of the weights."""
        return self.module.embed.weight.dtype


def build_module(cell: Cell, reading: Reading, configuration: Mapping[str, Any]) -> SegmentForecaster:
    """Build the module that a configuration describes."""
    covariates = reading.covariates
    layers, own = Layers.take(configuration)
    return SegmentForecaster(
        cell,
        layers,
        lookback=reading.lookback,
        horizon=reading.horizon,
        past=covariates.past,
        known=covariates.known,
        static=covariates.static,
        calendar=2 * len(reading.cycles),
        **own,
    )


def load(path: str | PathLike[str]) -> TrainedForecaster:
    """Read a model file. Nothing that the file contains is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    return load_trained(path, TrainedForecaster, _read)


def _read(file: ModelFile) -> TrainedForecaster:
    columns, reading = SeriesColumns.from_dict(file.parts["columns"]), Reading.from_dict(file.parts["reading"])
    _require_fit(columns, reading, file.configuration["quantiles"])
    cell = Cell.from_dict(file.cell)
    own = {name: one for name, one in file.weights.items() if not name.startswith(PREFIX)}
    rest = {name: one for name, one in file.weights.items() if name.startswith(PREFIX)}
    module = restore_module(
        dataclasses.replace(file, weights=own),
        SegmentForecaster,
        file.configuration,
        lambda: build_module(cell, reading, file.configuration),
    )
    model = TrainedForecaster.of_file(file, module, columns=columns, reading=reading)
    model.beside = Beside.from_tensors(
        rest,
        horizon=reading.horizon,
        lookback=reading.lookback,
        season=columns.frequency.season,
        levels=model.percents,
    )
    return model


def _require_fit(columns: SeriesColumns, reading: Reading, quantiles: Any) -> None:
    """Check that what is read of a table is what becomes numbers, and that intervals lie around a median.

    Raises:
        DataError: it does not fit.
    """
    covariates = reading.covariates
    counts = [len(columns.names(names)) for names in (columns.past, columns.known)]
    static = [*covariates.numbers, *covariates.levels]
    if counts != [covariates.past, covariates.known] or sorted(static) != sorted(columns.static):
        raise DataError("The covariates of this model are not those of its columns. Train the model again.")
    counted = columns.frequency.unit == "step"
    if not counted and not columns.time:
        raise DataError("The steps of this model have times, and no column has them. Train the model again.")
    if reading.cycles and counted:
        raise DataError("This model reads the calendar, and its steps have no times. Train the model again.")
    ends = [0.0, *quantiles, 1.0]
    if len(quantiles) % 2 == 0 or any(low >= high for low, high in itertools.pairwise(ends)):
        raise DataError("The quantiles of this model are not ascending around a median. Train the model again.")
