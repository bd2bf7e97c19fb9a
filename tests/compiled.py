"""Programs of users in C around an exported layer, compiled and run: on this machine, or for a small ARM in QEMU.

A program for ARM is bare of a library, and talks by two calls of Linux; the processor there is QEMU's own, whose
instructions are those of a Cortex-M4 and more, because some versions of it start no program of an M profile.
"""

import subprocess
from pathlib import Path

import numpy as np
import torch

from elman.export import c_file
from elman.export.checking import difference
from elman.export.network import take
from programs import find

LENGTHS = (1, 7, 123, 1000)
CORTEX = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
COMPILERS = {
    "gcc": ("gcc",),
    "gcc for this processor": ("gcc", "-march=native"),
    "clang": ("clang",),
    "clang for this processor": ("clang", "-march=native"),
    "Cortex-M4": ("arm-none-eabi-gcc", *CORTEX),
    "Cortex-M3": ("arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb"),
}
NEEDED = {name: (command[0], *(["qemu-arm"] if "Cortex" in name else [])) for name, command in COMPILERS.items()}
USE = """
#define net_DECLARATIONS
#include INCLUDED
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


def compile_files(folder, compiler, sides, source="net.c", *options):
    """Compile `net.c` as it is, unless there is an object file already, and a program that uses it.

    Returns:
        The command that runs it.
    """
    command, is_bare = list(COMPILERS[compiler]), "Cortex" in compiler
    command[0] = find(command[0])
    (folder / "use.c").write_text((BARE if is_bare else HOST) + USE)
    given = [f"-DSIDES={sides}", f"-DGIVEN={'sides,' if sides else ''}", f'-DINCLUDED="{source}"']
    alone = ["-nostartfiles", "--specs=nosys.specs"] if is_bare else []
    steps = [["-O2", *given, *alone, "use.c", "net.o", "-o", "use", "-lm"]]
    if source == "net.c":
        steps.insert(0, [*c_file.WARNINGS, "-O2", *options, "-c", "net.c", "-o", "net.o"])
    for arguments in steps:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert not done.stderr or "net.c" not in arguments, done.stderr  # a linker may warn of the library
    return [find("qemu-arm"), "./use"] if is_bare else ["./use"]


def draw(network):
    """Draw a sequence of each length, of which a program reads one after the other."""
    for steps in LENGTHS:
        x = torch.randn(steps, 2, network.input_size)
        yield x, [torch.rand(steps, 2) + 0.1 for _ in network.sides]


def run_program(layer, folder, compiler, source="net.c", *options):
    """Run a program that uses an exported layer: what it gives for each sequence, and what it should."""
    network = take(layer)
    cases, given = list(draw(network)), b""
    for x, sides in cases:
        parts = [x[:, 0], torch.stack([side[:, 0] for side in sides], 1) if sides else torch.empty(0)]
        given += np.int32(len(x)).tobytes() + b"".join(part.contiguous().numpy().tobytes() for part in parts)
    command = compile_files(folder, compiler, len(network.sides), source, *options)
    done = subprocess.run(command, input=given + bytes(4), capture_output=True, check=True, cwd=folder, timeout=120)
    outputs = torch.frombuffer(bytearray(done.stdout), dtype=torch.float32).view(-1, network.output_size)
    for (x, sides), found in zip(cases, outputs.split(LENGTHS), strict=True):
        zeros = [torch.zeros(len(network.layers), 2, size) for size in network.state_sizes]
        single, double = (network.run(x, zeros, None, sides, dtype)[0] for dtype in (torch.float32, torch.float64))
        yield found, single[:, 0], double[:, 0]


def assert_agrees(layer, folder, compiler, source="net.c"):
    """Compare what a program gives with the layer."""
    for found, single, double in run_program(layer, folder, compiler, source):
        # A cell that amplifies rounding is as far from itself in float32.
        assert difference([found], [double]) <= max(c_file.BOUND, 16 * difference([single], [double])), len(found)


def fuses():
    """Tell whether this processor has a fused multiply-add."""
    listing = Path("/proc/cpuinfo")
    return " fma " in (listing.read_text() if listing.exists() else "")
