"""Write a recurrent cell as its equations; train it, run it and look inside it.

>>> import elman
>>> @elman.cell
... def elman_1990(x, h, *, W, U, b):
...     return elman.tanh(W @ x + U @ h + b)
>>> layer = elman.nn.Recurrent(elman_1990, input_size=3, hidden_size=5)

`import elman` loads almost nothing; its parts load on first use. The cell language needs the standard library alone.
`elman.nn` has layers, `elman.cells` known cells, `elman.flow` looks inside, `elman.testing` checks gradients, and
`elman.tasks` trains models on data. `load` reads a trained model of any task:

>>> import tempfile
>>> from elman.tasks import Classifier
>>> with tempfile.TemporaryDirectory() as folder:
...     classifier = Classifier(hidden=5, epochs=1).fit(["good film", "bad film"] * 9, ["pos", "neg"] * 9)
...     classifier.save(f"{folder}/reviews.elman.safetensors")
...     model = elman.load(f"{folder}/reviews.elman.safetensors")
>>> model.task, model.classes
('classify', ['neg', 'pos'])
"""

from __future__ import annotations

from elman.version import __version__ as __version__

TYPE_CHECKING = False  # typing takes longer to load than all of this
if TYPE_CHECKING:
    from os import PathLike
    from typing import Any

    from elman import autodiff as autodiff
    from elman import backends as backends
    from elman import cells as cells
    from elman import errors as errors
    from elman import export as export
    from elman import expr as expr
    from elman import flow as flow
    from elman import nn as nn
    from elman import tasks as tasks
    from elman import testing as testing
    from elman.backends import backend as backend
    from elman.errors import BackendError, CellError, ConfigError, DataError, ElmanError, NotFittedError, ShapeError
    from elman.expr import (
        Cell,
        Expr,
        Family,
        cell,
        clamp,
        cos,
        exp,
        hard_sigmoid,
        layer_norm,
        leaky_relu,
        log,
        max,
        maximum,
        mean,
        minimum,
        norm,
        relu,
        sigmoid,
        sin,
        softmax,
        softplus,
        sqrt,
        sum,
        tanh,
        where,
    )

__all__ = [
    "BackendError",
    "Cell",
    "CellError",
    "ConfigError",
    "DataError",
    "ElmanError",
    "Expr",
    "Family",
    "NotFittedError",
    "ShapeError",
    "cell",
    "clamp",
    "cos",
    "exp",
    "hard_sigmoid",
    "layer_norm",
    "leaky_relu",
    "load",
    "log",
    "max",
    "maximum",
    "mean",
    "minimum",
    "norm",
    "relu",
    "sigmoid",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "sum",
    "tanh",
    "where",
]

_LAZY = {"autodiff", "backends", "cells", "errors", "export", "expr", "flow", "nn", "tasks", "testing"}


def load(path: str | PathLike[str]) -> Any:
    """Read the file of a trained model, whatever its task. Nothing that the file contains is executed.

    Args:
        path: a file that `elman train` or a recipe of `elman.tasks` wrote.

    Returns:
        The model, as `elman.tasks.NAME.load` returns it; its attribute `task` is the name of its recipe.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or another version of elman wrote it.

    >>> load("missing.elman.safetensors")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    elman.errors.DataError: missing.elman.safetensors does not exist. Check the path; the current folder is ...
    """
    from elman.tasks.registry import load_model

    return load_model(path)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name in _LAZY:
            return import_module(f"elman.{name}")
        if name == "backend":
            return import_module("elman.backends").backend
        if name in __all__:
            return getattr(import_module("elman.errors" if name.endswith("Error") else "elman.expr"), name)
        raise AttributeError(f"module 'elman' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_LAZY, "backend"})
