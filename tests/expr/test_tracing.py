"""Tracing: what a function becomes, and what is said of one that cannot become a cell."""

import cProfile
import functools
import inspect
import json
import math
import pickle
import sys

import numpy as np
import pytest
import torch

from elman import Cell, CellError, cell, exp, layer_norm, leaky_relu, sigmoid, tanh, where
from elman.expr.graph import Graph


def line_of(function, text):
    """Find the line of this file on which a function says something."""
    lines, start = inspect.getsourcelines(function)
    return start + next(i for i, line in enumerate(lines) if text in line)


def refuse(function):
    """Trace a function that is no cell and give the message."""
    with pytest.raises(CellError) as caught:
        cell(function)
    return str(caught.value)


def test_the_function_runs_once_and_leaves_its_states_families_and_name():
    calls = []

    @cell
    def counted(x, h, c, *, W, U, b):
        """Count calls.

        More text.
        """
        calls.append(1)
        c = c + tanh(W.i @ x + U @ h + b.i)
        return tanh(W.o @ x) * c, c

    assert calls == [1]
    assert (counted.name, counted.states) == ("counted", ("h", "c"))
    assert counted.doc.startswith("Count calls.")
    assert [(p.name, p.members, p.shape) for p in counted.parameters] == [
        ("W", ("W.i", "W.o"), ("hidden", "input")),
        ("U", ("U",), ("hidden", "hidden")),
        ("b", ("b.i",), ("hidden",)),
    ]


def test_members_are_stacked_in_the_order_in_which_the_equations_first_name_them():
    @cell
    def order(x, h, *, W):
        late = W.zeta @ x
        return tanh(W.alpha @ h + late + W.mu @ x)

    # W.alpha is (hidden, hidden), W.zeta and W.mu are (hidden, input)
    assert [(p.name, p.members) for p in order.parameters] == [("W", ("W.zeta", "W.mu")), ("W_alpha", ("W.alpha",))]


def test_members_of_another_shape_or_role_are_parameters_of_their_own():
    @cell
    def mixed(x, h, *, W, v):
        inner = v.gain * layer_norm(W.a @ x + W.b @ h) + v.bias
        return tanh(inner + v.peep * h)

    assert [(p.name, p.role) for p in mixed.parameters] == [
        ("v", "gain"),
        ("W", "matrix"),
        ("W_b", "matrix"),
        ("v_bias", "bias"),
        ("v_peep", "vector"),
    ]


def test_a_bias_is_a_vector_that_is_only_ever_added():
    @cell
    def roles(x, h, *, W, a, b, c, d):
        n = tanh(W.n @ x + b + a * (W.u @ h + d))
        return n + (c - n) * c

    @cell
    def only_parameters(x, h, *, W, U, b, e):
        return tanh(W @ x + U @ (b.a + b.c) + h) * layer_norm(e + 1.0)

    assert {p.role for p in only_parameters.parameters} == {"matrix", "vector"}
    assert {p.name: p.role for p in roles.parameters if p.role != "matrix"} == {
        "a": "vector",
        "b": "bias",
        "c": "vector",
        "d": "bias",
    }


def test_sizes_that_the_equations_do_not_bind_are_asked_for_by_name():
    @cell
    def jordan(x, y, *, W, U, V, b):
        hidden = tanh(W @ x + U @ y + b)
        return V @ hidden

    assert jordan.sizes(3, 5, {"y": 7}) == {"input": 3, "hidden": 5, "y": 7}
    assert jordan.count(3, 5, {"y": 7}) == 5 * 3 + 5 * 7 + 7 * 5 + 5
    with pytest.raises(CellError, match=r"the size of `y` does not follow .*\n.*\n.*sizes=\{\"y\": 5\}"):
        jordan.sizes(3, 5)


