"""Write the network whose units do not see each other: each carries its own past alone."""

from elman.expr import cell, relu


@cell
def indrnn(x, h, *, W, u, b):
    """Independently recurrent network: each unit sees only itself (Li et al. 2018, section 3, with relu)."""
    return relu(W @ x + u * h + b)
