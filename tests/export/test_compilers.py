"""The file of C under several compilers: no warning, and a program of a user's gives what the layer gives."""

import subprocess

import pytest
import torch

import elman
from compiled import COMPILERS, CORTEX, NEEDED, assert_agrees, fuses, run_program
from elman import export
from elman.testing.random_cells import random_cell
from open_sizes import sizes_of
from programs import find, needs

I, H = 5, 7


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(26)


def assert_agrees_as_c(layer, folder, compiler):
    export.to_c(layer, folder / "net.c")
    assert_agrees(layer, folder, compiler)


@pytest.mark.parametrize("name", ["lstm", "cfc"])
@pytest.mark.parametrize("compiler", [pytest.param(name, marks=needs(*NEEDED[name])) for name in COMPILERS])
def test_a_program_gives_what_the_layer_gives_at_every_length(compiler, name, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, num_layers=2, sizes=sizes_of(name))
    assert_agrees_as_c(layer, tmp_path, compiler)


ELSEWHERE = [pytest.param(name, marks=needs(*NEEDED[name])) for name in ("gcc", "clang", "Cortex-M4")]


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ELSEWHERE)
@pytest.mark.parametrize("name", elman.cells.names())
def test_every_cell_of_the_zoo_runs_elsewhere(name, compiler, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, sizes=sizes_of(name))
    assert_agrees_as_c(layer, tmp_path, compiler)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ELSEWHERE)
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_random_cells_run_elsewhere(seed, compiler, tmp_path):
    cell = random_cell(seed)
    layer = elman.nn.Recurrent(cell, H if cell.ties else I, H, sizes=dict.fromkeys(cell.open_sizes, 3))
    assert_agrees_as_c(layer, tmp_path, compiler)


@needs("gcc", "clang", *NEEDED["Cortex-M4"])
def test_the_bits_are_the_same_wherever_products_and_sums_are_fused(tmp_path):
    if not fuses():
        pytest.skip("this processor has no fused multiply-add")
    layer, outputs = elman.nn.Recurrent(elman.cells.lstm_peephole, I, H, num_layers=2), []
    export.to_c(layer, tmp_path / "net.c")
    for compiler in ("gcc for this processor", "clang for this processor", "Cortex-M4"):
        torch.manual_seed(7)
        found = run_program(layer, tmp_path, compiler, "net.c", "-ffp-contract=off")
        outputs.append([one for one, _ in found])
    for ours, *others in zip(*outputs, strict=True):
        assert all(torch.equal(ours, other) for other in others)


@needs("clang")
@pytest.mark.parametrize("source", ["net.c", "net.h"])
def test_a_program_in_cplusplus_includes_the_file(source, tmp_path):
    export.to_c(elman.nn.GRU(I, H), tmp_path / "net.c")
    export.to_object(elman.nn.GRU(I, H), tmp_path / "net.o")
    uses = "static net_state state;\nvoid loop() { net_reset(&state); }\n"
    (tmp_path / "sketch.cpp").write_text(f'#define net_DECLARATIONS\n#include "{source}"\n{uses}')
    command = [find("clang"), "-x", "c++", "-Wall", "-Wextra", "-Werror", "-S", "-o", "-", "sketch.cpp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "net_reset" in done.stdout
    assert "_Z9net_reset" not in done.stdout


@needs(*NEEDED["Cortex-M4"])
def test_a_cortex_m4_has_no_double_to_emulate(tmp_path):
    export.to_c(elman.nn.LSTM(I, H), tmp_path / "net.c")
    command = [find("arm-none-eabi-gcc"), *CORTEX, "-O2", "-std=c99", "-S", "net.c", "-o", "-"]
    code = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert "vfma.f32" in code
    assert "__aeabi_" not in code
