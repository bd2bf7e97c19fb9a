"""Mistakes of callers raise the same exception, with the same words, as in torch's class."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_sequence

import elman

T, B, I, H = 5, 3, 7, 11
KINDS = ("RNN", "LSTM", "GRU")

CONSTRUCTIONS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "no sizes": ((), {}),
    "hidden size missing": ((I,), {}),
    "input size is zero": ((0, H), {}),
    "input size is negative": ((-1, H), {}),
    "input size is a float": ((7.0, H), {}),
    "hidden size is zero": ((I, 0), {}),
    "hidden size is a float": ((I, 11.0), {}),
    "no layers": ((I, H), {"num_layers": 0}),
    "a negative number of layers": ((I, H), {"num_layers": -2}),
    "bias is an int": ((I, H), {"bias": 1}),
    "batch_first is a string": ((I, H), {"batch_first": "yes"}),
    "dropout above one": ((I, H), {"num_layers": 2, "dropout": 1.5}),
    "dropout below zero": ((I, H), {"num_layers": 2, "dropout": -0.1}),
    "dropout is True": ((I, H), {"num_layers": 2, "dropout": True}),
    "proj_size is negative": ((I, H), {"proj_size": -1}),
    "proj_size equals the hidden size": ((I, H), {"proj_size": H}),
    "proj_size without effect": ((I, H), {"proj_size": 3}),
    "an unknown argument": ((I, H), {"layers": 2}),
    "an unknown nonlinearity": ((I, H), {"nonlinearity": "sigmoid"}),
    "an integer dtype": ((I, H), {"dtype": torch.int64}),
}

INPUTS: dict[str, Callable[[], Any]] = {
    "one axis": lambda: torch.randn(I),
    "four axes": lambda: torch.randn(2, T, B, I),
    "another input size": lambda: torch.randn(T, B, I + 1),
    "another input size, unbatched": lambda: torch.randn(T, I + 1),
    "float64": lambda: torch.randn(T, B, I, dtype=torch.float64),
    "integers": lambda: torch.ones(T, B, I, dtype=torch.int64),
    "no steps": lambda: torch.randn(0, B, I),
    "no steps, unbatched": lambda: torch.randn(0, I),
    "packed, another input size": lambda: pack_sequence([torch.randn(T, I + 1), torch.randn(2, I + 1)]),
    "packed float64": lambda: pack_sequence([torch.randn(T, I, dtype=torch.float64)]),
    "packed, three axes": lambda: pack_sequence([torch.randn(T, I, 2)]),
}

STATE_SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "another hidden size": ((T, B, I), (2, B, H + 1)),
    "another batch size": ((T, B, I), (2, B + 1, H)),
    "a layer missing": ((T, B, I), (1, B, H)),
    "batch first": ((T, B, I), (B, 2, H)),
    "no batch axis, batched input": ((T, B, I), (2, H)),
    "a batch axis, unbatched input": ((T, I), (2, 1, H)),
    "another hidden size, unbatched": ((T, I), (2, H + 1)),
}


def outcome(action: Callable[[], Any]) -> tuple[str, str]:
    """Run an action that must fail, and return the exception's class and words."""
    try:
        action()
    except Exception as error:
        return type(error).__name__, str(error)
    return "no error", ""


def assert_same_failure(action: Callable[[Any], Any]) -> None:
    """Run an action on `elman.nn` and on `torch.nn`: both must fail alike, or neither."""
    ours, torchs = outcome(lambda: action(elman.nn)), outcome(lambda: action(torch.nn))
    assert ours == torchs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mistake", CONSTRUCTIONS)
def test_a_wrong_construction_fails_as_torchs_does(kind: str, mistake: str) -> None:
    args, options = CONSTRUCTIONS[mistake]
    assert_same_failure(lambda classes: getattr(classes, kind)(*args, **options))
    works_somewhere = {"proj_size without effect", "proj_size equals the hidden size"}
    if mistake not in works_somewhere:
        assert outcome(lambda: getattr(elman.nn, kind)(*args, **options))[0] != "no error"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mistake", INPUTS)
