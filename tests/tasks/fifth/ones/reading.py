"""Read sequences of 0 and 1, a line each, and what there is to count."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from elman.errors import DataError


@dataclass(frozen=True)
class Parts:
    """The sequences of training and validation, (T, N, 1) padded with zeros, with their counts (N,)."""

    training: tuple[Tensor, Tensor]
    held_out: tuple[Tensor, Tensor]


def read_lines(paths: Sequence[str]) -> list[str]:
    """Read the lines of files, or raise a `DataError` that names the first with other digits than 0 and 1."""
    lines = []
    for path in paths:
        for number, line in enumerate(Path(path).read_text().split(), 1):
            if set(line) - {"0", "1"}:
                raise DataError(f"{path} line {number} has other digits than 0 and 1. Take them out.")
            lines.append(line)
    return lines


def encode(lines: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Turn lines into numbers and counts."""
    steps = torch.zeros(max(map(len, lines)), len(lines), 1)
    for column, line in enumerate(lines):
        steps[: len(line), column, 0] = torch.tensor([float(digit) for digit in line])
    return steps, steps.sum((0, 2))
