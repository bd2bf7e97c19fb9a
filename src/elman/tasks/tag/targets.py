"""The targets of a tagger: tags, the scheme by which they mark chunks, and labels of whole sentences.

>>> targets = TagTargets.learn([sentence], labelled=False, scheme=None)     # doctest: +SKIP
>>> targets.tags, targets.scheme                                            # doctest: +SKIP
(('B-LOC', 'I-LOC', 'O'), 'iob2')
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Self

from elman.data.plain import read_plain
from elman.data.sentences.sentence import Sentence
from elman.data.tables.records import WrongLines
from elman.encoders.targets import sort_classes
from elman.errors import DataError
from elman.tasks.tag.chunks import SCHEMES, find_scheme, fits
from elman.tasks.tag.module import NO_TAG
from elman.tasks.tag.settings import NO_SCHEME
from elman.vocabulary.growth import Growth


@dataclass(frozen=True)
class TagTargets:
    """The tags and labels that a model may predict.

    Attributes:
        tags: their names, in alphabetical order.
        labels: those of whole sentences; empty where there are none.
        scheme: how tags mark chunks, see :mod:`elman.tasks.tag.chunks`; None where they mark none.
    """

    tags: tuple[str, ...]
    labels: tuple[str, ...] = ()
    scheme: str | None = None

    @classmethod
    def learn(
        cls,
        sentences: Sequence[Sentence],
        *,
        labelled: bool,
        scheme: str | None,
        checked: Sequence[Sentence] | None = None,
    ) -> Self:
        """Collect the names from the training sentences.

        Args:
            sentences: with tags.
            labelled: whether their labels are learnt.
            scheme: how tags mark chunks, `none` for not at all; None infers it.
            checked: the sentences whose tags are checked; by default those to learn from.

        Raises:
            DataError: there is a single tag or label, or a tag outside the scheme.
        """
        if scheme is None:
            scheme = find_scheme(one.tags or () for one in sentences)
        tags = {tag for one in sentences for tag in one.tags or ()}
        labels = {str(one.label) for one in sentences} if labelled else set()
        for names, what in ((tags, "tag"), (labels, "label")):
            if len(names) == 1:
                raise DataError(
                    f"All training sentences have only the {what} {next(iter(names))!r}, so there is nothing to learn. "
                    f"Give sentences with two {what}s or more."
                )
        targets = cls(sort_classes(tags), sort_classes(labels), None if scheme == NO_SCHEME else scheme)
        targets.check_scheme(sentences if checked is None else checked)
        return targets

    def grown(self, found: Self, growth: Growth) -> Self:
        """Return these targets with the tags and labels that others have besides.

        Args:
            found: those of other sentences.
            growth: counts what is new.
        """
        labels = growth.join("label", self.labels, found.labels) if self.labels else ()
        return replace(self, tags=growth.join("tag", self.tags, found.tags), labels=labels)

    def check_scheme(self, sentences: Sequence[Sentence]) -> None:
        """Refuse tags outside the scheme.

        Raises:
            DataError: there is one; the message names its line.
        """
        if self.scheme is None:
            return
        known, wrong = {tag for tag in self.tags if fits(tag, self.scheme)}, WrongLines()
        for sentence in sentences:
            for index, tag in enumerate(sentence.tags or ()):
                if tag not in known and not fits(tag, self.scheme):
                    message = (
                        f"{sentence.where_is(index)}: the tag {tag!r} is outside the scheme {self.scheme}, in which "
                        "tags are O or like B-NAME. Correct it, or give another --scheme; none if tags mark no chunks."
                    )
                    wrong.add(sentence.line_of(index), message)
        wrong.refuse()

    @cached_property
    def _tag_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.tags)}

    @cached_property
    def _label_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.labels)}

    def encode(self, tags: Sequence[str]) -> list[int]:
        """Number tags; an unknown one becomes `NO_TAG`."""
        return [self._tag_numbers.get(tag, NO_TAG) for tag in tags]

    def encode_label(self, label: str | None) -> int:
        """Number a label; an unknown one becomes `NO_TAG`."""
        return NO_TAG if label is None else self._label_numbers.get(label, NO_TAG)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**asdict(self), "tags": list(self.tags), "labels": list(self.labels)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a name is invalid, or the scheme is unknown.
        """
        targets = read_plain(cls, data, "targets")
        distinct = all(len(set(names)) == len(names) for names in (targets.tags, targets.labels))
        if not distinct or not targets.tags or targets.scheme not in (None, *SCHEMES):
            raise DataError(
                f"{len(targets.tags)} tags of the scheme {targets.scheme!r} cannot be predicted. Train the model again."
            )
        return targets
