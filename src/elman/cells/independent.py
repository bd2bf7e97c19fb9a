"""The independently recurrent network: each unit reads only its own state."""

from elman.expr import cell, relu


@cell
def indrnn(x, h, *, W, u, b):
    """Independently recurrent network: each unit sees only itself (Li et al. 2018, section 3, with relu)."""
    return relu(W @ x + u * h + b)
