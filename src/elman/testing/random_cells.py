"""Draw cells from the grammar of the language."""

import itertools
import random
from collections.abc import Callable

from elman.expr import (
    Cell,
    clamp,
    cos,
    exp,
    hard_sigmoid,
    layer_norm,
    leaky_relu,
    log,
    maximum,
    mean,
    minimum,
    norm,
    relu,
    sigmoid,
    sin,
    softmax,
    softplus,
    sqrt,
    tanh,
    trace,
    where,
)
from elman.expr import max as largest
from elman.expr import sum as total
from elman.expr.builder import Expr

# Every primitive, in a form in which any vector is in its domain and nothing overflows over a few steps.
UNARY: list[Callable[[Expr], Expr]] = [
    sigmoid,
    tanh,
    relu,
    leaky_relu,
    softplus,
    hard_sigmoid,
    abs,
    lambda v: -v,
    lambda v: exp(-softplus(v)),
    lambda v: log(1.5 + v * v),
    lambda v: sqrt(0.3 + v * v),
    lambda v: tanh(v) ** 3,
    lambda v: (0.5 + abs(v)) ** -1.5,
    lambda v: (0.7 + v**2) ** 0.3,
    lambda v: 1 - tanh(v),
]
BINARY: list[Callable[[Expr, Expr], Expr]] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: tanh(a) * tanh(b),
    lambda a, b: a / (1.5 + abs(b)),
    maximum,
    minimum,
    lambda a, b: where(a > b, tanh(a), 0.5 * b),
    lambda a, b: where(a <= 0.1, b, a * 0.25),
    lambda a, b: sigmoid(a) * b,
]


def skew(matrix: Expr) -> Expr:
    """Write a square matrix that is nearly antisymmetric."""
    return 0.7 * matrix - matrix.T / 1.5


# Of a vector, in some cells: drawn by a generator of its own, so that the others are as they were without it.
MORE: list[Callable[["_Grammar", Expr], Expr]] = [
    lambda _, v: sin(2.5 * v),
    lambda _, v: v + cos(v * v - 0.4),
    lambda _, v: clamp(v, -0.6, 0.8) - 0.1 * v,
    lambda _, v: where((v > -0.5) & (v < 0.7), sin(v), -0.5 * v),
    lambda _, v: v - 0.5 * mean(v) + 0.1 * total(tanh(v)),
    lambda _, v: 2 * softmax(1.5 * v) - 0.3 * v,
    lambda _, v: v / (0.5 + norm(v)),
    lambda _, v: tanh(v - 0.4 * largest(v)),
    lambda _, v: where(largest(v) > 0.6, v * sigmoid(norm(v)), -v),
    lambda g, v: v + 0.3 * tanh(g.matrix().T @ v),
    lambda g, v: tanh(skew(g.matrix()) @ v),
    lambda _, v: where((v < -0.2) | ~(v <= 0.9), v, tanh(v) * v),
]
# Of a vector, a side input, and a parameter.
SideUse = Callable[[Expr, Expr, Expr], Expr]
SIDE_USES: list[SideUse] = [
    lambda a, gap, v: a * sigmoid(v * gap),
    lambda a, gap, v: a + v * tanh(gap),
    lambda a, gap, v: where(gap > 0.5, a, v * a),
    lambda a, gap, v: exp(-softplus(a + v) * softplus(gap)),
]


def random_cell(seed: int) -> Cell:
    """Draw a cell: states, some with a separate size, side inputs, one family of matrices or two, any primitive.

    Args:
        seed: the same seed gives the same cell.

    Returns:
        A verified cell whose values stay bounded.

    >>> random_cell(3) == random_cell(3)
    True
    """
    draw = random.Random(seed)  # noqa: S311 - the same seed must give the same cell
    states = ["h", "c", "m"][: draw.choice([1, 1, 2, 2, 3])]
    # separate generators, so that a seed whose cell has no side inputs and one family always gives the same cell
    side_draw = random.Random(f"{seed} beside")  # noqa: S311 - the same seed must give the same cell
    sides = ["dt", "age"][: side_draw.choice([0, 0, 0, 1, 2])]
    two = random.Random(f"{seed} families").random() < 0.4  # noqa: S311 - the same seed must give the same cell
    later = random.Random(f"{seed} more")  # noqa: S311 - the same seed must give the same cell
    more = [later.choice(MORE) for _ in range(later.choice([0, 0, 1, 2]))]
    grammar = _Grammar(draw, states, [side_draw.choice(SIDE_USES) for _ in sides], more)
    families = ["W", "V", "v"] if two else ["W", "v"]
    return trace(grammar, f"random_{seed}", "x", states, families, sides=sides, doc=f"Random cell {seed}.")


