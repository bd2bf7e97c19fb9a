"""Run layers on top of each other, each in one or two directions."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from elman import ops
from elman.autodiff.program import Program
from elman.nn.masks import draw_masks, drop_locked
from elman.nn.rows import dropout as drop_rows
from elman.nn.sequences import Batch, of_direction
from elman.ops.small import run_small


class Direction(NamedTuple):
    """One layer in one direction: its program and the tensors that the program reads, in its order."""

    program: Program
    parameters: Sequence[Tensor]


def parameter_names(program: Program, num_layers: int, bidirectional: bool) -> list[list[list[str]]]:
    """Name the tensors of stacked layers: for each layer and direction, in the program's order."""
    ends = ["", "_reverse"] if bidirectional else [""]
    return [[[f"{p.name}_l{k}{end}" for p in program.parameters] for end in ends] for k in range(num_layers)]


def run_stack(
    layers: Sequence[Sequence[Direction]],
    batch: Batch,
    states: Sequence[Tensor | int],
    dropout: float,
    training: bool,
    backend: str,
    locked: bool = False,
    recompute_every: int = 0,
) -> tuple[Tensor, list[Tensor]]:
    """Run stacked layers over a batch.

    Args:
        layers: from the input upwards; a second direction runs from the last time step to the first.
        batch: time-major input, and side inputs, which all layers read.
        states: for each state (L·D, B, its size), index layer · D + direction; or only its size, for a state of zeros.
        dropout: probability for an element of the output of a layer to be 0 in the input of the next.
        training: whether dropout applies.
        backend: the layer's `backend` argument.
        locked: whether that dropout drops the same elements at all time steps.
        recompute_every: see :func:`elman.ops.run`.

    Returns:
        The output of the last layer (T, B, D · size of the first state) and the final states, each (L·D, B, its size).
    """
    if len(layers) == len(layers[0]) == 1 and batch.lengths is None and not (batch.sides or recompute_every):
        ((program, parameters),) = layers[0]
        results = run_small(program, backend, batch.x, states, parameters)
        if results is not None:
            return results[0], list(results[1:])
    x, final = batch.x, []
    for k, directions in enumerate(layers):
        outputs = []
        for d, direction in enumerate(directions):
            row = k * len(directions) + d
            zeros = {s: x.new_zeros((x.shape[1], s)) for s in set(states) if isinstance(s, int)}
            start = [zeros[s] if isinstance(s, int) else s[row] for s in states]
            program = direction.program
            sides = [*of_direction(batch.sides, d), *draw_masks(program, x, start)]
            output, end = ops.run(
                program,
                backend,
                x,
                start,
                direction.parameters,
                batch.lengths,
                reverse=d == 1,
                sides=sides,
                recompute_every=recompute_every,
            )
            outputs.append(output)
            final.append(end)
        x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
        if training and dropout > 0 and k < len(layers) - 1:
            x = drop_locked(x, dropout) if locked else _drop(x, batch.rows, dropout)
    if len(final) == 1:
        return x, [end.unsqueeze(0) for end in final[0]]
    return x, [torch.stack([end[i] for end in final]) for i in range(len(states))]


def _drop(x: Tensor, rows: Tensor | None, dropout: float) -> Tensor:
    """Apply dropout in torch.nn's order of random numbers: for a packed batch, none are drawn for padding."""
    if rows is None:
        return drop_rows(x, dropout)
    flat = x.flatten(0, 1)
    return torch.zeros_like(flat).index_copy(0, rows, F.dropout(flat[rows], dropout)).view_as(x)
