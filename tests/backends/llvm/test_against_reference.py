"""The compiled backend gives the reference's values and gradients: every cell of the zoo, every option of a layer."""

from dataclasses import replace

import pytest
import torch

from elman import cells
from elman.autodiff import derive
from elman.backends import llvm, select
from elman.backends.llvm.run import engine as llvm_engine
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.nn import LSTM, Recurrent
from kernels import Given, assert_equals_reference, build, compute, draw
from tolerances import assert_close
from unusual_cells import UNUSUAL

T, B, I, H = 5, 3, 7, 11
ZOO = [cells.find(name) for name in cells.names()]
DTYPES = [torch.float64, torch.float32]

every_cell = pytest.mark.parametrize("chosen", ZOO, ids=lambda c: c.name)
every_type = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@every_cell
@every_type
def test_a_bidirectional_stack_over_ragged_lengths_equals_the_reference(chosen, dtype):
    layer = build(chosen, I, H, 2, dtype=dtype, bidirectional=True, batch_first=True)
    assert_equals_reference(layer, draw(layer, T, B, [3, 0, 5]))
    # Neither rows nor columns fill their last tile; most examples are padding at most steps.
    assert_equals_reference(layer, draw(layer, 4, 13, [1, 0, 4, 2, 0, 1, 3, 1, 4, 4, 0, 2, 1]))


@every_cell
@every_type
def test_whole_vectors_and_whole_tiles_equal_the_reference(chosen, dtype):
    layer = build(chosen, 16, 32, dtype=dtype)
    assert_equals_reference(layer, draw(layer, 3, 24))


@every_cell
def test_the_gradients_of_states_and_parameters_need_no_gradient_of_the_input(chosen, quick_kernels):
    layer = build(chosen, I, H, dtype=torch.float64, bidirectional=True)
    for lengths in (None, [2, 5, 0]):
        assert_equals_reference(layer, draw(layer, T, B, lengths), input_gradient=False)


@every_cell
def test_without_biases_the_values_equal_the_reference(chosen, quick_kernels):
    layer = build(chosen, I, H, dtype=torch.float64, bias=False)
    assert_equals_reference(layer, draw(layer, T, B, [3, 5, 1]))


@every_cell
def test_masks_of_training_act_as_in_the_reference(chosen, quick_kernels):
    rates = {"zoneout": 0.3}
    if chosen.name != "indrnn" and "min" not in chosen.name:  # no matrix multiplies their states
        rates |= {"recurrent_dropout": 0.4, "weight_dropout": 0.2}
    layer = build(chosen, I, H, 2, dtype=torch.float64, bidirectional=True, dropout=0.2, **rates).train()
    assert_equals_reference(layer, draw(layer, T, B, [3, 0, 5]))
    assert_equals_reference(layer, draw(layer, T, B))


@pytest.mark.parametrize("hidden", [1, 2, 15, 17, 64, 73, 128, 300])
@pytest.mark.parametrize("entry", [1, 300])
@every_type
def test_any_width_equals_the_reference(entry, hidden, dtype):
    # Few numbers, normalised, are all but constants, and their gradients are rounding alone.
    for chosen in (cells.gru, cells.lstm_layer_norm) if min(entry, hidden) > 8 else (cells.gru,):
        layer = build(chosen, entry, hidden, dtype=dtype)
        # Of a few numbers the rounding of either is luck, so one that is wide has few rows.
        rows = 2 if hidden > 8 else 31
        assert_equals_reference(layer, draw(layer, 3, rows, [3, 2, *[1, 3] * 15][:rows]))


