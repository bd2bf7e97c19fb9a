"""Find pairs that do not belong together, by a trained model.

A source that belongs to a target makes it more likely. The score of a pair is by how many nats it does not:

    mean over other sources s' of ln P(target | s') − ln P(target | source)

The other sources belong to targets of about the same length. Near 0 or above, the source says no more about the target
than any other does. −ln P(target | source) alone would list rare words (the idea of comparing two likelihoods is that
of Junczys-Dowmunt 2018, with a second model in place of other sources). A pair that was learnt from is known to the
model, a wrong one too, the more so the closer it fits its training data: its score is too low. Pairs that the model
has not seen are judged without that.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.data.pairs.pair import Pair
from elman.data.pairs.suspects import MOST, Suspect, name_reasons
from elman.nn.evaluation import evaluating
from elman.tasks.translate.batches import NOTHING, EncodedPairs
from elman.tasks.translate.model import TrainedTranslator

_AT_ONCE = 64
_OTHERS = (37, -53, 101, -211)  # places away, in the order of lengths
_TRIED = 64  # pairs that may have the same source


def judge_pairs(model: TrainedTranslator, parts: Sequence[EncodedPairs], pairs: Sequence[Pair]) -> list[Suspect]:
    """List the pairs that a model finds most suspect, the worst first; at most `MOST`.

    Args:
        model: a trained one.
        parts: encoded pairs; those with fewer than two pairs are left out.
        pairs: all of them in their order, by which shifts are found.

    Returns:
        Suspects with the reason `model`, or what is wrong with them by their texts alone.
    """
    known = {id(pairs[number]): reason for number, reason in name_reasons(pairs).items()}
    found = [
        Suspect(known.get(id(pair), "model"), pair, score)
        for part in parts
        if len(part) > 1
        for pair, score in zip(part.pairs, compare_sources(model, part).tolist(), strict=True)
    ]
    return sorted(found, key=lambda one: -one.score)[:MOST]


def compare_sources(model: TrainedTranslator, pairs: EncodedPairs) -> Tensor:
    """Return by how many nats other sources make each target more likely than its own source, (N,)."""
    order = [index for chosen in pairs.draw(_AT_ONCE, None) for index in chosen]
    own = _surprise(model, pairs, range(len(pairs)))
    others = torch.zeros(len(pairs))
    for places in _OTHERS:
        others += _surprise(model, pairs, _choose_others(pairs, order, places))
    return own - others / len(_OTHERS)


def _choose_others(pairs: EncodedPairs, order: Sequence[int], places: int) -> list[int]:
    """Return a pair with another source for each, some places away in an order; itself where many are the same."""
    chosen = list(range(len(order)))
    for place, index in enumerate(order):
        near = (order[(place + places + step) % len(order)] for step in range(_TRIED))
        chosen[index] = next((other for other in near if pairs.pairs[other].source != pairs.pairs[index].source), index)
    return chosen


@torch.no_grad()
def _surprise(model: TrainedTranslator, pairs: EncodedPairs, sources: Sequence[int]) -> Tensor:
    """Return −ln P of each target, its end counted, given the source of some pair each; (N,)."""
    found, device = torch.zeros(len(pairs)), next(model.module.parameters()).device
    with evaluating(model.module):
        for chosen in pairs.draw(_AT_ONCE, None):
            few, other = pairs.batch(chosen), pairs.batch([sources[index] for index in chosen])
            logits = model.module(other.source.to(device), other.lengths.to(device), few.read.to(device))
            written = few.written.to(device)
            each = F.cross_entropy(logits.flatten(0, 1), written.flatten(), ignore_index=NOTHING, reduction="none")
            found[torch.tensor(chosen)] = each.view(written.shape).sum(0).cpu()
    return found
