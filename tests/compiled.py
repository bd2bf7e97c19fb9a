"""Programs of users in C around an exported layer, compiled and run: on this machine, or for a small ARM in QEMU.

A program for ARM is bare of a library, and talks by two calls of Linux; the processor there is QEMU's own, whose
instructions are those of a Cortex-M4 and more, because some versions of it start no program of an M profile.
"""

import subprocess
from pathlib import Path

import numpy as np
import torch

import lengths
from elman.export import c_file
from elman.export.network import take
from lengths import LENGTHS, draw
from programs import find

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


def run_program(layer, folder, compiler, source="net.c", *options):
    """Run a program that uses an exported layer: what it gives for each sequence, and the sequence."""
    network = take(layer)
    cases, given = list(draw(network)), b""
    for x, sides in cases:
        parts = [x[:, 0], torch.stack([side[:, 0] for side in sides], 1) if sides else torch.empty(0)]
        given += np.int32(len(x)).tobytes() + b"".join(part.contiguous().numpy().tobytes() for part in parts)
    command = compile_files(folder, compiler, len(network.sides), source, *options)
    done = subprocess.run(command, input=given + bytes(4), capture_output=True, check=True, cwd=folder, timeout=120)
    outputs = torch.frombuffer(bytearray(done.stdout), dtype=torch.float32).view(-1, network.output_size)
    yield from zip(outputs.split(LENGTHS), cases, strict=True)


def assert_agrees(layer, folder, compiler, source="net.c"):
    """Compare what a program gives with the layer."""
    network = take(layer)
    for found, (x, sides) in run_program(layer, folder, compiler, source):
        lengths.assert_agrees(found, network, x, sides, c_file.BOUND)


def fuses():
    """Tell whether this processor has a fused multiply-add."""
    listing = Path("/proc/cpuinfo")
    return " fma " in (listing.read_text() if listing.exists() else "")
