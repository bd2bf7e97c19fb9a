"""The functions for writing equations.

Each takes a value of the equations; applied to plain numbers it returns a number.
"""

from typing import Any, cast

from elman.expr.builder import Expr
from elman.expr.primitives import PRIMITIVES, apply

Value = Expr | float


def _call(op: str, *args: Value) -> Expr:
    if any(isinstance(a, Expr) for a in args):
        return apply(op, *args)
    value = PRIMITIVES[op].value
    if value is None:
        raise TypeError(f"{op} needs a vector of the cell, not {args[0]!r}")
    number: Any = value(*args)
    return cast("Expr", number)


def sigmoid(x: Value) -> Expr:
    """Squash to (0, 1): 1 / (1 + exp(−x)).

    >>> sigmoid(0.0)
    0.5
    """
    return _call("sigmoid", x)


def tanh(x: Value) -> Expr:
    """Squash to (−1, 1)."""
    return _call("tanh", x)


def relu(x: Value) -> Expr:
    """Cut at zero: max(x, 0); derivative 0 at 0."""
    return _call("relu", x)


def leaky_relu(x: Value, slope: Value = 0.01) -> Expr:
    """Scale negative values by `slope`; derivative `slope` at 0."""
    if isinstance(slope, Expr):
        slope._builder.fail(
            "leaky_relu has a slope that varies", "Its slope is a number.", "Write where(x > 0, x, slope * x)."
        )
    return _call("leaky_relu", x, slope)


def softplus(x: Value) -> Expr:
    """Compute log(1 + exp(x)), without overflow."""
    return _call("softplus", x)


def hard_sigmoid(x: Value) -> Expr:
    """Approximate the sigmoid by a line: x/6 + 1/2, cut to [0, 1]."""
    return _call("hard_sigmoid", x)


def exp(x: Value) -> Expr:
    """Raise e to x."""
    return _call("exp", x)


def log(x: Value) -> Expr:
    """Take the natural logarithm."""
    return _call("log", x)


def sin(x: Value) -> Expr:
    """Take the sine of x radians."""
    return _call("sin", x)


def cos(x: Value) -> Expr:
    """Take the cosine of x radians."""
    return _call("cos", x)


def sqrt(x: Value) -> Expr:
    """Take the square root."""
    return _call("sqrt", x)


def maximum(a: Value, b: Value) -> Expr:
    """Take the larger of two; of equals, each gets half of the gradient."""
    return _call("maximum", a, b)


def minimum(a: Value, b: Value) -> Expr:
    """Take the smaller of two; of equals, each gets half of the gradient."""
    return _call("minimum", a, b)


def clamp(x: Value, low: Value, high: Value) -> Expr:
    """Cut to [low, high]: two numbers; one may be infinite. The derivative is 1 at both, and 0 outside.

    >>> clamp(2.5, -1, 1)
    1.0
    """
    for bound in (low, high):
        if isinstance(bound, Expr):
            bound._builder.fail(
                "clamp has a bound that varies", "Its bounds are numbers.", "Write minimum(maximum(x, low), high)."
            )
    if not low <= high:
        what = f"clamp has the bounds {low!r} and {high!r}"
        if not isinstance(x, Expr):
            raise ValueError(f"{what}. Give the lower one first.")
        x._builder.fail(what, "Nothing lies between them.", "Give the lower one first.")
    return _call("clamp", x, float(low), float(high))


def where(condition: Value, a: Value, b: Value) -> Expr:
    """Take `a` where the comparison holds and `b` elsewhere.

    >>> where(1 < 2, 3.0, 4.0)
    3.0
    """
    return _call("select", condition, a, b)


def layer_norm(v: Expr) -> Expr:
    """Normalise each example's vector to mean 0 and variance 1 (Ba et al. 2016, eq. 3), with ε = 1e-5.

    A parameter that multiplies the result is its gain and starts at 1: ``gain.i * layer_norm(W.i @ x) + b.i``.
    """
    return _call("layer_norm", v)


def softmax(v: Expr) -> Expr:
    """Make each example's vector positive, with the sum 1: exp(v) / sum(exp(v)), without overflow."""
    return _call("softmax", v)


def sum(v: Expr) -> Expr:
    """Add the units of each example's vector: one number, which goes with every vector."""
    return _call_over_units("sum", v)


def mean(v: Expr) -> Expr:
    """Take the mean over the units of each example's vector: one number, which goes with every vector."""
    return _call("mean", v)


def max(v: Expr) -> Expr:
    """Take the largest unit of each example's vector: one number. Of equals, each gets its share of the gradient."""
    return _call_over_units("max", v)


def norm(v: Expr) -> Expr:
    """Take the length of each example's vector, √(Σ v²): one number. The derivative is 0 where it is 0."""
    return _call("norm", v)


def _call_over_units(op: str, v: Value) -> Expr:
    if not isinstance(v, Expr):
        raise TypeError(f"{op} needs a vector of the cell, not {v!r}")
    return apply(op, v)
