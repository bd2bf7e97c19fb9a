"""Answer sequences without recurrence: what a recurrent model has to beat.

`linear` is a linear model on what there is besides order: `bags` counts the units of a sequence, `frame_summaries`
describes its frames by their means, deviations, ends and extremes.

>>> from elman.tasks.classify.baseline.frame_summaries import SUMMARIES
>>> SUMMARIES
6
"""
