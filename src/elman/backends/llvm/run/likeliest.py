"""Run the compiled search for the highest numbers of every row.

>>> values, places = find_highest(torch.tensor([[0.5, 2.0, -1.0, 2.0]]), 3)
>>> values.tolist(), places.tolist()
([[2.0, 2.0, 0.5]], [[1, 3, 0]])
"""

import ctypes
from functools import cache

import torch
from torch import Tensor

from elman.backends.llvm.run import threads
from elman.backends.llvm.run.engine import load
from elman.backends.llvm.run.kernel import DTYPES, LEAST_WORK, target
from elman.backends.llvm.target import Target


def find_highest(rows: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the highest numbers of every row, (R, most), the highest first, and their places; of equal ones the first.

    Where a row has fewer numbers above -inf, the rest are -inf, at the place 0. NaN is not found.

    Args:
        rows: (R, V), float32 or float64 in plain memory of the CPU.
        most: how many, from 1.
    """
    rows = rows.contiguous()
    count, size = rows.shape
    values, places = rows.new_empty(count, most), torch.empty(count, most, dtype=torch.int64)
    # As emit.likeliest.SLOTS says, and the number of the next row.
    frame = _Frame(0, rows.data_ptr(), values.data_ptr(), places.data_ptr(), count, size, most, 0)
    address = ctypes.addressof(frame)
    frame[0] = address + ctypes.sizeof(frame) - ctypes.sizeof(ctypes.c_int64)
    many = count * size >= LEAST_WORK
    threads.run(_find(target(), rows.dtype), address, torch.get_num_threads() if many else 1)
    return values, places


_Frame = ctypes.c_int64 * 8


@cache
def _find(made_for: Target, dtype: torch.dtype) -> int:
    name = DTYPES[dtype]

    def emit() -> str:
        from elman.backends.llvm.emit.likeliest import emit_likeliest

        return emit_likeliest(made_for, name)

    return load(f"likeliest {name}", emit, made_for).address("likeliest")
