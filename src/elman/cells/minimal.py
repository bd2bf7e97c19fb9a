"""Minimal gated units, whose gates do not read the state.

They are linear in the state, so the paper computes them as a scan over time. These are the plain forms of sections 3.1
and 3.2: the candidate has no activation, and nothing is computed in the log-space of the appendix.
"""

from elman.expr import cell, sigmoid


@cell
def mingru(x, h, *, W, b):
    """Minimal GRU: the gate sees the input alone, the candidate is linear (Feng et al. 2024, section 3.1)."""
    z = sigmoid(W.z @ x + b.z)
    n = W.n @ x + b.n
    h = (1 - z) * h + z * n
    return h


@cell
def minlstm(x, h, *, W, b):
    """Minimal LSTM: gates see the input alone and sum to 1, linear candidate (Feng et al. 2024, section 3.2)."""
    f = sigmoid(W.f @ x + b.f)
    i = sigmoid(W.i @ x + b.i)
    n = W.n @ x + b.n
    h = f / (f + i) * h + i / (f + i) * n
    return h
