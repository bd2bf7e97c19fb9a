"""Compare two sets of texts that were written for the same references: which is better, and is it more than chance?

Both are scored on the same draws of the examples (a paired bootstrap, Koehn 2004, section 4), because examples that are
hard for one are mostly hard for the other: the difference is more certain than the two scores are.

>>> right = [f"a dog number {n} runs home" for n in range(40)]
>>> [bleu, *_] = compare_texts(right, [text[:12] for text in right], right)
>>> bleu.measure, round(bleu.ours, 1), bleu.difference > 50, bleu.p < 0.01
('BLEU', 100.0, True, True)
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.scores.ngrams import bleu_counts, bleu_of, chrf_counts, chrf_of
from elman.scores.resampling import interval_of, p_of, resample
from elman.scores.translations import EXACT, require_sacrebleu


@dataclass(frozen=True)
class Difference:
    """How much better texts are than others, by one measure.

    Attributes:
        measure: `BLEU`, `chrF` (both 0 to 100) or `exact` (a share in percent).
        ours: the score of the texts.
        others: the score of the others.
        interval: the 95 % interval of the difference.
        p: how probable a difference of the other sign is, two-sided.
    """

    measure: str
    ours: float
    others: float
    interval: tuple[float, float]
    p: float

    @property
    def difference(self) -> float:
        """Return how much better the texts are; negative where the others are."""
        return self.ours - self.others

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**asdict(self), "interval": list(self.interval), "difference": self.difference}


def compare_texts(
    texts: Sequence[str], others: Sequence[str], references: Sequence[str], *, seed: int = 1
) -> list[Difference]:
    """Compare texts with others, by BLEU, by chrF and by the share that is exact.

    Args:
        texts: what was written.
        others: what another wrote for the same sources.
        references: what is right.
        seed: of the bootstrap.

    Raises:
        ConfigError: sacrebleu is not installed.
        DataError: there are no texts, or not as many of each.
    """
    require_sacrebleu()
    if not texts or not len(texts) == len(others) == len(references):
        raise DataError(
            f"There are {len(texts)} texts, {len(others)} others and {len(references)} references. Give as many of "
            "each, at least one."
        )
    found = []
    for measure, count, score in (
        ("BLEU", bleu_counts, bleu_of),
        ("chrF", chrf_counts, chrf_of),
        (EXACT, _exact_counts, lambda row: 100 * row[0] / row[1]),
    ):
        ours, theirs = count(texts, references), count(others, references)
        drawn = [np.array([score(row) for row in resample(counts, seed)]) for counts in (ours, theirs)]
        differences = drawn[0] - drawn[1]
        found.append(
            Difference(measure, score(ours.sum(0)), score(theirs.sum(0)), interval_of(differences), p_of(differences))
        )
    return found


def _exact_counts(texts: Sequence[str], references: Sequence[str]) -> NDArray[np.int64]:
    return np.array([[one == other, 1] for one, other in zip(texts, references, strict=True)], np.int64)
