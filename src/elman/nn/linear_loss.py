"""The cross entropy of a linear readout over a large vocabulary, without all logits in memory at once.

A word model has V = 10,000 logits at each of N = 1,000 steps of a batch. As a product, a softmax and a loss they are
read and written a dozen times in memory. Here a few rows at a time are computed, and while they are in the cache turned
into the loss and the gradient: with the softmax p of a row and its smoothed target q (Szegedy et al. 2016, section 7),
d loss / d logits = (p − q) / N. The sums are those of :func:`torch.nn.functional.cross_entropy`, so values agree up to
rounding.

>>> x, weight, bias = torch.randn(7, 3), torch.randn(11, 3), torch.randn(11)
>>> target = torch.randint(11, (7,))
>>> torch.allclose(
...     linear_cross_entropy(x, weight, bias, target), F.cross_entropy(F.linear(x, weight, bias), target)
... )
True
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from elman.nn.rowwise import runs_in_kernels
from elman.ops import operators

# 8 MiB of float32: they are still in the cache when they are read again.
_MOST_LOGITS = 2**21


def linear_cross_entropy(
    x: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Return the mean cross entropy of x Wᵀ + b, in nats.

    Args:
        x: (N, I), what the readout reads.
        weight: (V, I).
        bias: (V,), or None for none.
        target: (N,) int64, from 0 to V − 1.
        label_smoothing: share of the probability that the target gives to all V alike, from 0 to 1.

    Returns:
        A scalar. Where few logits are needed, no gradient is wanted, or torch does more than compute (tracing,
        `torch.func`, autocast, another device), it is torch's own; otherwise it can be differentiated once.
    """
    tensors = [x, weight] if bias is None else [x, weight, bias]
    if (
        len(x) * len(weight) <= _MOST_LOGITS
        or not operators.is_followed(tensors)
        or not runs_in_kernels(tensors)
        or operators.has_tangents(tensors)
    ):
        return F.cross_entropy(F.linear(x, weight, bias), target, label_smoothing=label_smoothing)
    loss: Tensor = _LinearCrossEntropy.apply(x, weight, bias, target, label_smoothing)
    return loss


class _LinearCrossEntropy(torch.autograd.Function):
    """The loss, whose gradient is computed with it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, smoothing: float) -> Tensor:
        """Return the loss, and keep its gradients."""
        count, units = len(x), len(weight)
        d_x, d_weight, d_bias = torch.empty_like(x), torch.zeros_like(weight), weight.new_zeros(units)
        shift = d_bias.clone() if bias is None else bias
        losses = x.new_zeros(())
        step = max(1, _MOST_LOGITS // units)
        memory = x.new_empty(step, units)
        for rows, targets, d_rows in zip(x.split(step), target.split(step), d_x.split(step), strict=True):
            logits = torch.addmm(shift, rows, weight.t(), out=memory[: len(rows)])
            losses += _sum_losses(logits, targets[:, None], smoothing)
            d_logits = logits.div_(count)
            torch.mm(d_logits, weight, out=d_rows)
            d_weight.addmm_(d_logits.t(), rows)
            d_bias += d_logits.sum(0)
        ctx.save_for_backward(d_x, d_weight, d_bias)
        return losses / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        """Scale what was kept."""
        needed = zip(ctx.saved_tensors, ctx.needs_input_grad, strict=False)
        return *(kept * d_loss if is_needed else None for kept, is_needed in needed), None, None


def _sum_losses(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Return the sum of the losses of some rows; their logits (n, V) become their gradients."""
    units = logits.shape[1]
    at_target = logits.gather(1, target).sum()
    everywhere = logits.sum() / units
    highest = logits.amax(1, keepdim=True)
    total = logits.sub_(highest).exp_().sum(1, keepdim=True)
    log_total = (total.log() + highest).sum()
    logits.div_(total)
    if smoothing:
        logits.sub_(smoothing / units)
    logits.scatter_add_(1, target, logits.new_full(target.shape, smoothing - 1))
    return log_total - (1 - smoothing) * at_target - smoothing * everywhere
