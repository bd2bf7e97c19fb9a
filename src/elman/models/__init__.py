"""Trained models of any task.

`trained` is what every model can do; `file` writes it to one file, from which nothing is executed: its `bytes` have a
checksum, and every number in it is `finite`. `estimator` is the base of classes in the style of scikit-learn, with its
`conventions`; `layers` configures recurrent layers; `learnt` recognises training examples; `answers` writes
predictions; `ordering` puts sentences in order; `given` finds the class to write as; `view` is a model as
`elman inspect` runs it, and `training_record` what was measured in its training. `attending` is the decoder of models
that write a text while they look at a memory, `prepared` its single steps, and `writing` is such a model as a search
sees it.

>>> from elman.models.finite import without_infinite
>>> without_infinite({"loss": float("nan")})
{'loss': None}
"""
