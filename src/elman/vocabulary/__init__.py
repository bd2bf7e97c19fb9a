"""Number the units of a text: characters, words, subwords, k-mers.

`vocabulary` is the interface of `characters`, `words` and `subwords`, whose numbers can be turned back into text;
`side` adds the end of a text, for models that write.
`subword_dropout` cuts a text into other subwords whenever it is read. `vectors` reads the vectors of words.
`tally` counts units and numbers those that are known, for encoders that only read; `pieces` counts the words of many
texts fast.

>>> from elman.vocabulary.words import Words
>>> Words.of("please stay at home").encode("stay at home").tolist()
[5, 2, 3]
"""