def test_hidden_size_is_the_number_of_rows_of_the_first_matrix():
    @cell
    def narrow(x, h, c, *, R, W):
        c = tanh(W @ x + c)
        return R @ c, c

    sizes = narrow.sizes(3, 5, {"h": 2})
    assert sizes[narrow.state_size("c")] == 5
    assert sizes[narrow.state_size("h")] == 2


def test_elementwise_use_of_the_input_ties_its_size_and_the_message_names_the_line():
    @cell
    def tied(x, h, *, W):
        moved = tanh(W @ h)
        return moved + x

    assert tied.sizes(5, 5)
    line = line_of(test_elementwise_use_of_the_input_ties_its_size_and_the_message_names_the_line, "return moved")
    with pytest.raises(ValueError, match=f"line {line}: input_size is 3 and hidden_size 5"):
        tied.sizes(3, 5)


@pytest.mark.parametrize(
    ("sizes", "message"), [((0, 5, None), "0"), ((3, 5, {"q": 2}), "`q`"), ((3, True, None), "True")]
)
def test_impossible_sizes_are_refused(sizes, message):
    @cell
    def plain(x, h, *, W, U):
        return tanh(W @ x + U @ h)

    with pytest.raises(ValueError, match=message):
        plain.sizes(*sizes)


def test_branching_on_a_value_is_refused_with_file_line_and_remedy():
    def branching(x, h, *, W):
        z = sigmoid(W @ x)
        if z > 0.5:
            return z
        return h

    message = refuse(branching)
    assert f"branching, {__file__} line {line_of(branching, 'if z')}" in message
    assert "if z > 0.5:" in message
    assert "Write where(z > 0.5, a, b)." in message


