"""Count the n-grams that texts share with their references: a row for each text, whose sums give a corpus score.

BLEU counts n-grams of words, as sacreBLEU splits them (Papineni et al. 2002; Post 2018); chrF counts n-grams of
characters without spaces (Popović 2015).

>>> counts = chrf_counts(["a dog"], ["a dogs"])
>>> counts[0, :3].tolist(), round(chrf_of(counts.sum(0)), 1)
([4, 5, 4], 72.6)
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LONGEST = 6  # characters
_RECALL = 2  # times as important as precision


def bleu_counts(
    texts: Sequence[str], references: Sequence[str] | Sequence[Sequence[str]], *, tokenized: bool = False
) -> NDArray[np.int64]:
    """Return for each text the n-grams of four orders that match, those there are, and both lengths; (N, 10).

    Args:
        texts: N texts.
        references: one of each, or several.
        tokenized: a word is what lies between spaces.
    """
    from sacrebleu.metrics.bleu import BLEU

    each = BLEU(effective_order=True, tokenize="none" if tokenized else None)
    several = [[of] if isinstance(of, str) else list(of) for of in references]
    found = [each.sentence_score(one, of) for one, of in zip(texts, several, strict=True)]
    return np.array([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in found], np.int64)


def bleu_of(counts: Any, order: int = 4) -> float:
    """Return BLEU of a sum of rows of :func:`bleu_counts`, by n-grams of up to `order` words."""
    from sacrebleu.metrics.bleu import BLEU

    rows = [int(count) for count in counts]
    matched, there = rows[:order], rows[4 : 4 + order]
    score: float = BLEU.compute_bleu(matched, there, rows[8], rows[9], smooth_method="exp", max_ngram_order=order).score
    return score


def chrf_counts(texts: Sequence[str], references: Sequence[str]) -> NDArray[np.int64]:
    """Return for each text and each order 1 to 6 its n-grams, those of its reference, and those of both; (N, 18)."""
    rows = []
    for text, reference in zip(texts, references, strict=True):
        row: list[int] = []
        for order in range(1, _LONGEST + 1):
            ours, right = _ngrams(text, order), _ngrams(reference, order)
            # sacreBLEU leaves out n-grams of an order that the reference is too short for.
            row += [ours.total() if right else 0, right.total(), (ours & right).total()]
        rows.append(row)
    return np.array(rows, np.int64)


def chrf_of(counts: Any) -> float:
    """Return chrF of a sum of rows of :func:`chrf_counts`: the F-score of the mean precision and the mean recall."""
    shares = [
        (both / ours, both / right)
        for ours, right, both in np.asarray(counts, np.float64).reshape(_LONGEST, 3).tolist()
        if ours and right
    ]
    if not shares:
        return 0.0
    precision, recall = (sum(column) / len(shares) for column in zip(*shares, strict=True))
    if not precision + recall:
        return 0.0
    return 100 * (1 + _RECALL**2) * precision * recall / (_RECALL**2 * precision + recall)


def _ngrams(text: str, order: int) -> Counter[str]:
    letters = "".join(text.split())
    return Counter(letters[start : start + order] for start in range(len(letters) - order + 1))