@every_type
@pytest.mark.parametrize("lengths", [None, "ragged"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_sequences_of_many_chunks_and_windows_equal_the_reference(dtype, lengths, bidirectional):
    # 300 inputs a gate do not fit a chunk for long, and a window of the mirror holds about a thousand rows.
    layer = build(cells.gru_reset_before, I, 130, dtype=dtype, bidirectional=bidirectional)
    steps, batch = 97, 31
    lengths = lengths and [0, steps, 1, *torch.randint(0, steps + 1, (batch - 3,)).tolist()]
    assert_equals_reference(layer, draw(layer, steps, batch, lengths))


def columns_apart(shape, dtype):
    """Give a tensor (a, b, c) whose neighbours in the last axis are not neighbours in memory."""
    return torch.randn(shape[2], shape[0], shape[1], dtype=dtype).permute(1, 2, 0)


@every_type
@pytest.mark.parametrize("lengths", [None, [3, 0, 5]])
@pytest.mark.parametrize("reverse", [False, True])
def test_any_strides_of_inputs_and_states_equal_the_reference(dtype, lengths, reverse):
    layer = build(cells.lstm_peephole, I, H, dtype=dtype, bidirectional=reverse)
    given = draw(layer, T, B, lengths)
    rows = 2 if reverse else 1
    forms = {
        "columns apart": lambda *shape: columns_apart(shape, dtype),
        "one for all": lambda *shape: torch.randn(shape[-1], dtype=dtype).expand(shape),
        "one for all columns": lambda *shape: torch.randn(*shape[:-1], 1, dtype=dtype).expand(shape),
        "every other": lambda *shape: torch.randn(*(2 * n for n in shape), dtype=dtype)[::2, 1::2, ::2],
    }
    for form in forms.values():
        x, states = form(T, B, I), [form(rows, B, H) for _ in range(2)]
        assert_equals_reference(layer, Given(x, states, given.lengths))


def test_an_upstream_gradient_of_any_strides_equals_the_reference():
    layer = build(cells.gru, I, H, dtype=torch.float64)
    given = draw(layer, T, B)
    expected = compute(layer, given, "reference")
    x = given.x.requires_grad_()
    output, final = layer(x, given.states[0])
    source = torch.Generator().manual_seed(given.seed)
    up = [torch.randn(v.shape, dtype=v.dtype, generator=source) for v in (output, final)]
    apart = [columns_apart(u.shape, u.dtype).copy_(u) for u in up]
    (found,) = torch.autograd.grad([output, final], [x], apart, retain_graph=True)
    assert_close("gradient of x", found, expected["gradient of x"])
    (sums,) = torch.autograd.grad(output.sum(), [x], retain_graph=True)
    (ones,) = torch.autograd.grad(output, [x], torch.ones_like(output))
    assert_close("gradient of x", sums, ones)


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_drop_in_runs_as_on_the_reference(batch_first):
    layer = LSTM(I, H, 2, batch_first=batch_first, bidirectional=True, proj_size=3, dtype=torch.float64)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    found = []
    for backend in ("llvm", "reference"):
        layer.backend = backend
        output, (h, c) = layer(x)
        found.append(torch.autograd.grad(output.square().sum() + h.sum() + c.sin().sum(), [x, *layer.parameters()]))
    for ours, expected in zip(*found, strict=True):
        assert_close("gradient", ours, expected)


@pytest.mark.parametrize("chosen", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_equations_equal_the_reference(chosen, quick_kernels):
    for reverse in (False, True):
        layer = build(chosen, H if chosen.ties else I, H, dtype=torch.float64, bidirectional=reverse)
        for lengths in (None, [5, 0, 3]):
            assert_equals_reference(layer, draw(layer, T, B, lengths))
    assert_equals_reference(layer, draw(layer, T, B, [5, 0, 3]), input_gradient=False)


def test_code_that_was_kept_for_another_schedule_of_the_same_graph_is_not_taken(monkeypatch, fresh_kernels):
    program, keys = derive(cells.gru), []
    other = replace(program, saved=program.saved[:-1])
    monkeypatch.setattr(
        llvm_kernel, "load_all", lambda wanted, target: keys.extend(wanted) or llvm_engine.load_all(wanted, target)
    )
    for each in (program, other):
        llvm_kernel.find_kernel(each, "forward", True, torch.float64)
    ours = [key for key in keys if "graph" in key]
    assert len(set(ours)) == len(ours) == 2


def test_layers_run_compiled_unless_told_otherwise():
    layer = Recurrent(cells.gru, I, H)
    assert layer.backend == "auto"
    assert select("auto", layer.program, torch.float32, torch.device("cpu")) is llvm
