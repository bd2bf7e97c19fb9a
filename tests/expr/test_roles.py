"""What part a parameter plays, read from the equations: by hand for each cell, never from its names."""

import pytest

from elman import cell, cells, sigmoid, tanh
from elman.cells import torch_layers
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