def test_a_wrong_input_fails_as_torchs_does(kind: str, mistake: str) -> None:
    x = INPUTS[mistake]()
    ours = outcome(lambda: getattr(elman.nn, kind)(I, H)(x))
    assert ours[0] != "no error"
    # Torch's LSTM does not check packed inputs and fails inside the product; ours says what torch's GRU says.
    expected = "GRU" if isinstance(x, PackedSequence) else kind
    assert ours == outcome(lambda: getattr(torch.nn, expected)(I, H)(x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mistake", STATE_SHAPES)
def test_an_initial_state_of_another_shape_fails_as_torchs_does(kind: str, mistake: str) -> None:
    input_shape, state_shape = STATE_SHAPES[mistake]
    x, state = torch.randn(input_shape), torch.randn(state_shape)
    hx = (state, state) if kind == "LSTM" else state
    assert_same_failure(lambda classes: getattr(classes, kind)(I, H, 2)(x, hx))
    assert outcome(lambda: getattr(elman.nn, kind)(I, H, 2)(x, hx))[0] == "RuntimeError"


@pytest.mark.parametrize("mistake", STATE_SHAPES)
def test_a_cell_state_of_another_shape_fails_as_torchs_does(mistake: str) -> None:
    input_shape, state_shape = STATE_SHAPES[mistake]
    hidden_shape = (2, *input_shape[1:-1], H)
    x, states = torch.randn(input_shape), (torch.randn(hidden_shape), torch.randn(state_shape))
    assert_same_failure(lambda classes: classes.LSTM(I, H, 2)(x, states))


def test_a_projected_state_has_its_own_size_and_its_own_error() -> None:
    x = torch.randn(T, B, I)
    fitting = (torch.randn(1, B, 3), torch.randn(1, B, H))
    swapped = (fitting[1], fitting[0])
    assert_same_failure(lambda classes: classes.LSTM(I, H, proj_size=3)(x, fitting))
    assert_same_failure(lambda classes: classes.LSTM(I, H, proj_size=3)(x, swapped))
    assert outcome(lambda: elman.nn.LSTM(I, H, proj_size=3)(x, swapped))[0] == "RuntimeError"


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_input_with_states_of_another_batch_fails_as_torchs_does(kind: str) -> None:
    packed = pack_sequence([torch.randn(T, I), torch.randn(2, I)])
    state = torch.randn(1, 3, H)
    if kind == "LSTM":  # as above: torch's own fails inside the sum
        with pytest.raises(RuntimeError, match=r"Expected hidden\[0\] size \(1, 2, 11\), got \[1, 3, 11\]"):
            elman.nn.LSTM(I, H)(packed, (state, state))
    else:
        assert_same_failure(lambda classes: getattr(classes, kind)(I, H)(packed, state))


@pytest.mark.parametrize("kind", KINDS)
def test_an_initial_state_of_another_dtype_is_refused(kind: str) -> None:
    state = torch.randn(1, B, H, dtype=torch.float64)
    hx = (state, state) if kind == "LSTM" else state
    for classes in (torch.nn, elman.nn):
        assert outcome(lambda classes=classes: getattr(classes, kind)(I, H)(torch.randn(T, B, I), hx))[0] != "no error"


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_in_a_single_layer_warns_in_torchs_words(kind: str) -> None:
    said = []
    for classes in (elman.nn, torch.nn):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            getattr(classes, kind)(I, H, dropout=0.25)
        said.append([(warning.category, str(warning.message)) for warning in caught])
    assert said[0] == said[1]
    assert len(said[0]) == 1


@pytest.mark.parametrize(
    "lengths",
    [
        pytest.param([T, 1], id="too few"),
        pytest.param([T, 1, 2, 3], id="too many"),
        pytest.param([T, -1, 2], id="negative"),
        pytest.param([T, T + 1, 2], id="beyond the last step"),
        pytest.param(torch.tensor([5.0, 1.0, 2.0]), id="floats"),
        pytest.param(torch.tensor([[5, 1, 2]]), id="two axes"),
    ],
)
def test_lengths_that_do_not_fit_are_refused_and_named(lengths: Any) -> None:
    with pytest.raises(elman.ElmanError, match="lengths"):
        elman.nn.GRU(I, H)(torch.randn(T, B, I), lengths=lengths)
