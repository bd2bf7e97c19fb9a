"""Read tables: records of text, where each row begins, and what a column holds.

`records` splits a file into rows of cells, `blocks` does so many rows at a time, `row_index` finds a row without
reading those before it, and `kinds` infers whether a column holds numbers, classes, files or text.

>>> from elman.data.tables.kinds import ColumnSummary
>>> price = ColumnSummary("price")
>>> price.add(["1", "2.5", ""], 0)
>>> price.kind()
'number'
"""
