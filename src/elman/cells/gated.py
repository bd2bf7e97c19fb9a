"""Gated recurrent units: fewer gates than an LSTM, one state."""

from elman.expr import cell, sigmoid, tanh


@cell
def gru(x, h, *, W, U, b, d):
    """Gated recurrent unit, reset after the product (Cho et al. 2014, eqs 5–8, in cuDNN's and torch's form)."""
    r = sigmoid(W.r @ x + U.r @ h + b.r)
    z = sigmoid(W.z @ x + U.z @ h + b.z)
    n = tanh(W.n @ x + b.n + r * (U.n @ h + d.n))
    h = (1 - z) * n + z * h
    return h


@cell
def gru_reset_before(x, h, *, W, U, b):
    """Gated recurrent unit as first published, reset before the product (Cho et al. 2014, eqs 5–8)."""
    r = sigmoid(W.r @ x + U.r @ h + b.r)
    z = sigmoid(W.z @ x + U.z @ h + b.z)
    n = tanh(W.n @ x + U.n @ (r * h) + b.n)
    h = z * h + (1 - z) * n
    return h


@cell
def mgu(x, h, *, W, U, b):
    """Minimal gated unit: one gate forgets and resets (Zhou et al. 2016, section 3)."""
    f = sigmoid(W.f @ x + U.f @ h + b.f)
    n = tanh(W.n @ x + U.n @ (f * h) + b.n)
    h = (1 - f) * h + f * n
    return h


@cell
def ugrnn(x, h, *, W, U, b):
    """Update-gate network: one gate weighs the old state against the new (Collins et al. 2017)."""
    g = sigmoid(W.g @ x + U.g @ h + b.g)
    c = tanh(W.c @ x + U.c @ h + b.c)
    h = g * h + (1 - g) * c
    return h
