"""Long short-term memory and its variants."""

from elman.expr import cell, layer_norm, sigmoid, tanh


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


@cell
def lstm_coupled(x, h, c, *, W, U, b):
    """LSTM that forgets as much as it takes in: f = 1 − i (Greff et al. 2017, IV-C: CIFG, no peepholes)."""
    i = sigmoid(W.i @ x + U.i @ h + b.i)
    g = tanh(W.g @ x + U.g @ h + b.g)
    o = sigmoid(W.o @ x + U.o @ h + b.o)
    f = 1 - i
    c = f * c + i * g
    h = o * tanh(c)
    return h, c


@cell
def lstm_layer_norm(x, h, c, *, W, U, b, alpha_x, alpha_h, alpha_c):
    """LSTM with layer normalisation, of each gate by itself (Ba et al. 2016, supplement).

    The paper's shifts of the two normalised products are one bias with its b; that of the cell state is ``b.c``.
    """
    i = sigmoid(alpha_x.i * layer_norm(W.i @ x) + alpha_h.i * layer_norm(U.i @ h) + b.i)
    f = sigmoid(alpha_x.f * layer_norm(W.f @ x) + alpha_h.f * layer_norm(U.f @ h) + b.f)
    g = tanh(alpha_x.g * layer_norm(W.g @ x) + alpha_h.g * layer_norm(U.g @ h) + b.g)
    o = sigmoid(alpha_x.o * layer_norm(W.o @ x) + alpha_h.o * layer_norm(U.o @ h) + b.o)
    c = f * c + i * g
    h = o * tanh(alpha_c * layer_norm(c) + b.c)
    return h, c
