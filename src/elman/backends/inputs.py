"""Hold what a program reads when it runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """Hold the tensors of one run, and how it goes over them.

    Attributes:
        x: (T, B, I), T ≥ 1; for a single step (B, I).
        states: the initial states, in order, each (B, its size).
        parameters: the stacked tensors, in the order of the program's parameters.
        valid: (T, B, 1), which steps are real; None if all are. A step that is not changes no state and outputs 0.
        reverse: run from the last time step to the first.
        sides: what is read beside x, in the order of the program's side inputs, each (T, B, n) with n the size of a
            state or 1; for a single step (B, n). A mask that is held over time is one (B, n), expanded.
    """

    x: Tensor
    states: Sequence[Tensor]
    parameters: Sequence[Tensor]
    valid: Tensor | None = None
    reverse: bool = False
    sides: Sequence[Tensor] = ()
