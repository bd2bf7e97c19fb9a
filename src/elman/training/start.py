"""Initialise recurrent layers as the settings say.

>>> import torch
>>> from elman import cells
>>> layer = Recurrent(cells.lstm, 3, 5)
>>> start(layer, "uniform", 1.5, None)
>>> layer.b_l0[5:10].sigmoid().unique().tolist() == [torch.tensor(1.5).sigmoid().item()]
True
"""

import contextlib
from collections.abc import Iterator

from elman.errors import ConfigError
from elman.nn import Recurrent, init


def start(layer: Recurrent, how: str, forget_bias: float | None, chrono: int | None) -> None:
    """Initialise the weights of recurrent layers in place; see the settings of these names."""
    if how != "uniform":
        {"xavier": init.xavier_, "orthogonal": init.orthogonal_, "identity": init.identity_}[how](layer)
    if forget_bias is not None:
        init.forget_bias_(layer, forget_bias)
    if chrono is not None:
        init.chrono_(layer, chrono)


@contextlib.contextmanager
def refuse_giants(hidden: int) -> Iterator[None]:
    """Refuse a module that does not fit in memory.

    Raises:
        ConfigError: the module of this hidden size does not fit in memory.
    """
    try:
        yield
    except (RuntimeError, TypeError, OverflowError) as error:
        if "memory" not in str(error) and "verflow" not in str(error):
            raise
        raise ConfigError(f"A model of hidden size {hidden} does not fit in memory. Use a smaller one.") from None
