"""Offer forecasting as an estimator in the manner of scikit-learn, without scikit-learn: `fit`, `predict`, `score`.

>>> from elman.tasks import Forecaster
>>> days = np.arange(120)
>>> sales = 100 + 20 * (days % 7 == 5) + days / 10
>>> model = Forecaster(horizon=7, lookback=14, hidden=16, epochs=40, learning_rate=0.01, dropout=0.0, seed=1).fit(sales)
>>> model.predict().shape, model.predict_interval().shape
((7,), (7, 2))
"""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from elman.data.examples.intake import as_examples
from elman.data.series.frequency import Frequency
from elman.data.series.seasons import find_seasons, order_seasons
from elman.data.series.series import Numbers, Series, SeriesColumns, SeriesSet
from elman.errors import ConfigError, DataError
from elman.models.conventions import feature_names
from elman.models.estimator import TRAINING, Estimator
from elman.tasks import forecast
from elman.tasks.forecast.backtest import backtest
from elman.tasks.forecast.baseline.baselines import NAIVE, assemble
from elman.tasks.forecast.model import Forecast, TrainedForecaster
from elman.tasks.forecast.settings import ForecastSettings

# They name columns of files.
_OF_FILES = {"target", "time", "id", "known", "past", "static", "fill_gaps", "rows", "calendar"}
_OPTIONS = {row.name: row.default for row in dataclasses.fields(ForecastSettings) if row.name not in _OF_FILES}

_FORMS = "an array (T,) or (T, N), a list of arrays, or arrays by name"

Given = NDArray[Any] | Sequence[Any] | Mapping[str, Any]


class Forecaster(Estimator):
    """An estimator that forecasts one series, or many with one model.

    Series are given as an array (T,), one series; an array (T, N), a series a column; a list of arrays of any length;
    or such arrays by name, as a data frame has them. A missing value is NaN. Series of the training are recognised by
    their names, else by their numbers, whatever their order; others are forecast as new ones.

    scikit-learn's tools divide X by its first axis: by time where it is an array, so that only `TimeSeriesSplit` leaves
    no gap, and by series where it is a list, so that any split does. Steps have no `sample_weight`.

    Args:
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open.
        search: the number of settings to try, see :func:`elman.tasks.forecast.train`.
        quiet: show no progress on standard error.
        from_model: the model to go on from, see :func:`elman.tasks.forecast.train`.
        log: a file that gets a line at each validation, see :func:`elman.tasks.forecast.train`.
        callbacks: functions that are called with each validation.
        **parameters: the options of `ForecastSettings` that do not name columns.

    Attributes:
        model_: the trained model.
        series_: the training series.
        single_: whether they were one array (T,).
        named_: whether they had names.
    """

    _parameters: ClassVar[Mapping[str, Any]] = {
        "cell": "gru",
        "sizes": None,
        "search": None,
        "quiet": True,
        **TRAINING,
        **_OPTIONS,
    }

    _given: ClassVar[Mapping[str, bool]] = {"one_d_array": True, "dict": True, "allow_nan": True}
    _target: ClassVar[Mapping[str, bool]] = {"required": False}

    model_: TrainedForecaster
    series_: list[Series]
    single_: bool
    named_: bool

    def fit(self, X: Given, y: Any = None) -> Self:
        """Train on series; the end of each is held out to choose the best weights and to calibrate intervals.

        Args:
            X: the series.
            y: None, as scikit-learn passes it.

        Raises:
            ConfigError: a parameter is outside its range, or `y` is given.
            DataError: a series is too short, constant, or no series of numbers.
            CellError: the cell is unknown.
            ElmanError: the gradient stayed non-finite.
        """
        if y is not None:
            raise ConfigError("y is given, and a forecaster is trained on series alone. Give them as X.")
        series, single = _recognise(X)
        parameters = self.get_params()
        given = ForecastSettings(season=parameters["season"]).seasons()
        seasons = (
            order_seasons(given) if given else find_seasons([one.values for one in series], parameters["validation"])
        )
        columns = SeriesColumns(tuple(one.name for one in series), Frequency("step", 1, 1).with_seasons(seasons))
        self.series_, self.single_ = series, single
        self.named_ = _has_names(X)
        self.model_ = forecast.train(SeriesSet("X", series, columns, ()), **self._options())
        return self

    def predict(self, X: Given | None = None) -> Numbers:
        """Forecast the next steps of each series, (H,) for one given as (T,), else (N, H).

        Args:
            X: series to forecast; by default those of the training.

        Raises:
            NotFittedError: the estimator is not fitted.
            DataError: a series is shorter than the look-back.
        """
        forecasts, single = self._forecast(X)
        point = np.stack([one.point for one in forecasts])
        return point[0] if single else point

    def predict_interval(self, X: Given | None = None, level: int | None = None) -> Numbers:
        """Return the ends of intervals, (H, 2) or (N, H, 2).

        Args:
            X: as for :meth:`predict`.
            level: in percent, one of `levels`; the lowest by default.

        Raises:
            NotFittedError: the estimator is not fitted.
            ConfigError: there is no such level.
            DataError: as for :meth:`predict`.
        """
        known = self._learnt().percents
        chosen = known[0] if level is None else level
        if chosen not in known:
            raise ConfigError(f"level is {level}, and the model has intervals of {known} percent. Name one of them.")
        forecasts, single = self._forecast(X)
        ends = np.stack([np.stack(one.intervals[chosen], axis=1) for one in forecasts])
        return ends[0] if single else ends

    def score(self, X: Given, y: Any = None) -> float:
        """Return the skill: 1 − the ratio of the absolute errors to those of repeating the last value.

        Forecasts begin at every step of X that has a look-back before it and a horizon after it.

        Args:
            X: series, with at least one look-back and one horizon.
            y: None, as scikit-learn passes it.

        Raises:
            NotFittedError: the estimator is not fitted.
            DataError: a series is too short.
        """
        del y
        model = self._learnt()
        data = self._set(self._recognise(X)[0])
        naive = assemble(None, horizon=model.horizon, lookback=model.lookback, season=data.frequency.season)[:1]
        scores = backtest(model, data, baselines=naive)
        return 1 - scores.ours.scaled_mae / scores.baselines[NAIVE].scaled_mae

    def _forecast(self, X: Given | None) -> tuple[list[Forecast], bool]:
        model = self._learnt()
        series, single = (self.series_, self.single_) if X is None else self._recognise(X)
        return model.forecast(self._set(series)), single

    def _recognise(self, X: Given) -> tuple[list[Series], bool]:
        """Convert X into series; those of the training are recognised by their names, or by their numbers."""
        recognised = _recognise(X)
        if _has_names(X) != self.named_:
            one, other = ("does not have", "with") if self.named_ else ("has", "without")
            warnings.warn(
                f"X {one} names of series, and this {type(self).__name__} was fitted {other} names: all are forecast "
                "as series that were not in training. Give them as in fit.",
                stacklevel=4,
            )
        return recognised

    def _set(self, series: Sequence[Series]) -> SeriesSet:
        return SeriesSet("X", series, self._learnt().columns, ())


