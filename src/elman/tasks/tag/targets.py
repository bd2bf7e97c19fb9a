"""Hold what a tagger may answer: tags, the scheme by which they mark chunks, and labels of whole sentences.

>>> targets = TagTargets.learn([sentence], labelled=False, scheme=None)     # doctest: +SKIP
>>> targets.tags, targets.scheme                                            # doctest: +SKIP
(('B-LOC', 'I-LOC', 'O'), 'iob2')
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

from elman.data.plain import read_plain
from elman.data.sentences.sentence import Sentence
from elman.encoders.targets import sort_classes
from elman.errors import DataError
from elman.tasks.tag.chunks import SCHEMES, find_scheme, fits
from elman.tasks.tag.module import NO_TAG
from elman.tasks.tag.settings import NO_SCHEME


@dataclass(frozen=True)
class TagTargets:
    """Hold what a model may answer.

    Attributes:
        tags: their names, in the order of the alphabet.
        labels: those of whole sentences; none where none is learnt.
        scheme: how tags mark chunks, see :mod:`elman.tasks.tag.chunks`; None where they mark none.
    """

    tags: tuple[str, ...]
    labels: tuple[str, ...] = ()
    scheme: str | None = None

    @classmethod
    def learn(cls, sentences: Sequence[Sentence], *, labelled: bool, scheme: str | None) -> Self:
        """Learn the names from the sentences to learn from.

        Args:
            sentences: with tags.
            labelled: whether their labels are learnt.
            scheme: how tags mark chunks, `none` for not at all; None infers it.

        Raises:
            DataError: there is a single tag or label, or a tag outside the scheme.
        """
        if scheme is None:
            scheme = find_scheme(one.tags or () for one in sentences)
        found = None if scheme == NO_SCHEME else scheme
        tags = {tag for one in sentences for tag in one.tags or ()}
        labels = {str(one.label) for one in sentences} if labelled else set()
        for names, what in ((tags, "tag"), (labels, "label")):
            if len(names) == 1:
                raise DataError(
                    f"All there is to learn from has the {what} {next(iter(names))!r}, so there is nothing to tell "
                    f"apart. Give sentences with two {what}s or more."
                )
        targets = cls(sort_classes(tags), sort_classes(labels), found)
        targets.check_scheme(sentences)
        return targets

    def check_scheme(self, sentences: Sequence[Sentence]) -> None:
        """Refuse tags outside the scheme.

        Raises:
            DataError: there is one; the message names its line.
        """
        if self.scheme is None:
            return
        known = {tag for tag in self.tags if fits(tag, self.scheme)}
        for sentence in sentences:
            for index, tag in enumerate(sentence.tags or ()):
                if tag not in known and not fits(tag, self.scheme):
                    raise DataError(
                        f"{sentence.where_is(index)}: the tag {tag!r} is outside the scheme {self.scheme}, in which "
                        "tags are O or like B-NAME. Correct it, or say another --scheme; none if tags mark no chunks."
                    )

    @cached_property
    def _tag_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.tags)}

    @cached_property
    def _label_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.labels)}

    def encode(self, tags: Sequence[str]) -> list[int]:
        """Number tags; one that is not known becomes `NO_TAG`."""
        return [self._tag_numbers.get(tag, NO_TAG) for tag in tags]

    def encode_label(self, label: str | None) -> int:
        """Number a label; one that is not known becomes `NO_TAG`."""
        return NO_TAG if label is None else self._label_numbers.get(label, NO_TAG)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**asdict(self), "tags": list(self.tags), "labels": list(self.labels)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: names are no names, or the scheme is unknown.
        """
        found = read_plain(cls, data, "targets")
        distinct = all(len(set(names)) == len(names) for names in (found.tags, found.labels))
        if not distinct or not found.tags or found.scheme not in (None, *SCHEMES):
            raise DataError(
                f"{len(found.tags)} tags of the scheme {found.scheme!r} are nothing that this program can predict."
            )
        return found
