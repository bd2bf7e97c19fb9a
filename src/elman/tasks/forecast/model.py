"""Define the trained model that forecasts: forecast, save to a file, load again.

>>> from elman.tasks import forecast
>>> model = forecast.load("sales.elman.safetensors")             # doctest: +SKIP
>>> [ahead] = model.forecast(open_series("sales.csv"))           # doctest: +SKIP
>>> ahead.point[:3].round()                                      # doctest: +SKIP
array([112., 131.,  98.])
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.held import hold, is_frame
from elman.data.series.frequency import Moments
from elman.data.series.opening import open_series
from elman.data.series.series import Numbers, Series, SeriesColumns, SeriesSet
from elman.encoders.batches import OnProgress
from elman.errors import DataError
from elman.expr import Cell
from elman.models.file import ModelFile
from elman.models.finite import require_finite_output
from elman.models.framed import make_frame
from elman.models.layers import Layers
from elman.models.trained import load_trained, restore_module
from elman.nn.evaluation import evaluating
from elman.renamed import renamed_arguments, warn_of_renamed
from elman.tasks.forecast.baseline.baselines import ForecastBaseline
from elman.tasks.forecast.baseline.fitted import PREFIX, FittedBaselines
from elman.tasks.forecast.blending import MARGINS, ForecastBlend, forecast_scaled
from elman.tasks.forecast.intervals.recalibration import recalibrate
from elman.tasks.forecast.module import SegmentForecaster, WindowScaling, move_ends
from elman.tasks.forecast.scores import Intervals
from elman.tasks.forecast.steps import describe_steps
from elman.tasks.forecast.windows import Reading, SeriesTable
from elman.tasks.recipe_model import RecipeModel

_AT_ONCE = 512  # windows


@dataclass(frozen=True)
class Forecast:
    """The forecast of one series.

    Attributes:
        series: its past.
        times: (H,) of the steps ahead, in UTC where the table has UTC offsets and several times of day.
        point: (H,) the median.
        intervals: by level in percent, low and high, each (H,).
        written: (H,) the times as the table writes them, by column.
        resolution: the smallest difference of two numbers that the precision of the model can express.
    """

    series: Series
    times: Moments
    point: Numbers
    intervals: Mapping[int, tuple[Numbers, Numbers]]
    written: Sequence[Mapping[str, str]] = ()
    resolution: float = 0.0

    def _repr_html_(self) -> str:
        """Show it in a notebook, as a picture and a table."""
        from elman.tasks.forecast.notebook import show_forecasts

        return show_forecasts([self])


class Forecasts(list[Forecast]):
    """Forecasts, one a series; a notebook shows the first of them as pictures and tables."""

    def _repr_html_(self) -> str:
        from elman.tasks.forecast.notebook import show_forecasts

        return show_forecasts(self)


@dataclass(kw_only=True)
class TrainedForecaster(RecipeModel):
    """A trained model that forecasts.

    Attributes:
        columns: the roles of the columns that it reads and forecasts.
        reading: how series become numbers.
        baselines: the fitted baselines to compare with.
        blend: which of them is mixed into the answer, see :mod:`elman.tasks.forecast.blending`; None where the network
            answers alone.
        blended_margins: how far the ends of mixed intervals move, as `module.margins` those of the network.
    """

    task: ClassVar[str] = "forecast"
    part_names: ClassVar[tuple[str, ...]] = ("columns", "reading")
    added_names: ClassVar[tuple[str, ...]] = ("blend",)

    module: SegmentForecaster
    columns: SeriesColumns
    reading: Reading
    baselines: FittedBaselines = field(default_factory=FittedBaselines)
    blend: ForecastBlend | None = None
    blended_margins: Tensor | None = None

    def alone(self) -> Self:
        """Return the model whose network answers alone; itself where nothing is mixed in."""
        return self if self.blend is None else dataclasses.replace(self, blend=None, blended_margins=None)

    @property
    def mixed(self) -> ForecastBaseline | None:
        """Return the baseline that is mixed in; None where the network answers alone."""
        name = None if self.blend is None else self.blend.baseline
        return next((one for one in self.baselines.forecasters if one.name == name), None)

    @property
    def beside(self) -> FittedBaselines:
        """Return `baselines` under its old name."""
        warn_of_renamed("TrainedForecaster.beside", "`baselines`")
        return self.baselines

    @property
    def horizon(self) -> int:
        """Return H, the number of steps that it forecasts."""
        return self.reading.horizon

    @property
    def lookback(self) -> int:
        """Return L, the number of steps that it reads."""
        return self.reading.lookback

    @property
    def fewest(self) -> int:
        """Return the fewest steps of a series: the look-back, or less if the model was trained on padded look-backs."""
        return self.reading.fewest

    @property
    def percents(self) -> tuple[int, ...]:
        """Return the levels of its intervals, ascending."""
        low = self.module.quantiles[: len(self.module.quantiles) // 2]
        return tuple(round(100 * (1 - 2 * share)) for share in reversed(low))

    def forecast(self, data: SeriesSet) -> Forecasts:
        """Forecast the next steps of each series.

        Raises:
            DataError: a series is shorter than `fewest`, ends with a look-back of missing values, or a covariate
                that must be known ahead is not. :meth:`leave_out_short` leaves out what is too short.
        """
        _require_series(data)
        data.require_steps(self.fewest, self._say_lookback())
        data.require_known(self.horizon)
        table = self.table(data)
        point, intervals = self.ahead(table, table.ends())
        times = [
            data.frequency.timestamps(series.start, len(series) + self.horizon)[len(series) :] for series in data.series
        ]
        return Forecasts(
            Forecast(
                series,
                times[number],
                point[number],
                {percent: (low[number], high[number]) for percent, (low, high) in intervals.items()},
                [data.write_time(series, moment) for moment in times[number]],
                self._resolution(float(table.scales[number]), point[number]),
            )
            for number, series in enumerate(data.series)
        )

    def predict(self, frame: Any) -> Any:
        """Forecast the series of a data frame.

        Args:
            frame: with the columns of the training; times may be its index.

        Returns:
            A frame of the same library, H rows a series: the time, the series, `forecast`, and `low_P` and `high_P` of
            each interval of P percent. Times are of the type that they had.

        Raises:
            DataError: it is no data frame, or as for :meth:`forecast`; or no series is long enough.
        """
        if not is_frame(frame):
            raise DataError("predict takes a data frame. Give forecast(open_series(…)) a table in a file.")
        found = self.forecast(self.leave_out_short(open_series(hold(frame), like=self.columns)))
        rows = [row for one in found for row in describe_steps(one)]
        if len(self.columns.times) != 1:
            return make_frame(frame, rows)
        moments = [moment for one in found for moment in one.times]
        return make_frame(frame, rows, (self.columns.times[0], moments))

    def _resolution(self, scale: float, point: Numbers) -> float:
        """Return the smallest difference that the precision of the weights can express."""
        relative = float(np.abs(point).max()) if self.reading.logarithms else 1.0
        return scale * relative * torch.finfo(self.dtype).eps

    def leave_out_short(self, data: SeriesSet, to_compare: bool = False) -> SeriesSet:
        """Return the series that are long enough, with a note on the others.

        Args:
            data: the series.
            to_compare: whether a horizon of actual values must follow the look-back.

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
            until: for each series the step up to which its scale is measured; its end by default.

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

        Intervals are calibrated with the latest forecasts of each series whose actual values are known, where there are
        enough.

        Args:
            table: the series.
            origins: (N, 2), see :meth:`SeriesTable.origins`.
            on_progress: called with (windows done, all of them).

        Returns:
            The median, (N, H), and the intervals by level, in the units of the series.

        Raises:
            ElmanError: they are not finite.
        """
        parts: list[Numbers] = []
        stored = self.module.margins if self.blended_margins is None else self.blended_margins
        past = lambda origins: self.scaled(table, origins)  # noqa: E731
        moved = recalibrate(past, origins, table.unlearnt, stored.cpu(), self.percents[::-1])
        for quantiles, scaling, _ in self._scaled(table, origins):
            margins = moved[sum(map(len, parts)) :][: len(quantiles)].to(quantiles.device)
            ahead = scaling.undo(move_ends(quantiles, margins)).cpu().double().numpy()
            parts.append(self.reading.restore(ahead))
            if on_progress is not None:
                on_progress(sum(map(len, parts)), len(origins))
        count = len(self.module.quantiles)
        ahead = np.concatenate(parts) if parts else np.zeros((0, self.horizon, count))
        require_finite_output(bool(np.isfinite(ahead).all()))
        middle = count // 2
        intervals = {
            percent: (ahead[:, :, middle - distance], ahead[:, :, middle + distance])
            for distance, percent in enumerate(self.percents, 1)
        }
        return ahead[:, :, middle], intervals

    def scaled(self, table: SeriesTable, origins: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Forecast from given origins in scaled units, to calibrate intervals.

        Returns:
            Quantiles (N, H, Q) in order, and the actual values, (N, H); NaN where missing.
        """
        quantiles, actual = [], []
        for found, scaling, ahead in self._scaled(table, origins):
            quantiles.append(found.cpu())
            actual.append(scaling.apply(ahead.to(found.device)).cpu().to(found.dtype))
        return torch.cat(quantiles), torch.cat(actual)

    def scaled_baseline(self, baseline: ForecastBaseline, table: SeriesTable, origins: NDArray[np.int64]) -> Tensor:
        """Forecast by a baseline from the look-backs of given origins, in scaled units, (N, H)."""
        found = []
        for start in range(0, len(origins), _AT_ONCE):
            part = origins[start : start + _AT_ONCE]
            scaling, _ = self.module.scale(table.windows(part)[0])
            found.append(forecast_scaled(baseline, table.histories(part), scaling, self.reading))
        return torch.cat(found)

    def _scaled(self, table: SeriesTable, origins: NDArray[np.int64]) -> Iterator[tuple[Tensor, WindowScaling, Tensor]]:
        """Yield, some origins at a time: quantiles (B, H, Q) in order and scaled, the scaling, the actual values."""
        device, blend, mixed = self.module.embed.weight.device, self.blend, self.mixed
        with evaluating(self.module), torch.no_grad():
            for start in range(0, len(origins), _AT_ONCE):
                part = origins[start : start + _AT_ONCE]
                windows, ahead = table.windows(part)
                found, scaling = self.module(windows.on(device))
                found = found.sort(dim=2).values
                if blend is not None and mixed is not None:
                    found = blend.mix(found, forecast_scaled(mixed, table.histories(part), scaling, self.reading))
                yield found, scaling, ahead

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return the parts that its file holds."""
        return super().parts() if self.blend is None else {**super().parts(), "blend": self.blend.to_dict()}

    def weights(self) -> dict[str, Tensor]:
        """Return the tensors of the module, of the baselines and of the mixture."""
        fitted = {name: tensor.to(self.dtype) for name, tensor in self.baselines.tensors().items()}
        mixed = {} if self.blended_margins is None else {MARGINS: self.blended_margins.to(self.dtype)}
        return {**super().weights(), **fitted, **mixed}

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of the weights."""
        return self.module.embed.weight.dtype


