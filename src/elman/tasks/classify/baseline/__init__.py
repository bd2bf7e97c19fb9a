"""Non-recurrent baselines, which a recurrent model has to beat.

`linear` trains a model on features without order: `bags` counts the units of a sequence, and `ngrams` the letters that
follow each other in its words; `frame_summaries` describes its frames by their means, deviations, ends and extremes.

>>> from elman.tasks.classify.baseline.frame_summaries import SUMMARIES
>>> SUMMARIES
6
"""
