"""Kernels read no uninitialised memory and write no foreign memory: workspaces of NaN, guards, padding, the pool."""

import gc
import math
import os
from collections.abc import Sequence

import pytest
import torch

from elman import cell, cells, tanh
from elman.backends.llvm.run import frames as llvm_frames
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.backends.llvm.run import memory as llvm_memory
from kernels import Given, build, compute, draw, evaluate
from tolerances import assert_identical

GUARD = 64  # elements on each side of a guarded tensor
SENTINEL = -12345.678

ZOO = [cells.find(name) for name in cells.names()]
every_cell = pytest.mark.parametrize("chosen", ZOO, ids=lambda c: c.name)
every_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@pytest.fixture
def own_memory(monkeypatch):
    """Give every run fresh workspaces, allocated by torch."""
    monkeypatch.setattr(llvm_memory, "SMALL", 1 << 60)
    monkeypatch.setattr(llvm_frames, "SMALL", -1)
    llvm_kernel.lay_out.cache_clear()


@pytest.fixture
def fill(monkeypatch, own_memory):
    """Return a function that sets the value with which new memory is filled."""
    empty = torch.empty

    def set_filling(value):
        monkeypatch.setattr(torch, "empty", lambda *args, **how: empty(*args, **how).fill_(value))

    return set_filling


@pytest.fixture
def guards(monkeypatch, own_memory):
    """Allocate new memory between sentinels, and return the list of all allocations, sentinels included."""
    made = []

    def guarded(make):
        usual = getattr(torch, make)

        def new(shape, **how):
            dtype = how.get("dtype")
            if dtype is None or not dtype.is_floating_point or not isinstance(shape, Sequence):
                return usual(shape, **how)
            count = math.prod(shape)
            whole = torch.full((GUARD + count + GUARD,), SENTINEL, dtype=dtype)
            made.append(whole)
            inner = whole[GUARD : GUARD + count].view(tuple(shape))
            return inner.zero_() if make == "zeros" else inner

        return new

    for make in ("empty", "zeros"):
        monkeypatch.setattr(torch, make, guarded(make))
    return made


def assert_all_identical(what, found, expected):
    for name, value in expected.items():
        assert_identical(f"{what}: {name}", found[name], value)


@every_cell
def test_memory_that_nobody_wrote_changes_nothing(chosen, fill, quick_kernels):
    layer = build(chosen, 7, 19, 2, dtype=torch.float32, bidirectional=True)
    for lengths in (None, [3, 0, 6]):
        given = draw(layer, 6, 3, lengths)
        fill(0.0)
        expected = evaluate(layer, given), compute(layer, given), compute(layer, given, input_gradient=False)
        for value in (math.nan, 1e30):
            fill(value)
            found = evaluate(layer, given), compute(layer, given), compute(layer, given, input_gradient=False)
            for one, other in zip(found, expected, strict=True):
                assert_all_identical(f"memory full of {value}", one, other)


@every_type
@pytest.mark.parametrize("hidden", [1, 16, 37, 130])
@pytest.mark.parametrize("chosen", [cells.lstm_layer_norm, cells.gru_reset_before], ids=lambda c: c.name)
def test_memory_that_nobody_wrote_changes_nothing_in_tiles_chunks_and_windows(chosen, dtype, hidden, fill, monkeypatch):
    monkeypatch.setattr(llvm_kernel, "MIRROR_BYTES", 1 << 12)  # so that the first window is almost only padding
    llvm_kernel.lay_out.cache_clear()
    layer = build(chosen, 7, hidden, dtype=dtype, bidirectional=True)
    given = draw(layer, 50, 9, [0, 45, 3, 1, 0, 2, 4, 9, 1])
    fill(0.0)
    expected = compute(layer, given)
    fill(math.nan)
    assert_all_identical("memory full of NaN", compute(layer, given), expected)
    llvm_kernel.lay_out.cache_clear()


@every_cell
def test_kernels_write_into_their_own_memory_alone(chosen, guards, quick_kernels):
    layer = build(chosen, 7, 19, dtype=torch.float32, bidirectional=True)
    guards.clear()
    for lengths in (None, [3, 0, 6]):
        given = draw(layer, 6, 3, lengths)
        evaluate(layer, given)
        compute(layer, given)
        compute(layer, given, input_gradient=False)
    assert len(guards) > 40
    for whole in guards:
        sides = torch.cat([whole[:GUARD], whole[-GUARD:]])
        assert torch.equal(sides, sides.new_full((), SENTINEL).expand_as(sides))


