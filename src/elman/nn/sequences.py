"""Bring batches of sequences into one form: time-major, padded, with the steps that are real."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from elman.errors import ShapeError
from elman.ops import real_steps


@dataclass(frozen=True)
class Batch:
    """Hold a batch of sequences and the form in which its results go back.

    Attributes:
        x: (T, B, I).
        valid: (T, B, 1), which steps are real; None if all are.
        packed: what the batch came as, where it came packed; its examples are then in the packed order.
        rows: the places in (T · B) of the rows of a packed batch, in packed order.
    """

    x: Tensor
    valid: Tensor | None = None
    packed: PackedSequence | None = None
    rows: Tensor | None = None


def unpack(packed: PackedSequence) -> Batch:
    """Pad a packed batch, its examples staying in the packed order."""
    data, batch_sizes, _, _ = packed
    x, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes))
    valid = real_steps(lengths.to(x.device), len(x))
    steps = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if valid is None else valid
    return Batch(x, valid, packed, steps.flatten().nonzero().flatten())


def pack(output: Tensor, batch: Batch) -> PackedSequence:
    """Pack an output (T, B, H) in the way in which its batch came packed."""
    assert batch.packed is not None
    assert batch.rows is not None
    _, batch_sizes, sorted_indices, unsorted_indices = batch.packed
    return PackedSequence(output.flatten(0, 1)[batch.rows], batch_sizes, sorted_indices, unsorted_indices)


def check_lengths(lengths: Tensor | Sequence[int], x: Tensor) -> Tensor:
    """Bring lengths into a tensor on the device of x.

    Args:
        lengths: one whole number an example, from 0 to T, in any order.
        x: (T, B, I).

    Raises:
        ShapeError: there is not one length for each example, or one is out of range.
    """
    steps, batch = x.shape[:2]
    found = torch.as_tensor(lengths)
    if found.numel() == 0:  # an empty list has no type of its own
        found = found.long()
    if found.is_floating_point() or found.is_complex() or found.dtype == torch.bool:
        raise ShapeError(f"lengths are of type {found.dtype}.\n  A length counts time steps.\n  Give whole numbers.")
    if found.shape != (batch,):
        raise ShapeError(
            f"lengths have shape {tuple(found.shape)}, the batch has {batch} examples.\n"
            f"  Every example has one length.\n  Give shape ({batch},)."
        )
    wrong = ((found < 0) | (found > steps)).nonzero().flatten().tolist()
    if wrong:
        raise ShapeError(
            f"lengths[{wrong[0]}] is {int(found[wrong[0]])}, the input has {steps} time steps.\n"
            f"  A length is from 0 to {steps}.\n  Mend it, or pad the input."
        )
    return found.to(x.device)


def permute(states: Sequence[Tensor], order: Tensor | None) -> list[Tensor]:
    """Bring the examples of states (L·D, B, n) into another order."""
    return list(states) if order is None else [state.index_select(1, order) for state in states]
