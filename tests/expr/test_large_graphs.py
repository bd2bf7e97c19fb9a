"""Equations of any length and breadth: no pass recurses along them, walks one path after another, or walks twice."""

import copy
import json
import pickle
import sys

import pytest
import torch

import elman
from elman import CellError, cell, maximum, sigmoid, tanh, where
from elman.autodiff import Noise, derive
from elman.autodiff.program import read_program
from elman.backends import reference
from elman.backends.inputs import Inputs
from elman.backends.llvm.emit.driver import emit_kernel
from elman.backends.llvm.plan.planner import make_plan
from elman.backends.llvm.target import host
from elman.backends.tensor_calls import translate
from elman.expr import Cell
from elman.expr.builder import Builder
from elman.expr.limits import MOST_NODES
from elman.expr.retention import retention_gates
from elman.expr.roles import hidden_to_hidden


def write(step):
    """Give a cell whose vector goes through `step` again and again."""

    def make(times):
        @cell
        def long(x, h, *, W, U, b):
            v = 0.1 * tanh(W.a @ x + U.a @ h + b.a)
            for number in range(times):
                v = step(v, h, W, U, b, f"m{number}")
            return tanh(v)

        return long

    return make


KINDS = {
    "a chain": write(lambda v, h, W, U, b, m: tanh(v)),
    "a sum": write(lambda v, h, W, U, b, m: v + tanh(h * getattr(b, m))),
    "a family": write(lambda v, h, W, U, b, m: v + getattr(U, m) @ h + getattr(b, m)),
    "stages": write(lambda v, h, W, U, b, m: tanh(U.a @ v)),
    "diamonds": write(lambda v, h, W, U, b, m: v + v),
    "squares": write(lambda v, h, W, U, b, m: v * v),
    "static squares": write(lambda v, h, W, U, b, m: v + h * (b.a * getattr(b, m))),
    "powers": write(lambda v, h, W, U, b, m: (1.5 + abs(v)) ** 0.5),
    "choices": write(lambda v, h, W, U, b, m: where(v > 0.1, 0.9 * v, 1 - v)),
    "maxima": write(lambda v, h, W, U, b, m: maximum(v, 1 - v)),
    "gates": write(lambda v, h, W, U, b, m: sigmoid(h + getattr(b, m)) * v + 0.5 * tanh(h)),
    "products": write(lambda v, h, W, U, b, m: v * sigmoid(U.a @ (v * h) + getattr(b, m))),
}


def say(made):
    """Do everything that needs no program."""
    made.equations(), made.latex(), retention_gates(made.graph), hidden_to_hidden(made.graph), made.gates()
    assert Cell.from_dict(json.loads(json.dumps(made.to_dict()))).graph == made.graph
    assert copy.deepcopy(made).graph == pickle.loads(pickle.dumps(made.graph)) == made.graph
    return made.parameters


def plan(made):
    """Derive a program, and prepare it for both backends."""
    program = derive(made)
    derive(made, True, Noise((("h", 0.3),), (("h", 0.1),)) if hidden_to_hidden(made.graph) else Noise())
    assert read_program(program.text) is program
    for direction in ("forward", "mirror", "mirror_without_input"):
        translate(program, direction)
        make_plan(program, direction, save=direction == "forward")
    return program


def work(do, *args):
    """Count the lines of elman's own that something runs through: unlike time it is the same on every machine."""
    count, package = 0, str(elman.__path__[0])

    def local(frame, event, _):
        nonlocal count
        count += 1
        return local

    outer = sys.gettrace()
    sys.settrace(lambda frame, event, _: local if frame.f_code.co_filename.startswith(package) else None)
    try:
        do(*args)
    finally:
        sys.settrace(outer)
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_equations_are_twice_the_work(kind):
    counts = []
    for times in (50, 100):
        made = []
        traced = work(lambda times=times, made=made: made.append(KINDS[kind](times)))
        counts.append((traced, work(say, *made), work(plan, *made)))
    for name, small, large in zip(("trace", "say", "plan"), *counts, strict=True):
        assert large < 2.2 * small, name


