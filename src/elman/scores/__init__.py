"""Scores of predictions, and what they are worth beside simpler models.

`classes` scores classes, labels and numbers, `share` has confidence intervals; `verdict` compares a score with those of
simpler models; `measured` is the result of one validation. `tables` and `picture_files` show scores.

Texts that are written for others have `translations` (BLEU, chrF) and `errors` (WER, CER), from the counts of `ngrams`;
captions of pictures, which have several references, have `captions` (BLEU, and CIDEr-D of `cider`);
`comparison` says whether one set is better than another, and `resampling` draws the examples again for all of them.

>>> from elman.scores.share import wilson_interval
>>> [round(bound, 3) for bound in wilson_interval(0.9, 100)]
[0.826, 0.945]
"""
