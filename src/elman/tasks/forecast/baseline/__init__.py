"""Forecast without recurrence: the baselines that a recurrent model must beat.

`naive` repeats past values, `linear` is a linear regression on the look-back; `baselines` fits all of them, with
intervals of their own, and `fitted` stores them in a model, so that they can be scored later.

>>> import numpy as np
>>> from elman.tasks.forecast.baseline.naive import forecast_naive
>>> forecast_naive([np.array([1.0, 4.0])], horizon=3)
array([[4., 4., 4.]])
"""
