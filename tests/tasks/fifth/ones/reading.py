"""Read sequences of 0 and 1, a line each, and what there is to count."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from elman.errors import DataError


@dataclass(frozen=True)
class Parts:
    """Hold the sequences to learn from and those held out, (T, N, 1) padded with zeros, with their counts (N,)."""

    training: tuple[Tensor, Tensor]
    held_out: tuple[Tensor, Tensor]


def read_lines(paths: Sequence[str]) -> list[str]:
    """Read the lines of files, or raise a `DataError` that names the one that is none of 0 and 1."""
    found = []
    for path in paths:
        for number, line in enumerate(Path(path).read_text().split(), 1):
            if set(line) - {"0", "1"}:
                raise DataError(f"{path} line {number} has other digits than 0 and 1. Take them out.")
            found.append(line)
    return found


def encode(lines: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Turn lines into numbers and counts."""
    steps = torch.zeros(max(map(len, lines)), len(lines), 1)
    for column, line in enumerate(lines):
        steps[: len(line), column, 0] = torch.tensor([float(digit) for digit in line])
    return steps, steps.sum((0, 2))
