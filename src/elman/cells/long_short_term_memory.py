"""Write long short-term memory and two of its variants."""

from elman.expr import cell, sigmoid, tanh


@cell
def lstm(x, h, c, *, W, U, b):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, section 4; forget gate: Gers et al. 2000, section 3)."""
    i = sigmoid(W.i @ x + U.i @ h + b.i)
    f = sigmoid(W.f @ x + U.f @ h + b.f)
    g = tanh(W.g @ x + U.g @ h + b.g)
    o = sigmoid(W.o @ x + U.o @ h + b.o)
    c = f * c + i * g
    h = o * tanh(c)
    return h, c


@cell
def lstm_projected(x, h, c, *, W, U, b, R):
    """LSTM with a projected output (Sak et al. 2014, section 2, without peepholes); name the size of h."""
    i = sigmoid(W.i @ x + U.i @ h + b.i)
    f = sigmoid(W.f @ x + U.f @ h + b.f)
    g = tanh(W.g @ x + U.g @ h + b.g)
    o = sigmoid(W.o @ x + U.o @ h + b.o)
    c = f * c + i * g
    h = R @ (o * tanh(c))
    return h, c


@cell
def lstm_peephole(x, h, c, *, W, U, p, b):
    """LSTM whose gates see the cell state (Gers et al. 2002, section 2; Greff et al. 2017, section II)."""
    i = sigmoid(W.i @ x + U.i @ h + p.i * c + b.i)
    f = sigmoid(W.f @ x + U.f @ h + p.f * c + b.f)
    g = tanh(W.g @ x + U.g @ h + b.g)
    c = f * c + i * g
    o = sigmoid(W.o @ x + U.o @ h + p.o * c + b.o)
    h = o * tanh(c)
    return h, c
