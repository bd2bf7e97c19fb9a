"""Convert batches of sequences into one form: time-major, padded, with lengths."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from elman.backends.inputs import step_mask
from elman.errors import ShapeError
from elman.expr import Cell
from elman.ops import under_autocast


class Batch(NamedTuple):
    """A batch of sequences, with the packed form in which it was given.

    Attributes:
        x: (T, B, I).
        lengths: (B,), the number of real steps of each example; None if all are real.
        packed: the packed batch, if it was given as one; the examples are then in its order.
        rows: the positions in (T · B) of the rows of a packed batch, in packed order.
        sides: the cell's side inputs, in its order, each (T, B, 1), or (T, B, 2) with a number for each direction.
    """

    x: Tensor
    lengths: Tensor | None = None
    packed: PackedSequence | None = None
    rows: Tensor | None = None
    sides: Sequence[Tensor] = ()


def unpack(packed: PackedSequence) -> Batch:
    """Pad a packed batch, with its examples in the packed order."""
    data, batch_sizes, _, _ = packed
    x, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes))
    rows = step_mask(lengths, len(x)).flatten().nonzero().flatten()  # on the CPU, where batch sizes always are
    return Batch(x, lengths.to(x.device), packed, rows.to(x.device))


def pack(output: Tensor, batch: Batch) -> PackedSequence:
    """Pack an output (T, B, H) like its batch."""
    assert batch.packed is not None
    assert batch.rows is not None
    _, batch_sizes, sorted_indices, unsorted_indices = batch.packed
    return PackedSequence(output.flatten(0, 1)[batch.rows], batch_sizes, sorted_indices, unsorted_indices)


def check_lengths(lengths: Tensor | Sequence[int], x: Tensor) -> Tensor:
    """Convert lengths into a tensor of int64 on the device of x.

    Args:
        lengths: one integer for each example, from 0 to T, in any order.
        x: (T, B, I).

    Raises:
        ShapeError: there is not one length for each example, or one is out of range.
    """
    steps, batch = x.shape[:2]
    tensor = _as_integers(lengths, x)
    if tensor.shape != (batch,):
        raise ShapeError(
            f"lengths have shape {tuple(tensor.shape)}, the batch has {batch} examples.\n"
            f"  Every example has one length.\n  Give shape ({batch},)."
        )
    # While torch compiles there are no values; the operator checks them when it runs.
    has_values = not (torch.compiler.is_compiling() or tensor.is_meta or _intercepts(tensor))
    wrong = ((tensor < 0) | (tensor > steps)).nonzero().flatten().tolist() if has_values else []
    if wrong:
        raise ShapeError(
            f"lengths[{wrong[0]}] is {int(tensor[wrong[0]])}, the input has {steps} time steps.\n"
            f"  A length is from 0 to {steps}.\n  Correct it, or pad the input."
        )
    return tensor.to(x.device)


def _as_integers(lengths: Tensor | Sequence[int], x: Tensor) -> Tensor:
    """Convert lengths into a tensor of int64, or refuse them."""
    try:
        tensor = lengths if isinstance(lengths, Tensor) else torch.as_tensor(lengths, device="cpu")
    except (TypeError, ValueError, RuntimeError, OverflowError):  # torch has one for each kind of object
        raise ShapeError(
            f"lengths are a {type(lengths).__name__} that is no sequence of integers.\n"
            "  Every example has one length, which counts time steps.\n  Give a list or a tensor of integers."
        ) from None
    if tensor.layout is not torch.strided or (tensor.is_meta and not x.is_meta):
        where = "on meta" if tensor.is_meta else f"of the layout {tensor.layout}"
        raise ShapeError(f"lengths are a tensor {where}.\n  Their values must be in memory.\n  Give a dense tensor.")
    if tensor.numel() > 0 and (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool):
        raise ShapeError(f"lengths are of type {tensor.dtype}.\n  A length counts time steps.\n  Give integers.")
    integers = tensor.to(torch.int64)
    if torch.compiler.is_compiling():  # a traced tensor cannot be asked for its mode
        return integers
    # autograd cannot save a tensor that was made in inference mode
    return integers.clone() if integers.is_inference() and not torch.is_inference_mode_enabled() else integers


def _intercepts(tensor: Tensor) -> bool:
    """Test whether a tensor's class intercepts operations: a fake tensor has a shape, and no values."""
    return type(tensor).__torch_dispatch__ is not Tensor.__torch_dispatch__


def check_sides(cell: Cell, given: Mapping[str, Any], x: Tensor, directions: int = 1) -> list[Tensor]:
    """Return the side inputs in the order of their cell.

    Args:
        cell: has their names.
        given: for each a tensor with the shape of x without its last axis: one number for each step and example; or,
            with two directions, a pair of such tensors.
        x: the input, in any form.
        directions: of the layer.

    Returns:
        Each with a last axis of length 1, or 2 where a pair was given.

    Raises:
        ShapeError: one is missing, unknown, or does not fit.
    """
    takes = f"reads {', '.join(cell.sides)}" if cell.sides else "reads none"
    for name in given:
        if name not in cell.sides:
            raise ShapeError(f"{cell.name}: there is no side input {name}.\n  The cell {takes}.\n  Drop {name}=….")
    sides = []
    for name in cell.sides:
        shape = tuple(x.shape[:-1])
        if name not in given:
            raise ShapeError(
                f"{cell.name}: side input {name} is missing.\n  The cell reads one number of it at every time step.\n"
                f"  Give {name}=…, of shape {shape}."
            )
        pair = directions == 2 and isinstance(given[name], tuple | list) and len(given[name]) == 2
        parts = list(given[name]) if pair else [given[name]]
        for side in parts:
            _check_side(f"{cell.name}: side input {name}", name, side, x)
        one, *other = (side.to(x.dtype).unsqueeze(-1) for side in parts)
        sides.append(torch.cat([one, *other], -1) if other else one)
    return sides


def _check_side(what: str, name: str, side: Any, x: Tensor) -> None:
    shape = tuple(x.shape[:-1])
    if not isinstance(side, Tensor) or side.shape != shape:
        kind = f"has shape {tuple(side.shape)}" if isinstance(side, Tensor) else f"is a {type(side).__name__}"
        raise ShapeError(f"{what} {kind}.\n  It is a tensor with one number for each step of x.\n  Give shape {shape}.")
    if side.device != x.device or not (side.dtype == x.dtype or (side.is_floating_point() and under_autocast(x))):
        raise ShapeError(
            f"{what} is {side.dtype} on {side.device}, x is {x.dtype} on {x.device}.\n  They must agree.\n"
            f"  Give {name}.to(x)."
        )


def of_direction(sides: Sequence[Tensor], direction: int) -> list[Tensor]:
    """Return the side inputs (T, B, 1 or 2) of a direction, 0 or 1, each (T, B, 1)."""
    return [side if side.shape[-1] == 1 else side[..., direction : direction + 1].contiguous() for side in sides]


def permute(states: Sequence[Tensor], order: Tensor | None) -> list[Tensor]:
    """Reorder the examples of states (L·D, B, n)."""
    return list(states) if order is None else [state.index_select(1, order) for state in states]
