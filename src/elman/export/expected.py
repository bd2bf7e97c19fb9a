"""What a module computes in float64 and in float32, to compare an export with.

>>> import torch
>>> layer = torch.nn.Linear(3, 2)
>>> expect = expecting(layer, lambda layer, x: [layer(x.to(layer.weight.dtype))])
>>> expect(torch.ones(3), torch.float64)[0].dtype
torch.float64
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from elman.backends import backend
from elman.nn.evaluation import evaluating

Case = TypeVar("Case")


def expecting(
    module: nn.Module, compute: Callable[[Any, Case], Sequence[Tensor]]
) -> Callable[[Case, torch.dtype], Sequence[Tensor]]:
    """Return the function that computes what is expected of a case in a dtype, by the reference and in evaluation.

    Args:
        module: the layers, in float32.
        compute: computes with them, or with a copy of them in float64.
    """
    double: list[nn.Module] = []

    def expect(case: Case, dtype: torch.dtype) -> Sequence[Tensor]:
        if dtype == torch.float64 and not double:
            double.append(copy.deepcopy(module).double())
        chosen = double[0] if dtype == torch.float64 else module
        with evaluating(chosen), torch.no_grad(), backend("reference"):
            return compute(chosen, case)

    return expect
