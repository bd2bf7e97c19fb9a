"""Code for older processors gives the reference's values too: with AVX2, and with the baseline of x86-64."""

import pytest
import torch

from elman import cells
from elman.backends.llvm import target as llvm_target
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.errors import BackendError
from elman.testing import random_cell
from kernels import assert_equals_reference, build, compute, draw, evaluate, only, step_through
from tolerances import assert_identical

SOME = [cells.gru_reset_before, cells.lstm_layer_norm, cells.cfc, cells.jordan]
some_cells = pytest.mark.parametrize("chosen", SOME, ids=lambda c: c.name)
every_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@pytest.fixture(params=["avx2", "baseline"])
def narrower(request, monkeypatch):
    """Compile kernels for an older processor."""
    try:
        found = llvm_target.named(request.param)
    except BackendError as error:
        pytest.skip(f"not an x86-64 processor with these instructions: {error}")
    monkeypatch.setattr(llvm_kernel, "target", lambda: found)
    from elman.backends import llvm

    monkeypatch.setattr(llvm, "kernel_target", lambda: found)
    return found


@some_cells
@every_type
def test_values_and_gradients_equal_the_reference(chosen, dtype, narrower, quick_kernels):
    # A normalisation of multiples of one number hardly depends on it: its gradient would be a rounding error.
    least = 2 if chosen is cells.lstm_layer_norm else 1
    for entry, hidden, lengths in ((7, 11, [3, 0, 5]), (16, 32, None), (least, 9, [5, 2, 1])):
        layer = build(chosen, entry, hidden, dtype=dtype, bidirectional=True)
        assert_equals_reference(layer, draw(layer, 5, 3, lengths))


@every_type
def test_whole_tiles_equal_the_reference(dtype, narrower):
    layer = build(cells.lstm, 7, 70, dtype=dtype)
    for batch in (1, 3, 16, 17):
        assert_equals_reference(layer, draw(layer, 3, batch))


@every_type
def test_an_example_alone_or_in_a_batch(dtype, narrower):
    layer = build(cells.gru, 7, 37, dtype=dtype)
    given = draw(layer, 4, 19)
    expected, trained = evaluate(layer, given), compute(layer, given)
    for name, value in expected.items():
        assert_identical(name, trained[name], value)
        assert_identical(name, evaluate(layer, only(given, [11]))[name], value[:, [11]])


@every_type
@pytest.mark.parametrize("chosen", [cells.gru, cells.lstm_peephole, cells.lem], ids=lambda c: c.name)
def test_a_stream_is_the_whole_run_bit_for_bit(chosen, dtype, narrower):
    for entry, hidden, batch in ((23, 37, 1), (7, 3, 4), (16, 16, 3), (1, 5, 19)):
        layer = build(chosen, entry, hidden, dtype=dtype)
        given = draw(layer, 3, batch)
        for name, value in step_through(layer, given).items():
            assert_identical(name, value, evaluate(layer, given)[name])


@pytest.mark.parametrize("seed", range(4))
def test_random_cells_equal_the_reference(seed, narrower, quick_kernels):
    layer = build(random_cell(seed), 7, 11, dtype=torch.float64, bidirectional=seed % 2 == 1)
    assert_equals_reference(layer, draw(layer, 5, 3, [5, 0, 3]))
