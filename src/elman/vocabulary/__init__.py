"""Number the units of a text: characters, words, subwords, k-mers.

`vocabulary` is what the three kinds that can be written back have in common: `characters`, `words` and `subwords`.
`tally` counts units and numbers those that are known, for encoders that only read.

>>> from elman.vocabulary.words import Words
>>> Words.of("please stay at home").encode("stay at home").tolist()
[5, 2, 3]
"""
