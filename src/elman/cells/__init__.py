"""The zoo: each cell is its equations and their source.

A new cell is a function of a few lines under :func:`elman.cell`, and needs no registration:

>>> import elman
>>> elman.cells.find("gru").states
('h',)
>>> print(elman.cells.mgu.equations())
f  = sigmoid(W.f @ x + U.f @ h + b.f)
n  = tanh(W.n @ x + U.n @ (f * h) + b.n)
h' = (1 - f) * h + f * n

A cell in your own file is called ``FILE.py:NAME``.
"""

from elman.cells.antisymmetric import antisymmetric, antisymmetric_gated
from elman.cells.continuous import cfc
from elman.cells.gated import gru, gru_reset_before, mgu, ugrnn
from elman.cells.independent import indrnn
from elman.cells.linear import lru
from elman.cells.long_expressive_memory import lem
from elman.cells.long_short_term_memory import lstm, lstm_coupled, lstm_layer_norm, lstm_peephole, lstm_projected
from elman.cells.lookup import find_in
from elman.cells.minimal import mingru, minlstm
from elman.cells.simple import elman, elman_relu, elman_sigmoid, jordan
from elman.cells.state_regularised import state_regularised
from elman.expr import Cell

__all__ = [
    "antisymmetric",
    "antisymmetric_gated",
    "cfc",
    "elman",
    "elman_relu",
    "elman_sigmoid",
    "find",
    "gru",
    "gru_reset_before",
    "indrnn",
    "jordan",
    "lem",
    "lru",
    "lstm",
    "lstm_coupled",
    "lstm_layer_norm",
    "lstm_peephole",
    "lstm_projected",
    "mgu",
    "mingru",
    "minlstm",
    "names",
    "state_regularised",
    "ugrnn",
]

_SIMPLE = (elman, elman_relu, elman_sigmoid, jordan, indrnn, antisymmetric, antisymmetric_gated, state_regularised)
_LONG_SHORT_TERM = (lstm, lstm_projected, lstm_peephole, lstm_coupled, lstm_layer_norm)
_GATED = (gru, gru_reset_before, mgu, ugrnn, mingru, minlstm, lru, lem, cfc)
ZOO: dict[str, Cell] = {c.name: c for c in (*_SIMPLE, *_LONG_SHORT_TERM, *_GATED)}


def names() -> list[str]:
    """List the cells of the zoo."""
    return list(ZOO)


def find(name: str) -> Cell:
    """Find a cell.

    Args:
        name: of a cell in the zoo, or ``FILE.py:NAME`` for a cell in a Python file, which is executed.

    Raises:
        CellError: there is no such cell; the message lists the cells.
    """
    return find_in(ZOO, name)
