"""Long expressive memory: two states, each with learned step sizes."""

from elman.expr import cell, sigmoid, tanh


@cell
def lem(u, y, z, *, W, V, b):
    """Long expressive memory, with a step of 1 (Rusch et al. 2022, eq. 3); name the size of y.

    The paper's two states are equally long, but nothing in its equations asks for it.
    """
    delta_z = sigmoid(W.delta_z @ y + V.delta_z @ u + b.delta_z)
    delta_y = sigmoid(W.delta_y @ y + V.delta_y @ u + b.delta_y)
    z = (1 - delta_z) * z + delta_z * tanh(W.z @ y + V.z @ u + b.z)
    y = (1 - delta_y) * y + delta_y * tanh(W.y @ z + V.y @ u + b.y)
    return y, z
