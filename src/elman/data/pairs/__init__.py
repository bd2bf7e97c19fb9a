r"""Pairs of texts: a source, and the target that is to be written for it.

`opening` reads them from two parallel files, a line each, or from a table with a column each; `checks` finds what looks
wrong in them: unequal numbers of lines, sides that were exchanged, a line that one side lost, the same pair twice.

>>> from elman.data.pairs.pair import Pair
>>> from elman.data.pairs.checks import find_identical
>>> find_identical([Pair("ein Hund", "a dog", "a.tsv line 1"), Pair("OK", "OK", "a.tsv line 2")])
[1]
"""
