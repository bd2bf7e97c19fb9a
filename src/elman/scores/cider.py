"""CIDEr-D: how much a caption has in common with what several people wrote of the same picture.

A text is the count of its n-grams of words, n from 1 to 4, each count times the weight

    ln N − ln max(1, the number of the N pictures in whose references the n-gram occurs),

so that what everybody writes of every picture weighs little. The similarity of a caption c and a reference r is

    mean over n of   Σ min(c_g, r_g) r_g / (‖c‖ ‖r‖)  ·  exp(−(|c| − |r|)² / (2 · 6²)),

the minimum and the factor of lengths so that repeating words does not pay; the score is the mean over the references of
a picture, times ten (Vedantam et al. 2015, sections 3 and 5), and here times a hundred, as it is published. Weights
come from the references of the same pictures: scores of other sets of pictures do not compare.

>>> scores = score_cider(["a dog runs", "two birds"], [["a dog runs fast", "the dog runs"], ["two birds", "birds fly"]])
>>> [round(score, 1) for score in scores]
[440.4, 312.5]
"""

import math
from collections import Counter
from collections.abc import Sequence

from elman.errors import DataError

_LONGEST = 4  # words
_SPREAD = 6.0  # words by which lengths may differ
_SCALE = 10.0 * 100.0

_Counts = list[Counter[tuple[str, ...]]]


class Cider:
    """The weights of n-grams, counted in the references of N pictures.

    Args:
        references: of each picture, words with spaces between them.

    Raises:
        DataError: there are no pictures, or one has no reference.
    """

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        if not references or not all(references):
            raise DataError("There are no pictures, or one has no reference. Give at least one reference each.")
        counts = [[_count(text) for text in of] for of in references]
        self._frequency = Counter(
            gram for of in counts for gram in {gram for text in of for grams in text for gram in grams}
        )
        self._log_pictures = math.log(len(references))
        self._references = [[self._weigh(text) for text in of] for of in counts]

    def score(self, index: int, text: str) -> float:
        """Return the score of a text for the picture of this number, 0 to 1000."""
        ours, own = self._weigh(_count(text)), self._references[index]
        return _SCALE * sum(ours.compare(reference) for reference in own) / len(own)

    def _weigh(self, counts: _Counts) -> "_Weighed":
        vectors = [
            {gram: count * (self._log_pictures - math.log(max(1, self._frequency[gram]))) for gram, count in of.items()}
            for of in counts
        ]
        return _Weighed(vectors, counts[1].total())


class _Weighed:
    """The weighed n-grams of a text.

    Args:
        vectors: by n.
        length: the number of its pairs of words.
    """

    def __init__(self, vectors: list[dict[tuple[str, ...], float]], length: int) -> None:
        self.vectors, self.length = vectors, length
        self.norms = [math.sqrt(sum(weight * weight for weight in vector.values())) for vector in vectors]

    def compare(self, other: "_Weighed") -> float:
        """Return the similarity of this text to a reference, 0 to 1."""
        factor = math.exp(-((self.length - other.length) ** 2) / (2 * _SPREAD**2))
        total = 0.0
        for ours, theirs, norm, its_norm in zip(self.vectors, other.vectors, self.norms, other.norms, strict=True):
            if norm and its_norm:
                shared = sum(
                    min(weight, theirs[gram]) * theirs[gram] for gram, weight in ours.items() if gram in theirs
                )
                total += shared / (norm * its_norm)
        return factor * total / _LONGEST


def score_cider(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Score a caption for each of N pictures; the score of all is the mean.

    Args:
        texts: N captions, words with spaces between them.
        references: of each picture.

    Raises:
        DataError: there are no texts, not as many references, or a picture without one.
    """
    if len(texts) != len(references):
        raise DataError(f"There are {len(texts)} captions and references of {len(references)} pictures. Give as many.")
    cider = Cider(references)
    return [cider.score(index, text) for index, text in enumerate(texts)]


def _count(text: str) -> _Counts:
    words = text.split()
    return [
        Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1)) for n in range(1, _LONGEST + 1)
    ]
