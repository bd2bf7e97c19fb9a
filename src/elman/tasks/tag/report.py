"""Describe the sentences before the training: how many, which tags, and what looks wrong."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elman.data.sentences.sentence import Sentence
from elman.encoders.lengths import Lengths
from elman.phrases import counted, name_shares, name_some
from elman.tasks.tag.batches import EncodedSentences
from elman.tasks.tag.chunks import split_tag
from elman.tasks.tag.encoder import TagEncoder
from elman.tasks.tag.targets import TagTargets

_RARE = 10  # a tag with fewer words to learn from is called rare
_MOST_NAMED = 5


@dataclass(frozen=True)
class TagReport:
    """A description of the data of a training.

    Attributes:
        training: how many sentences to learn from.
        validation: how many to validate on.
        words: how many words the sentences to learn from have.
        inputs: a line that describes the input.
        lengths: of the sentences to learn from.
        tags: by name, how many words of each there are to learn from, the most frequent first.
        labels: by name, how many sentences of each.
        scheme: how tags mark chunks; None where they mark none.
        unseen: tags and labels of the validation sentences that no training sentence has: by name, how often.
        unknown: how many words to validate on are not known.
        validation_words: how many words there are to validate on.
        left_out: how many held-out sentences were left out, since they equal one to learn from.
        in_both: how many sentences to validate on are also among those to learn from.
        pair: the places of one such pair; None if there is none.
        contradicting: how many sentences, of both parts together, equal one with other tags.
    """

    training: int
    validation: int
    words: int
    inputs: str
    lengths: Lengths
    tags: Mapping[str, int]
    labels: Mapping[str, int]
    scheme: str | None
    unseen: Mapping[str, int]
    unknown: int
    validation_words: int
    in_both: int
    pair: tuple[str, str] | None
    contradicting: int
    left_out: int = 0

    @property
    def rare(self) -> list[str]:
        """The tags of fewer than 10 words to learn from, the rarest first."""
        return sorted((name for name, count in self.tags.items() if count < _RARE), key=lambda name: self.tags[name])

    def lines(self) -> list[str]:
        """Return lines for a terminal: the data, then what looks wrong."""
        of_words = self.lengths
        share = self.unknown / self.validation_words
        amount = (
            f"{counted(self.training, 'sentence')} with {counted(self.words, 'word')} to learn from, "
            f"{self.validation:,} to validate on"
        )
        lengths = (
            f"{of_words.least:,} to {of_words.most:,} words, half at most {of_words.median:,}, 95 % at most "
            f"{of_words.most_of_95:,}; {share:.1%} of the words to validate on are unknown"
        )
        return [
            f"{amount}: {self.inputs}",
            lengths,
            self._tag_line(),
            *([f"{len(self.labels):,} labels: {_listed(self.labels)}"] if self.labels else []),
            *self._warnings(),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        pair = None if self.pair is None else list(self.pair)
        return {**asdict(self), "tags": dict(self.tags), "labels": dict(self.labels), "pair": pair, "rare": self.rare}

    def _tag_line(self) -> str:
        if self.scheme is None:
            return f"{len(self.tags):,} tags: {_listed(self.tags)}"
        types = Counter[str]()
        for name, count in self.tags.items():
            if split_tag(name)[1]:
                types[split_tag(name)[1]] += count
        marked = f"{counted(len(types), 'type')}: {_listed(types)}"
        return f"{len(self.tags):,} tags that mark chunks ({self.scheme}) of {marked}"

    def _warnings(self) -> list[str]:
        warnings = []
        if self.rare:
            named = name_some([f"{name} ({self.tags[name]})" for name in self.rare], _MOST_NAMED)
            warnings.append(f"few words to learn from: {named}")
        if self.unseen:
            named = name_some([f"{name} ({count})" for name, count in self.unseen.items()], _MOST_NAMED)
            warnings.append(f"in the validation sentences alone: {named}; no model can predict them")
        if self.pair is not None:
            one, other = self.pair
            warnings.append(
                f"{self.in_both:,} of the {counted(self.validation, 'sentence')} to validate on "
                f"{'is' if self.in_both == 1 else 'are'} also among those to learn from ({one} equals {other}): the "
                "score may be too good"
            )
        if self.left_out:
            warnings.append(
                f"{counted(self.left_out, 'more sentence was', 'more sentences were')} held out that "
                f"{'equals one' if self.left_out == 1 else 'equal sentences'} to learn from; "
                f"{'it is' if self.left_out == 1 else 'they are'} left out"
            )
        if self.contradicting:
            warnings.append(
                f"{counted(self.contradicting, 'sentence equals', 'sentences equal')} one with other tags: no model "
                "gets all of them right"
            )
        return warnings


def report_tags(
    training: EncodedSentences,
    held_out: EncodedSentences,
    encoder: TagEncoder,
    targets: TagTargets,
    left_out: int = 0,
) -> TagReport:
    """Describe the sentences of both parts, and how many equal ones were left out."""
    learn, hold = training.sentences, held_out.sentences
    tags = Counter(tag for one in learn for tag in one.tags or ())
    known = {*targets.tags, *targets.labels}
    named = Counter(name for one in hold for name in (*(one.tags or ()), *([one.label] if targets.labels else [])))
    first: dict[tuple[str, ...], Sentence] = {}
    for one in learn:
        first.setdefault(one.words, one)
    both = [one for one in hold if one.words in first]
    return TagReport(
        training=len(learn),
        validation=len(hold),
        words=tags.total(),
        inputs=encoder.describe(),
        lengths=Lengths.of(training.lengths),
        tags=dict(tags.most_common()),
        labels=dict(Counter(str(one.label) for one in learn).most_common()) if targets.labels else {},
        scheme=targets.scheme,
        unseen={str(name): count for name, count in named.items() if name not in known},
        unknown=sum(not encoder.knows(word) for sentence in hold for word in sentence.words),
        validation_words=sum(len(sentence.words) for sentence in hold),
        in_both=len(both),
        pair=(both[0].where, first[both[0].words].where) if both else None,
        contradicting=_count_contradicting([*learn, *hold]),
        left_out=left_out,
    )


def _count_contradicting(sentences: Sequence[Sentence]) -> int:
    """Count the sentences that equal one with other tags, or another label."""
    answers: dict[tuple[str, ...], set[Any]] = {}
    for one in sentences:
        answers.setdefault(one.words, set()).add((one.tags, one.label))
    return sum(len(answers[one.words]) > 1 for one in sentences)


def _listed(counts: Mapping[str, int]) -> str:
    return name_shares(counts, sum(counts.values()))
