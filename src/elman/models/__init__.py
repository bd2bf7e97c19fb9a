"""Hold what a trained model is, whatever its task.

`trained` says what every model can do; `file` writes it to one file that executes nothing when it is read, whose bytes
(`bytes`) have a sum, and that holds no number that is not finite (`finite`). `estimator` offers a model as scikit-learn
does, whose words `conventions` holds; `view` is a model at work, as it is looked at from inside, beside what its
training `measured`.

>>> from elman.models.finite import without_infinite
>>> without_infinite({"loss": float("nan")})
{'loss': None}
"""
