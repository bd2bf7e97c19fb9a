"""The table of primitives: every value and derivative against independent arithmetic, and torch's choice at ties."""

import math

import pytest
import torch
from torch.nn import functional as F

from elman.autodiff.simplify import Simplifier
from elman.backends.tensor_calls import FUNCTIONS
from elman.expr.builder import Builder
from elman.expr.graph import LOGIC, MASKS
from elman.expr.lower import lower
from elman.expr.primitives import PRIMITIVES
from tolerances import assert_close

TORCH = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "neg": torch.neg,
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "abs": torch.abs,
    "relu": torch.relu,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    # torch's own hardsigmoid multiplies float64 gradients by a float32 sixth
    "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,
    "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:]),
    "softmax": lambda x: x.softmax(-1),
    "sum": lambda x: x.sum(-1, keepdim=True),
    "max": lambda x: x.amax(-1, keepdim=True),
    "mean": lambda x: x.mean(-1, keepdim=True),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=-1, keepdim=True),
}
OVER_UNITS = ("layer_norm", "softmax", "sum", "max", "mean", "norm")
SPECIAL = {
    "clamp": [
        (lambda x, c=c: torch.clamp(x, *c), c) for c in ((-1.25, 1.7), (-math.inf, 0.3), (0.0, math.inf), (1.0, 1.0))
    ],
    "leaky_relu": [(lambda x, s=s: F.leaky_relu(x, s), s) for s in (0.01, 0.3, -0.2)],
    "power": [(lambda x, p=p: x**p, p) for p in (1, 2, 3, 5, 17, -1, -2, 0.5, 1.5, -1.5, 2.5, 0.3, 17.5, -0.7)],
}
# Every tie and kink, points on both sides of it, and saturation.
POINTS = [-40.0, -7.5, -3.5, -3.0, -1.25, -0.5, -1e-3, 0.0, 1e-3, 0.3, 1.0, 1.7, 3.0, 4.5, 11.0, 37.0]


def value_and_gradients(op, arguments, constants=()):
    """Run one primitive through adjoint rules and lowering, on the reference functions."""
    builder = Builder()
    leaves = [builder.expr(builder.add("state", name=f"s{i}", shape=("hidden",))) for i in range(len(arguments))]
    builder.add("input", name="x", shape=("input",))
    result = builder.apply(op, *leaves, *constants)
    outputs = {f"s{i}": builder.index(result, op) for i in range(len(leaves))}
    from elman.autodiff.adjoint import adjoint

    joint = lower(adjoint(builder.graph(outputs)), Simplifier())
    upstream = torch.randn(len(arguments), *arguments[0].shape, dtype=torch.float64)
    values = {}
    for index, node in enumerate(joint.nodes):
        if node.op == "state":
            values[index] = arguments[int(node.name[1:])]
        elif node.op == "adjoint":
            values[index] = upstream[int(node.name[3:])]
        elif node.op == "constant":
            values[index] = torch.tensor(node.value, dtype=torch.float64)
        elif node.op == "size":
            values[index] = torch.tensor(float(arguments[0].shape[-1]), dtype=torch.float64)
        elif node.op != "input":
            values[index] = FUNCTIONS[node.op](*(values[a] for a in node.args))
    gradients = [values[joint.output[f"d_s{i}"]].expand_as(arguments[0]) for i in range(len(leaves))]
    value = values[joint.output["s0"]]
    upstream = upstream.sum(0)
    # one number for each row goes to every unit of a state
    return value, gradients, upstream.sum(-1, keepdim=True) if value.shape != upstream.shape else upstream


def compare(op, theirs, arguments, constants=()):
    arguments = [a.clone().requires_grad_() for a in arguments]
    expected = theirs(*arguments)
    value, gradients, upstream = value_and_gradients(op, [a.detach() for a in arguments], constants)
    assert_close(op, value, expected.detach())
    wanted = torch.autograd.grad(expected, arguments, upstream)
    for i, (found, right) in enumerate(zip(gradients, wanted, strict=True)):
        assert_close(f"d_{op}[{i}]", found, right)


