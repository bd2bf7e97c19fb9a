"""Equations that nobody should need and that the language allows.

>>> UNUSUAL["no memory"].states
('h',)
"""

from elman import cell, clamp, cos, exp, layer_norm, log, maximum, mean, norm, sigmoid, sin, softmax, sqrt, tanh, where
from elman import max as largest
from elman import sum as total

_EQUATIONS = {
    "states change places": lambda x, h, c, *, W: (c, tanh(W @ h)),
    "a state stays": lambda x, h, c, *, W: (tanh(W @ x) + c, c),
    "a state is a number": lambda x, h, c, *, W: (tanh(W @ x + h + c), 0.5),
    "a state is the input": lambda x, h, c, *, W: (tanh(W @ c), x),
    "two states are one value": lambda x, h, c, *, W: (tanh(W @ x + h + c),) * 2,
    "the state follows a parameter": lambda x, h, *, W: W.p + 0 * h + 0 * (W.a @ x),
    "a product of parameters": lambda x, h, *, W: tanh(W.a @ x + W.b @ sigmoid(W.p) + h),
    "a normalised parameter": lambda x, h, *, W: tanh(W.a @ x + layer_norm(W.p) * h),
    "one matrix four times": lambda x, h, *, W: tanh(W.a @ x + W.b @ h + W.b @ (h * h) + W.b @ tanh(W.b @ h)),
    "a matrix once and twice": lambda x, h, *, W: tanh(W.a @ x + W.b @ x + W.b @ h),
    "nothing learns": lambda x, h, *, W: where(h > W.p, x * h, 0.5 - h),
    "a comparison of parameters": lambda x, h, *, W: where(W.p > 0.1, tanh(W.a @ x), h),
    "a comparison that always holds": lambda x, h, *, W: where(h == h, tanh(W @ x + h), 1.0),
    "nested normalisations": lambda x, h, *, W: layer_norm(W @ x + layer_norm(h)),
    "a square of a parameter": lambda x, h, *, W: tanh(W.a @ x * h) + W.p * W.p * h**2,
    "a choice between equals": lambda x, h, *, W: where(W.a @ x > 0.5, h, h) + W.p,
    "no memory": lambda x, h, *, W: sigmoid(W @ (x * x)),
    "a state is a gap": lambda x, dt, /, h, c, *, W: (tanh(W @ h + c), dt),
    "a state follows a gap alone": lambda x, dt, /, h, c, *, W: (tanh(W @ h + c + x), where(dt > 0, dt * dt, 0.5)),
    "a gap decides": lambda x, dt, /, h, *, W: where(dt > 0, h, tanh(W.a @ x + W.b @ h)),
    "a gap scales parameters": lambda x, dt, /, h, *, W: tanh(W.a @ x + W.p * dt + W.q * sigmoid(W.p * h)) * dt,
    "a product of a gap and a parameter": lambda x, dt, age, /, h, *, W: tanh(W.a @ (W.p * dt) + W.b @ (h - age)),
    "a normalised gap": lambda x, dt, /, h, *, W: layer_norm(W.p * dt + h) + W.a @ x,
    "a line of delays": lambda x, h, c, m, *, W: (tanh(W.a @ x + W.b @ m), h, c),
    "the output is delayed": lambda x, h, c, *, W: (c, tanh(W.a @ x + W.b @ c + h)),
    "the output stays": lambda x, h, c, *, W: (h, tanh(W.a @ x + W.b @ c + h)),
    "a state is a parameter": lambda x, h, c, *, W: (tanh(W.a @ x + c * h), W.p),
    "a state follows parameters": lambda x, h, c, *, W: (tanh(W.a @ x + c * h), W.b @ exp(-W.p * W.p)),
    "the output is a gap": lambda x, dt, /, h, c, *, W: (dt, tanh(W.a @ x + W.b @ c + h)),
    "the output follows a gap": lambda x, dt, /, h, c, *, W: (exp(-dt), tanh(W.a @ x + W.p * exp(-dt) + h * c)),
    "the output is a product": lambda x, h, *, W: 0.3 * (W.a @ x) + W.b @ h,
    "the output is a sum of products": lambda x, h, *, W: W.a @ x + W.b @ h,
    "the output is a product of the input": lambda x, h, c, *, W: (W.a @ x, tanh(W.b @ h + c)),
    "the output is a product of a state": lambda x, h, c, *, W: (W.a @ c, tanh(W.b @ x + W.c @ h)),
    "two states are sums of the same products": lambda x, h, c, *, W: (W.a @ x + W.b @ c, tanh(W.a @ x + W.b @ c)),
    "one vector meets two families": lambda x, h, *, W, U, V, b: tanh(W @ x + U @ h + b) * sigmoid(V @ h),
    "a product minus a product": lambda x, h, *, W: tanh(W.a @ x - W.b @ h - W.p),
    "a square of a product": lambda x, h, *, W: tanh((W.a @ x + W.p) * (W.b @ h)) + tanh((W.b @ h) * (W.b @ h)),
    "six gates": lambda x, h, *, W: tanh(
        (W.a @ x + W.g @ h) * (W.b @ x + W.h @ h) + (W.c @ x + W.i @ h) * (W.d @ x + W.j @ h)
        + sigmoid(W.e @ x + W.k @ h) * tanh(W.f @ x + W.l @ h)
    ),
    "gates that add in another order": lambda x, h, *, W: tanh(W.a @ x + W.b @ h) * tanh(W.c @ h + W.d @ x + W.p),
    "a product in the middle of a sum": lambda x, h, *, W: tanh(W.p * h + W.a @ x + W.q + W.b @ h + h * h),
    "four stages": lambda x, h, *, W: tanh(W.a @ tanh(W.b @ sigmoid(W.c @ tanh(W.d @ h + W.e @ x)))),
    "stages of different lengths": lambda x, h, c, *, W: (tanh(W.a @ c + h), tanh(W.b @ tanh(W.c @ h) + W.d @ x)),
    "a comparison that another stage reads": lambda x, h, *, W: where(h > 0.1, W.a @ tanh(W.b @ h + W.c @ x), -h),
    "normalised twice": lambda x, h, *, W: layer_norm(h + W.a @ layer_norm(W.b @ x + h)) * layer_norm(h + W.p),
    "the input alone is normalised": lambda x, h, *, W: tanh(W.a @ layer_norm(x) + W.b @ h),
    "values of the input in two stages": lambda x, h, *, W: tanh(exp(-(W.a @ x)) * h + W.b @ (exp(-(W.a @ x)) * h)),
    "roots and logarithms": lambda x, h, *, W: log(1.5 + h * h) * sqrt(0.1 + (W @ x) * (W @ x)),
    "the larger of parameters": lambda x, h, *, W: tanh(maximum(W.p, W.q) * h + W.a @ x),
    "waves of a state": lambda x, h, *, W: sin(W.a @ x + W.b @ h) * cos(h + W.p) + 0.1 * (W.c @ cos(3 * h)),
    "a clock of the input and a gap": lambda x, dt, /, h, *, W: tanh(W.a @ cos(x * dt) + W.b @ h) + sin(W.p * dt),
    "a band of a gap and of a state": lambda x, dt, /, h, *, W: where(
        (dt > 0.3) & ((h < 0.5) | ~(W.a @ x < h)), clamp(W.a @ x, -0.4, 0.7), tanh(W.b @ h)
    ),
    "a joined comparison in two stages": lambda x, h, *, W: where(
        ~(h > 0.1) & (W.p > 0), W.b @ where((h > 0.1) | (W.p > 0), h, x), h
    ) + W.a @ x,
    "a sum of a parameter": lambda x, h, *, W: tanh(W.a @ x * total(W.p) + h / norm(W.p))
    + softmax(W.q) * largest(-exp(W.q)),
    "states that are sums": lambda x, h, c, *, W: (tanh(W.a @ x + h * largest(h * c)), tanh(total(c * (W.b @ h)))),
    "the output is a mean": lambda x, h, c, *, W: (mean(W.a @ x + h), tanh(W.b @ c + h)),
    "a softmax of the input and one of a state": lambda x, h, *, W: W.a @ softmax(x) + W.b @ softmax(W.c @ h),
    "the largest of the input decides": lambda x, h, *, W: where(
        largest(x) > 0.7, tanh(W.a @ x), W.b @ (h / (0.1 + norm(h)))
    ),
    "a largest that many are": lambda x, h, *, W: tanh(norm(x) * h) + W.a @ x * largest(clamp(W.b @ h, -0.2, 0.2)),
    "a length of nothing": lambda x, h, *, W: tanh(W.a @ x + W.p * norm(h - h) + h * norm(W.b @ x)),
    "sums of sums": lambda x, h, *, W: tanh(
        total(h * mean(h * softmax(h))) * sigmoid(W.a @ x - mean(W.b @ x) * largest(h))
    ),
    "a sum in a chain of products": lambda x, h, *, W: tanh(W.a @ x + total(x) + W.b @ h + mean(h) + W.p),
    "a matrix and its transpose": lambda x, h, *, W: tanh(W.a @ x + (W.b - W.b.T) @ h - 0.1 * h),
    "transposes alone": lambda x, h, *, W: tanh(W.a.T @ x + W.b.T @ h + W.p) + W.c.T @ sigmoid(W.p),
    "a sum of matrices": lambda x, h, *, W: tanh(-(W.a + 0.5 * W.b).T @ (x * W.p) + (W.c / 2 - W.d.T) @ h),
    "a centroid for each of few": lambda x, h, *, W, S: S.T @ softmax(S @ tanh(W.a @ x + W.b @ h)),
    "a gap alone before the loop": lambda x, dt, /, h, *, W: tanh(W.a @ (h * exp(-dt)) + W.b @ x * (1 - exp(-dt))),
    "a gap divides a normalisation": lambda x, dt, /, h, *, W: layer_norm(W.a @ x + h) / (1 + dt * dt),
}  # fmt: skip

UNUSUAL = {name: cell(equations) for name, equations in _EQUATIONS.items()}
"""By what is unusual about them."""


@cell
def chained_products(x, h, *, U, V, W, b):
    """A product of a product: the adjoint between them is a product, and is multiplied itself."""
    return tanh(W @ x + U @ (V @ h) + b)


@cell
def two_sided(x, dt, age, /, h, c, *, W, U, rate):
    """Two side inputs, which must not be confused, and two states."""
    c = sigmoid(-rate * dt) * c + tanh(W.c @ x + U.c @ h) * age
    return tanh(W.h @ x + c) - h / (1 + age * age), c
