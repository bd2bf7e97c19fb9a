"""Lend workspaces to kernels, and reuse them in later runs.

A training update needs the same large workspaces as the previous one. In fresh memory every page would cause a page
fault, which costs as much as filling the page, so a block that is no longer used is kept for the next run. The kept
blocks are never larger than the memory that was once in use at the same time.
"""

import mmap
import os
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

MOST_WASTE = 4  # a block may be this many times as large as requested
SMALL = 1 << 20  # bytes; the system's allocator keeps smaller blocks by itself
GRAIN = 1 << 18  # bytes, whose multiples are lent
TYPES: dict[torch.dtype, "np.dtype[Any]"] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
    torch.bfloat16: np.dtype(np.int16),  # NumPy has no such numbers
}


class Pool:
    """A pool of blocks of memory that are lent.

    Attributes:
        free: blocks that can be lent.
        used: bytes that are lent.
        peak: the largest number of bytes that was ever lent at once.
    """

    def __init__(self) -> None:
        self.free: list[mmap.mmap] = []
        self.used = self.peak = 0
        # The garbage collector returns blocks, and may run in the very thread that is lending one.
        self.lock = threading.RLock()

    def lend(self, size: int) -> mmap.mmap:
        """Return a block of at least `size` bytes, and not many more."""
        with self.lock:
            fits = [b for b in self.free if size <= len(b) <= MOST_WASTE * size]
            block = min(fits, key=len, default=None)
            if block is not None:
                self.free.remove(block)
            self.used += len(block) if block is not None else size
            self.peak = max(self.peak, self.used)
            self._trim()
        return _map(size) if block is None else block

    def take(self, block: mmap.mmap) -> None:
        """Take a block back."""
        with self.lock:
            self.used -= len(block)
            self.free.append(block)
            self._trim()

    def _trim(self) -> None:
        waiting = sum(map(len, self.free))
        while waiting > self.peak:
            waiting -= len(self.free.pop(0))


def _map(size: int) -> mmap.mmap:
    # By default Python's blocks are shared, and a forked child would write into its parent's memory.
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    block = mmap.mmap(-1, size, **private)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        block.madvise(mmap.MADV_HUGEPAGE)
    return block


_pool = Pool()
if hasattr(os, "register_at_fork"):  # in the child nothing could release a lock that another thread held
    os.register_at_fork(
        before=_pool.lock.acquire, after_in_parent=_pool.lock.release, after_in_child=_pool.lock.release
    )


def allocate(shape: Sequence[int], like: Tensor) -> Tensor:
    """Return an uninitialised tensor."""
    kind = TYPES[like.dtype]
    size = kind.itemsize
    for n in shape:
        size *= n
    if size < SMALL:
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    size = -(-size // GRAIN) * GRAIN
    block = _pool.lend(size)
    flat = np.frombuffer(block, dtype=kind)
    weakref.finalize(flat, _pool.take, block).atexit = False
    count = 1
    for n in shape:
        count *= n
    return torch.from_numpy(flat)[:count].view(like.dtype).view(*shape)
