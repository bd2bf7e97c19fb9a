"""Write the unit whose memory is linear: damped rotations that never fade by themselves, and one look at them.

Nothing between two steps bends the state, so a gradient that goes back through a thousand of them is turned and damped,
and no more. The paper's complex state is written as its two parts p and q. Its polar parameters are scaled so that
what everything here starts from, U(±1/√H), spreads over memories of hundreds of steps (a rate of exp(8ν − 6.5)) and
over both senses of rotation. The angle is 2 arctan(8θ), whose cosine and sine are rational.
"""

from elman.expr import cell, exp, relu, sqrt, tanh


@cell
def lru(x, h, p, q, *, B, C, nu, theta, b):
    """Linear recurrent unit with relu behind it (Orvieto et al. 2023, section 3; other angles); name the size of h."""
    rate = exp(8 * nu - 6.5)
    r = exp(-rate)
    t = 8 * theta
    c = r * (1 - t * t) / (1 + t * t)
    s = r * (2 * t) / (1 + t * t)
    g = 8 * sqrt(tanh(rate) * (1 + r * r))  # 8 √(1 − r²), and no zero where r rounds to 1
    p, q = c * p - s * q + g * (B.p @ x), s * p + c * q + g * (B.q @ x)
    h = relu(4 * (C.p @ p + C.q @ q) + b)
    return h, p, q
