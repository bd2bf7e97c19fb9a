"""The simple recurrent networks of Elman, with each of the three classic activations, and of Jordan."""

from elman.expr import cell, relu, sigmoid, tanh


@cell
def elman(x, h, *, W, U, b):
    """Simple recurrent network with tanh (Elman 1990, fig. 2; the activation is today's usual one)."""
    return tanh(W @ x + U @ h + b)


@cell
def elman_relu(x, h, *, W, U, b):
    """Simple recurrent network with rectified linear units (Le et al. 2015)."""
    return relu(W @ x + U @ h + b)


@cell
def elman_sigmoid(x, h, *, W, U, b):
    """Simple recurrent network with logistic units (Elman 1990, fig. 2; Rumelhart et al. 1986)."""
    return sigmoid(W @ x + U @ h + b)


@cell
def jordan(x, y, *, W, U, V, b):
    """Network whose output is fed back (Jordan 1986, without the decaying trace of it); name the size of y."""
    h = sigmoid(W @ x + U @ y + b.h)
    y = sigmoid(V @ h + b.y)
    return y
