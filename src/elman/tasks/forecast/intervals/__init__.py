"""Say how sure a forecast is, in intervals that hold as often as they say.

`conformal` widens intervals by the errors on a part that was not learnt from; `recalibration` goes on doing so while
times change.

>>> import numpy as np
>>> from elman.tasks.forecast.intervals import conformal
>>> "margins" in dir(conformal)
True
"""
