"""The edges of every axis: no batch, one step, one unit, lengths of zero, and padding full of NaN."""

from typing import Any

import pytest
import torch
from torch import Tensor

import elman
from tolerances import assert_close, assert_identical

T, B, I, H = 5, 3, 7, 11
KINDS = ("RNN", "LSTM", "GRU")
pytestmark = pytest.mark.parametrize("kind", KINDS)


def pair(kind: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    """Make our layer and torch's with equal parameters, in float64."""
    torchs = getattr(torch.nn, kind)(*args, **options, dtype=torch.float64)
    ours = getattr(elman.nn, kind)(*args, **options, dtype=torch.float64)
    ours.load_state_dict(torchs.state_dict())
    return ours, torchs


def draw_states(kind: str, *shape: int) -> tuple[Tensor, ...]:
    return tuple(torch.randn(*shape, dtype=torch.float64) for _ in range(2 if kind == "LSTM" else 1))


def run(layer: Any, x: Tensor, states: tuple[Tensor, ...], **options: Any) -> dict[str, Tensor | None]:
    """Run forward and backward with random upstream gradients, drawn in the same order for every layer."""
    x = x.clone().requires_grad_()
    states = tuple(state.clone().requires_grad_() for state in states)
    output, final = layer(x, states if len(states) > 1 else states[0], **options)
    finals = final if isinstance(final, tuple) else (final,)
    torch.manual_seed(7)
    torch.autograd.backward([output, *finals], [torch.randn_like(value) for value in (output, *finals)])
    results = {"output": output.detach(), "gradient of input": x.grad}
    for number, (value, state) in enumerate(zip(finals, states, strict=True)):
        results[f"final state {number}"] = value.detach()
        results[f"gradient of initial state {number}"] = state.grad
    return results | {f"gradient of {name}": parameter.grad for name, parameter in layer.named_parameters()}


@pytest.mark.parametrize(
    ("steps", "batch", "input_size", "hidden_size"),
    [(1, B, I, H), (T, 1, I, H), (T, B, 1, H), (T, B, I, 1), (1, 1, 1, 1), (T, 0, I, H)],
    ids=["T=1", "B=1", "I=1", "H=1", "all 1", "B=0"],
)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_smallest_sizes_equal_torchs(
    kind: str, steps: int, batch: int, input_size: int, hidden_size: int, bidirectional: bool
) -> None:
    ours, torchs = pair(kind, input_size, hidden_size, 2, bidirectional=bidirectional)
    x = torch.randn(steps, batch, input_size, dtype=torch.float64)
    states = draw_states(kind, 4 if bidirectional else 2, batch, hidden_size)
    mine, theirs = run(ours, x, states), run(torchs, x, states)
    for name, expected in theirs.items():
        assert_close(name, mine[name], expected)


@pytest.mark.parametrize("batch_first", [False, True])
def test_an_empty_batch_gives_outputs_of_torchs_shape(kind: str, batch_first: bool) -> None:
    ours, torchs = pair(kind, I, H, batch_first=batch_first)
    x = torch.randn(*((0, T) if batch_first else (T, 0)), I, dtype=torch.float64)
    assert ours(x)[0].shape == torchs(x)[0].shape


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_length_of_zero_gives_zeros_and_the_initial_state(kind: str, bidirectional: bool) -> None:
    ours, torchs = pair(kind, I, H, bidirectional=bidirectional)
    rows = 2 if bidirectional else 1
    x = torch.randn(T, B, I, dtype=torch.float64)
    states = draw_states(kind, rows, B, H)
    lengths = torch.tensor([T, 0, 2])
    mine = run(ours, x, states, lengths=lengths)
    assert not mine["output"][:, 1].any()
    assert not mine["gradient of input"][:, 1].any()
    torch.manual_seed(7)
    torch.randn_like(mine["output"])
    for number, state in enumerate(states):
        assert_identical("final state", mine[f"final state {number}"][:, 1], state[:, 1])
        upstream = torch.randn_like(state)
        assert_identical("its gradient", mine[f"gradient of initial state {number}"][:, 1], upstream[:, 1])
    alone = torchs(x[:2, 2:], tuple(s[:, 2:] for s in states) if len(states) > 1 else states[0][:, 2:])
    assert_close("the neighbour", mine["output"][:2, 2:], alone[0])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_all_lengths_zero_leave_everything_as_it_was(kind: str, bidirectional: bool) -> None:
    ours, _ = pair(kind, I, H, bidirectional=bidirectional)
    states = draw_states(kind, 2 if bidirectional else 1, B, H)
    mine = run(ours, torch.randn(T, B, I, dtype=torch.float64), states, lengths=[0] * B)
    assert mine["output"].shape == (T, B, H * (2 if bidirectional else 1))
    assert not mine["output"].any()
    for name, gradient in mine.items():
        if name.startswith("gradient of ") and "state" not in name:
            assert not gradient.any(), name


@pytest.mark.parametrize("backend", ["llvm", "reference"])
@pytest.mark.parametrize("garbage", [1e30, float("inf"), float("nan")])
def test_what_lies_beyond_a_length_reaches_nothing(kind: str, garbage: float, backend: str) -> None:
    ours, _ = pair(kind, I, H, 2, bidirectional=True)
    ours.backend = backend
    lengths = torch.tensor([2, T, 3])
    x = torch.randn(T, B, I, dtype=torch.float64)
    dirty = x.clone()
    beyond = torch.arange(T)[:, None] >= lengths
    x[beyond], dirty[beyond] = 0.0, garbage
    states = draw_states(kind, 4, B, H)
    clean_results, dirty_results = run(ours, x, states, lengths=lengths), None
    ours.zero_grad()
    dirty_results = run(ours, dirty, states, lengths=lengths)
    for name, expected in clean_results.items():
        assert_identical(name, dirty_results[name], expected)
    assert not dirty_results["gradient of input"][beyond].any()
    assert not dirty_results["output"][beyond].any()


@pytest.mark.parametrize("form", [list, tuple, torch.IntTensor, torch.LongTensor], ids=lambda form: form.__name__)
def test_lengths_may_come_as_any_sequence_of_ints(kind: str, form: Any) -> None:
    ours, _ = pair(kind, I, H, bidirectional=True)
    x = torch.randn(T, B, I, dtype=torch.float64)
    expected, _ = ours(x, lengths=torch.tensor([2, 5, 3]))
    output, _ = ours(x, lengths=form([2, 5, 3]))
    assert_identical("output", output, expected)


def test_full_lengths_change_nothing(kind: str) -> None:
    ours, _ = pair(kind, I, H, 2, bidirectional=True)
    x = torch.randn(T, B, I, dtype=torch.float64)
    states = draw_states(kind, 4, B, H)
    without = run(ours, x, states)
    ours.zero_grad()
    for name, value in run(ours, x, states, lengths=[T] * B).items():
        assert_close(name, value, without[name])


def test_the_last_step_may_lie_beyond_every_length(kind: str) -> None:
    ours, _ = pair(kind, I, H, 2, bidirectional=True)
    x = torch.randn(T, B, I, dtype=torch.float64)
    output, final = ours(x, lengths=[2, 3, 1])
    shorter_output, shorter_final = ours(x[:3], lengths=[2, 3, 1])
    assert output.shape[0] == T
    assert_close("output", output[:3], shorter_output)
    assert_close("final state", *(torch.cat(f) if isinstance(f, tuple) else f for f in (final, shorter_final)))
