"""Compare a translation model with what needs no recurrence, and with its own answers to shuffled sources."""

from typing import Any

import torch

from elman.backends.held import held
from elman.decoding.constraints import Constraints
from elman.decoding.search import Beam, search
from elman.nn.evaluation import evaluating
from elman.scores.translations import TextScores, score_texts
from elman.scores.verdict import judge
from elman.tasks.translate.baseline import TranslationBaselines
from elman.tasks.translate.batches import EncodedPairs
from elman.tasks.translate.model import TrainedTranslator
from elman.tasks.translate.reorder import order_units
from elman.tasks.translate.writer import TranslationWriter, longest_target

_AT_ONCE = 64


def compare(
    model: TrainedTranslator, held_out: EncodedPairs, baselines: TranslationBaselines | None, measure: str, seed: int
) -> dict[str, Any]:
    """Score the model, and compare the score with the baselines.

    Args:
        model: the trained one.
        held_out: the pairs to validate on.
        baselines: what needs no recurrence, scored on the same pairs; None where it was not trained.
        measure: what models are compared by.
        seed: of the order of shuffled units.
    """
    references = [pair.target for pair in held_out.pairs]
    ours = score_texts(write_all(model, held_out), references, measure=measure)
    validation = {"validation": ours.to_dict()}
    if baselines is None:
        return validation
    shuffled: list[TextScores] = []
    if int(held_out.sources.max()) > 1 and not model.orders:
        drawn = torch.Generator().manual_seed(seed)
        shuffled = [score_texts(write_all(model, held_out, drawn), references, measure=measure)]
    verdict = judge(
        ours,
        model.parameters,
        shuffled=shuffled,
        other=baselines.network,
        what=baselines.what,
        other_parameters=baselines.parameters,
        finished=baselines.finished,
        steps="units of the source",
    )
    copied, nearest = baselines.copied, baselines.nearest
    last = (
        f"Copying the source reaches {copied.write(copied.quality)}, the target of the nearest training source "
        f"{nearest.write(nearest.quality)}."
    )
    facts = {
        "what": baselines.what,
        "parameters": baselines.parameters,
        "updates": baselines.updates,
        "finished": baselines.finished,
    }
    return {
        **validation,
        "baseline": {**facts, **baselines.network.to_dict()},
        "copied": copied.to_dict(),
        "nearest": nearest.to_dict(),
        "shuffled": [scores.to_dict() for scores in shuffled],
        "verdict": f"{verdict} {last}",
    }


@torch.no_grad()
def write_all(model: TrainedTranslator, pairs: EncodedPairs, shuffled: torch.Generator | None = None) -> list[str]:
    """Return what greedy search writes for the sources of pairs.

    Args:
        model: writes.
        pairs: their sources are read.
        shuffled: puts the units of each source in random order.
    """
    texts, end = [""] * len(pairs), model.encoder.target.end
    if model.orders:
        orders = order_units(model.module, pairs.bags(), end=end, beam=1)
        return [model.encoder.target.decode(one.units) for one in orders]
    device = next(model.module.parameters()).device
    constraints = Constraints(forbidden=model.encoder.target.unwritten)
    with evaluating(model.module), held(model.module.parameters()):
        for chosen in pairs.draw(_AT_ONCE, None):
            few = pairs.batch(chosen, shuffled)
            writer = TranslationWriter(model.module, few.source.to(device), few.lengths.to(device), end)
            longest = [longest_target(length) for length in few.lengths.tolist()]
            found = search(writer, len(chosen), end=end, longest=longest, beam=Beam(1), constraints=constraints)
            for index, best in zip(chosen, found, strict=True):
                texts[index] = model.write(best[0]) if best else ""
    return texts
