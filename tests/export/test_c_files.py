"""Layers as files of C: they compile without a warning, need no library but math.h, and give what the layer gives."""

import ctypes
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import elman
from elman import export
from elman.errors import ConfigError, ElmanError
from elman.export import c_file
from elman.export.checking import difference
from elman.testing.random_cells import random_cell
from open_sizes import sizes_of
from programs import find, needs
from unusual_cells import UNUSUAL

T, I, H = 13, 5, 7
GCC = find("gcc")
needs_gcc = needs("gcc")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(26)


def compiled(path, *options):
    """Compile a file with a program of a user's behind it, which includes it."""
    library = path.with_suffix(".so")
    command = [GCC, *c_file.WARNINGS, "-O2", *options, "-shared", "-fPIC", path, "-o", library, "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return ctypes.CDLL(str(library))


def run(path, layer, x, sides=(), *options):
    """Run the file as its comment says, from zero: the outputs of all steps, one example."""
    user = path.with_name("user.c")
    given = "sides, " if len(sides) else ""
    user.write_text(
        f'#include "{path.name}"\nvoid use(const float *x, const float *sides, float *y, int steps);\n'
        f"void use(const float *x, const float *sides, float *y, int steps)\n{{\n    net_state state;\n"
        "    (void) sides;\n"
        f"    net_reset(&state);\n    net_run(&net_trained, &state, steps, x, {given}y);\n}}\n"
    )
    y = np.full((len(x), layer.state_sizes[0]), np.nan, np.float32)
    beside = np.ascontiguousarray(sides, np.float32) if len(sides) else np.zeros(1, np.float32)
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (x.numpy(), beside, y)]
    compiled(user, *options).use(*pointers, len(x))
    return torch.from_numpy(y)


@needs_gcc
@pytest.mark.parametrize("name", ["gru", "cfc", "jordan"])
def test_a_program_of_the_user_gives_what_the_layer_gives(name, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, num_layers=2, sizes=sizes_of(name))
    agreement = export.to_c(layer, tmp_path / "net.c")
    x, sides = torch.randn(T, 1, I), {side: torch.rand(T, 1) for side in layer.cell.sides}
    with torch.no_grad(), elman.backend("reference"):
        expected = layer(x, **sides)[0][:, 0]
    beside = torch.stack([s[:, 0] for s in sides.values()], 1) if sides else ()
    assert difference([run(tmp_path / "net.c", layer, x, beside)], [expected]) <= agreement.bound
    without_fma = run(tmp_path / "net.c", layer, x, beside, "-mno-fma")
    assert difference([without_fma], [expected]) <= agreement.bound


@needs_gcc
@pytest.mark.parametrize("name", ["lstm_peephole", "gru_reset_before"])
def test_the_bits_are_those_of_the_kernels_where_products_and_sums_are_fused(name, tmp_path):
    listing = Path("/proc/cpuinfo")
    flags = listing.read_text() if listing.exists() else ""
    if " fma " not in flags or "avx512f" in flags:
        pytest.skip("this processor has no fused multiply-add, or AVX-512, whose kernels have functions of their own")
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, num_layers=2)
    export.to_c(layer, tmp_path / "net.c")
    x = 2 * torch.randn(T, 1, I)
    with torch.no_grad():
        expected = layer(x)[0][:, 0]
    assert torch.equal(run(tmp_path / "net.c", layer, x, (), "-march=native", "-ffp-contract=off"), expected)


@needs_gcc
def test_the_bits_of_a_cell_without_functions_are_those_of_the_kernels_on_every_processor_that_fuses(tmp_path):
    listing = Path("/proc/cpuinfo")
    if " fma " not in (listing.read_text() if listing.exists() else ""):
        pytest.skip("this processor has no fused multiply-add")

    @elman.cell
    def linear(x, h, *, W, U, b):
        return W @ x + U @ h + b

    layer = elman.nn.Recurrent(linear, I, H, num_layers=2)
    export.to_c(layer, tmp_path / "net.c")
    x = torch.randn(T, 1, I)
    with torch.no_grad():
        expected = layer(x)[0][:, 0]
    assert torch.equal(run(tmp_path / "net.c", layer, x, (), "-march=native", "-ffp-contract=off"), expected)


@needs_gcc
@pytest.mark.parametrize("seed", [3, 11, 23])
def test_a_random_cell_is_written(seed, tmp_path):
    write_random(seed, tmp_path)


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_random_cells_are_written(seed, tmp_path):
    write_random(seed, tmp_path)


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("name", elman.cells.names())
def test_every_cell_of_the_zoo_is_written(name, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, sizes=sizes_of(name))
    assert export.to_c(layer, tmp_path / "net.c") is not None


def write_random(seed, tmp_path):
    cell = random_cell(seed)
    layer = elman.nn.Recurrent(cell, H if cell.ties else I, H, sizes=dict.fromkeys(cell.open_sizes, 3))
    agreement = export.to_c(layer, tmp_path / "net.c")
    assert agreement.difference <= agreement.bound


