"""Look inside a recurrent layer: where its gradient goes, how far back it reaches, and what is wrong with it.

Everything is exact. A step's Jacobian is never estimated: it is the derived adjoint of one step
(:mod:`elman.autodiff`), run on many rows at once, in float64. What is seen is plain data (`figures`), each figure with
its definition and source.

>>> import numpy as np
>>> from elman.flow.figures import plain
>>> plain(np.array([0.5, -np.inf]))
[0.5, '-inf']
"""

from elman.flow.figures import (
    Bound,
    Checks,
    Flow,
    Gate,
    Gates,
    GradientNorms,
    Influence,
    LagShares,
    Lyapunov,
    Memory,
    Part,
    Sampling,
    SingularValues,
    TransportGain,
)

__all__ = [
    "Bound",
    "Checks",
    "Flow",
    "Gate",
    "Gates",
    "GradientNorms",
    "Influence",
    "LagShares",
    "Lyapunov",
    "Memory",
    "Part",
    "Sampling",
    "SingularValues",
    "TransportGain",
]
