"""Keep the zoo: each cell is its equations and their source, and nothing else.

A new cell is a function of a few lines under :func:`elman.cell`; it needs no registration to be trained:

>>> import elman
>>> elman.cells.find("gru").states
('h',)
>>> print(elman.cells.mgu.equations())
f  = sigmoid(W.f @ x + U.f @ h + b.f)
n  = tanh(W.n @ x + U.n @ (f * h) + b.n)
h' = (1 - f) * h + f * n

A cell in a file of one's own is found as ``FILE.py:NAME``.
"""

from elman.cells.gated import gru, mgu
from elman.cells.long_short_term_memory import lstm, lstm_peephole, lstm_projected
from elman.cells.lookup import find_in
from elman.cells.simple import elman, elman_relu, elman_sigmoid
from elman.expr import Cell

__all__ = [
    "elman",
    "elman_relu",
    "elman_sigmoid",
    "find",
    "gru",
    "lstm",
    "lstm_peephole",
    "lstm_projected",
    "mgu",
    "names",
]

ZOO: dict[str, Cell] = {
    c.name: c for c in (elman, elman_relu, elman_sigmoid, lstm, lstm_projected, lstm_peephole, gru, mgu)
}


def names() -> list[str]:
    """List the cells of the zoo."""
    return list(ZOO)


def find(name: str) -> Cell:
    """Find a cell.

    Args:
        name: of a cell in the zoo, or ``FILE.py:NAME`` for a cell in a Python file, which is executed.

    Raises:
        CellError: there is no such cell; the message says what there is.
    """
    return find_in(ZOO, name)
