"""Scores of captions, which have several references each: CIDEr-D and BLEU of one to four words.

BLEU needs sacrebleu (`pip install 'elman[caption]'`); CIDEr-D, by which models are compared, needs nothing. Both are of
words with spaces between them, as captions are written here: in lower case, without punctuation.

>>> scores = score_captions(["a dog runs", "two birds"], [["a dog runs fast"], ["two birds", "birds fly"]])
>>> round(scores.cider, 1), round(scores.bleu[0], 1), scores.distinct
(450.8, 81.9, 2)
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from elman.scores.cider import score_cider
from elman.scores.ngrams import bleu_counts, bleu_of
from elman.scores.resampling import interval_of, resample
from elman.scores.translations import has_sacrebleu

CIDER = "CIDEr-D"
ORDERS = (1, 2, 3, 4)


@dataclass(frozen=True)
class CaptionScores:
    """How good captions are.

    Attributes:
        cider: CIDEr-D times a hundred.
        interval: its 95 % interval, by bootstrap over the pictures.
        bleu: BLEU of up to one, two, three and four words, 0 to 100; None without sacrebleu.
        bleu_interval: the 95 % interval of that of four words; None without sacrebleu.
        count: how many captions there are.
        distinct: how many of them differ.
    """

    measure: ClassVar[str] = CIDER

    cider: float
    interval: tuple[float, float]
    bleu: tuple[float, ...] | None
    bleu_interval: tuple[float, float] | None
    count: int
    distinct: int

    @property
    def quality(self) -> float:
        """Return what models are compared by."""
        return self.cider

    def write(self, quality: float) -> str:
        """Write a quality of this kind."""
        return f"{quality:.1f}"

    def said(self) -> str:
        """Write the scores that are compared."""
        bleu = "" if self.bleu is None else f", BLEU-4 {self.bleu[-1]:.1f}"
        return f"{CIDER} {self.cider:.1f}{bleu}"

    def differs(self, quality: float) -> bool:
        """Check whether a quality lies outside the 95 % interval of this one."""
        low, high = self.interval
        return not low <= quality <= high

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def score_captions(texts: Sequence[str], references: Sequence[Sequence[str]], *, seed: int = 1) -> CaptionScores:
    """Compare captions with the references of their pictures.

    Args:
        texts: N captions, words with spaces between them.
        references: of each picture, the same.
        seed: of the bootstrap.

    Raises:
        DataError: there are no texts, not as many references, or a picture without one.
    """
    each = score_cider(texts, references)
    ones = np.array([[score, 1.0] for score in each])
    bleu = within = None
    if has_sacrebleu():
        counts = bleu_counts(texts, references, tokenized=True)
        bleu = tuple(bleu_of(counts.sum(0), order) for order in ORDERS)
        within = interval_of([bleu_of(row) for row in resample(counts, seed)])
    drawn = resample(ones, seed)
    return CaptionScores(
        cider=sum(each) / len(each),
        interval=interval_of(drawn[:, 0] / drawn[:, 1]),
        bleu=bleu,
        bleu_interval=within,
        count=len(texts),
        distinct=len(set(texts)),
    )