def test_the_file_stands_alone(tmp_path):
    export.to_c(elman.nn.Recurrent(elman.cells.mgu, I, H), tmp_path / "my-net 2.c")
    text = (tmp_path / "my-net 2.c").read_text()
    assert set(re.findall(r"#include <(.*)>", text)) == {"math.h", "stdint.h"}
    assert "malloc" not in text
    assert "void my_net_2_step(" in text
    outside = [
        line
        for line in text.splitlines()
        if re.match(r"(static )?(const )?(float|int|my_net_2_\w+) \w+( =|;|\[)", line)
    ]
    assert outside == ["const my_net_2_weights my_net_2_trained = {"]


@needs_gcc
@pytest.mark.parametrize("name", ["a state is a gap", "a state stays"])
def test_what_a_cell_does_not_read_is_no_warning(name, tmp_path):
    layer = elman.nn.Recurrent(UNUSUAL[name], H, H)
    export.to_c(layer, tmp_path / "net.c")
    compiled(tmp_path / "net.c")
    unread = "    (void) x;" in (tmp_path / "net.c").read_text()
    assert unread == (name == "a state is a gap")


def test_states_that_trade_places_do_so(tmp_path):
    @elman.cell
    def trade(x, h, c, m, *, W):
        return W @ x + c, m, c

    layer = elman.nn.Recurrent(trade, I, H)
    agreement = export.to_c(layer, tmp_path / "net.c")
    assert agreement is None or agreement.difference < 2e-6


def test_a_name_that_c_does_not_have_is_written_with_letters_that_it_has(tmp_path):
    @elman.cell
    def greek(x, η, *, W, U, β):  # noqa: PLC2401
        return elman.tanh(W @ x + U @ η + β)

    export.to_c(elman.nn.Recurrent(greek, I, H), tmp_path / "net.c")
    code = (tmp_path / "net.c").read_text().split("*/", 1)[1]
    assert code.isascii()


@needs_gcc
def test_a_file_that_differs_is_not_put_in_place(tmp_path, monkeypatch):
    path = tmp_path / "net.c"
    path.write_text("what was there")
    monkeypatch.setattr(c_file, "number", lambda value: "0.5f")
    with pytest.raises(ElmanError, match=r"differs by .* Nothing was written"):
        export.to_c(elman.nn.GRU(I, H), path, force=True)
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]


@needs_gcc
def test_a_file_that_does_not_compile_is_not_put_in_place(tmp_path, monkeypatch):
    monkeypatch.setattr(c_file, "number", lambda value: "nonsense")
    with pytest.raises(ElmanError, match="refuses the file of C"):
        export.to_c(elman.nn.GRU(I, H), tmp_path / "net.c")
    assert list(tmp_path.iterdir()) == []


def test_without_a_compiler_the_file_says_that_it_was_not_verified(tmp_path, monkeypatch):
    monkeypatch.setattr(c_file.shutil, "which", lambda name: None)
    assert export.to_c(elman.nn.GRU(I, H), tmp_path / "net.c") is None
    assert "was not verified: no C compiler was found" in (tmp_path / "net.c").read_text()


@needs_gcc
def test_fast_math_is_refused_by_the_file(tmp_path):
    export.to_c(elman.nn.GRU(I, H), tmp_path / "net.c")
    done = subprocess.run(
        [GCC, "-ffast-math", "-c", tmp_path / "net.c", "-o", tmp_path / "net.o"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "compile without -ffast-math" in done.stderr


@needs_gcc
def test_a_processor_with_half_floats_computes_floats_as_floats(tmp_path):
    if "x86_64" not in subprocess.run([GCC, "-dumpmachine"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("the compiler is not for x86-64")
    export.to_c(elman.nn.GRU(I, H), tmp_path / "net.c")
    for options, code in ((["-mavx512fp16", "-std=gnu17"], 0), (["-m32", "-mfpmath=387"], 1)):
        command = [GCC, *options, "-fsyntax-only", "-x", "c", "-"]
        text = (tmp_path / "net.c").read_text().replace("#include <math.h>", "").replace("#include <stdint.h>", "")
        head = "typedef unsigned uint32_t; float fabsf(float), copysignf(float, float), fmaf(float, float, float);"
        done = subprocess.run(command, input=f"{head}\n{text}", capture_output=True, text=True, check=False)
        if "unrecognized" in done.stderr:
            pytest.skip("the compiler does not know these processors")
        assert done.returncode == code, done.stderr
        assert ("floats must be computed as floats" in done.stderr) == bool(code)


@pytest.mark.parametrize(
    ("layer", "options", "text"),
    [({"bidirectional": True}, {}, "bidirectional"), ({}, {"name": "1st"}, "is no name in C")],
)
def test_what_c_cannot_be_is_refused(layer, options, text, tmp_path):
    with pytest.raises(ConfigError, match=text):
        export.to_c(elman.nn.GRU(I, H, **layer), tmp_path / "net.c", **options)
    assert list(tmp_path.iterdir()) == []
