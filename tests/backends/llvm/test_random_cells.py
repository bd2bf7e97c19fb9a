"""Cells from the grammar of the language give the reference's values, in any batch and in uninitialised memory."""

import math

import pytest
import torch

from elman.backends.llvm.run import frames as llvm_frames
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.backends.llvm.run import memory as llvm_memory
from elman.testing import random_cell
from kernels import assert_equals_reference, build, compute, draw, evaluate, only
from tolerances import assert_identical

T, B, I, H = 5, 3, 7, 11


def examine(seed, monkeypatch):
    chosen = random_cell(seed)
    layer = build(chosen, I, H, dtype=torch.float64, bidirectional=seed % 2 == 1)
    given = draw(layer, T, B, [None, [5, 0, 3], [1, 2, 5]][seed % 3])
    assert_equals_reference(layer, given)
    trained, expected = compute(layer, given), evaluate(layer, given)
    alone = evaluate(layer, only(given, [2]))
    for name, value in expected.items():
        assert_identical(f"{name}, trained", trained[name], value)
        assert_identical(f"{name}, alone", alone[name], value[:, [2]])
    fill_new_memory(monkeypatch, math.nan)
    for name, value in compute(layer, given).items():
        assert_identical(f"{name}, in memory full of NaN", value, trained[name])


def fill_new_memory(monkeypatch, value):
    empty = torch.empty
    monkeypatch.setattr(llvm_memory, "SMALL", 1 << 60)
    monkeypatch.setattr(llvm_frames, "SMALL", -1)
    llvm_kernel.lay_out.cache_clear()
    monkeypatch.setattr(torch, "empty", lambda *args, **how: empty(*args, **how).fill_(value))


@pytest.mark.parametrize("seed", range(50))
def test_random_cells_equal_the_reference(seed, quick_kernels, monkeypatch):
    examine(seed, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50, 2000))
def test_more_random_cells_equal_the_reference(seed, quick_kernels, monkeypatch):
    examine(seed, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2060))
def test_random_cells_in_optimised_code_equal_the_reference(seed, monkeypatch):
    examine(seed, monkeypatch)
