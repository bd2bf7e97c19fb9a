"""Read examples: a sequence, a text, an image or a row each, with its target.

`opening` chooses the reader of a path: a `table` with an example a row or a `long_table` with a step a row, `folders`
with a class each, `arrays`, a `genome`, or values `given` in Python. `choosing` chooses the columns that are read,
`values` and `rows` turn cells into values, `arriving` reads rows from a pipe.

>>> from elman.data.examples.given import recognise
>>> recognise(["good", "so bad"]).inputs
{'text': 'text'}
"""
