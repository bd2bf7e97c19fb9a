"""The checker: it accepts right gradients, and reports parameter, time step and error of wrong ones."""

import dataclasses
import re
from collections import Counter

import pytest

import elman
from elman import cell, maximum, relu
from elman.autodiff import program as programs
from elman.expr.primitives import PRIMITIVES
from elman.testing import GradientError, check_gradients, gradients, random_cell


def forget():
    """Derive every program again."""
    programs._derive.cache_clear()
    programs._read.cache_clear()
    programs._written.clear()


@pytest.fixture
def without_memory():
    """Derive every program anew, before and after a planted fault."""
    forget()
    yield
    forget()


def plant(monkeypatch, op, factor):
    """Multiply a derivative by a factor."""
    row = PRIMITIVES[op]

    def wrong(d, y, *args):
        return tuple(None if v is None else v * factor for v in row.derivative(d, y, *args))

    monkeypatch.setitem(PRIMITIVES, op, dataclasses.replace(row, derivative=wrong))


@pytest.mark.parametrize("seed", range(40))
def test_random_cells_pass(seed):
    report = check_gradients(random_cell(seed), seed=seed)
    assert report.worst < 1e-6
    assert report.skipped < report.checked / 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40, 400))
def test_more_random_cells_pass(seed):
    assert check_gradients(random_cell(seed), seed=seed).worst < 1e-6


def test_random_cells_use_every_primitive_and_differ():
    drawn = [random_cell(seed) for seed in range(100)]
    used = {n.op for c in drawn for n in c.graph.nodes}
    assert set(PRIMITIVES) - {"log1p", "equal"} <= used
    assert len({c.equations() for c in drawn}) == 100
    assert {len(c.states) for c in drawn} == {1, 2, 3}
    assert any(len(programs.derive(c).forward.stages) > 3 for c in drawn)
    assert any(c.ties for c in drawn)
    assert any({s for n in c.graph.nodes for s in n.shape} - {"input", "hidden", "1"} for c in drawn)


def test_random_cells_have_side_inputs_and_vectors_that_meet_two_families():
    drawn = [random_cell(seed) for seed in range(100)]
    assert {len(c.sides) for c in drawn} == {0, 1, 2}
    met = [
        Counter(a for a, _ in {(n.args[1], family_of(c, n)) for n in c.graph.nodes if n.op == "product"}) for c in drawn
    ]
    assert sum(any(count > 1 for count in one.values()) for one in met) > 20


def family_of(chosen, product):
    return chosen.graph.nodes[product.args[0]].name.split(".")[0]


@pytest.mark.parametrize("op", ["tanh", "sigmoid", "mul"])
def test_a_derivative_off_by_a_twentieth_of_a_percent_is_found(op, monkeypatch, without_memory):
    check_gradients(elman.cells.lstm)
    forget()
    plant(monkeypatch, op, 1.0005)
    with pytest.raises(GradientError, match=r"lstm: the gradient of .* is off by"):
        check_gradients(elman.cells.lstm)


def test_the_message_names_parameter_number_time_step_and_setting(monkeypatch, without_memory):
    plant(monkeypatch, "sigmoid", 1.01)
    with pytest.raises(GradientError) as caught:
        check_gradients(elman.cells.lstm)
    message = str(caught.value)
    assert re.search(r"lstm: the gradient of x is off by \d\.\d+e-0\d \(tolerance 1e-06\)", message)
    assert re.search(r"Worst at x\[\d, \d, \d\]: \S+ from the mirror, \S+ from differences", message)
    assert re.search(r"It is the input of time step \d\.", message)
    assert re.search(r"Run forward, lengths \[.*\], x \(\d, 3, \d\), h \(3, \d\)", message)


def test_for_a_parameter_the_worst_time_step_is_named(monkeypatch, without_memory):
    from elman.backends import reference

    right = reference.run_mirror

    def lost_step(program, *arguments):
        d_x, d_states, gradients = right(program, *arguments)
        factors = [1.001 if p.name == "U" else 1 for p in program.parameters]
        return d_x, d_states, [g * f for g, f in zip(gradients, factors, strict=True)]

    monkeypatch.setattr(reference, "run_mirror", lost_step)
    with pytest.raises(GradientError) as caught:
        check_gradients(elman.cells.gru)
    assert re.search(r"the gradient of U\.[rzn] is off by 9\.\d+e-04", str(caught.value))
    assert re.search(r"The part of time step \d has the largest error", str(caught.value))


def test_a_sum_over_time_that_misses_a_step_is_told_from_a_wrong_step(monkeypatch):
    from elman.backends import reference

    right = reference.run_mirror

    def forgetful(program, inputs, *arguments):
        d_x, d_states, gradients = right(program, inputs, *arguments)
        factors = [0.9 if p.name == "b" and len(inputs.x) > 1 else 1.0 for p in program.parameters]
        return d_x, d_states, [g * f for g, f in zip(gradients, factors, strict=True)]

    monkeypatch.setattr(reference, "run_mirror", forgetful)
    with pytest.raises(GradientError, match="The part of each time step is right; their sum over time is not"):
        check_gradients(elman.cells.elman)


def test_both_directions_are_checked_over_a_whole_a_padded_and_an_empty_sequence(monkeypatch):
    drawn, plain = [], gradients._draw
    monkeypatch.setattr(gradients, "_draw", lambda *given: drawn.append(plain(*given)) or drawn[-1])
    check_gradients(elman.cells.elman)
    assert [case.reverse for case in drawn] == [False, True]
    for case in drawn:
        none, some, all_ = sorted(case.lengths.tolist())
        assert 0 == none < some < all_ == len(case.d_output)


def test_numbers_whose_perturbation_crosses_a_kink_are_skipped_and_counted(monkeypatch):
    @cell
    def kinked(x, h, *, W, v):
        # linear in each number between its kinks, so that even a large step gives exact differences there
        return relu(W @ x) + abs(v) + maximum(h, 0.5)

    monkeypatch.setattr(gradients, "DIFFERENCE", 0.1)
    report = check_gradients(kinked)
    assert report.worst < 1e-6
    assert 0 < report.skipped < report.checked


@pytest.mark.parametrize(
    "equations",
    [
        lambda u, x, *, W, U: elman.tanh(W @ u + U @ x),
        lambda inp, h, c, *, x, y: (elman.tanh(x @ inp + y @ h + c), c * h),
        lambda u, W_a, *, W: elman.tanh(W.b @ u + W.a @ W_a),
    ],
)
def test_names_of_states_and_parameters_may_be_any(equations):
    assert check_gradients(cell(equations)).worst < 1e-6


def test_a_value_that_is_not_finite_is_no_pass():
    @cell
    def infinite(x, h, *, W):
        return elman.log(W @ x + h)

    with pytest.raises(GradientError, match="not finite"):
        check_gradients(infinite)
