"""The file of C under several compilers: no warning, and a program of a user's gives what the layer gives.

For Cortex-M4 the program is bare of a library, and runs in QEMU by two calls of Linux; the processor there is QEMU's
own, whose instructions are those of a Cortex-M4 and more, because some versions of it start no program of an M profile.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import elman
from elman import export
from elman.export import c_file
from elman.export.checking import difference
from elman.export.network import take
from elman.testing.random_cells import random_cell
from open_sizes import sizes_of
from programs import find, needs

I, H = 5, 7
LENGTHS = (1, 7, 123, 1000)
CORTEX = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
COMPILERS = {
    "gcc": ("gcc",),
    "gcc for this processor": ("gcc", "-march=native"),
    "clang": ("clang",),
    "clang for this processor": ("clang", "-march=native"),
    "Cortex-M4": ("arm-none-eabi-gcc", *CORTEX),
}
NEEDED = {name: (command[0], *(["qemu-arm"] if name == "Cortex-M4" else [])) for name, command in COMPILERS.items()}
USE = """
#define net_DECLARATIONS
#include "net.c"
static float x[1000 * net_INPUTS], sides[1000 * SIDES + 1], y[1000 * net_OUTPUTS];
int main(void)
{
    static net_state state;
    int steps;
    for (;;) {
        take(&steps, sizeof steps);
        if (steps == 0) return 0;
        take(x, steps * net_INPUTS * sizeof *x);
        take(sides, steps * SIDES * sizeof *sides);
        net_reset(&state);
        net_run(&net_trained, &state, steps, x, GIVEN y);
        give(y, steps * net_OUTPUTS * sizeof *y);
    }
}
"""
HOST = """
#include <stdio.h>
static void take(void *to, unsigned long bytes) { if (fread(to, 1, bytes, stdin) != bytes) *(int *) to = 0; }
static void give(const void *from, unsigned long bytes) { fwrite(from, 1, bytes, stdout); }
"""
BARE = """
static int call(int number, int a, const void *b, int c)
{
    register int r0 __asm__("r0") = a, r2 __asm__("r2") = c, r7 __asm__("r7") = number;
    register const void *r1 __asm__("r1") = b;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r7) : "memory");
    return r0;
}
static void move(int number, int file, char *at, int bytes)
{
    while (bytes > 0) {
        const int moved = call(number, file, at, bytes);
        if (moved <= 0) call(1, 1, 0, 0);
        at += moved;
        bytes -= moved;
    }
}
static void take(void *to, unsigned bytes) { move(3, 0, to, bytes); }
static void give(const void *from, unsigned bytes) { move(4, 1, (char *) from, bytes); }
int main(void);
void _start(void);
void _start(void) { call(1, main(), 0, 0); }
"""


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(26)


def build(folder, compiler, sides, *options):
    """Compile `net.c` as it is, and a program that uses it; return the command that runs it."""
    command, is_bare = list(COMPILERS[compiler]), compiler == "Cortex-M4"
    command[0] = find(command[0])
    (folder / "use.c").write_text((BARE if is_bare else HOST) + USE)
    given = [f"-DSIDES={sides}", f"-DGIVEN={'sides,' if sides else ''}"]
    alone = ["-nostartfiles", "--specs=nosys.specs"] if is_bare else []
    for arguments in (
        [*c_file.WARNINGS, "-O2", *options, "-c", "net.c", "-o", "net.o"],
        ["-O2", *given, *alone, "use.c", "net.o", "-o", "use", "-lm"],
    ):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
    return [find("qemu-arm"), "./use"] if is_bare else ["./use"]


def draw(network):
    """Draw a sequence of each length, of which a program reads one after the other."""
    for steps in LENGTHS:
        x = torch.randn(steps, 2, network.input_size)
        yield x, [torch.rand(steps, 2) + 0.1 for _ in network.sides]


def run(layer, folder, compiler, *options):
    """Write a layer, and run a program that uses it: what it gives for each sequence, and what it should."""
    export.to_c(layer, folder / "net.c")
    network = take(layer)
    cases, given = list(draw(network)), b""
    for x, sides in cases:
        parts = [x[:, 0], torch.stack([side[:, 0] for side in sides], 1) if sides else torch.empty(0)]
        given += np.int32(len(x)).tobytes() + b"".join(part.contiguous().numpy().tobytes() for part in parts)
    command = build(folder, compiler, len(network.sides), *options)
    done = subprocess.run(command, input=given + bytes(4), capture_output=True, check=True, cwd=folder, timeout=120)
    outputs = torch.frombuffer(bytearray(done.stdout), dtype=torch.float32).view(-1, network.output_size)
    for (x, sides), found in zip(cases, outputs.split(LENGTHS), strict=True):
        zeros = [torch.zeros(len(network.layers), 2, size) for size in network.state_sizes]
        single, double = (network.run(x, zeros, None, sides, dtype)[0] for dtype in (torch.float32, torch.float64))
        yield found, single[:, 0], double[:, 0]


def assert_agrees(layer, folder, compiler):
    for found, single, double in run(layer, folder, compiler):
        # A cell that amplifies rounding is as far from itself in float32.
        assert difference([found], [double]) <= max(c_file.BOUND, 16 * difference([single], [double])), len(found)


@pytest.mark.parametrize("name", ["lstm", "cfc"])
@pytest.mark.parametrize("compiler", [pytest.param(name, marks=needs(*NEEDED[name])) for name in COMPILERS])
def test_a_program_gives_what_the_layer_gives_at_every_length(compiler, name, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, num_layers=2, sizes=sizes_of(name))
    assert_agrees(layer, tmp_path, compiler)


ELSEWHERE = [pytest.param(name, marks=needs(*NEEDED[name])) for name in ("clang", "Cortex-M4")]


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ELSEWHERE)
@pytest.mark.parametrize("name", elman.cells.names())
def test_every_cell_of_the_zoo_runs_elsewhere(name, compiler, tmp_path):
    assert_agrees(elman.nn.Recurrent(elman.cells.find(name), I, H, sizes=sizes_of(name)), tmp_path, compiler)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ELSEWHERE)
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_random_cells_run_elsewhere(seed, compiler, tmp_path):
    cell = random_cell(seed)
    layer = elman.nn.Recurrent(cell, H if cell.ties else I, H, sizes=dict.fromkeys(cell.open_sizes, 3))
    assert_agrees(layer, tmp_path, compiler)


@needs("gcc", "clang", *NEEDED["Cortex-M4"])
def test_the_bits_are_the_same_wherever_products_and_sums_are_fused(tmp_path):
    if not fuses():
        pytest.skip("this processor has no fused multiply-add")
    layer, outputs = elman.nn.Recurrent(elman.cells.lstm_peephole, I, H, num_layers=2), []
    for name, compiler in enumerate(("gcc for this processor", "clang for this processor", "Cortex-M4")):
        torch.manual_seed(7)
        (tmp_path / str(name)).mkdir()
        outputs.append([found for found, _, _ in run(layer, tmp_path / str(name), compiler, "-ffp-contract=off")])
    for ours, *others in zip(*outputs, strict=True):
        assert all(torch.equal(ours, other) for other in others)


def fuses():
    listing = Path("/proc/cpuinfo")
    return " fma " in (listing.read_text() if listing.exists() else "")


@needs(*NEEDED["Cortex-M4"])
def test_a_cortex_m4_has_no_double_to_emulate(tmp_path):
    export.to_c(elman.nn.LSTM(I, H), tmp_path / "net.c")
    command = [find("arm-none-eabi-gcc"), *CORTEX, "-O2", "-std=c99", "-S", "net.c", "-o", "-"]
    code = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert "vfma.f32" in code
    assert "__aeabi_" not in code
