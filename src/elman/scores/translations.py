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

from elman.errors import ConfigError, DataError
from elman.scores.ngrams import bleu_counts, bleu_of, chrf_counts, chrf_of
from elman.scores.resampling import interval_of, resample
from elman.scores.share import wilson_interval

BLEU, EXACT = "BLEU", "exact"


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
        chrf_interval: that of chrF.
        signature: how BLEU was computed.
        measure: what models are compared by, `BLEU` or `exact`. BLEU is 0 where no text has four words in a row right.
    """

    bleu: float
    bleu_lc: float
    chrf: float
    exact: float
    count: int
    interval: tuple[float, float]
    chrf_interval: tuple[float, float]
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
        return {**asdict(self), "interval": list(self.interval), "chrf_interval": list(self.chrf_interval)}


def require_sacrebleu(extra: str = "translate") -> ModuleType:
    """Return the library.

    Args:
        extra: the extra that has it, for the message.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import sacrebleu
    except ImportError:
        raise ConfigError(f"BLEU needs sacrebleu. Install it: pip install 'elman[{extra}]'.") from None
    found: ModuleType = sacrebleu
    return found


def has_sacrebleu() -> bool:
    """Return whether the library is installed."""
    try:
        require_sacrebleu()
    except ConfigError:
        return False
    return True


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
    bleu = library.metrics.BLEU()
    intervals = [
        interval_of([score(row) for row in resample(count(texts, references), seed)])
        for count, score in ((bleu_counts, bleu_of), (chrf_counts, chrf_of))
    ]
    return TextScores(
        bleu=bleu.corpus_score(list(texts), [list(references)]).score,
        bleu_lc=library.corpus_bleu(list(texts), [list(references)], lowercase=True).score,
        chrf=library.corpus_chrf(list(texts), [list(references)]).score,
        exact=sum(one == other for one, other in zip(texts, references, strict=True)) / len(texts),
        count=len(texts),
        interval=intervals[0],
        chrf_interval=intervals[1],
        signature=str(bleu.get_signature()),
        measure=measure,
    )


def quick_bleu(texts: Sequence[str], references: Sequence[str]) -> float:
    """Return BLEU alone, as :func:`score_texts`."""
    score: float = require_sacrebleu().corpus_bleu(list(texts), [list(references)]).score
    return score
