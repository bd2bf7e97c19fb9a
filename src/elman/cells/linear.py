"""The linear recurrent unit: damped rotations, and an output with relu.

The recurrence is linear, so a gradient that goes back through a thousand steps is rotated and damped, and nothing else.
The real and imaginary parts of the paper's complex state are p and q. Its units are initialised with memories of 90 to
3000 steps (a rate of exp(ν/10)) and angles from 0 to nearly 2 (2 arctan(θ/10), whose sine and cosine are rational).
Both are scaled so that an update of Adam is small against these ranges: over a thousand steps the change of an angle is
multiplied a thousand times. The paper uses a smaller learning rate for them instead.
"""

from elman.expr import cell, exp, relu, sqrt, tanh


@cell
def lru(x, h, p, q, *, B, C, nu=(-80.0, -45.0), theta=(0.0, 15.0), b):
    """Linear recurrent unit with relu behind it (Orvieto et al. 2023, section 3; other angles); name the size of h."""
    rate = exp(nu / 10)
    r = exp(-rate)
    t = theta / 10
    c = r * (1 - t * t) / (1 + t * t)
    s = r * (2 * t) / (1 + t * t)
    g = 8 * sqrt(tanh(rate) * (1 + r * r))  # 8 √(1 − r²), and no zero where r rounds to 1
    p, q = c * p - s * q + g * (B.p @ x), s * p + c * q + g * (B.q @ x)
    h = relu(4 * (C.p @ p + C.q @ q) + b)
    return h, p, q
