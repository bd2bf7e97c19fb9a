"""Write a recurrent cell as its equations; train it, run it and look inside it.

>>> import elman
>>> @elman.cell
... def elman_1990(x, h, *, W, U, b):
...     return elman.tanh(W @ x + U @ h + b)
>>> layer = elman.nn.Recurrent(elman_1990, input_size=3, hidden_size=5)

`import elman` loads next to nothing, and what stands in it loads on first use: the language with the standard library
alone, `elman.nn`, `elman.cells`, `elman.flow`, `elman.testing` and `elman.tasks` with what they need.
"""

from __future__ import annotations

from elman.version import __version__ as __version__

TYPE_CHECKING = False  # typing takes longer to load than all of this
if TYPE_CHECKING:
    from typing import Any

    from elman.errors import BackendError, CellError, ConfigError, DataError, ElmanError, NotFittedError, ShapeError
    from elman.expr import (
        Cell,
        cell,
        exp,
        hard_sigmoid,
        layer_norm,
        leaky_relu,
        log,
        maximum,
        minimum,
        relu,
        sigmoid,
        softplus,
        sqrt,
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
    "NotFittedError",
    "ShapeError",
    "cell",
    "exp",
    "hard_sigmoid",
    "layer_norm",
    "leaky_relu",
    "log",
    "maximum",
    "minimum",
    "relu",
    "sigmoid",
    "softplus",
    "sqrt",
    "tanh",
    "where",
]

_LAZY = {"autodiff", "backends", "cells", "errors", "expr", "flow", "nn", "tasks", "testing"}


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
