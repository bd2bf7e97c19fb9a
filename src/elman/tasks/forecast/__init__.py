"""Forecast time series, with calibrated intervals.

`recipe` trains, and `settings` declares its options. `windows` cuts the series that `elman.data.series.opening` reads,
with their `covariates` and `calendar`; `sizes` chooses the sizes of windows, and `logarithms` the scale of values.
`module` is the network, `lags` what it reads of several seasons, and `intervals` calibrates its intervals. `model` is
the trained model, `view` shows it to the inspector, and `commands` serves the command line. `backtest` and `scores`
compare the model with the baselines of `baseline`; `report`, `tables` and `picture` show data and results. `space`
declares what a search may choose, and `estimator` is `Forecaster`, in the manner of scikit-learn.

>>> import numpy as np
>>> from elman.tasks.forecast.baseline.naive import forecast_naive
>>> forecast_naive([np.array([1.0, 4.0])], horizon=3)
array([[4., 4., 4.]])
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.forecast.recipe import load, train

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
