"""Read examples: a sequence, a text, an image or a row each, with what is to be predicted of it.

`opening` looks at what stands at a path and takes the reader that suits: a `table` with an example a row or a
`long_table` with a step a row, `folders` with a class each, `arrays`, a `genome`, or what is `given` in Python.
`choosing` says which columns are read, `values` and `rows` turn cells into values, `arriving` reads rows from a pipe.

>>> from elman.data.examples.given import recognise
>>> recognise(["good", "so bad"]).inputs
{'text': 'text'}
"""