@pytest.mark.parametrize("kind", ["a chain", "a sum", "diamonds", "choices"])
def test_a_kernel_of_twice_the_equations_is_written_in_twice_the_work(kind):
    counts = []
    for times in (40, 80):
        planned = make_plan(derive(KINDS[kind](times)), "mirror", save=False)
        counts.append(work(emit_kernel, planned, host(), "float32"))
    assert counts[1] < 2.2 * counts[0]


LONG = {"a chain", "diamonds"}  # the others take seconds


@pytest.mark.parametrize("kind", [pytest.param(k, marks=[] if k in LONG else [pytest.mark.slow]) for k in KINDS])
def test_fifteen_hundred_steps_in_a_row_recurse_nowhere(kind):
    made = KINDS[kind](500 if kind in {"a family", "gates", "products", "stages"} else 1500)
    say(made)
    program = plan(made)
    emit_kernel(make_plan(program, "forward", save=True), host(), "float32")


def test_the_gradient_of_a_chain_of_fifteen_hundred_is_that_of_autograd():
    made = write(lambda v, h, W, U, b, m: tanh(1.001 * v) + 0.001)(1500)
    program, generator = derive(made), torch.Generator().manual_seed(1)
    x, h, w, u, b, d = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((2, 3, 7), (3, 5), (5, 7), (5, 5), (5,), (2, 3, 5))
    )
    given = Inputs(x, [h], [w, u, b])
    output, _, saved = reference.run_forward(program, given)
    d_x, d_states, d_parameters = reference.run_mirror(program, given, output, saved, d, [torch.zeros_like(h)])
    leaves = [t.requires_grad_() for t in (x, h, w, u, b)]
    outputs, state = [], h
    for step in x:
        v = 0.1 * torch.tanh(step @ w.T + state @ u.T + b)
        for _ in range(1500):
            v = torch.tanh(1.001 * v) + 0.001
        state = torch.tanh(v)
        outputs.append(state)
    torch.testing.assert_close(output, torch.stack(outputs))
    expected = torch.autograd.grad((torch.stack(outputs) * d).sum(), leaves)
    torch.testing.assert_close([d_x, *d_states, *d_parameters], list(expected))


def test_a_chain_of_four_hundred_runs_compiled_as_on_the_reference():
    made = KINDS["a chain"](400)
    found = []
    for backend in ("llvm", "reference"):
        torch.manual_seed(2)
        layer = elman.nn.Recurrent(made, 3, 5, backend=backend)
        x = torch.randn(2, 3, 3, requires_grad=True)
        output, _ = layer(x)
        output.sum().backward()
        found.append([output, x.grad, *(p.grad for p in layer.parameters())])
    torch.testing.assert_close(*found)


def test_a_step_too_long_to_compile_says_so_and_runs_on_the_reference():
    layer = elman.nn.Recurrent(KINDS["a chain"](1200), 3, 5)
    assert layer(torch.randn(2, 3, 3))[0].isfinite().all()
    layer = elman.nn.Recurrent(KINDS["a chain"](1200), 3, 5, backend="llvm")
    with pytest.raises(elman.errors.BackendError, match="It compiles up to 4,000 values, and a step has 4,8"):
        layer(torch.randn(2, 3, 3))


def test_gradients_that_follow_parameters_alone_recurse_nowhere_either():
    @cell
    def fixed(x, h, *, W, U, b):
        scale = b
        for _ in range(400):
            scale = tanh(1.01 * scale)
        return tanh(W @ x + U @ h) * scale

    found = []
    for backend in ("llvm", "reference"):
        torch.manual_seed(2)
        layer = elman.nn.Recurrent(fixed, 3, 5, backend=backend)
        layer(torch.ones(2, 3, 3))[0].sum().backward()
        found.append([p.grad for p in layer.parameters()])
    torch.testing.assert_close(*found)


def test_a_power_expands_in_as_many_products_as_its_exponent_has_bits(monkeypatch):
    @cell
    def powered(x, h, *, W, U):
        return tanh(W @ x + U @ h) ** 65535

    calls, add = [], Builder.add
    monkeypatch.setattr(Builder, "add", lambda self, *args, **kw: calls.append(0) or add(self, *args, **kw))
    derive(powered)
    assert len(calls) < 600  # a walk along every path would be 65,536


