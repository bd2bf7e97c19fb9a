"""The tensors that a program reads in one run, and the sizes of their axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.errors import ShapeError
from elman.expr.graph import ROW


def carried_in(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of the states, the parameters and the side inputs of a run whose x has a dtype.

    In bfloat16 only long tensors are: x, the output, saved values. States and sums keep the digits of float32.
    """
    return torch.float32 if dtype is torch.bfloat16 else dtype


@dataclass(frozen=True)
class Inputs:
    """The tensors of one run, its lengths and its direction. Any of the tensors may have any strides.

    All have the dtype of x, but see :func:`carried_in`.

    Attributes:
        x: (T, B, I), T and B ≥ 1; for a single step (B, I).
        states: the initial states, in order, each (B, its size).
        parameters: the stacked tensors, in the order of the program's parameters.
        lengths: (B,) of int64, the number of real steps of each example, from 0 to T and not all 0; None if all are
            real. A padded step changes no state and outputs 0; its input, even NaN, affects no result.
        reverse: run from the last time step to the first.
        sides: the side inputs, in the program's order, each (T, B, n) with n the size of a state or 1; for a single
            step (B, n). A mask that is the same at all time steps is an expanded (B, n). Only the cell's own side
            inputs, which come first, have padding.
    """

    x: Tensor
    states: Sequence[Tensor]
    parameters: Sequence[Tensor]
    lengths: Tensor | None = None
    reverse: bool = False
    sides: Sequence[Tensor] = ()

    @cached_property
    def valid(self) -> Tensor | None:
        """The mask of real steps, see :func:`real_steps`."""
        return None if self.lengths is None else real_steps(self.lengths, self.x.shape[0])


def real_steps(lengths: Tensor, steps: int) -> Tensor | None:
    """Compute the mask of real steps of a padded batch.

    Args:
        lengths: (B,), one for each example, from 0 to `steps`.
        steps: T.

    Returns:
        (T, B, 1) of booleans; None if every step is real.

    >>> real_steps(torch.tensor([2, 0, 1]), 2)[..., 0]
    tensor([[ True, False,  True],
            [ True, False, False]])
    """
    if bool((lengths == steps).all()):
        return None
    return step_mask(lengths, steps).unsqueeze(-1)


def step_mask(lengths: Tensor, steps: int) -> Tensor:
    """Compute the mask of real steps as (T, B) of booleans, also if every step is real.

    >>> step_mask(torch.tensor([2, 0]), 2)
    tensor([[ True, False],
            [ True, False]])
    """
    return torch.arange(steps, device=lengths.device)[:, None] < lengths


def sizes_of(program: Program, inputs: Inputs) -> dict[str, int]:
    """Find the value of every symbolic size from the shapes of the tensors of a run."""
    states, parameters = ([t.shape for t in tensors] for tensors in (inputs.states, inputs.parameters))
    return find_sizes(program, inputs.x.shape, states, parameters)


def find_sizes(
    program: Program, x: Sequence[int], states: Sequence[Sequence[int]], parameters: Sequence[Sequence[int]]
) -> dict[str, int]:
    """Find the value of every symbolic size from the shapes of x, the initial states and the stacked parameters.

    Raises:
        ShapeError: they contradict each other.
    """
    graph = program.graph
    sizes = {ROW: 1, graph.nodes[graph.input].shape[0]: x[-1]}
    for name, state in zip(graph.states, states, strict=True):
        sizes[graph.nodes[graph.leaves["state", name]].shape[0]] = state[-1]
    for parameter, shape in zip(program.parameters, parameters, strict=True):
        count = len(parameter.members)
        rows, *columns = shape or (0,)
        sizes = {**dict(zip(parameter.shape, (rows // count, *columns), strict=False)), **sizes}
        first, *others = (sizes.get(axis, 0) for axis in parameter.shape)
        if tuple(shape) != (count * first, *others):
            raise ShapeError(
                f"{program.cell.name}: parameter {parameter.name} has shape {tuple(shape)}.\n"
                "  It does not fit the input, the states and the other parameters.\n"
                f"  Give a tensor of shape {(count * first, *others)}."
            )
    return sizes
