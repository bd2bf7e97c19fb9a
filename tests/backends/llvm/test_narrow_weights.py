"""Frozen streams with weights in bfloat16 and int8: the reference on rounded weights, every cell, every tile."""

import copy

import pytest
import torch

from elman import cells
from elman.backends.llvm import target as llvm_target
from elman.backends.llvm.run import frames as llvm_frames
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.backends.llvm.run import memory as llvm_memory
from elman.errors import BackendError
from kernels import build, draw, evaluate, only, step_through
from narrowed import FORMS, rounded
from tolerances import assert_close, assert_identical

ZOO = [cells.find(name) for name in cells.names()]
every_cell = pytest.mark.parametrize("chosen", ZOO, ids=lambda c: c.name)
every_form = pytest.mark.parametrize("form", FORMS)
SHAPES = [(7, 11, 1), (23, 37, 2), (16, 32, 3), (1, 3, 5), (5, 67, 19)]  # I, H, B


def narrowly(layer, given, form):
    """Return what `evaluate` returns, by a frozen stream with narrow weights."""
    return step_through(layer, given, freeze=True, weights=form)


@every_form
@every_cell
def test_a_stream_of_any_cell_is_the_reference_on_rounded_weights(chosen, form, quick_kernels):
    for entry, hidden, batch in SHAPES:
        layer = build(chosen, entry, hidden, dtype=torch.float32)
        given = draw(layer, 3, batch)
        truth = evaluate(rounded(layer, form).double(), given.to(torch.float64), "reference")
        for name, value in narrowly(layer, given, form).items():
            assert_close(f"{chosen.name}: {name}", value, truth[name].float())


@every_cell
def test_a_stream_in_bfloat16_has_the_bits_of_the_same_weights_in_float32(chosen, quick_kernels):
    for entry, hidden, batch in SHAPES:
        layer = build(chosen, entry, hidden, dtype=torch.float32)
        given = draw(layer, 3, batch)
        expected = evaluate(rounded(layer, "bfloat16"), given)
        for name, value in narrowly(layer, given, "bfloat16").items():
            assert_identical(name, value, expected[name])


@every_form
@pytest.mark.parametrize("chosen", [cells.lstm, cells.gru, cells.antisymmetric], ids=lambda c: c.name)
def test_an_example_alone_has_the_bits_that_it_has_in_a_batch(chosen, form):
    for hidden in (1, 16, 37, 131):
        layer = build(chosen, 29, hidden, dtype=torch.float32)
        given = draw(layer, 2, 23)
        whole = narrowly(layer, given, form)
        for examples in ([11], [0, 22], list(range(3, 10)), list(range(1, 18))):
            for name, value in narrowly(layer, only_with_states(given, examples), form).items():
                assert_identical(name, value, whole[name][:, examples])


def only_with_states(given, examples):
    some = only(given, examples)
    return type(some)(some.x, [s.contiguous() for s in some.states], some.lengths, some.sides, some.seed)


@pytest.mark.parametrize("form", ["float32", *FORMS])
@pytest.mark.parametrize("threads", [2, 3])
def test_many_rows_have_the_same_bits_on_any_number_of_threads(form, threads, monkeypatch):
    monkeypatch.setattr(llvm_kernel, "LEAST_WORK", 1)
    layer = build(cells.lstm, 7, 37, 2, dtype=torch.float32)
    given, found = draw(layer, 3, 23), []
    before = torch.get_num_threads()
    for number in (1, threads):
        llvm_kernel.lay_out.cache_clear()
        torch.set_num_threads(number)
        try:
            found.append(narrowly(layer, given, form))
        finally:
            torch.set_num_threads(before)
            llvm_kernel.lay_out.cache_clear()
    for name, value in found[0].items():
        assert_identical(name, found[1][name], value)


@every_form
def test_rows_that_are_zero_tiny_or_huge(form):
    layer = build(cells.gru, 7, 5, dtype=torch.float32)
    with torch.no_grad():
        for number, size in enumerate((0.0, 1e-44, 1e-39, 1e30)):
            layer.W_l0[number].mul_(0).add_(torch.linspace(-size, size, 7))
        layer.U_l0[2].zero_()
    given = draw(layer, 3, 2)
    expected = evaluate(rounded(layer, form), given, "reference")
    for name, value in narrowly(layer, given, form).items():
        assert_close(name, value, expected[name])


@every_form
def test_packed_weights_take_half_or_a_quarter_of_the_memory(form):
    layer = build(cells.lstm, 64, 256, 2, dtype=torch.float32)
    wide, narrow = layer.stream(freeze=True), layer.stream(freeze=True, weights=form)
    packed = [sum(f.arena.packed.nbytes for f in s._steps.frames) for s in (wide, narrow)]
    share = {"bfloat16": 1 / 2, "int8": 1 / 4}[form]
    assert packed[1] < 1.05 * share * packed[0]
    kept = sum(p.numbers.nbytes for own in narrow._kept for p in own if hasattr(p, "numbers"))
    assert kept == share * sum(p.nbytes for p in layer.parameters() if p.dim() == 2)


@every_form
def test_memory_that_nobody_wrote_changes_nothing(form, monkeypatch):
    monkeypatch.setattr(llvm_memory, "SMALL", 1 << 60)
    monkeypatch.setattr(llvm_frames, "SMALL", -1)
    layer = build(cells.antisymmetric, 7, 19, 2, dtype=torch.float32)
    given = draw(layer, 3, 3)
    expected = narrowly(layer, given, form)
    allocate = llvm_memory.allocate

    def poison(shape, like):
        return allocate(shape, like).fill_(float("nan"))

    monkeypatch.setattr(llvm_frames, "allocate", poison)
    llvm_kernel.lay_out.cache_clear()
    for name, value in narrowly(layer, given, form).items():
        assert_identical(name, value, expected[name])
    llvm_kernel.lay_out.cache_clear()


@every_form
@pytest.mark.parametrize("name", ["avx2", "baseline"])
def test_code_for_older_processors_reads_them_too(name, form, monkeypatch):
    try:
        found = llvm_target.named(name)
    except BackendError as error:
        pytest.skip(f"not an x86-64 processor with these instructions: {error}")
    monkeypatch.setattr(llvm_kernel, "target", lambda: found)
    for chosen in (cells.lstm, cells.antisymmetric):
        for entry, hidden, batch in ((23, 37, 1), (7, 3, 4), (5, 67, 19)):
            layer = build(chosen, entry, hidden, dtype=torch.float32)
            given = draw(layer, 3, batch)
            truth = evaluate(copy.deepcopy(rounded(layer, form)).double(), given.to(torch.float64), "reference")
            for key, value in narrowly(layer, given, form).items():
                assert_close(key, value, truth[key].float())
