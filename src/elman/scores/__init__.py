"""Count how good answers are, and say what that is worth.

`classes` scores classes, labels and numbers, `share` says how sure a share is; `verdict` compares a score with those of
simpler models; `measured` is what one validation found. `tables` and `picture_files` show scores.

>>> from elman.scores.share import wilson_interval
>>> [round(bound, 3) for bound in wilson_interval(0.9, 100)]
[0.826, 0.945]
"""
