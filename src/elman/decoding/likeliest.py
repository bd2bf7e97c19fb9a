"""Find the likeliest units of many, and rule out others.

>>> import torch
>>> values, units = find_likeliest(torch.tensor([[0.1, 0.6, 0.3]]).log(), 2)
>>> units.tolist()
[[1, 2]]
"""

import torch
from torch import Tensor

from elman.nn.rowwise import runs_in_kernels

_MOST_KEPT = 64  # of more, to put each in its place costs more than sorting all


def find_likeliest(chances: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the likeliest units of every row, (R, most), the likeliest first, and their numbers.

    Where fewer are possible, the rest have a probability of 0, and may be any.
    """
    if most > _MOST_KEPT or not chances.numel() or not runs_in_kernels([chances]):
        return torch.topk(chances, most, dim=1)
    from elman.backends.llvm.run.likeliest import find_highest

    return find_highest(chances, most)


def keep_only(chances: Tensor, units: list[int]) -> None:
    """Give all units (V,) but some a probability of 0."""
    kept = chances[units]
    chances.fill_(-torch.inf)
    chances[units] = kept
