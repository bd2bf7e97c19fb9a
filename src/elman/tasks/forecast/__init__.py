"""Say what follows a series, and how sure that is.

`recipe` trains, and `settings` holds its options. `windows` cuts series that `elman.data.series.opening` reads
(`covariates`, `calendar`), `sizes` says how long; `module` holds the layers, and `intervals` are made to hold as often
as they say. `model` offers what they can do, `view` shows them at work, and `commands` does what the command line asks.
`backtest` and `scores` measure them beside the `baseline`; `report`, `tables` and `picture` show it. `space` says which
settings a search tries, and `estimator` offers all of it as scikit-learn does, as `Forecaster`.

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