def test_every_wrong_use_of_a_value_says_what_to_write_instead():
    def unused(x, h, *, W, U):
        return tanh(W @ x + h)

    def dead(x, h, *, W):
        _ = W.i @ h
        return tanh(W.f @ x + h)

    def missing(x, h, c, *, W):
        return tanh(W @ x + h + c)

    def as_number(x, h, *, W):
        return math.tanh(W @ x) + h

    def with_torch(x, h, *, W):
        return torch.tanh(W @ x) + h

    def with_numpy(x, h, *, W):
        return np.tanh(W @ x) + h

    def with_an_array(x, h, *, W):
        return np.ones(3) * (W @ x) + h

    def with_a_tensor(x, h, *, W):
        return torch.ones(3) * (W @ x) + h

    def both_kinds(x, h, *, W):
        return W @ x + W * h

    def bare_and_member(x, h, *, W):
        return W.i @ x + W @ h

    def member_and_bare(x, h, *, W):
        return W @ x + W.i @ h

    def mask_as_number(x, h, *, W):
        return (W @ x > 0.0) * h

    def mask_returned(x, h, *, W):
        return W @ x > h

    def number_as_mask(x, h, *, W):
        return where(W @ x, h, 0.0)

    def right_matrix(x, h, *, W):
        return x @ W + h

    def two_matrices(x, h, *, W, U):
        return W @ U @ h + x

    def indexed(x, h, *, W):
        return (W @ x)[0] + h

    def unpacked(x, h, *, W):
        a, b = W @ x
        return a * b + h

    def power_of_a_value(x, h, *, W):
        return (W @ x) ** h

    def base_of_a_power(x, h, *, W):
        return 2 ** (W @ x) + h

    def power_zero(x, h, *, W):
        return (W @ x) ** 0 + h

    def tuple_state(x, h, *, W):
        return (W @ x, h)

    def wrong_type(x, h, *, W):
        _ = W @ x
        return "h"

    def unequal(x, h, *, W):
        return where(W @ x != h, h, 0.0)

    def like_an_adjoint(x, h, d_h, *, W):
        return tanh(W @ x + d_h), h

    def joined(x, h, *, W, W_a):
        return tanh(W.b @ x + W.a @ h + W_a * h)

    def varying_slope(x, h, *, W):
        return leaky_relu(W @ x, h)

    def too_large(x, h, *, W):
        return (W @ x) * 10**400 + h

    def foreign(x, h, *, W):
        return tanh(W @ x + kept[0])

    kept = []
    cell(lambda x, h, *, W: kept.append(W @ x) or tanh(W @ x + h))

    def truth(x, h, *, W):
        return (W @ x > 0) and h

    for function, what, remedy in [
        (unused, "`U` is never used", "drop `U`"),
        (dead, "`W.i` reaches no new state", "delete it"),
        (missing, "1 values are returned, and there are 2 states (h, c)", "return h, c"),
        (as_number, "as a number", "elman.tanh"),
        (with_torch, "torch's `tanh`", "elman.tanh"),
        (with_numpy, "numpy was given", "elman.tanh"),
        (with_an_array, "numpy was given", "parameters"),
        (with_a_tensor, "torch's `mul`", "parameters"),
        (both_kinds, "`W` is used as a vector here and as a matrix in line", "two members"),
        (bare_and_member, "`W` is used alone, and elsewhere as `W.i`", "member name"),
        (member_and_bare, "`W.i` is used, and elsewhere `W` alone", "member name"),
        (mask_as_number, "a comparison is used as a number", "where(z > 0.5, a, b)"),
        (mask_returned, "is a comparison", "where(a > b, 1.0, 0.0)"),
        (number_as_mask, "the condition of `where` is a number", "where(z > 0.5, a, b)"),
        (right_matrix, "other than a parameter on its left", "W @ x"),
        (two_matrices, "other than a parameter on its left", "W @ (U @ h)"),
        (indexed, "is indexed", "W.i @ x, W.f @ x"),
        (unpacked, "iterated over or unpacked", "W.i @ x, W.f @ x"),
        (power_of_a_value, "exponent that is not a finite number", "exp(y * log(x))"),
        (base_of_a_power, "exponent that varies", "exp(y * "),
        (power_zero, "exponent is 0", "Write 1."),
        (tuple_state, "2 values are returned, and there are 1 states", "return h"),
        (wrong_type, "is a str", "Return the vector"),
        (unequal, "`!=`", "~(a == b)"),
        (truth, "`and`", "where((z > 0.5) & "),
        (like_an_adjoint, "a state is called d_h", "another name"),
        (varying_slope, "a slope that varies", "where(x > 0, x, slope * x)"),
        (too_large, "too large for a number", "smaller"),
        (foreign, "a value of another cell", "as a parameter"),
        (joined, "would both be called W_a", "another name"),
    ]:
        message = refuse(function)
        assert what in message, message
        assert remedy in message, message
        assert __file__ in message, message
        assert function.__name__ in message, message


def test_a_mistake_inside_a_function_that_a_cell_calls_is_reported_at_the_call():
    from collections import UserDict

    def called(x, h, *, W):
        gates = UserDict(z=W @ x)
        return W @ h if all(map(bool, gates.values())) else h

    assert f"line {line_of(called, 'return W')}: `if`" in refuse(called)


def test_a_size_keeps_its_own_name_where_a_state_is_called_hidden():
    @cell
    def confusing(x, hidden, c, *, W, R):
        c = tanh(W @ x + c)
        return R @ c, c

    assert confusing.open_sizes == ("hidden_",)
    sizes = confusing.sizes(3, 5, {"hidden_": 2})
    assert [sizes[confusing.state_size(s)] for s in confusing.states] == [2, 5]

    @cell
    def worse(x, hidden_, hidden, c, *, W, R, S):
        c = tanh(W @ x + c)
        return R @ c, S @ c, c

    assert worse.open_sizes == ("hidden_", "hidden__")


@pytest.mark.parametrize("thing", ["lstm", 3, int, functools.partial(max, 2.0)])
def test_only_a_function_becomes_a_cell(thing):
    with pytest.raises(CellError, match="is not a function"):
        cell(thing)


