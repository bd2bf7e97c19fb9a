"""Score tags: accuracy, and where tags mark chunks, precision, recall and F1 as conlleval counts them.

>>> scores = score_tags([("O", "B-a")], [("O", "O")], scheme="iob2")
>>> scores.accuracy, scores.f1, scores.said()
(0.5, 0.0, '0.0%')
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elman.models.learnt import Overlap
from elman.scores.classes import ClassScore
from elman.scores.share import Share, wilson_interval
from elman.tasks.tag.chunks import ChunkScores, score_chunks


@dataclass(frozen=True)
class TagScores(Share):
    """The scores of tags.

    Attributes:
        sentences: how many there are.
        words: how many words.
        right: how many of them have the right tag.
        whole: how many sentences have no wrong tag.
        unknown: how many words the model did not know.
        unknown_right: how many of these have the right tag.
        per_tag: precision, recall and F1 of each tag.
        confused: pairs (right tag, predicted tag, how often), the most frequent first.
        chunks: scores of chunks, where the tags mark some.
        labelled: how many sentences have a label; 0 where none is learnt.
        label_right: how many of these labels are right.
        overlap: of the sentences with the training data; None where it is not known.
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
    overlap: Overlap | None = None

    @property
    def measure(self) -> str:
        """The name of the quality: `accuracy`, or `F1` where tags mark chunks."""
        return "accuracy" if self.chunks is None else "F1"

    @property
    def accuracy(self) -> float:
        """The share of the words whose tag is right."""
        return self.right / self.words

    @property
    def f1(self) -> float | None:
        """F1 of chunks; None where tags mark none."""
        return None if self.chunks is None else self.chunks.f1

    @property
    def label_accuracy(self) -> float | None:
        """The share of the sentences whose label is right; None where there are no labels."""
        return self.label_right / self.labelled if self.labelled else None

    @property
    def quality(self) -> float:
        """The score by which models are compared; higher is better."""
        return self.accuracy if self.chunks is None else self.chunks.f1

    @property
    def count(self) -> int:
        """The number of answers behind the quality: words, or chunks."""
        return self.words if self.chunks is None else max(1, self.chunks.there)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy (Wilson 1927)."""
        return wilson_interval(self.accuracy, self.words)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        data = {
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
            data |= {"f1": chunks.f1, "precision": chunks.precision, "recall": chunks.recall, "chunks": chunks.there}
            data["types"] = [asdict(score) for score in chunks.per_type]
        if self.labelled:
            data |= {"label_accuracy": self.label_accuracy, "labelled": self.labelled}
        return data if self.overlap is None else {**data, "learnt_from": self.overlap.estimate}


def score_tags(
    right: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    scheme: str | None = None,
    known: Sequence[Sequence[bool]] | None = None,
    labels: Sequence[str | None] = (),
    predicted_labels: Sequence[str | None] = (),
) -> TagScores:
    """Compare true tags with predicted ones.

    Args:
        right: the tags of each sentence.
        predicted: as many of each.
        scheme: how tags mark chunks; None where they mark none.
        known: of each word whether the model knows it; None for all.
        labels: of each sentence; empty where there are none.
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
    labelled = [(label, other) for label, other in zip(labels, predicted_labels, strict=True) if label is not None]
    wrong = sorted(((tag, other, n) for (tag, other), n in pairs.items() if tag != other), key=lambda pair: -pair[2])
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
        labelled=len(labelled),
        label_right=sum(label == other for label, other in labelled),
    )


def _per_tag(pairs: Counter[tuple[str, str]]) -> tuple[ClassScore, ...]:
    there, predicted = Counter[str](), Counter[str]()
    for (tag, other), count in pairs.items():
        there[tag] += count
        predicted[other] += count
    return tuple(
        ClassScore(
            name,
            precision=pairs[name, name] / predicted[name] if predicted[name] else None,
            recall=pairs[name, name] / there[name] if there[name] else None,
            f1=2 * pairs[name, name] / (predicted[name] + there[name]),
            support=there[name],
        )
        for name in sorted(there | predicted)
    )
