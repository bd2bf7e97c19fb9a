"""A cell of one's own: a gated recurrent unit without its reset gate.

The equations are all that you write. Train with them:

    elman train generate book.txt --cell examples/gru_without_reset.py:gru_without_reset
"""

from elman import cell, sigmoid, tanh


@cell
def gru_without_reset(x, h, *, W, U, b):
    """Gated recurrent unit without reset gate: the candidate sees the whole state (Ravanelli et al. 2018, III-A)."""
    z = sigmoid(W.z @ x + U.z @ h + b.z)
    n = tanh(W.n @ x + U.n @ h + b.n)
    return (1 - z) * n + z * h
