"""Steps that read weights from the caller's memory: every cell, every remainder of a tile, uninitialised workspaces."""

import math

import pytest
import torch

from elman import cells
from elman.backends.llvm.run import frames as llvm_frames
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.backends.llvm.run import memory as llvm_memory
from kernels import assert_equals_reference, build, compute, draw, evaluate, step_through
from tolerances import assert_close, assert_identical

ZOO = [cells.find(name) for name in cells.names()]
every_cell = pytest.mark.parametrize("chosen", ZOO, ids=lambda c: c.name)
every_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
BATCHES = [1, 2, 3, 5, 8, 9, 13, 17, 23, 32, max(llvm_kernel.FEW_ROWS.values()) + 1]
SHAPES = [(7, 11, 1), (23, 37, 2), (16, 32, 3), (1, 3, 5), (5, 67, 7)]  # I, H, B


def assert_all_identical(found, expected):
    for name, value in expected.items():
        assert_identical(name, found[name], value)


@every_cell
@every_type
def test_a_stream_of_any_cell_is_the_whole_run_bit_for_bit(chosen, dtype, quick_kernels):
    for entry, hidden, batch in SHAPES:
        layer = build(chosen, entry, hidden, dtype=dtype)
        given = draw(layer, 3, batch)
        assert_all_identical(step_through(layer, given), evaluate(layer, given))


@every_cell
def test_a_stream_of_any_cell_equals_the_reference(chosen, quick_kernels):
    layer = build(chosen, 23, 19, 2, dtype=torch.float64)
    given = draw(layer, 3, 1)
    found = step_through(layer, given)
    for name, value in evaluate(layer, given, "reference").items():
        assert_close(name, found[name], value)


@every_type
@pytest.mark.parametrize("hidden", [1, 16, 37, 131])
@pytest.mark.parametrize("chosen", [cells.lstm, cells.lem, cells.cfc], ids=lambda c: c.name)
def test_tiles_of_all_widths_and_heights_give_the_same_values(chosen, hidden, dtype):
    layer = build(chosen, 29, hidden, dtype=dtype)
    for batch in BATCHES:
        given = draw(layer, 2, batch)
        assert_all_identical(step_through(layer, given), evaluate(layer, given))


@pytest.mark.parametrize("chosen", [cells.lstm_layer_norm, cells.gru_reset_before], ids=lambda c: c.name)
@pytest.mark.parametrize("batch", [1, 3, BATCHES[-1]])
def test_memory_that_nobody_wrote_changes_nothing(chosen, batch, monkeypatch):
    monkeypatch.setattr(llvm_memory, "SMALL", 1 << 60)
    monkeypatch.setattr(llvm_frames, "SMALL", -1)
    llvm_kernel.lay_out.cache_clear()
    layer = build(chosen, 7, 19, 2, dtype=torch.float32)
    given = draw(layer, 4, batch)
    expected = evaluate(layer, given)
    for make in ("empty", "empty_like"):
        usual = getattr(torch, make)
        monkeypatch.setattr(torch, make, lambda *a, usual=usual, **how: usual(*a, **how).fill_(math.nan))
    assert_all_identical(step_through(layer, given), expected)


@every_type
@pytest.mark.parametrize("chosen", [cells.lstm, cells.gru_reset_before, cells.antisymmetric], ids=lambda c: c.name)
def test_gradients_of_one_step_of_any_number_of_rows_are_those_of_the_reference(chosen, dtype):
    for hidden, batches in ((37, BATCHES), (70, [1, 2, 7, 13])):
        layer = build(chosen, 29, hidden, dtype=dtype)
        for batch in batches:
            assert_equals_reference(layer, draw(layer, 1, batch), input_gradient=batch % 2 == 1)


@every_type
@pytest.mark.parametrize("chosen", [cells.lstm, cells.elman, cells.lstm_layer_norm], ids=lambda c: c.name)
def test_gradients_of_parameters_do_not_depend_on_which_others_are_needed(chosen, dtype):
    layer = build(chosen, 29, 37, dtype=dtype)
    for batch in (1, 5):
        given = draw(layer, 1, batch)
        expected = compute(layer, given)
        state = given.states[0] if len(given.states) == 1 else tuple(given.states)
        output, final = layer(given.x, state)
        source = torch.Generator().manual_seed(given.seed)
        values = [output, *([final] if isinstance(final, torch.Tensor) else final)]
        upstream = [torch.randn(v.shape, dtype=torch.float64, generator=source).to(dtype) for v in values]
        parameters = dict(layer.named_parameters())
        found = torch.autograd.grad(values, list(parameters.values()), upstream)
        for name, gradient in zip(parameters, found, strict=True):
            assert_identical(name, gradient, expected[f"gradient of {name}"])
