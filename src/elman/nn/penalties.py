"""Penalise the outputs of a recurrent layer, large ones and large differences between steps, and repeated attention.

All are added to a loss with a factor. Those on outputs are AR and TAR of Merity, McCann & Socher 2017. The paper writes
an L2 norm; these are means of squares over elements, as in its authors' code.

>>> import torch
>>> output = torch.tensor([1.0, 3.0, 0.0]).view(3, 1, 1)
>>> float(activation_penalty(output, lengths=[2])), float(temporal_activation_penalty(output, lengths=[2]))
(5.0, 4.0)
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from elman.backends.inputs import real_steps
from elman.errors import ShapeError
from elman.nn.sequences import check_lengths


def activation_penalty(output: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
    """Compute the mean square of an output over its real steps.

    Args:
        output: (T, B, n), in the paper after dropout.
        lengths: number of real time steps of each example; None if all are real.

    Returns:
        A number; 0 if there is no real step.

    Raises:
        ShapeError: the output does not have three axes, or the lengths do not fit.
    """
    return _mean_square(output, _valid(output, lengths))


def temporal_activation_penalty(output: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
    """Compute the mean square of the differences between an output's consecutive real steps.

    Args:
        output: (T, B, n), in the paper before dropout.
        lengths: number of real time steps of each example; None if all are real.

    Returns:
        A number; 0 if no example has two real steps.

    Raises:
        ShapeError: the output does not have three axes, or the lengths do not fit.
    """
    valid = _valid(output, lengths)
    return _mean_square(output[1:] - output[:-1], None if valid is None else valid[1:])


def coverage_loss(weights: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
    """Compute how much attention returns to what it has already looked at: Σ_s min(a_ts, Σ_{t' < t} a_t's).

    This is the coverage loss of See et al. 2017, equations 10 and 12, its mean over all real steps.

    Args:
        weights: (T, B, S), those of step t over the S steps of its memory.
        lengths: number of real steps t of each example; None if all are real.

    Returns:
        A number, 0 if there is no real step.

    Raises:
        ShapeError: the weights do not have three axes, or the lengths do not fit.

    >>> float(coverage_loss(torch.tensor([[0.75, 0.25], [0.5, 0.5]])[:, None]))     # 0, then 0.5 + 0.25
    0.375
    """
    valid = _valid(weights, lengths)
    covered = torch.cat([torch.zeros_like(weights[:1]), weights[:-1]]).cumsum(0)
    again = torch.minimum(weights, covered).sum(2)
    if valid is None:
        return again.sum() / max(again.numel(), 1)
    return again[valid[..., 0]].sum() / valid.sum().clamp(min=1)


def _valid(output: Tensor, lengths: Tensor | Sequence[int] | None) -> Tensor | None:
    if not isinstance(output, Tensor):
        raise ShapeError(
            f"penalty: the output is a {type(output).__name__}.\n  It is a tensor (T, B, n).\n"
            "  Unpack a packed one with torch.nn.utils.rnn.pad_packed_sequence, which returns the lengths too."
        )
    if output.dim() != 3:
        raise ShapeError(
            f"penalty: the output has shape {tuple(output.shape)}.\n  It is time-major, (T, B, n).\n"
            "  Give output.transpose(0, 1) where the batch comes first, output.unsqueeze(1) for one sequence."
        )
    return None if lengths is None else real_steps(check_lengths(lengths, output), len(output))


def _mean_square(values: Tensor, valid: Tensor | None) -> Tensor:
    # float16 ends at 65504, which a sum of squares soon exceeds although their mean is small
    wide = values.to(torch.promote_types(values.dtype, torch.float32))
    if valid is None:
        return (wide.square().sum() / max(wide.numel(), 1)).to(values.dtype)
    real = torch.where(valid, wide, wide.new_zeros(()))
    return (real.square().sum() / (valid.sum() * wide.shape[-1]).clamp(min=1)).to(values.dtype)
