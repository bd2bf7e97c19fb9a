"""Run compiled attention: load the kernel, fill its frame, call it on as many threads as pay.

>>> import torch
>>> q, keys, values = torch.ones(1, 2, 3), torch.ones(1, 3, 5), torch.ones(1, 5, 4)
>>> weights, context = attend(q, keys, values, torch.tensor([[5, 2]]))
>>> weights[0, 1].tolist()
[0.5, 0.5, 0.0, 0.0, 0.0]
"""

import ctypes
from functools import cache

import torch
from torch import Tensor

from elman.backends.llvm.run import threads
from elman.backends.llvm.run.engine import load
from elman.backends.llvm.run.kernel import DTYPES, LEAST_WORK, target
from elman.backends.llvm.target import Target


def attend(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    limits: Tensor,
    scorer: Tensor | None = None,
    places: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Let queries attend to memories.

    All tensors lie in plain memory of the CPU and have one dtype, float32 or float64; any strides.

    Args:
        query: (B, N, K).
        keys: (n, K, S), a memory of S steps each.
        values: (n, S, M).
        limits: (B, N) int64, how many steps each query sees, from 0 to S.
        scorer: (B, K), the vector v of additive attention; None for dot products.
        places: (B,) int64, which of the n memories each reads; None where n is B, and each has its own.

    Returns:
        Weights (B, N, S), zero behind the limit, and contexts (B, N, M).
    """
    batch, rows, size = query.shape
    steps, width = values.shape[1:]
    weights = query.new_zeros(batch, rows, steps)
    context = query.new_empty(batch, rows, width)
    places = torch.arange(batch) if places is None else places.contiguous()
    given = [t.contiguous() for t in (query, keys, values, query if scorer is None else scorer)]
    parts = [*given, places, limits.contiguous(), weights, context]
    # As emit.attention.SLOTS says, and the number of the next memory.
    frame = _Frame(0, *[t.data_ptr() for t in parts], batch, rows, steps, size, width, 0)
    address = ctypes.addressof(frame)
    frame[0] = address + ctypes.sizeof(frame) - ctypes.sizeof(ctypes.c_int64)
    work = batch * rows * steps * (size + width)
    threads.run(_find(target(), query.dtype, scorer is not None), address, _threads(work))
    return weights, context


_Frame = ctypes.c_int64 * 15


def _threads(work: int) -> int:
    return torch.get_num_threads() if work >= LEAST_WORK else 1


@cache
def _find(made_for: Target, dtype: torch.dtype, additive: bool) -> int:
    name = DTYPES[dtype]

    def emit() -> str:
        from elman.backends.llvm.emit.attention import emit_attention

        return emit_attention(made_for, name, additive)

    return load(f"attention {name} {'additive' if additive else 'dot'}", emit, made_for).address("attend")
