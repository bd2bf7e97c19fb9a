"""Calibrate the intervals of forecasts, so that they contain the promised share of actual values.

`conformal` widens intervals by the errors on held-out data; `recalibration` does so again with the latest errors of
each series.

>>> import numpy as np
>>> from elman.tasks.forecast.intervals import conformal
>>> "margins" in dir(conformal)
True
"""
