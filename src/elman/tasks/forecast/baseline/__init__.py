"""Forecast without recurrence: what a recurrent model has to beat.

`naive` repeats what was, `linear` draws lines from what was to what follows; `baselines` fits and measures them with
their own intervals, and `beside` keeps in a model what is needed to forecast with them later.

>>> import numpy as np
>>> from elman.tasks.forecast.baseline.naive import forecast_naive
>>> forecast_naive([np.array([1.0, 4.0])], horizon=3)
array([[4., 4., 4.]])
"""
