"""The oracle of narrow weights: a layer whose matrices are rounded, in other words than the package rounds them."""

import copy
from fractions import Fraction

import torch
from torch import Tensor, nn

FORMS = ("bfloat16", "int8")


def rounded(layer: nn.Module, form: str) -> nn.Module:
    """Copy a layer, with its matrices rounded to what a frozen stream multiplies; the copy is in float32."""
    other = copy.deepcopy(layer)
    with torch.no_grad():
        for parameter in other.parameters():
            if parameter.dim() == 2:
                parameter.copy_(parameter.bfloat16().float() if form == "bfloat16" else _in_steps(parameter))
    return other


def _in_steps(matrix: Tensor) -> Tensor:
    """Round every row to multiples of a 127th of its largest absolute value, number by number."""
    rows = []
    for row in matrix.tolist():
        scale = float(torch.tensor(max(map(abs, row))) / 127)
        rows.append([scale * _nearest(value, scale) if scale else 0.0 for value in row])
    return torch.tensor(rows)


def _nearest(value: float, scale: float) -> int:
    # The quotient is rounded to float32 before it is rounded to an integer: at half an integer that decides.
    return round(Fraction(float(torch.tensor(value) / torch.tensor(scale))))
