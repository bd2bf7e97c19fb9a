"""Scores of texts that were written for others: BLEU and chrF as sacreBLEU computes them, and the share that is exact.

BLEU compares n-grams of words with those of a reference (Papineni et al. 2002), chrF n-grams of characters (Popović
2015). Which tokeniser, case and version a BLEU was computed with stands in its *signature* (Post 2018); figures with
other signatures do not compare. It needs sacrebleu: `pip install 'elman[translate]'`.

>>> found = score_texts(["a dog runs home now"], ["a dog runs home now"])
>>> round(found.bleu, 1), found.exact
(100.0, 1.0)
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np

from elman.errors import ConfigError, DataError
from elman.scores.share import wilson_interval

BLEU, EXACT = "BLEU", "exact"

_RESAMPLED = 1000
_EDGE = 25  # of so many resamples on either side lies 95 % of them


@dataclass(frozen=True)
class TextScores:
    """How good texts are.

    Attributes:
        bleu: BLEU of the tokeniser 13a, cased, 0 to 100.
        bleu_lc: the same of lower-cased texts.
        chrf: chrF, 0 to 100.
        exact: the share that equals its reference.
        count: how many texts there are.
        interval: the 95 % interval of BLEU, by bootstrap over the texts (Koehn 2004).
        signature: how BLEU was computed.
        measure: what models are compared by, `BLEU` or `exact`. BLEU is 0 where no text has four words in a row right.
    """

    bleu: float
    bleu_lc: float
    chrf: float
    exact: float
    count: int
    interval: tuple[float, float]
    signature: str
    measure: str = BLEU

    @property
    def quality(self) -> float:
        """Return what models are compared by."""
        return self.bleu if self.measure == BLEU else self.exact

    def write(self, quality: float) -> str:
        """Write a quality of this kind."""
        return f"{quality:.1f}" if self.measure == BLEU else f"{quality:.1%}"

    def said(self) -> str:
        """Write the score that models are compared by."""
        return f"{self.measure} {self.write(self.quality)}"

    def differs(self, quality: float) -> bool:
        """Check whether a quality lies outside the 95 % interval of this one."""
        low, high = self.interval if self.measure == BLEU else wilson_interval(self.exact, self.count)
        return not low <= quality <= high

    def constant(self) -> str:
        """Write nothing: there is no constant answer to compare with."""
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**asdict(self), "interval": list(self.interval)}


def require_sacrebleu() -> ModuleType:
    """Return the library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import sacrebleu
    except ImportError:
        raise ConfigError("BLEU needs sacrebleu. Install it: pip install 'elman[translate]'.") from None
    found: ModuleType = sacrebleu
    return found


def score_texts(texts: Sequence[str], references: Sequence[str], *, measure: str = BLEU, seed: int = 1) -> TextScores:
    """Compare texts with one reference each.

    Args:
        texts: what was written.
        references: what is right.
        measure: what models are compared by, `BLEU` or `exact`.
        seed: of the bootstrap.

    Raises:
        ConfigError: sacrebleu is not installed.
        DataError: there are no texts, or not as many references.
    """
    library = require_sacrebleu()
    if not texts or len(texts) != len(references):
        raise DataError(f"There are {len(texts)} texts and {len(references)} references. Give as many, at least one.")
    bleu, each = library.metrics.BLEU(), library.metrics.BLEU(effective_order=True)
    found = [each.sentence_score(one, [other]) for one, other in zip(texts, references, strict=True)]
    counts = np.array([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in found])
    chance = np.random.default_rng(seed)
    drawn = chance.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=_RESAMPLED) @ counts
    resampled = sorted(_bleu_of(row.tolist(), bleu) for row in drawn)
    return TextScores(
        bleu=bleu.corpus_score(list(texts), [list(references)]).score,
        bleu_lc=library.corpus_bleu(list(texts), [list(references)], lowercase=True).score,
        chrf=library.corpus_chrf(list(texts), [list(references)]).score,
        exact=sum(one == other for one, other in zip(texts, references, strict=True)) / len(texts),
        count=len(texts),
        interval=(resampled[_EDGE], resampled[-1 - _EDGE]),
        signature=str(bleu.get_signature()),
        measure=measure,
    )


def _bleu_of(counts: list[int], bleu: Any) -> float:
    """Return BLEU of the counts of n-grams that match, of all of them, and of both lengths."""
    orders = bleu.max_ngram_order
    score: float = bleu.compute_bleu(
        counts[:orders], counts[orders : 2 * orders], *counts[2 * orders :], smooth_method=bleu.smooth_method
    ).score
    return score


def quick_bleu(texts: Sequence[str], references: Sequence[str]) -> float:
    """Return BLEU alone, as :func:`score_texts`."""
    score: float = require_sacrebleu().corpus_bleu(list(texts), [list(references)]).score
    return score
