"""Run compiled attention: load the kernel, fill its frame, call it on as many threads as pay.

>>> import torch
>>> q, keys, values = torch.ones(1, 2, 3), torch.ones(1, 3, 5), torch.ones(1, 5, 4)
>>> weights, context = attend(q, keys, values, torch.tensor([[5, 2]]))
>>> weights[0, 1].tolist()
[0.5, 0.5, 0.0, 0.0, 0.0]
"""

import torch
from torch import Tensor

from elman.backends.llvm.run import threads
from elman.backends.llvm.run.engine import load
from elman.backends.llvm.run.kernel import DTYPES, LEAST_WORK, target


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
    given = [t.contiguous() for t in (query, keys, values)]
    places = torch.arange(batch) if places is None else places.contiguous()
    vectors = query if scorer is None else scorer.contiguous()
    parts = [*given, vectors, places, limits.contiguous(), weights, context]
    counter = torch.zeros(1, dtype=torch.int64)
    addresses = [counter.data_ptr(), *(t.data_ptr() for t in parts)]
    frame = torch.tensor(
        [*addresses, batch, rows, steps, size, width], dtype=torch.int64
    )  # as emit.attention.SLOTS says
    work = batch * rows * steps * (size + width)
    threads.run(_find(query.dtype, scorer is not None), frame.data_ptr(), _threads(work))
    return weights, context


def _threads(work: int) -> int:
    return torch.get_num_threads() if work >= LEAST_WORK else 1


def _find(dtype: torch.dtype, additive: bool) -> int:
    name, made_for = DTYPES[dtype], target()

    def emit() -> str:
        from elman.backends.llvm.emit.attention import emit_attention

        return emit_attention(made_for, name, additive)

    return load(f"attention {name} {'additive' if additive else 'dot'}", emit, made_for).address("attend")
