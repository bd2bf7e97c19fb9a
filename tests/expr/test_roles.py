"""What part a parameter plays, read from the equations: by hand for each cell, never from its names."""

import pytest

from elman import cell, cells, hard_sigmoid, sigmoid, tanh
from elman.cells import torch_layers
from elman.expr.retention import retention_gates
from elman.expr.roles import hidden_to_hidden


@cell
def projected_by_a_state(x, y, h, *, W, R):
    h = tanh(W.a @ x + W.b @ y)
    y = R @ h
    return y, h


@cell
def through_a_function(x, h, *, A, B, p, q):
    g = sigmoid(A.g @ x)
    return tanh(A.x @ x + B.a @ tanh(h) + B.b @ (p * (g * h)) + B.c @ (g + h) + B.d @ (q * g))


@pytest.mark.parametrize(
    ("chosen", "members"),
    [
        (cells.elman, ["U"]),
        (cells.lstm, ["U.i", "U.f", "U.g", "U.o"]),
        (cells.lstm_projected, ["U.i", "U.f", "U.g", "U.o"]),
        (cells.lstm_peephole, ["U.i", "U.f", "U.g", "U.o"]),
        (cells.gru, ["U.r", "U.z", "U.n"]),
        (cells.mgu, ["U.f", "U.n"]),
        (cells.gru_reset_before, ["U.r", "U.z", "U.n"]),
        (cells.lstm_layer_norm, ["U.i", "U.f", "U.g", "U.o"]),
        (cells.jordan, ["U"]),
        (cells.lem, ["W.delta_z", "W.delta_y", "W.z", "W.y"]),
        (cells.indrnn, []),
        (cells.minlstm, []),
        (torch_layers.torch_rnn_relu, ["weight_hh"]),
        (torch_layers.torch_lstm_projected, ["weight_hh.i", "weight_hh.f", "weight_hh.g", "weight_hh.o"]),
        (torch_layers.torch_gru, ["weight_hh.r", "weight_hh.z", "weight_hh.n"]),
        (projected_by_a_state, ["W.b", "R"]),
        (through_a_function, ["B.b"]),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
def test_hidden_to_hidden_matrices_are_those_that_a_state_passes_through(chosen, members):
    assert list(hidden_to_hidden(chosen.graph)) == members


KEEPS, OVERWRITES = 1, -1


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (cells.lstm, [("c", KEEPS, ["b.f"], [["b.i"]])]),
        (cells.lstm_peephole, [("c", KEEPS, ["b.f"], [["b.i"]])]),
        (cells.lstm_layer_norm, [("c", KEEPS, ["b.f"], [["b.i"]])]),
        (cells.lstm_coupled, [("c", OVERWRITES, ["b.i"], [])]),
        (cells.gru, [("h", KEEPS, ["b.z"], [])]),
        (cells.mgu, [("h", OVERWRITES, ["b.f"], [])]),
        (cells.ugrnn, [("h", KEEPS, ["b.g"], [])]),
        (cells.mingru, [("h", OVERWRITES, ["b.z"], [])]),
        (cells.lem, [("y", OVERWRITES, ["b.delta_y"], []), ("z", OVERWRITES, ["b.delta_z"], [])]),
        (torch_layers.torch_gru, [("h", KEEPS, ["bias_ih.z", "bias_hh.z"], [])]),
        (
            torch_layers.torch_lstm_projected,
            [("c", KEEPS, ["bias_ih.f", "bias_hh.f"], [["bias_ih.i", "bias_hh.i"]])],
        ),
        (cells.elman, []),
        (cells.jordan, []),
        (cells.indrnn, []),
        (cells.minlstm, []),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
def test_the_gate_that_weighs_an_old_state_is_found_with_its_sign_and_biases(chosen, found):
    assert [
        (r.state, r.sign, list(r.gate.biases), [list(o.biases) for o in r.others])
        for r in retention_gates(chosen.graph)
    ] == found


NEW_STATES = {
    "the difference, scaled": (lambda z, i, n, h: h + z * (n - h), OVERWRITES),
    "the difference the other way": (lambda z, i, n, h: n + z * (h - n), KEEPS),
    "minus minus": (lambda z, i, n, h: -(-h * z) - (0 - i) * n, KEEPS),
    "halves": (lambda z, i, n, h: 0.5 * h + 0.5 * (h - 2.0 * z * h) + n, OVERWRITES),
    "a quotient": (lambda z, i, n, h: z / (z + i) * h + n, None),
    "a product of gates": (lambda z, i, n, h: z * i * h + n, None),
    "twice the gate": (lambda z, i, n, h: 2.0 * z * h + n, None),
    "the gate and a half": (lambda z, i, n, h: (z + 0.5) * h + n, None),
    "a gate on the square": (lambda z, i, n, h: z * h * h + n, None),
    "inside a function": (lambda z, i, n, h: tanh(z * h + n), None),
    "divided by a gate": (lambda z, i, n, h: h / z + n, None),
    "no gate": (lambda z, i, n, h: 0.9 * h + i * n, None),
}


@pytest.mark.parametrize("squash", [sigmoid, hard_sigmoid])
@pytest.mark.parametrize(("new", "sign"), NEW_STATES.values(), ids=NEW_STATES)
def test_a_weight_is_read_however_the_sum_is_written(new, sign, squash):
    @cell
    def written(x, h, *, W, U, b):
        z = squash(W.z @ x + U.z @ h + b.z)
        i = squash(W.i @ x + U.i @ h + b.i)
        return new(z, i, tanh(W.n @ x + b.n), h) + 0.0 * (z * i)

    found = [(r.sign, r.gate.biases) for r in retention_gates(written.graph)]
    assert found == ([] if sign is None else [(sign, ("b.z",))])


def test_a_gate_that_weighs_its_term_beside_another_is_not_listed():
    @cell
    def written(x, h, *, W, b):
        f, i, j = (sigmoid(getattr(W, k) @ x + getattr(b, k)) for k in "fij")
        return f * h + i * j * tanh(W.n @ x)

    assert [(r.gate.biases, r.others) for r in retention_gates(written.graph)] == [(("b.f",), ())]


PRE_ACTIVATIONS = {
    "a number beside the bias": (lambda s, b, p: s + b.f + 1.5 - 0.25, ("b.f",), 1.25),
    "two biases": (lambda s, b, p: b.g + s + b.f, ("b.g", "b.f"), 0.0),
    "none": (lambda s, b, p: s, (), 0.0),
    "subtracted": (lambda s, b, p: s - b.f, (), 0.0),
    "scaled": (lambda s, b, p: 2 * (s + b.f), (), 0.0),
    "another constant": (lambda s, b, p: s + b.f + b.g * p, (), 0.0),
    "a threshold": (lambda s, b, p: (s + b.f) - b.g, (), 0.0),
}


@pytest.mark.parametrize(("gate", "biases", "offset"), PRE_ACTIVATIONS.values(), ids=PRE_ACTIVATIONS)
def test_what_is_constant_in_a_gate_is_its_biases_and_a_number_or_it_is_not_understood(gate, biases, offset):
    @cell
    def constant(x, h, *, W, U, b, p):
        f = sigmoid(gate(W.f @ x + U.f @ h, b, p))
        return f * h + tanh(W.n @ x + p * h + b.n)

    (found,) = retention_gates(constant.graph)
    assert found.gate.biases == biases
    assert not biases or found.gate.offset == offset


def test_what_a_side_input_adds_to_a_gate_is_not_constant():
    @cell
    def timed(x, dt, /, h, *, W, U, b, v):
        f = sigmoid(W.f @ x + U.f @ h - v * dt + b.f - dt + 0.5)
        return f * h + tanh(W.n @ x + b.n)

    (found,) = retention_gates(timed.graph)
    assert found.gate.biases == ("b.f",)
    assert found.gate.offset == 0.5


def test_a_bias_that_is_read_elsewhere_is_no_gates_own():
    @cell
    def shared(x, h, c, *, W, U, b):
        seen = W @ x + U @ h
        f = sigmoid(seen + b.own)
        g = sigmoid(seen + b.lent)
        return f * h + tanh(seen), g * c + tanh(seen * b.lent)

    assert [r.gate.biases for r in retention_gates(shared.graph)] == [("b.own",), ()]

    @cell
    def same_sum(x, h, *, W, U, b):
        seen = W @ x + U @ h + b
        return sigmoid(seen) * h + tanh(seen)

    assert [r.gate.biases for r in retention_gates(same_sum.graph)] == [()]