@pytest.mark.parametrize("exponent", [2**24, -(2.0**24), 999_999, 1.5, -0.5, 16.5])
def test_exponents_within_the_limit_are_computed(exponent):
    @cell
    def powered(x, h, *, W):
        return (1 + 1e-7 * tanh(W @ x + h)) ** exponent

    generator = torch.Generator().manual_seed(1)
    x, h, weight = (
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((1, 3, 7), (3, 5), (5, 7))
    )
    output, _, saved = reference.run_forward(derive(powered), Inputs(x, [h], [weight]))
    one = torch.ones_like(output)
    d_x, _, _ = reference.run_mirror(
        derive(powered), Inputs(x, [h], [weight]), output, saved, one, [torch.zeros_like(h)]
    )
    expected = (1 + 1e-7 * torch.tanh(x.requires_grad_() @ weight.T + h)) ** exponent
    close = {"rtol": 1e-7, "atol": 0.0}  # a relative error of the base counts `exponent` times
    torch.testing.assert_close(output, expected, **close)
    torch.testing.assert_close(d_x, torch.autograd.grad(expected.sum(), x)[0], **close)


@pytest.mark.parametrize("exponent", [2**24 + 1, -(2**24) - 1, 1e9, 1e300, 10**400, -(10**400)])
def test_exponents_that_rounding_decides_are_refused(exponent):
    with pytest.raises(
        CellError, match=r"(?s)line \d+: `\*\*` has an exponent that is beyond.*Rounding.*Use a smaller"
    ):

        @cell
        def powered(x, h, *, W):
            return (W @ x + h) ** exponent


def test_equations_without_end_are_stopped():
    with pytest.raises(CellError, match=f"(?s)line .*more than {MOST_NODES:,} values.*Repeat something less often"):

        @cell
        def endless(x, h, *, W):
            v = W @ x + h
            while True:
                v = tanh(v)


def test_what_expansion_makes_too_large_is_stopped():
    made = write(lambda v, h, W, U, b, m: elman.layer_norm(v))(6000)
    with pytest.raises(CellError, match="more than 60,000 values"):
        derive(made)


def test_a_long_line_of_equations_is_cut_and_python_reads_it_back():
    made = write(lambda v, h, W, U, b, m: tanh(v + 1))(300)
    text = made.equations()
    assert max(line.count("(") for line in text.splitlines()) <= 40
    scope = {"tanh": tanh}
    lines = [f"    {line.replace('h' + chr(39), 'new')}" for line in text.splitlines()]
    exec("def again(x, h, *, W, U, b):\n" + "\n".join(lines) + "\n    return new", scope)
    assert sorted(n.op for n in cell(scope["again"]).graph.nodes) == sorted(n.op for n in made.graph.nodes)


def test_a_bias_in_a_sum_that_is_added_twice_is_no_gates_own():
    @cell
    def doubled(x, h, *, W, U, b):
        s = U.f @ h + b.f
        f = sigmoid(W.f @ x + (s + s))
        return f * h + (1 - f) * tanh(W.n @ x)

    @cell
    def repeated(x, h, *, W, U, b):
        one = W.f @ x * 0.5 + 1.25
        f = sigmoid((one + one) + U.f @ h + b.f - 3)
        return f * h + (1 - f) * tanh(W.n @ x)

    (first,), (second,) = retention_gates(doubled.graph), retention_gates(repeated.graph)
    assert first.gate.biases == ()
    assert (second.gate.biases, second.gate.offset) == (("b.f",), 2 * 1.25 - 3)


@pytest.mark.parametrize("member", ["a b", "a.b", "", "1", "m" * 300])
def test_a_member_that_is_no_identifier_is_refused(member):
    with pytest.raises(CellError, match=r"(?s)a member of `W` is called.*an identifier of at most 200 letters"):

        @cell
        def odd(x, h, *, W):
            return getattr(W, member) @ x + h
