"""Continuous-time cells: a side input is the time since the last step."""

from elman.expr import cell, sigmoid, tanh


@cell
def cfc(x, dt, /, h, *, W, U, b):
    """Closed-form continuous-time cell; dt is the time since the last step (Hasani et al. 2022, gated closed form).

    The paper's f, g and h are here one layer each, f the identity, the other two tanh; its h is called k, since h is
    the state. Left out: the backbone, layers that the three share before they part.
    """
    f = W.f @ x + U.f @ h + b.f
    g = tanh(W.g @ x + U.g @ h + b.g)
    k = tanh(W.k @ x + U.k @ h + b.k)
    early = sigmoid(-f * dt)
    h = early * g + (1 - early) * k
    return h
