"""Compare a model that captions with captions that need no network, and with its own captions of other pictures."""

from typing import Any

import torch

from elman.decoding.search import Beam
from elman.scores.captions import CaptionScores, score_captions
from elman.tasks.caption.baseline import CaptionBaselines
from elman.tasks.caption.batches import EncodedCaptions
from elman.tasks.caption.model import TrainedCaptioner


def compare(
    model: TrainedCaptioner, held_out: EncodedCaptions, baselines: CaptionBaselines | None, seed: int
) -> dict[str, Any]:
    """Score the model, and compare the score.

    Args:
        model: the trained one.
        held_out: the pictures to validate on.
        baselines: scored on the same pictures; None where they were not.
        seed: of the order in which pictures are exchanged.

    Returns:
        What a model's metrics keep.
    """
    texts = write_all(model, held_out)
    ours = score_captions(texts, held_out.references)
    found: dict[str, Any] = {"validation": ours.to_dict()}
    if baselines is None:
        return found
    found["baselines"] = baselines.to_dict()
    another = None
    if len(held_out) > 1:
        another = score_captions(exchange(texts, seed), held_out.references)
        found["another"] = another.to_dict()
    return {**found, "verdict": judge_captions(ours, another, baselines)}


def exchange(texts: list[str], seed: int) -> list[str]:
    """Return for each picture what was written of another one."""
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(seed)).tolist()
    given = dict(zip(order, order[1:] + order[:1], strict=True))
    return [texts[given[index]] for index in range(len(texts))]


def judge_captions(ours: CaptionScores, another: CaptionScores | None, baselines: CaptionBaselines) -> str:
    """Write the judgement in a few sentences."""
    sentences = []
    if another is not None:
        figures = f"{ours.said()}, and {another.cider:.1f} with the features of another picture"
        sees = another.cider < ours.cider and ours.differs(another.cider)
        sentences.append(
            f"The model sees: {figures}." if sees else f"It makes no clear difference what it sees: {figures}."
        )
    else:
        sentences.append(f"{ours.said()}.")
    best = max(baselines.constant.cider, baselines.nearest.cider)
    better = "It passes both" if best < ours.cider and ours.differs(best) else "It does not clearly pass both"
    sentences.append(
        f"The best constant caption reaches {baselines.constant.cider:.1f}, that of the nearest training picture "
        f"{baselines.nearest.cider:.1f}. {better}."
    )
    return " ".join(sentences)


def write_all(model: TrainedCaptioner, captions: EncodedCaptions) -> list[str]:
    """Return what greedy search writes of pictures."""
    return [model.write(found[0]) for found in model.hypotheses(captions, Beam(1))]
