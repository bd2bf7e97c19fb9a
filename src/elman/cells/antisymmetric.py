"""Antisymmetric networks: the eigenvalues of U - U.T are imaginary, so a state turns and neither grows nor fades."""

from elman.expr import cell, sigmoid, tanh


@cell
def antisymmetric(x, h, *, W, U, b):
    """Antisymmetric network, with a step of 0.1 and a diffusion of 0.01 (Chang et al. 2019)."""
    h = h + 0.1 * tanh(W @ x + (U - U.T) @ h - 0.01 * h + b)
    return h


@cell
def antisymmetric_gated(x, h, *, W, U, b):
    """Antisymmetric network whose steps are gated, with the same numbers (Chang et al. 2019)."""
    turn = (U - U.T) @ h - 0.01 * h
    z = sigmoid(W.z @ x + turn + b.z)
    h = h + 0.1 * z * tanh(W.n @ x + turn + b.n)
    return h