def _require_series(data: Any) -> None:
    if not isinstance(data, SeriesSet):
        raise DataError(
            f"The data are of type {type(data).__name__}, and a model forecasts a SeriesSet. Read a table with "
            "elman.data.open_series(path, like=model.columns)."
        )


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
    """Read a model file. Nothing in it is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts are inconsistent.
    """
    return load_trained(path, TrainedForecaster, _read)


def _read(file: ModelFile) -> TrainedForecaster:
    columns, reading = SeriesColumns.from_dict(file.parts["columns"]), Reading.from_dict(file.parts["reading"])
    _require_fit(columns, reading, file.configuration["quantiles"])
    cell = Cell.from_dict(file.cell)
    own = {name: tensor for name, tensor in file.weights.items() if not name.startswith(PREFIX) and name != MARGINS}
    of_baselines = {name: tensor for name, tensor in file.weights.items() if name.startswith(PREFIX)}
    module = restore_module(
        dataclasses.replace(file, weights=own),
        SegmentForecaster,
        file.configuration,
        lambda: build_module(cell, reading, file.configuration),
    )
    model = TrainedForecaster.of_file(file, module, columns=columns, reading=reading)
    model.baselines = FittedBaselines.from_tensors(
        of_baselines,
        horizon=reading.horizon,
        lookback=reading.lookback,
        season=columns.frequency.season,
        longer=columns.frequency.longer,
        levels=model.percents,
        logarithms=reading.logarithms,
    )
    if "blend" in file.parts:
        model.blend = ForecastBlend.from_dict(file.parts["blend"])
        model.blended_margins = file.weights[MARGINS]
        _require_mixed(model)
    return model


def _require_mixed(model: TrainedForecaster) -> None:
    """Check that what is mixed in is there.

    Raises:
        DataError: it is not.
    """
    margins = model.blended_margins
    if model.mixed is None or margins is None or margins.shape != model.module.margins.shape:
        raise DataError("What this model mixes in is not a baseline that it has. Train the model again.")


def _require_fit(columns: SeriesColumns, reading: Reading, quantiles: Any) -> None:
    """Check that the columns are consistent with the reading, and that the quantiles lie around a median.

    Raises:
        DataError: they are not.
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