def test_a_cell_is_traced_under_a_profiler_written_in_c():
    with cProfile.Profile():

        @cell
        def profiled(x, h, *, W):
            return tanh(W @ x + h)

    assert profiled.equations() == "h' = tanh(W @ x + h)"


def test_arguments_of_a_cell_are_input_states_and_families():
    def variadic(x, *states, W):
        return W @ x

    def default(x, h=1, *, W):
        return W @ x + h

    def stateless(x, *, W):
        return W @ x

    assert "`*states`" in refuse(variadic)
    assert "`h=1`" in refuse(default)
    assert "def cell(x, h, *, W, U, b)" in refuse(stateless)


@pytest.mark.parametrize("given", [1.0, (1.0,), (2.0, 1.0), (0.0, float("inf")), (False, True), "ab", [0.0, 1.0]])
def test_a_default_that_is_no_range_is_refused(given):
    def fading(x, h, *, W, rate):
        return sigmoid(rate) * h + W @ x

    fading.__kwdefaults__ = {"rate": given}
    assert "A default says where a family starts" in refuse(fading)


def test_a_start_is_part_of_the_cell():
    @cell
    def fading(x, h, *, W, rate=(-3, 2.5)):
        return sigmoid(rate.a) * h + rate.b * (W @ x)

    assert fading.starts == (("rate", -3.0, 2.5),)
    data = json.loads(json.dumps(fading.to_dict()))
    assert Cell.from_dict(data).starts == pickle.loads(pickle.dumps(fading)).starts == fading.starts
    for wrong in ([["W", 1.0, 0.0]], [["V", 0.0, 1.0]], [["rate", 0.0]], [["rate", 0.0, float("nan")]]):
        with pytest.raises(CellError):
            Cell.from_dict({**data, "starts": wrong})


def test_tracing_gives_a_running_profiler_back():
    seen = []

    def profiler(frame, event, arg):
        seen.append(event)

    sys.setprofile(profiler)
    try:

        @cell
        def traced(x, h, *, W):
            return tanh(W @ x + h)

        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


def test_a_cell_travels_as_plain_data_and_comes_back_equal():

    @cell
    def whole(x, h, m, *, W, v):
        z = sigmoid(W.z @ x + v.z)
        m = where(z >= 0.5, m, exp(-z) ** 1.5)
        return tanh(W.h @ h * m - 1e-3), m

    text = json.dumps(whole.to_dict())
    back = Cell.from_dict(json.loads(text))
    assert (back.graph, back.labels, back.ties, back.name, back.doc) == (
        whole.graph,
        whole.labels,
        whole.ties,
        "whole",
        "",
    )
    assert back.equations() == whole.equations()
    assert __file__ not in text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("graph"),
        lambda d: d["graph"].pop("nodes"),
        lambda d: d["graph"]["nodes"].clear(),
        lambda d: d["graph"]["nodes"][-1].update(op="__import__"),
        lambda d: d["graph"]["nodes"][-1].update(args=[99, 0]),
        lambda d: d["graph"]["nodes"][-1].update(args=[-1]),
        lambda d: d["graph"]["nodes"][-1].update(args="ab"),
        lambda d: d["graph"]["nodes"][-1].update(shape=["input"]),
        lambda d: d["graph"]["outputs"][0].__setitem__(1, 99),
        lambda d: d["graph"].update(outputs=[]),
        lambda d: d["labels"].append(["a", 99]),
        lambda d: d.update(labels=3),
    ],
)
def test_damaged_data_is_refused_as_a_cell(spoil):
    @cell
    def plain(x, h, *, W, U):
        return tanh(W @ x + U @ h)

    data = plain.to_dict()
    spoil(data)
    with pytest.raises(CellError):
        Cell.from_dict(data)


def test_equal_subexpressions_are_one_node():
    @cell
    def twice(x, h, *, W):
        return tanh(W @ x + h) * (1 - tanh(W @ x + h))

    assert isinstance(twice.graph, Graph)
    assert [n.op for n in twice.graph.nodes].count("tanh") == 1
