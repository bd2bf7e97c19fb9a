"""Choose the cells that torch lacks: three of the zoo, and one that somebody with an idea of their own would write."""

import elman
from bench.speed.torch_peer import Size
from elman import cell, sigmoid, tanh


@cell
def newcomer(x, h, m, *, W, U, p, b):
    """Gated unit with a slow memory m, which both of its gates see; one keeps the memory, the other shows it."""
    k = sigmoid(W.k @ x + U.k @ h + p.k * m + b.k)
    n = tanh(W.n @ x + U.n @ h + b.n)
    m = k * m + (1 - k) * n
    s = sigmoid(W.s @ x + U.s @ h + p.s * m + b.s)
    h = s * tanh(m) + (1 - s) * n
    return h, m


CELLS = {
    "lstm_peephole": elman.cells.lstm_peephole,
    "lem": elman.cells.lem,
    "lstm_layer_norm": elman.cells.lstm_layer_norm,
    "newcomer": newcomer,
}


def make_layer(name: str, size: Size) -> "elman.nn.Recurrent":
    """Make one layer of a cell of this file, or of `lstm`, which they are compared with."""
    chosen = CELLS.get(name, elman.cells.lstm)
    sizes = dict.fromkeys(chosen.open_sizes, size.hidden)
    return elman.nn.Recurrent(chosen, size.inputs, size.hidden, sizes=sizes)