class _Grammar:
    """The equations of one step, with random choices."""

    def __init__(
        self, draw: random.Random, states: list[str], side_uses: list[SideUse], more: list[Callable[..., Expr]]
    ) -> None:
        self.draw = draw
        self.own = [s for s in states if draw.random() < 0.3]  # states with a separate size
        self.states = states
        self.side_uses = side_uses  # how each side input is used
        self.more = more
        self.count = 0

    def __call__(self, x: Expr, *rest: Expr, W: Expr, v: Expr, V: Expr | None = None) -> tuple[Expr, ...]:
        gaps, before = rest[: len(self.side_uses)], rest[len(self.side_uses) :]
        self.x, self.vectors = x, v
        self.matrices = itertools.cycle([W] if V is None else [W, V])  # the families alternate
        self.known = [x, *before]
        self.wide = [value for name, value in zip(self.states, before, strict=True) if name not in self.own]
        self.mixed = not self.own and self.draw.random() < 0.1  # uses x elementwise, which ties I to H
        shared = tanh(self.product(x) + self.product(before[-1]) + self.vector())
        for use, gap in zip(self.side_uses, gaps, strict=True):
            shared = use(shared, gap, self.vector())
        for use_more in self.more:
            shared = use_more(self, shared)
        for _ in range(self.draw.randrange(1, 3)):
            self.wide.append(shared)
            shared = self.draw.choice(BINARY)(shared, self.vector_of_depth(self.draw.randrange(1, 4)))
        new = [self.next_state(name, old, shared) for name, old in zip(self.states, before, strict=True)]
        return tuple(new)

    def next_state(self, name: str, old: Expr, shared: Expr) -> Expr:
        """Write a new state; one with a separate size is a projection."""
        value = tanh(shared + self.vector_of_depth(2))
        if name in self.own:
            return self.product(value)
        kind = self.draw.randrange(4)
        if kind == 0:
            return value
        if kind == 1:
            return 0.5 * old + value
        gate = sigmoid(self.pre_activation())
        return gate * value if kind == 2 else gate * old + (1 - gate) * value

    def vector_of_depth(self, depth: int) -> Expr:
        """Write a vector of the hidden size."""
        if depth == 0:
            leaves = [
                self.pre_activation,
                lambda: self.draw.choice(self.wide),
                lambda: self.vector() * self.draw.choice(self.wide),
            ]
            if self.mixed:
                leaves.append(lambda: self.x)
            return self.draw.choice(leaves)()
        kind = self.draw.random()
        if kind < 0.45:
            return self.draw.choice(UNARY)(self.vector_of_depth(depth - 1))
        if kind < 0.9:
            return self.draw.choice(BINARY)(self.vector_of_depth(depth - 1), self.vector_of_depth(depth - 1))
        return self.vector() * layer_norm(self.vector_of_depth(depth - 1)) + self.vector()

    def pre_activation(self) -> Expr:
        """Write a sum of products, also of values of later stages, mostly with a bias."""
        total = self.product(self.draw.choice(self.known))
        for _ in range(self.draw.randrange(0, 3)):
            total = total + self.product(self.draw.choice([*self.known, *self.wide]))
        return total + self.vector() if self.draw.random() < 0.7 else total

    def product(self, value: Expr) -> Expr:
        return self.matrix() @ value

    def matrix(self) -> Expr:
        return self.member(next(self.matrices))

    def vector(self) -> Expr:
        return self.member(self.vectors)

    def member(self, family: Expr) -> Expr:
        self.count += 1
        return getattr(family, f"m{self.count}")
