"""Matrices of weights in fewer bytes, for frozen streams: in bfloat16, or in int8 with one scale for each row.

In int8 the scale of a row is its largest absolute value divided by 127, and a weight w is stored as w / scale, rounded
to the nearest, ties to even. A product with it is a product of float32: a narrow matrix only takes less memory.

>>> matrix = narrow(torch.tensor([[0.5, -1.27, 0.0], [0.0, 0.0, 0.0]]), "int8", "weight")
>>> matrix.numbers.tolist(), matrix.widen()[0].tolist() == torch.tensor([0.5, -1.27, 0.0]).tolist()
([[50, -127, 0], [0, 0, 0]], True)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from elman.errors import ConfigError

FORMS = ("float32", "bfloat16", "int8")
"""The forms of weights in a frozen stream."""

_LARGEST = 127  # of the numbers in int8: −128 is not used, so rounding is symmetric


@dataclass(frozen=True)
class NarrowMatrix:
    """A matrix of weights in fewer bytes.

    Attributes:
        numbers: (rows, columns) of bfloat16 or int8.
        scales: with int8, what the numbers of each row are multiplied by, (rows,) of float32.
    """

    numbers: Tensor
    scales: Tensor | None = None

    @property
    def form(self) -> str:
        """The name of its form."""
        return "bfloat16" if self.scales is None else "int8"

    def widen(self) -> Tensor:
        """Return the same numbers in float32, which are those that a product multiplies."""
        wide = self.numbers.float()
        return wide if self.scales is None else wide * self.scales[:, None]


def narrow(matrix: Tensor, form: str, name: str) -> NarrowMatrix:
    """Round a matrix (rows, columns) of float32.

    Args:
        matrix: the weights.
        form: `bfloat16` or `int8`.
        name: of the matrix, for messages.

    Raises:
        ConfigError: there is no scale for a row of it, because a number there is infinite or NaN.
    """
    if form == "bfloat16":
        return NarrowMatrix(matrix.to(torch.bfloat16))
    if not bool(matrix.isfinite().all()):
        raise ConfigError(
            f"stream: {name} contains numbers that are infinite or NaN.\n  In int8 such a row has no scale.\n"
            "  Load weights that are finite, or use weights='bfloat16'."
        )
    largest = matrix.abs().amax(1) if matrix.shape[1] else matrix.new_zeros(len(matrix))
    scales = largest / _LARGEST
    scales[scales == 0] = 1.0  # a row of zeros
    rounded = (matrix / scales[:, None]).round().clamp(-_LARGEST, _LARGEST)
    return NarrowMatrix(rounded.to(torch.int8), scales)
