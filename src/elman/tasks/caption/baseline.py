"""Captions that need no network: one for all pictures, and that of the most similar training picture.

Both are chosen from the captions to learn from alone. A model that does not pass them has not learnt to see.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional as F

from elman.scores.captions import CaptionScores, score_captions
from elman.scores.cider import Cider
from elman.tasks.caption.batches import EncodedCaptions

_TRIED, _JUDGED_ON = 50, 200
_FEWEST_WORDS = 4


@dataclass(frozen=True)
class CaptionBaselines:
    """The captions that need no network, with their scores on the held-out pictures.

    Attributes:
        text: the best constant caption.
        constant: its scores.
        nearest: those of the caption of the nearest training picture.
    """

    text: str
    constant: CaptionScores
    nearest: CaptionScores

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {"constant": {"text": self.text, **self.constant.to_dict()}, "nearest": self.nearest.to_dict()}


def score_baselines(training: EncodedCaptions, held_out: EncodedCaptions) -> CaptionBaselines:
    """Choose captions by what is learnt from, and score them on what is held out."""
    text = choose_constant(training.references)
    nearest = write_nearest(training, held_out)
    return CaptionBaselines(
        text,
        score_captions([text] * len(held_out), held_out.references),
        score_captions(nearest, held_out.references),
    )


def choose_constant(references: Sequence[Sequence[str]]) -> str:
    """Return the caption that scores best where it is written of every picture.

    Fifty captions whose pairs of words are common are tried, on at most 200 pictures.

    >>> of_dogs = [["a dog runs on the grass", "a dog runs"], ["a dog runs on the sand", "a dog on the grass"]]
    >>> choose_constant([*of_dogs, ["two birds fly over there"]])
    'a dog runs on the grass'
    """
    pairs = Counter(pair for of in references for text in of for pair in set(_pairs(text)))

    def common(text: str) -> float:
        own = _pairs(text)
        return sum(math.log(pairs[pair]) for pair in own) / len(own)

    whole = dict.fromkeys(text for of in references for text in of)
    long = [text for text in whole if len(text.split()) >= _FEWEST_WORDS]
    few = sorted(long or whole, key=lambda text: -common(text) if _pairs(text) else math.inf)[:_TRIED]
    judges = references[:: -(-len(references) // _JUDGED_ON)]
    cider = Cider(judges)
    return max(few, key=lambda text: sum(cider.score(index, text) for index in range(len(judges))))


def write_nearest(training: EncodedCaptions, held_out: EncodedCaptions) -> list[str]:
    """Return for each held-out picture a caption of the training picture whose features are most like its own.

    The cosine of standardised features says how alike two are; of the captions of a picture the one is taken that has
    most in common with the others.
    """
    learnt, given = (F.normalize(part.flat_pictures(), dim=1) for part in (training, held_out))
    nearest = torch.cat([(some @ learnt.t()).argmax(1) for some in given.split(256)]).tolist()
    cider = Cider(training.references)
    return [_most_shared(cider, index, training.references[index]) for index in nearest]


def _most_shared(cider: Cider, index: int, captions: Sequence[str]) -> str:
    return max(captions, key=lambda text: cider.score(index, text))


def _pairs(text: str) -> list[tuple[str, str]]:
    words = text.split()
    return list(pairwise(words))
