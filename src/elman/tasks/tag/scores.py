"""Score tags: how many are right, and where they mark chunks, precision, recall and F1 as conlleval counts them.

>>> scores = score_tags([("O", "B-a")], [("O", "O")], scheme="iob2")
>>> scores.accuracy, scores.f1, scores.said()
(0.5, 0.0, '0.0%')
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elman.scores.classes import ClassScore
from elman.scores.share import Share, wilson_interval
from elman.tasks.tag.chunks import ChunkScores, score_chunks


@dataclass(frozen=True)
class TagScores(Share):
    """Hold how well words are tagged.

    Attributes:
        sentences: how many there are.
        words: how many words.
        right: how many of them have the right tag.
        whole: how many sentences have no wrong tag.
        unknown: how many words the model did not know.
        unknown_right: how many of these have the right tag.
        per_tag: precision, recall and F1 of each tag.
        confused: pairs (right tag, predicted tag, how often), the most frequent first.
        chunks: where the tags mark chunks.
        labelled: how many sentences have a label; 0 where none is learnt.
        label_right: how many of these labels are right.
    """

    sentences: int
    words: int
    right: int
    whole: int
    unknown: int
    unknown_right: int
    per_tag: tuple[ClassScore, ...]
    confused: tuple[tuple[str, str, int], ...]
    chunks: ChunkScores | None = None
    labelled: int = 0
    label_right: int = 0

    @property
    def measure(self) -> str:
        """Return what models are compared by: `accuracy`, or `F1` where tags mark chunks."""
        return "accuracy" if self.chunks is None else "F1"

    @property
    def accuracy(self) -> float:
        """Return the share of the words whose tag is right."""
        return self.right / self.words

    @property
    def f1(self) -> float | None:
        """Return F1 of chunks; None where tags mark none."""
        return None if self.chunks is None else self.chunks.f1

    @property
    def label_accuracy(self) -> float | None:
        """Return the share of the sentences whose label is right; None where none is learnt."""
        return self.label_right / self.labelled if self.labelled else None

    @property
    def quality(self) -> float:
        """Return the score that models are compared by; the higher the better."""
        return self.accuracy if self.chunks is None else self.chunks.f1

    @property
    def count(self) -> int:
        """Return of how many answers the quality is: words, or chunks."""
        return self.words if self.chunks is None else max(1, self.chunks.there)

    @property
    def interval(self) -> tuple[float, float]:
        """Return where the accuracy on endless such words lies, with 95 % confidence (Wilson 1927)."""
        return wilson_interval(self.accuracy, self.words)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        found = {
            "count": self.words,
            "sentences": self.sentences,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.interval),
            "sentence_accuracy": self.whole / self.sentences,
            "unknown_words": self.unknown,
            "unknown_accuracy": self.unknown_right / self.unknown if self.unknown else None,
            "tags": [asdict(score) for score in self.per_tag],
        }
        if self.chunks is not None:
            chunks = self.chunks
            found |= {"f1": chunks.f1, "precision": chunks.precision, "recall": chunks.recall, "chunks": chunks.there}
            found["types"] = [asdict(score) for score in chunks.per_type]
        if self.labelled:
            found |= {"label_accuracy": self.label_accuracy, "labelled": self.labelled}
        return found


def score_tags(
    right: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    scheme: str | None = None,
    known: Sequence[Sequence[bool]] | None = None,
    labels: Sequence[str | None] = (),
    predicted_labels: Sequence[str | None] = (),
) -> TagScores:
    """Compare tags with those that were predicted.

    Args:
        right: the tags of each sentence.
        predicted: as many of each.
        scheme: how tags mark chunks; None where they mark none.
        known: of each word whether the model knew it; None for all.
        labels: of each sentence; none where none is learnt.
        predicted_labels: as many.
    """
    pairs = Counter[tuple[str, str]]()
    whole = unknown = unknown_right = 0
    for index, (tags, others) in enumerate(zip(right, predicted, strict=True)):
        pairs.update(zip(tags, others, strict=True))
        whole += tuple(tags) == tuple(others)
        if known is not None:
            missed = [tag == other for tag, other, seen in zip(tags, others, known[index], strict=True) if not seen]
            unknown, unknown_right = unknown + len(missed), unknown_right + sum(missed)
    asked = [(label, other) for label, other in zip(labels, predicted_labels, strict=True) if label is not None]
    wrong = sorted(((tag, other, n) for (tag, other), n in pairs.items() if tag != other), key=lambda one: -one[2])
    return TagScores(
        sentences=len(right),
        words=pairs.total(),
        right=sum(n for (tag, other), n in pairs.items() if tag == other),
        whole=whole,
        unknown=unknown,
        unknown_right=unknown_right,
        per_tag=_per_tag(pairs),
        confused=tuple(wrong),
        chunks=None if scheme is None else score_chunks(right, predicted),
        labelled=len(asked),
        label_right=sum(label == other for label, other in asked),
    )


def _per_tag(pairs: Counter[tuple[str, str]]) -> tuple[ClassScore, ...]:
    there, found = Counter[str](), Counter[str]()
    for (tag, other), count in pairs.items():
        there[tag] += count
        found[other] += count
    return tuple(
        ClassScore(
            name,
            precision=pairs[name, name] / found[name] if found[name] else None,
            recall=pairs[name, name] / there[name] if there[name] else None,
            f1=2 * pairs[name, name] / (found[name] + there[name]),
            support=there[name],
        )
        for name in sorted(there | found)
    )
