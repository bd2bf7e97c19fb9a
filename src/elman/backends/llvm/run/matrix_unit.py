"""Ask the operating system for the matrix unit of x86-64 processors (AMX).

Its registers are large, so Linux saves them for those processes alone that have asked for it. A process asks once, and
a forked child again.

>>> isinstance(is_granted(), bool)
True
"""

import ctypes
import functools
import os
import platform
import sys

from elman.backends.llvm.target import Target

NEEDED = frozenset({"amx-bf16", "amx-tile", "avx512bf16"})
"""LLVM's names of the instruction sets that kernels use."""

_ARCH_PRCTL = 158  # the number of the system call on x86-64
_REQUEST = 0x1023  # ARCH_REQ_XCOMP_PERM
_TILE_DATA = 18  # the number of the state of the tile registers


def has_matrix_unit(target: Target) -> bool:
    """Tell whether a target has the matrix unit, and whether this process may use it."""
    return target.vector_bytes == 64 and set(target.features) >= NEEDED and is_granted()


@functools.cache
def is_granted() -> bool:
    """Ask whether this process may use the matrix unit."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).syscall(_ARCH_PRCTL, _REQUEST, _TILE_DATA) == 0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=is_granted.cache_clear)
