"""Noise in the equations: the places of masks, the values that they leave as they are, gradients for fixed masks."""

import copy
import pickle

import pytest

from elman import cell, cells, tanh
from elman.autodiff import NONE, Noise, derive
from elman.autodiff.noise import add_noise
from elman.errors import ConfigError
from elman.expr.printing import print_equations
from elman.expr.roles import hidden_to_hidden
from elman.testing import check_gradients, random_cell


def written(chosen, **noise):
    return print_equations(add_noise(chosen.graph, Noise(**noise)), ()).splitlines()


@cell
def entangled(x, h, c, *, W, U):
    """A state as a factor twice, a new state in a product, and elementwise uses of both."""
    c = tanh(W.c @ x + U.c @ (c * h * c)) + c
    return tanh(U.n @ c + U.o @ tanh(h)) * h, c


def test_a_mask_stands_at_products_of_states_and_nowhere_else():
    assert written(cells.mgu, recurrent_dropout=(("h", 0.5),)) == [
        "v1 = sigmoid(W.f @ x + U.f @ (h * dropout.h) + b.f)",
        "h' = (1 - v1) * h + v1 * tanh(W.n @ x + U.n @ (v1 * h * dropout.h) + b.n)",
    ]
    # once for a state that is a factor twice; a function of a state is no factor
    assert written(entangled, recurrent_dropout=(("c", 0.5),)) == [
        "c' = tanh(W.c @ x + U.c @ (c * h * c * dropout.c)) + c",
        "h' = tanh(U.n @ (c' * dropout.c) + U.o @ tanh(h)) * h",
    ]
    assert written(entangled, recurrent_dropout=(("h", 0.5), ("c", 0.5)))[0] == (
        "c' = tanh(W.c @ x + U.c @ (c * h * c * dropout.h * dropout.c)) + c"
    )


def test_an_input_that_a_state_becomes_is_an_input_still():
    remembering = cell(lambda x, h, before, *, W: (tanh(W.a @ x + W.b @ before + W.c @ h), x))
    assert hidden_to_hidden(remembering.graph) == ("W.b", "W.c")
    (line, _) = written(remembering, recurrent_dropout=(("h", 0.5), ("before", 0.5)))
    assert line == "h'      = tanh(W.a @ x + W.b @ (before * dropout.before) + W.c @ (h * dropout.h))"


def test_zoneout_chooses_between_old_and_new_behind_the_equations():
    lines = written(cells.lstm, zoneout=(("h", 0.1), ("c", 0.5)))
    assert lines[1] == "h' = where(0.5 < zoneout.h, h, sigmoid(W.o @ x + U.o @ h + b.o) * tanh(v1))"
    assert lines[2] == "c' = where(0.5 < zoneout.c, c, v1)"  # h reads v1, the new c before the choice
    expected = written(cells.lstm, zoneout=(("h", 0.25),), drawn=False)
    assert expected[-1] == "h' = 0.25 * h + 0.75 * (sigmoid(W.o @ x + U.o @ h + b.o) * tanh(c'))"


def test_programs_name_their_masks_behind_the_cells_own_side_inputs():
    noise = Noise((("h", 0.2),), (("h", 0.1),))
    program = derive(cells.cfc, True, noise)
    assert program.sides == ("dt", "dropout.h", "zoneout.h")
    assert [p.name for p in program.parameters] == [p.name for p in derive(cells.cfc).parameters]
    evaluated = derive(cells.cfc, True, noise.expected())
    assert evaluated.sides == ("dt",)
    assert evaluated is not derive(cells.cfc)
    for schedule in (program.forward, program.mirror):
        assert {program.graph.leaves["side", s] for s in program.sides} <= set(schedule.given)
    assert not {program.graph.leaves["side", s] for s in program.sides} & set(program.saved)


def test_without_noise_or_in_evaluation_of_dropout_the_program_is_the_plain_one():
    assert derive(cells.lstm, True, NONE) is derive(cells.lstm)
    assert derive(cells.lstm, True, Noise((("h", 0.5),)).expected()) is derive(cells.lstm)


def test_one_program_for_a_noise_and_copies_are_the_same():
    noise = Noise((("h", 0.2),), (("h", 0.1), ("c", 0.3)))
    program = derive(cells.lstm, False, noise)
    assert derive(cells.lstm, False, Noise((("h", 0.2),), (("h", 0.1), ("c", 0.3)))) is program
    assert copy.deepcopy(program) is program
    again = pickle.loads(pickle.dumps(program))
    assert (again.noise, again.sides) == (noise, program.sides)


NOISES = {
    "recurrent dropout": lambda states, hidden: Noise(recurrent_dropout=tuple((s, 0.4) for s in hidden)),
    "zoneout": lambda states, hidden: Noise(zoneout=tuple((s, 0.3) for s in states)),
    "both": lambda states, hidden: Noise(tuple((s, 0.4) for s in hidden), tuple((s, 0.3) for s in states)),
    "expectation": lambda states, hidden: Noise(zoneout=tuple((s, 0.3) for s in states), drawn=False),
}
CHECKED = [
    (cells.elman, ["h"]),
    (cells.lstm, ["h"]),
    (cells.lstm_projected, ["h"]),
    (cells.gru, ["h"]),
    (cells.mgu, ["h"]),
    (cells.cfc, ["h"]),
    (entangled, ["h", "c"]),
]


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
@pytest.mark.parametrize(("chosen", "hidden"), CHECKED, ids=[c.name for c, _ in CHECKED])
def test_gradients_of_noisy_equations_equal_differences_with_the_masks_held(chosen, hidden, noise):
    assert check_gradients(chosen, noise=noise(chosen.states, hidden)).worst < 1e-6


@pytest.mark.parametrize("seed", range(20))
def test_zoneout_of_random_cells_has_exact_gradients(seed):
    chosen = random_cell(seed)
    assert check_gradients(chosen, noise=Noise(zoneout=tuple((s, 0.3) for s in chosen.states)), seed=seed).worst < 1e-6


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (Noise(recurrent_dropout=(("q", 0.1),)), r"recurrent_dropout: there is no state q[\s\S]*The states are h, c"),
        (Noise(zoneout=(("q", 0.1),)), "zoneout: there is no state q"),
        (Noise(zoneout=(("h", 1.5),)), r"zoneout: the rate of h is 1\.5"),
        (Noise(recurrent_dropout=(("c", 0.1),)), r"no matrix multiplies state c[\s\S]*Use zoneout"),
    ],
)
def test_noise_that_a_cell_cannot_have_is_refused(noise, message):
    with pytest.raises(ConfigError, match=message):
        derive(cells.lstm, True, noise)
