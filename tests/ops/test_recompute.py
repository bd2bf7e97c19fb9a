"""Recompute segments of the forward run in the backward pass: the same values and gradients, with less memory."""

import pytest
import torch

from elman import cell, cells, tanh
from elman.autodiff import derive
from elman.backends import reference
from elman.backends.inputs import Inputs
from elman.errors import ConfigError
from elman.nn import Recurrent
from elman.ops.execute import execute_forward, saved_shapes
from tolerances import assert_close, assert_identical

T, B, I, H = 7, 3, 5, 11


def run(layer, x, start, lengths, **sides):
    """Run forward and backward with random upstream gradients; return the results, and the gradients by name."""
    x = x.clone().requires_grad_()
    start = tuple(state.clone().requires_grad_() for state in start)
    output, final = layer(x, start if len(start) > 1 else start[0], lengths, **sides)
    values = [output, *(final if isinstance(final, tuple) else (final,))]
    generator = torch.Generator().manual_seed(3)
    above = [torch.randn(v.shape, generator=generator, dtype=v.dtype) for v in values]
    wanted = {"x": x, **dict(zip(layer.cell.states, start, strict=True)), **dict(layer.named_parameters())}
    found = torch.autograd.grad(values, list(wanted.values()), above)
    return values, dict(zip(wanted, found, strict=True))


def pair(chosen, every, **options):
    """Make two layers of equal weights; the first recomputes."""
    plain = Recurrent(chosen, I, H, 2, bidirectional=True, dtype=torch.float64, **options)
    layer = Recurrent(chosen, I, H, 2, bidirectional=True, dtype=torch.float64, recompute_every=every, **options)
    layer.load_state_dict(plain.state_dict())
    return layer, plain


def draw(chosen):
    x = torch.randn(T, B, I, dtype=torch.float64)
    return x, [torch.randn(4, B, H, dtype=torch.float64) for _ in chosen.states]


@pytest.mark.parametrize("steps", [5, 6, 7])
def test_what_a_compiler_hears_that_is_kept_is_what_is_kept(steps):
    program, zeros = derive(cells.lstm), torch.zeros(B, H)
    shapes = [p.full_shape(cells.lstm.sizes(I, H, {})) for p in program.parameters]
    inputs = Inputs(torch.randn(steps, B, I), [zeros, zeros], [torch.randn(shape) for shape in shapes])
    _, _, kept = execute_forward(reference, program, inputs, save=True, every=3)
    assert [tuple(one.shape) for one in kept] == saved_shapes(reference, program, inputs, 3)


@pytest.mark.parametrize("lengths", [None, [7, 0, 3], [2, 1, 2], [0, 0, 0]])
@pytest.mark.parametrize("every", [1, 2, 3, 7, 100])
def test_recomputing_changes_no_value_and_no_gradient(every, lengths):
    x, start = draw(cells.lstm)
    (values, found), (right_values, right) = (run(m, x, start, lengths) for m in pair(cells.lstm, every))
    for value, expected in zip(values, right_values, strict=True):
        assert_close("value", value, expected)
    for name, expected in right.items():
        assert_close(f"d_{name}", found[name], expected)


@cell
def unhoisted(x, h, c, *, U):
    """A cell whose products multiply only states: their number of rows does not depend on the number of steps."""
    c = 0.5 * c + tanh(U.c @ h + x)
    return tanh(U.h @ h + c), c


@pytest.mark.parametrize("lengths", [None, [7, 0, 3], [2, 1, 2]])
@pytest.mark.parametrize("every", [1, 2, 3, 7, 100])
def test_segments_give_the_same_bits_where_products_have_the_same_rows(every, lengths):
    x = torch.randn(T, B, H)
    layer, plain = (Recurrent(unhoisted, H, H, bidirectional=True, recompute_every=e) for e in (every, None))
    layer.load_state_dict(plain.state_dict())
    start = [torch.randn(2, B, H) for _ in range(2)]
    (values, found), (right_values, right) = (run(m, x, start, lengths) for m in (layer, plain))
    for value, expected in zip(values, right_values, strict=True):
        assert_identical("value", value, expected)
    for name in ("x", "h", "c"):
        assert_identical(f"d_{name}", found[name], right[name])


