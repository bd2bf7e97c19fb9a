"""Say what follows a series, and how sure that is: what the recipe `forecast` stands on.

`settings` holds its options. `windows` cuts series that `elman.data.series.opening` reads (`covariates`, `calendar`),
`sizes` says how long; `forecaster` holds the layers, `conformal` calibrates intervals and `recalibration` keeps them
right as times change. `trained_forecaster` offers what it can do, `view` shows it at work. `backtest` and `scores`
measure it beside `baselines` (`naive`, `linear`, kept by `beside`); `series_report`, `tables` and `picture` show it.
`space` says which settings a search tries, and `estimator` offers all of it as scikit-learn does, as `Forecaster`.

>>> import numpy as np
>>> from elman.tasks.forecasting.naive import forecast_naive
>>> forecast_naive([np.array([1.0, 4.0])], horizon=3)
array([[4., 4., 4.]])
"""