def _has_names(given: Any) -> bool:
    return isinstance(given, Mapping) or feature_names(given) is not None


def _recognise(given: Any) -> tuple[list[Series], bool]:
    """Convert X into series, and tell whether it is one array (T,); those without a name get a number."""
    names = feature_names(given)
    if names is not None:
        rows = dict(zip(names.tolist(), np.asarray(given).T, strict=True))
    elif isinstance(given, Mapping):
        rows = {str(name): one for name, one in given.items()}
    else:
        examples = as_examples(given, "X", _FORMS)
        if all(np.ndim(one) == 0 for one in examples):
            return [_read("0", examples)], True
        columns = examples.T if isinstance(examples, np.ndarray) and examples.ndim == 2 else examples
        rows = {str(number): one for number, one in enumerate(columns)}
    if not rows:
        raise DataError(f"X holds no series. Give {_FORMS}.")
    return [_read(name, one) for name, one in rows.items()], False


def _read(name: str, given: Any) -> Series:
    where = f"X, series {name}"
    found = np.asarray(as_examples(given, where, "its values, an array (T,)"))
    if found.dtype.kind in "mM":
        raise DataError(f"{where} holds times, and a series is numbers. Leave the column of times out.")
    try:
        if np.iscomplexobj(found):
            raise TypeError("they are complex")
        values = found.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} is not all numbers ({error}). Give numbers, NaN where one is missing.") from None
    if values.ndim != 1 or not len(values) or np.isinf(values).any() or np.isnan(values).all():
        raise DataError(f"{where} is an array {values.shape}. Give (T,) finite numbers, NaN where one is missing.")
    empty = np.zeros((len(values), 0))
    return Series(name, values, 0, empty, empty, {}, where, where)
