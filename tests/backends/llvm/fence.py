"""Run cells on tensors directly before or after protected memory: a kernel that reads beyond them is killed.

It is run in a process of its own, which says before each run what is tried.
"""

import ctypes
import math
import mmap
import sys
from collections.abc import Sequence

import numpy as np
import torch

from elman import cells
from elman.backends.llvm.run import frames as llvm_frames
from elman.backends.llvm.run import memory as llvm_memory
from kernels import Given, build, compute, draw, evaluate, step_through
from unusual_cells import UNUSUAL

TYPES = {torch.float32: np.float32, torch.float64: np.float64}
PAGE = mmap.PAGESIZE
KEPT = []
"""Protected memory is never freed."""


def fenced(shape, dtype, behind):
    """Return a tensor that ends where protected memory begins (`behind`), or begins where it ends."""
    kind = np.dtype(TYPES[dtype])
    size = math.prod(shape) * kind.itemsize
    pages = -(-size // PAGE) * PAGE
    block = mmap.mmap(-1, pages + PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if protect(address + (pages if behind else 0), PAGE, 0) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")
    KEPT.append(block)
    flat = np.frombuffer(block, kind, math.prod(shape), pages - size if behind else PAGE)
    return torch.from_numpy(flat).view(tuple(shape))


def fence(behind):
    """Allocate all new memory next to protected memory."""
    for make in ("empty", "zeros"):
        usual = getattr(torch, make)

        def new(shape, usual=usual, **how):
            dtype = how.get("dtype")
            if dtype not in TYPES or not isinstance(shape, Sequence):
                return usual(shape, **how)
            return fenced(shape, dtype, behind)

        setattr(torch, make, new)


def main(behind, unusual):
    llvm_memory.SMALL, llvm_frames.SMALL = 1 << 60, -1

    def move(tensor):
        return fenced(tensor.shape, tensor.dtype, behind).copy_(tensor.detach())

    def run_steps(chosen, dtype, entry, hidden, batch):
        sys.stdout.write(f"steps of {chosen.name} {dtype} {entry} {hidden} {batch}\n")
        sys.stdout.flush()
        layer = build(chosen, entry, hidden, dtype=dtype)
        for parameter in layer.parameters():
            parameter.data = move(parameter.data)
        given = draw(layer, 2, batch)
        sides = {name: side.clone() for name, side in given.sides.items()}
        step_through(layer, Given(torch.stack([*map(move, given.x)]), given.states, None, sides))

    def run(chosen, dtype, entry, hidden, steps, batch):
        sys.stdout.write(f"{chosen.name} {dtype} {entry} {hidden} {steps} {batch}\n")
        sys.stdout.flush()
        layer = build(chosen, entry, hidden, dtype=dtype, bidirectional=True)
        for parameter in layer.parameters():
            parameter.data = move(parameter.data)
        for lengths in (None, [steps, *[1] * (batch - 1)]):
            given = draw(layer, steps, batch, lengths)
            sides = {name: move(side) for name, side in given.sides.items()}
            given = Given(move(given.x), [move(s) for s in given.states], lengths, sides)
            evaluate(layer, given)
            compute(layer, given)

    warm = build(cells.gru, 3, 5, dtype=torch.float64)  # torch's own allocations at its first backward pass
    compute(warm, draw(warm, 1, 1))
    fence(behind)
    for chosen in UNUSUAL.values() if unusual else ():
        run(chosen, torch.float64, 7, 11, 3, 2)
    for name in () if unusual else cells.names():
        run(cells.find(name), torch.float32, 7, 19, 3, 2)
    for chosen in (cells.lem, cells.lstm_layer_norm, cells.jordan):
        run(chosen, torch.float64, 1, 9, 1, 1)
        run(chosen, torch.float64, 16, 16, 2, 5)
    for chosen in (cells.lem, cells.lstm_peephole, cells.gru, cells.jordan):
        for entry, hidden, batch in ((23, 37, 1), (7, 3, 4), (1, 16, 3), (16, 1, 12)):
            run_steps(chosen, torch.float32, entry, hidden, batch)
            run_steps(chosen, torch.float64, entry, hidden, batch)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(sys.argv[1] != "in front", "unusual" in sys.argv[1])
