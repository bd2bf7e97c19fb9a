"""What a model writes that puts units in order: each unit of its source once.

At every step the softmax is over the units of the bag that are left, so that what is learnt is P(order | bag), the
product over the steps of P(unit | units before it, units left). A step has some tens of candidates in place of a whole
vocabulary, and the end is certain where none is left.

>>> bags, lengths = torch.tensor([[4, 2, 4], [7, 3, 0]]), torch.tensor([3, 2])
>>> written = torch.tensor([[4, 3], [2, 7], [4, -1]])
>>> left_in_bags(bags, lengths, written)[0].int().tolist()
[[1, 1, 0], [1, 1, 0], [1, 0, 0]]
"""

import torch
from torch import Tensor

from elman.nn.rowwise import linear


def left_in_bags(bags: Tensor, lengths: Tensor, written: Tensor) -> Tensor:
    """Return which steps of bags hold a unit that is left before each step of a target; of equal units the first.

    Args:
        bags: (B, S) units.
        lengths: (B,) of the bags.
        written: (T, B) units of the targets; what is no unit of its bag uses up nothing.

    Returns:
        (B, T, S) bool.
    """
    places = torch.arange(bags.shape[1], device=bags.device)
    is_real = places < lengths[:, None]
    equal = (bags[:, :, None] == bags[:, None]) & is_real[:, None]  # (B, S, S)
    is_first = is_real & ~(equal & (places < places[:, None])).any(2)
    hits = (written.t()[..., None] == bags[:, None]).long()
    before = hits.cumsum(1) - hits
    return (equal.sum(2)[:, None] > before) & is_first[:, None]


def order_loss(scores: Tensor, left: Tensor, bags: Tensor, written: Tensor, label_smoothing: float) -> Tensor:
    """Return the mean of −ln P over the units that are written and the ends, which cost nothing; in nats.

    Args:
        scores: (B, T, S) logits of the steps of bags.
        left: (B, T, S) which of them may be written.
        bags: (B, S) units.
        written: (T, B) units, negative where nothing is to be written.
        label_smoothing: share of the probability given to all units that are left alike.
    """
    places = (bags[:, None] == written.t()[..., None]) & left
    counted = places.any(2)
    chances = scores[counted].masked_fill(~left[counted], -torch.inf).log_softmax(1)
    losses = -chances.gather(1, places[counted].int().argmax(1, keepdim=True))[:, 0]
    if label_smoothing:
        even = chances.masked_fill(~left[counted], 0.0).sum(1) / left[counted].sum(1)
        losses = (1 - label_smoothing) * losses - label_smoothing * even
    return losses.sum() / (written >= 0).sum()


def spread(scores: Tensor, left: Tensor, bags: Tensor, units: int, end: int) -> Tensor:
    """Put scores (B, T, S) at the numbers of their units: logits (T, B, V), -inf for all that may not be written.

    Args:
        scores: logits of the steps of bags.
        left: (B, T, S) which of them may be written; where none may, the end is certain.
        bags: (B, S) units.
        units: V.
        end: its number.
    """
    at = bags[:, None].expand(scores.shape).masked_fill(~left, units)
    logits = scores.new_full((*scores.shape[:2], units + 1), -torch.inf).scatter(2, at, scores)[..., :units]
    logits[..., end] = torch.where(left.any(2), -torch.inf, 0.0)
    return logits.transpose(0, 1)


def score_wanted(joined: Tensor, wanted: Tensor, weight: Tensor, bias: Tensor, is_learning: bool) -> Tensor:
    """Return the logits of some units of each example, (B, T, C).

    Args:
        joined: (B, T, E) what the readout reads.
        wanted: (B, C) units.
        weight: (V, E) of the readout.
        bias: (V,).
        is_learning: in training; otherwise the sums do not depend on what else is in the batch.
    """
    weights, biases = weight[wanted], bias[wanted]
    if is_learning:
        return torch.baddbmm(biases[:, None], joined, weights.transpose(1, 2))
    return torch.stack([linear(*one) for one in zip(joined, weights, biases, strict=True)])
