"""Read tables: records of text, where each row begins, and what a column holds.

`records` cuts a file into rows of cells, `row_index` finds a row again without reading those before it, and `kinds`
infers of each column whether it holds numbers, times, classes or text.

>>> from elman.data.tables.kinds import ColumnSummary
>>> seen = ColumnSummary("price")
>>> seen.add(["1", "2.5", ""], 0)
>>> seen.kind()
'number'
"""
