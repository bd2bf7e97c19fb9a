"""Let what a model knows grow: what was known keeps its place, and what is new stands behind it.

>>> growth = Growth()
>>> growth.join("word", ["so", "bad"], ["good", "so"])
('so', 'bad', 'good')
>>> growth.describe()
', 1 of 2 words known, 1 new'
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from elman.phrases import counted

_PLURALS = {"class": "classes", "category": "categories", "series": "series"}
_COUNTED = ("word", "source word", "target word", "character", "source character", "target character", "k-mer")
"""Kinds of which a text has many, so that it is said how many of them are known."""


@dataclass
class Growth:
    """Joins what is known with what was found, and counts both for a report.

    Attributes:
        counts: of each kind, how many were found, and how many of those are new.
        notes: what else is kept, in words.
    """

    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def join(
        self,
        kind: str,
        known: Sequence[str],
        found: Sequence[str],
        places: Callable[[Sequence[str]], Mapping[str, Any]] = dict.fromkeys,
    ) -> tuple[str, ...]:
        """Return what is known, and behind it what else was found, in its order.

        Args:
            kind: the singular of what they are, such as `word`.
            known: what the model knows.
            found: what the data have.
            places: maps each known one, and its other spellings, if it has some.
        """
        there = places(known)
        new = [one for one in found if one not in there]
        self.counts[kind] = (len(found), len(new))
        return (*known, *new)

    def keep(self, note: str) -> None:
        """Say what else is kept; once, however often it is called."""
        self.notes[note] = None

    def describe(self) -> str:
        """Continue a sentence: how many units of a text are known, and how much else is new, if something is."""
        units, others = "", []
        for kind, (found, new) in self.counts.items():
            if kind in _COUNTED:
                units += f", {found - new:,} of {counted(found, kind)} known" + (f", {new:,} new" if new else "")
            elif new:
                first, *rest = kind.split(" of ")
                many = " of ".join([_PLURALS.get(first, f"{first}s"), *rest])
                others.append(counted(new, f"new {kind}", f"new {many}"))
        return "; ".join([units, *others, *self.notes])