def test_masks_are_those_of_the_first_run():
    x, start = draw(cells.lstm)
    noise = {"dropout": 0.5, "recurrent_dropout": 0.3, "weight_dropout": 0.2, "zoneout": {"c": 0.5}}
    results = []
    for layer in pair(cells.lstm, 3, **noise):
        torch.manual_seed(3)
        results.append(run(layer, x, start, [7, 0, 3]))
    (values, found), (right_values, right) = results
    for value, expected in zip(values, right_values, strict=True):
        assert_close("value", value, expected)
    for name, expected in right.items():
        assert_close(f"d_{name}", found[name], expected)


def test_what_stands_in_padding_reaches_nothing_when_it_is_recomputed():
    layer, plain = pair(cells.cfc, 2)
    lengths = torch.tensor([7, 0, 3])
    (x, start), dt = draw(cells.cfc), torch.rand(T, B, dtype=torch.float64)
    right_values, right = run(plain, x, start, lengths, dt=dt)
    beyond = torch.arange(T)[:, None] >= lengths
    x[beyond], dt[beyond] = torch.nan, torch.nan
    values, found = run(layer, x, start, lengths, dt=dt)
    for value, expected in zip(values, right_values, strict=True):
        assert_close("value", value, expected)
    for name, expected in right.items():
        assert_close(f"d_{name}", found[name], expected)


def test_gradients_of_gradients_are_right_where_it_is_recomputed():
    layer = Recurrent(cells.elman, 2, 2, bidirectional=True, recompute_every=2, dtype=torch.float64)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda v: layer(v, lengths=[3, 1])[0], (x,))


def kept_bytes(layer, x):
    """Count the bytes that autograd saves between forward and backward, without the weights and x."""
    known = {t.untyped_storage().data_ptr() for t in (x, *layer.parameters())}
    storages = {}

    def count(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        output, _ = layer(x)
    assert output.requires_grad
    return sum(storages.values())


def test_states_before_segments_and_the_output_are_all_that_is_kept():
    steps, every, size = 70, 10, 4
    x = torch.randn(steps, B, I)
    layer, plain = Recurrent(cells.lstm, I, H, recompute_every=every), Recurrent(cells.lstm, I, H, backend="reference")
    state = B * H * size
    start = 2 * state
    assert kept_bytes(layer, x) == start + state * steps + 2 * state * steps // every
    saved = len(plain.program.saved)
    assert saved >= 5, "four gates and the cell state"
    assert kept_bytes(plain, x) == start + state * steps + saved * state * steps


def test_on_the_way_back_one_segment_is_saved_at_a_time(lean):
    layer = Recurrent(cells.gru, I, H, recompute_every=3)
    output, _ = layer(torch.randn(T, B, I))
    assert lean.asked == [("forward", 3, False), ("forward", 3, False), ("forward", 1, False)]
    lean.asked.clear()
    output.sum().backward()
    assert lean.asked == [
        ("forward", 1, True), ("mirror", 1, False), ("forward", 3, True), ("mirror", 3, False), ("forward", 3, True),
        ("mirror", 3, False),
    ]  # fmt: skip


def test_evaluation_runs_whole(lean):
    layer = Recurrent(cells.gru, I, H, recompute_every=3)
    with torch.no_grad():
        layer(torch.randn(T, B, I))
    assert lean.asked == [("forward", T, False)]


def test_the_option_is_checked_and_shown():
    for wrong in (0, -1, 2.5, True, "3"):
        with pytest.raises(ConfigError, match=r"recompute_every is .*\n  It is a number of time steps"):
            Recurrent(cells.gru, I, H, recompute_every=wrong)
    assert repr(Recurrent(cells.gru, 3, 5, recompute_every=8)) == "Recurrent(gru, 3, 5, recompute_every=8)"
