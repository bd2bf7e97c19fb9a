"""Find the chunks that tags mark, as conlleval does, and score them (Tjong Kim Sang & Buchholz 2000, section 3).

A tag of a chunk has a prefix, the position of the word in the chunk, and a type: `B-LOC`. Three schemes are known:

=======  ============================================================================================
`iob1`   I within a chunk, B at the start of one that directly follows another of its type
`iob2`   B at the start of every chunk, I within
`iobes`  the same, E at the end of a chunk, S for one of a single word (also written L and U)
=======  ============================================================================================

conlleval reads all of them alike, also sequences that violate the scheme. A chunk is right when its first
word, its last word and its type are.

>>> chunks(["B-a", "I-a", "O", "B-b", "I-c"])
[(0, 2, 'a'), (3, 4, 'b'), (4, 5, 'c')]
>>> find_scheme([["O", "B-a", "I-a"], ["O", "O"]]), find_scheme([["DET", "NOUN"]])
('iob2', None)
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from elman.scores.classes import ClassScore

SCHEMES = ("iob1", "iob2", "iobes")

_OUTSIDE = "O"
_PREFIXES = {"iob1": "BI", "iob2": "BI", "iobes": "BIESLU"}
_LAST, _SINGLE = "EL", "SU"
_SHARE_OF_CHUNKS = 0.5


@dataclass(frozen=True)
class ChunkScores:
    """Precision, recall and F1 of chunks.

    Attributes:
        per_type: precision, recall and F1 of each type of chunk.
        right: how many predicted chunks are right.
        found: how many are predicted.
        there: how many there are in the data.
    """

    per_type: tuple[ClassScore, ...]
    right: int
    found: int
    there: int

    @property
    def precision(self) -> float:
        """The share of the predicted chunks that are right; 0 where none is predicted."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """The share of the chunks in the data that are predicted; 0 where there is none."""
        return self.right / self.there if self.there else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of the two, over all types together."""
        return 2 * self.right / (self.found + self.there) if self.right else 0.0


def chunks(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """List the chunks of a sentence: the index of the first word, the index after the last word, and the type."""
    spans: list[tuple[int, int, str]] = []
    start: int | None = None
    before, type_before = _OUTSIDE, ""
    for index, tag in enumerate([*tags, _OUTSIDE]):
        prefix, type_ = split_tag(tag)
        ends = before != _OUTSIDE and (
            prefix in "BSUO" or before in _LAST + _SINGLE or (prefix != _OUTSIDE and type_ != type_before)
        )
        if start is not None and ends:
            spans.append((start, index, type_before))
            start = None
        if prefix != _OUTSIDE and (ends or before == _OUTSIDE):
            start = index
        before, type_before = prefix, type_
    return spans


def split_tag(tag: str) -> tuple[str, str]:
    """Split a tag into prefix and type; a tag without a prefix is outside.

    >>> split_tag("B-LOC"), split_tag("O"), split_tag("NOUN")
    (('B', 'LOC'), ('O', ''), ('O', ''))
    """
    prefix, dash, type_ = tag.partition("-")
    return (prefix, type_) if dash and len(prefix) == 1 and prefix in "BIESLU" else (_OUTSIDE, "")


def score_chunks(right: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]) -> ChunkScores:
    """Compare the chunks of sentences with those that were predicted, over all sentences together.

    Args:
        right: the tags of each sentence.
        predicted: as many for each.
    """
    there, found, both = Counter[str](), Counter[str](), Counter[str]()
    for tags, other in zip(right, predicted, strict=True):
        ours, theirs = set(chunks(tags)), set(chunks(other))
        there.update(type_ for _, _, type_ in ours)
        found.update(type_ for _, _, type_ in theirs)
        both.update(type_ for _, _, type_ in ours & theirs)
    per_type = tuple(
        ClassScore(
            name,
            precision=both[name] / found[name] if found[name] else None,
            recall=both[name] / there[name] if there[name] else None,
            f1=2 * both[name] / (found[name] + there[name]),
            support=there[name],
        )
        for name in sorted(there | found)
    )
    return ChunkScores(per_type, both.total(), found.total(), there.total())


def find_scheme(sentences: Iterable[Sequence[str]]) -> str | None:
    """Infer the scheme of tags; None where they mark no chunks.

    Tags mark chunks if O or a prefix B is among them, and at least half of the others look like `B-LOC`.
    """
    prefixes: set[str] = set()
    others = chunked = 0
    outside = starts_inside = False
    for tags in sentences:
        before = (_OUTSIDE, "")
        for tag in tags:
            split = split_tag(tag)
            outside |= tag == _OUTSIDE
            if tag != _OUTSIDE:
                others += 1
                chunked += split[0] != _OUTSIDE
                prefixes.add(split[0])
                starts_inside |= split[0] == "I" and (before[0] == _OUTSIDE or before[1] != split[1])
            before = split
    if not chunked or chunked < _SHARE_OF_CHUNKS * others or not (outside or "B" in prefixes):
        return None
    if prefixes & set(_LAST + _SINGLE):
        return "iobes"
    return "iob1" if starts_inside else "iob2"


def fits(tag: str, scheme: str) -> bool:
    """Return whether a tag belongs to a scheme.

    >>> fits("B-LOC", "iob2"), fits("E-LOC", "iob2"), fits("LOC", "iob2"), fits("O", "iob2")
    (True, False, False, True)
    """
    prefix, type_ = split_tag(tag)
    return tag == _OUTSIDE or (prefix in _PREFIXES[scheme] and bool(type_))