def pairs():
    grid = torch.tensor(POINTS, dtype=torch.float64)
    return grid.repeat_interleave(len(grid)), grid.repeat(len(grid))


@pytest.mark.parametrize("op", sorted(set(TORCH) - {*OVER_UNITS, "div"}))
def test_value_and_derivative_are_torchs_at_ties_too(op):
    if PRIMITIVES[op].notation.count("{") == 2:
        compare(op, TORCH[op], pairs())
    else:
        low, _ = PRIMITIVES[op].domain
        points = torch.tensor([p for p in POINTS if p > low and (op != "exp" or p < 20)], dtype=torch.float64)
        # beyond 5, 1 − tanh² is all cancellation, in torch as here
        for point in (
            points[points.abs() < 5] if op == "tanh" else points
        ):  # one by one: a large value would hide a small one in the norm
            compare(op, TORCH[op], [point.expand(3)])


def test_division_is_torchs():
    a, b = pairs()
    compare("div", torch.div, [a[b != 0], b[b != 0]])


@pytest.mark.parametrize(("op", "number"), [(op, i) for op, cases in SPECIAL.items() for i in range(len(cases))])
def test_primitives_with_a_constant_are_torchs(op, number):
    theirs, constant = SPECIAL[op][number]
    points = POINTS if op != "power" or constant in {1, 2, 3, 5, 17} else [p for p in POINTS if p > 0]
    for point in points:
        constants = constant if op == "clamp" else (constant,)
        compare(op, theirs, [torch.full((3,), point, dtype=torch.float64)], constants)


@pytest.mark.parametrize("size", [1, 3, 5, 11])
@pytest.mark.parametrize("op", OVER_UNITS)
def test_what_is_over_units_is_torchs_with_every_gradient(op, size):
    compare(op, TORCH[op], [3 + 2 * torch.randn(7, size, dtype=torch.float64)])


@pytest.mark.parametrize("op", ["softmax", "max", "norm"])
def test_what_is_over_units_is_torchs_at_ties_zeros_and_large_numbers(op):
    rows = [[0.0, 0.0, 0.0], [2.0, -1.0, 2.0], [-3.0, -3.0, -3.0], [0.0, 1.0, 1.0], [800.0, -800.0, 799.0]]
    for row in rows:
        compare(op, TORCH[op], [torch.tensor([row], dtype=torch.float64)])
    value, _, _ = value_and_gradients(op, [torch.tensor([[0.5, math.nan, 1.0]], dtype=torch.float64)])
    assert value.isnan().all()


def test_select_passes_each_side_its_own_gradient():
    a, b = pairs()
    builder_points = [a, b]

    def theirs(x, y):
        return torch.where(x < y, x * 2, y * y)

    x, y = (p.clone().requires_grad_() for p in builder_points)
    upstream = torch.randn_like(a)
    wanted = torch.autograd.grad(theirs(x, y), [x, y], upstream)
    row = PRIMITIVES["select"].derivative
    builder = Simplifier()
    ids = [builder.add("state", name=n, shape=("hidden",)) for n in ("p", "q", "d")]
    p, q, d = (builder.expr(i) for i in ids)
    mask = p < q
    none, left, right = row(d, p, mask, p * 2, q * q)
    assert none is None
    values = {ids[0]: a, ids[1]: b, ids[2]: upstream}
    for index, node in enumerate(builder.nodes):
        if node.op == "constant":
            values[index] = torch.tensor(node.value, dtype=torch.float64)
        elif node.args:
            values[index] = FUNCTIONS[node.op](*(values[i] for i in node.args))
    assert_close("left", values[builder.index(left, "test")] * 2, wanted[0])
    assert_close("right", values[builder.index(right, "test")] * 2 * b, wanted[1])


