"""The table of primitives: value, derivative, domain and cost of each.

A row with `expand` is *derived*: it is written in other rows, and no backend implements it. A row without is *base*:
every backend implements it, which a test checks. The derivative is the vector-Jacobian product: it computes the
adjoints of the arguments from the adjoint ``d`` of the value ``y`` and the arguments (None: no gradient flows). At a
tie (relu at 0, maximum of equals) it is that of torch.

>>> sorted(name for name, row in PRIMITIVES.items() if row.expand is None)  # doctest: +NORMALIZE_WHITESPACE
['add', 'cos', 'div', 'equal', 'exp', 'less', 'less_equal', 'log', 'log1p', 'maximum', 'mul', 'neg', 'select',
 'sigmoid', 'sin', 'sqrt', 'sub', 'tanh']
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from elman.expr.builder import Expr, axis, number

Values = tuple[Expr | None, ...]
LAYER_NORM_EPSILON = 1e-5  # that of torch.nn.LayerNorm


@dataclass(frozen=True)
class Primitive:
    """One row of the table.

    Attributes:
        value: the function on Python floats; None where it is not elementwise.
        derivative: ``(d, y, *args)`` to the adjoint of every argument; None: that of its expansion.
        expand: the same value written in other primitives; None for a base primitive.
        domain: interval of the first argument.
        kinks: points of the first argument at which no derivative exists.
        cost: floating-point operations for one element, roughly, as a vector unit sees it.
        notation: how equations print it, ``{0}`` the first argument.
        binds: how tightly the notation binds: 1 comparison, 2 sum, 3 product, 4 sign, 5 power, 9 a call.
    """

    value: Callable[..., Any] | None
    derivative: Callable[..., Values] | None
    notation: str
    binds: int = 9
    expand: Callable[..., Expr] | None = None
    domain: tuple[float, float] = (-math.inf, math.inf)
    kinks: tuple[float, ...] = field(default=())
    cost: int = 1


def apply(op: str, *args: Expr | float) -> Expr:
    """Add an operation to the graph that one of the arguments belongs to."""
    own = next(a for a in args if isinstance(a, Expr))
    return own._builder.apply(op, *args)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _exp(x: float) -> float:
    return math.inf if x > 709.0 else math.exp(x)


def _divide(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


def _maximum(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else max(a, b)


def _power(x: float, p: float) -> float:
    try:
        power = x**p
    except ZeroDivisionError:
        return math.inf
    except OverflowError:
        return math.inf
    return math.nan if isinstance(power, complex) else power


def _expand_power(x: Expr, p: Expr | float) -> Expr:
    exponent = number(p)
    if exponent is None:
        raise AssertionError("verified: the exponent is a constant")
    if exponent < 0:
        return 1 / _expand_power(x, -exponent)
    whole, rest = divmod(exponent, 1)
    if rest not in (0.0, 0.5) or (rest and whole > 16):
        return apply("exp", exponent * apply("log", x))
    parts = [apply("sqrt", x)] if rest else []
    square, bits = x, int(whole)
    while bits:
        if bits & 1:
            parts.append(square)
        bits >>= 1
        if bits:
            square = square * square
    product = parts[0] if parts else x._builder.constant(1.0)
    for part in parts[1:]:
        product = product * part
    return product


def _derive_power(d: Expr, _y: Expr, x: Expr, p: Expr) -> Values:
    exponent = number(p)
    if exponent is None:
        raise AssertionError("verified: the exponent is a constant")
    if exponent == 1:
        return (d, None)
    return (d * (exponent * apply("power", x, exponent - 1)), None)


def _expand_layer_norm(v: Expr) -> Expr:
    n = axis(v)
    centred = v - apply("sum", v) / n
    variance = apply("sum", centred * centred) / n
    return centred / apply("sqrt", variance + LAYER_NORM_EPSILON)


def _expand_softmax(v: Expr) -> Expr:
    weight = apply("exp", v - apply("max", v))
    return weight / apply("sum", weight)


def _expand_norm(v: Expr) -> Expr:
    # The root is never taken of 0, where its derivative is infinite: it is 0 there, also of the derivative.
    squares = apply("sum", v * v)
    is_zero = apply("equal", squares, 0.0)
    return _choose(is_zero, 0.0, apply("sqrt", _choose(is_zero, 1.0, squares)))


def _derive_maximum(d: Expr, _y: Expr, a: Expr, b: Expr) -> Values:
    half = 0.5 * d
    mine = apply("select", apply("less", a, b), 0.0, apply("select", apply("equal", a, b), half, d))
    other = apply("select", apply("less", b, a), 0.0, apply("select", apply("equal", a, b), half, d))
    return (mine, other)


def _circular(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: function(x) if math.isfinite(x) else math.nan


def _as_number(m: Expr) -> Expr:
    return _choose(m, 1.0, 0.0)


def _sign(x: Expr) -> Expr:
    return apply("select", apply("less", 0.0, x), 1.0, apply("select", apply("less", x, 0.0), -1.0, 0.0))


def _choose(m: Expr, a: Expr | float, b: Expr | float) -> Expr:
    return apply("select", m, a, b)


PRIMITIVES: dict[str, Primitive] = {
    "add": Primitive(lambda a, b: a + b, lambda d, y, a, b: (d, d), "{0} + {1}", 2),
    "sub": Primitive(lambda a, b: a - b, lambda d, y, a, b: (d, -d), "{0} - {1}", 2),
    "mul": Primitive(lambda a, b: a * b, lambda d, y, a, b: (d * b, d * a), "{0} * {1}", 3),
    "div": Primitive(_divide, lambda d, y, a, b: (d / b, -(d * (y / b))), "{0} / {1}", 3, cost=4),
    "neg": Primitive(lambda a: -a, lambda d, y, a: (-d,), "-{0}", 4),
    "exp": Primitive(_exp, lambda d, y, x: (d * y,), "exp({0})", cost=12),
    "log": Primitive(_log, lambda d, y, x: (d / x,), "log({0})", domain=(0.0, math.inf), cost=16),
    "log1p": Primitive(
        lambda x: math.log1p(x) if x > -1 else _log(1 + x),
        lambda d, y, x: (d / (1 + x),), "log1p({0})", domain=(-1.0, math.inf), cost=18),
    "sqrt": Primitive(
        lambda x: math.sqrt(x) if x >= 0 else math.nan,
        lambda d, y, x: (d * (0.5 / y),), "sqrt({0})", domain=(0.0, math.inf), cost=4),
    "sigmoid": Primitive(_sigmoid, lambda d, y, x: (d * (y * (1 - y)),), "sigmoid({0})", cost=16),
    "tanh": Primitive(math.tanh, lambda d, y, x: (d * (1 - y * y),), "tanh({0})", cost=18),
    "sin": Primitive(_circular(math.sin), lambda d, y, x: (d * apply("cos", x),), "sin({0})", cost=30),
    "cos": Primitive(_circular(math.cos), lambda d, y, x: (-(d * apply("sin", x)),), "cos({0})", cost=30),
    "maximum": Primitive(_maximum, _derive_maximum, "maximum({0}, {1})"),
    "less": Primitive(lambda a, b: a < b, None, "{0} < {1}", 1),
    "less_equal": Primitive(lambda a, b: a <= b, None, "{0} <= {1}", 1),
    "equal": Primitive(lambda a, b: a == b, None, "{0} == {1}", 1),
    "select": Primitive(
        lambda m, a, b: a if m else b,
        lambda d, y, m, a, b: (None, _choose(m, d, 0.0), _choose(m, 0.0, d)), "where({0}, {1}, {2})"),
    "and": Primitive(
        lambda a, b: a and b, None, "{0} & {1}", 1,
        expand=lambda a, b: _choose(a, _as_number(b), 0.0) > 0.5, cost=3),
    "or": Primitive(
        lambda a, b: a or b, None, "{0} | {1}", 1,
        expand=lambda a, b: _choose(a, 1.0, _as_number(b)) > 0.5, cost=3),
    "not": Primitive(lambda a: not a, None, "~{0}", 4, expand=lambda a: _as_number(a) < 0.5, cost=2),
    "minimum": Primitive(
        lambda a, b: -_maximum(-a, -b), None, "minimum({0}, {1})",
        expand=lambda a, b: -apply("maximum", -a, -b), cost=3),
    "abs": Primitive(
        abs, lambda d, y, x: (d * _sign(x),), "abs({0})",
        expand=lambda x: apply("maximum", x, -x), kinks=(0.0,), cost=2),
    "relu": Primitive(
        lambda x: 0.0 if x <= 0 else x, None, "relu({0})",
        expand=lambda x: _choose(x <= 0.0, 0.0, x), kinks=(0.0,), cost=2),
    "leaky_relu": Primitive(
        lambda x, slope: x if x > 0 else slope * x, None, "leaky_relu({0}, {1})",
        expand=lambda x, slope: _choose(x > 0.0, x, slope * x), kinks=(0.0,), cost=3),
    "clamp": Primitive(
        lambda x, low, high: high if x > high else max(x, low), None, "clamp({0}, {1}, {2})",
        expand=lambda x, low, high: _choose(x < low, low, _choose(x > high, high, x)), cost=4),
    "softplus": Primitive(
        lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
        lambda d, y, x: (d * apply("sigmoid", x),), "softplus({0})",
        expand=lambda x: apply("maximum", x, 0.0) + apply("log1p", apply("exp", -abs(x))), cost=34),
    "hard_sigmoid": Primitive(
        lambda x: min(max(x / 6 + 0.5, 0.0), 1.0), None, "hard_sigmoid({0})",
        expand=lambda x: _choose(x <= -3.0, 0.0, _choose(x >= 3.0, 1.0, x * (1 / 6) + 0.5)), kinks=(-3.0, 3.0), cost=6),
    "power": Primitive(_power, _derive_power, "{0} ** {1}", 5, expand=_expand_power, domain=(0.0, math.inf), cost=8),
    "mean": Primitive(None, None, "mean({0})", expand=lambda v: apply("sum", v) / axis(v)),
    "norm": Primitive(None, None, "norm({0})", expand=_expand_norm, cost=2),
    "softmax": Primitive(
        None, lambda d, y, v: (y * (d - apply("sum", d * y)),), "softmax({0})", expand=_expand_softmax, cost=18),
    "layer_norm": Primitive(None, None, "layer_norm({0})", expand=_expand_layer_norm, cost=12),
}  # fmt: skip