@every_type
@pytest.mark.parametrize("chosen", [cells.cfc, cells.lstm_layer_norm, cells.jordan], ids=lambda c: c.name)
def test_what_lies_around_the_inputs_is_neither_read_nor_changed(chosen, dtype):
    layer = build(chosen, 7, 19, dtype=dtype, bidirectional=True)
    given = draw(layer, 5, 6)
    expected = compute(layer, given)
    around = []

    def embed(tensor):
        """Copy a tensor between NaN: before it, after it, and after every row."""
        width = tensor.shape[-1] + 5
        whole = tensor.new_full((2 + tensor[..., 0].numel(), width), math.nan)
        whole[1:-1, :-5] = tensor.detach().reshape(-1, tensor.shape[-1])
        around.append((whole, whole.clone()))
        return whole[1:-1].view(*tensor.shape[:-1], width)[..., :-5]

    for parameter in layer.parameters():
        parameter.data = embed(parameter.data)
    sides = {name: embed(side) for name, side in given.sides.items()}
    found = compute(layer, Given(embed(given.x), [embed(s) for s in given.states], None, sides, given.seed))
    assert_all_identical("among NaN", found, expected)
    for whole, before in around:
        assert_identical("surroundings", whole, before)


@cell
def delicate(x, dt, /, h, *, W, U):
    """A cell whose padding would change every result."""
    return tanh(W @ x / dt + U @ h)


@pytest.mark.parametrize("chosen", [delicate, cells.cfc, cells.lstm, cells.lstm_layer_norm], ids=lambda c: c.name)
def test_nan_and_infinity_in_the_padding_reach_no_value_and_no_gradient(chosen):
    layer = build(chosen, 7, 19, 2, dtype=torch.float64, bidirectional=True)
    lengths = [3, 0, 6, 1]
    given = draw(layer, 6, 4, lengths)
    expected = compute(layer, given)
    for filling in (math.nan, math.inf, -math.inf, 0.0):
        for tensor in (given.x, *given.sides.values()):
            for b, n in enumerate(lengths):
                tensor[n:, b] = filling
        assert_all_identical(f"padding of {filling}", compute(layer, given), expected)


def test_a_nan_in_one_example_stays_there():
    layer = build(cells.lstm, 7, 19, dtype=torch.float32)
    given = draw(layer, 5, 9)
    expected = evaluate(layer, given)
    given.x[2, 4, 3] = math.nan
    others = [b for b in range(9) if b != 4]
    found = evaluate(layer, given)
    for name, value in expected.items():
        assert_identical(name, found[name][:, others], value[:, others])
    assert found["output"][2:, 4].isnan().any(-1).all()
    assert found["output"][:2].isfinite().all()


def test_results_stay_when_later_runs_use_the_memory_again(monkeypatch):
    monkeypatch.setattr(llvm_memory, "SMALL", 1 << 10)
    layer = build(cells.lstm, 7, 40, dtype=torch.float32)
    given = draw(layer, 20, 16)
    first = evaluate(layer, given)
    kept = {name: value.clone() for name, value in first.items()}
    trained = compute(layer, given)
    for _ in range(3):
        other = draw(layer, 20, 16)
        evaluate(layer, other)
        compute(layer, other)
    assert_all_identical("later", first, kept)
    assert_all_identical("again", compute(layer, given), trained)


def test_two_runs_whose_backward_passes_come_later_keep_what_they_saved(monkeypatch):
    monkeypatch.setattr(llvm_memory, "SMALL", 1 << 10)
    layer = build(cells.gru, 7, 40, dtype=torch.float32)
    inputs = [draw(layer, 20, 16).x for _ in range(3)]
    apart = [torch.autograd.grad(layer(x)[0].square().sum(), layer.W_l0)[0] for x in inputs]
    outputs = [layer(x)[0] for x in inputs]
    gc.collect()
    together = [torch.autograd.grad(output.square().sum(), layer.W_l0)[0] for output in outputs]
    for one, other in zip(together, apart, strict=True):
        assert_identical("gradient", one, other)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_writes_into_memory_of_its_own():
    block = llvm_memory.allocate((1 << 19,), torch.zeros(0))
    block.fill_(1.0)
    child = os.fork()
    if child == 0:
        block[::1000] = 2.0
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert torch.count_nonzero(block != 1.0) == 0


def test_results_are_where_the_input_is_whatever_torchs_default_device_is():
    layer = build(cells.lstm, 7, 19, dtype=torch.float64, bidirectional=True)
    given = [draw(layer, 5, 4, lengths) for lengths in (None, [3, 0, 5, 1])]
    for one in given:
        expected = compute(layer, one)
        upstream = [torch.randn_like(expected["output"])]
        with torch.device("meta"):
            output, _ = layer(
                one.x.requires_grad_(), tuple(one.states), one.lengths and torch.tensor(one.lengths, device="cpu")
            )
            found = torch.autograd.grad(output, [one.x, *layer.parameters()], upstream)
        assert_identical("output", output, expected["output"])
        assert {g.device.type for g in found} == {"cpu"}