@pytest.mark.parametrize(
    "op", [o for o, row in PRIMITIVES.items() if row.value is not None and o not in {"select", *SPECIAL, *LOGIC}]
)
def test_the_value_on_python_floats_is_that_of_torch(op):
    row = PRIMITIVES[op]
    low, high = row.domain
    points = [p for p in [*POINTS, math.inf, -math.inf, math.nan, 700.0] if low <= p <= high or p != p]
    functions = TORCH | {"less": torch.lt, "less_equal": torch.le, "equal": torch.eq}
    for a in points:
        for b in points if row.notation.count("{") == 2 else [None]:
            args = [a] if b is None else [a, b]
            expected = functions[op](*(torch.tensor(v, dtype=torch.float64) for v in args)).item()
            found = row.value(*args)
            assert found == pytest.approx(expected, rel=1e-12, abs=1e-300, nan_ok=True), (op, args)


@pytest.mark.parametrize("op", sorted(LOGIC))
def test_joined_comparisons_are_those_of_python_and_of_torch(op):
    theirs = {"and": torch.logical_and, "or": torch.logical_or, "not": torch.logical_not}[op]
    p, q = (g.flatten() for g in torch.meshgrid(*2 * [torch.tensor([-1.0, math.nan, 2.0])], indexing="ij"))
    masks = [p < 1, q < 1][: 1 if op == "not" else 2]
    builder = Builder()
    leaves = [builder.expr(builder.add("state", name=n, shape=("hidden",))) for n in ("p", "q")]
    builder.add("input", name="x", shape=("input",))
    joined = builder.apply(op, *[leaf < 1 for leaf in leaves[: len(masks)]])
    value = builder.apply("select", joined, 3.0, leaves[0])
    lowered = lower(builder.graph({"p": builder.index(value, op), "q": 1}), Simplifier())
    values = {}
    for index, node in enumerate(lowered.nodes):
        if node.op == "constant":
            values[index] = torch.tensor(node.value)
        elif node.op == "state":
            values[index] = {"p": p, "q": q}[node.name]
        elif node.args:
            values[index] = FUNCTIONS[node.op](*(values[a] for a in node.args))
    expected = torch.where(theirs(*masks), 3.0, p)
    assert torch.equal(values[lowered.output["p"]].nan_to_num(7), expected.nan_to_num(7))
    row = PRIMITIVES[op]
    assert [row.value(*pair) for pair in zip(*masks, strict=True)] == theirs(*masks).tolist()


def test_every_base_primitive_has_a_function_in_the_reference_backend_and_no_derived_one_has():
    base = {op for op, row in PRIMITIVES.items() if row.expand is None}
    assert set(FUNCTIONS) == base | {"sum", "max", "spread"}


def test_lowering_leaves_base_primitives_alone():
    for op, row in PRIMITIVES.items():
        if row.expand is None or op in MASKS:
            continue
        builder = Builder()
        x = builder.expr(builder.add("input", name="x", shape=("input",)))
        extra = {"leaky_relu": (0.1,), "power": (1.5,), "clamp": (0.0, 1.0)}.get(
            op, (x,) * (row.notation.count("{") - 1)
        )
        graph = builder.graph({"y": builder.index(builder.apply(op, x, *extra), op)})
        lowered = lower(graph, Builder())
        assert all(PRIMITIVES[n.op].expand is None for n in lowered.nodes if n.op in PRIMITIVES), op


def test_not_a_number_stays_not_a_number():
    bad = torch.full((2,), math.nan, dtype=torch.float64)
    names = ("relu", "leaky_relu", "hard_sigmoid", "abs", "softplus", "tanh", "sigmoid", "maximum", "minimum", "clamp")
    for op in (*names, "sin", "cos"):
        constants = {"leaky_relu": (0.1,), "clamp": (-1.0, 1.0)}.get(op, ())
        arguments = [bad, torch.zeros(2, dtype=torch.float64)] if op in {"maximum", "minimum"} else [bad]
        value, _, _ = value_and_gradients(op, arguments, constants)
        assert value.isnan().all(), op
