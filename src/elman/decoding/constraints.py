"""What a search must, may and may not write.

A *mark* says how far a beginning has come: in its prefix, its phrases. A bag needs none, see
:mod:`elman.decoding.bags`.

>>> constraints = Constraints(prefixes=[[3, 5]], forbidden=(4,))
>>> mark = constraints.begin(0)
>>> constraints.allowed(mark)
[3]
>>> mark = constraints.follow(constraints.follow(mark, 3), 5)
>>> constraints.allowed(mark) is None
True
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from elman.errors import ConfigError

Phrase = tuple[int, ...]


@dataclass(frozen=True)
class ConstraintState:
    """How far a beginning has come.

    Attributes:
        source: its number.
        written: how many units.
        done: numbers of the required phrases that are written.
        current: the number of the phrase that is being written, -1 for none, and how many of its units are.
        last: the last units, as many as a forbidden phrase may begin with.
    """

    source: int
    written: int = 0
    done: frozenset[int] = frozenset()
    current: tuple[int, int] = (-1, 0)
    last: Phrase = ()


@dataclass(frozen=True)
class Constraints:
    """What is asked of all that a search writes; for each source, in its order.

    Attributes:
        forbidden: units that are never written, whatever the source.
        excluded: phrases of two units or more that are never written, whatever the source.
        prefixes: of each source, the units that it begins with; empty for none.
        bags: of each source, the units of which each is written exactly once, and no other; empty without bags.
        required: of each source, phrases that occur somewhere; empty for none (Post & Vilar 2018).

    Raises:
        ConfigError: a phrase is empty, or bags stand beside other constraints.
    """

    forbidden: tuple[int, ...] = ()
    excluded: tuple[Phrase, ...] = ()
    prefixes: Sequence[Sequence[int]] = ()
    bags: Sequence[Sequence[int]] = ()
    required: Sequence[Sequence[Phrase]] = ()

    def __post_init__(self) -> None:
        if any(not phrase for phrases in self.required for phrase in phrases):
            raise ConfigError("A required phrase has no units. Leave it out.")
        if self.bags and (self.prefixes or self.required or self.forbidden):
            raise ConfigError("A bag says all that is written. Drop the prefix, the required and the forbidden units.")

    @property
    def are_marked(self) -> bool:
        """Return whether what may follow depends on what is written."""
        return bool(self.prefixes or self.required or self.excluded)

    def of(self, sources: Sequence[int]) -> "Constraints":
        """Return the constraints of some sources, in this order."""

        def choose(each: Sequence[Any]) -> list[Any]:
            return [each[source] for source in sources] if each else []

        return replace(
            self,
            prefixes=choose(self.prefixes),
            bags=choose(self.bags),
            required=choose(self.required),
        )

    def begin(self, source: int) -> ConstraintState:
        """Return the mark of a source of which nothing is written."""
        return ConstraintState(source)

    def allowed(self, mark: ConstraintState) -> list[int] | None:
        """Return the units that may follow; None for all that are not forbidden. Of the end :meth:`may_end` tells."""
        prefix = self.prefixes[mark.source] if self.prefixes else ()
        return [prefix[mark.written]] if mark.written < len(prefix) else None

    def refused(self, mark: ConstraintState) -> list[int]:
        """Return the units that would end a phrase that is excluded."""
        return [
            phrase[-1]
            for phrase in self.excluded
            if len(phrase) <= len(mark.last) + 1 and mark.last[len(mark.last) + 1 - len(phrase) :] == phrase[:-1]
        ]

    def may_end(self, mark: ConstraintState) -> bool:
        """Tell whether the end may follow."""
        prefix = self.prefixes[mark.source] if self.prefixes else ()
        return mark.written >= len(prefix) and len(mark.done) == len(self._phrases(mark))

    def follow(self, mark: ConstraintState, unit: int) -> ConstraintState:
        """Return the mark behind one more unit."""
        if not self.are_marked:
            return mark
        keep = max(map(len, self.excluded), default=1) - 1
        last = (*mark.last, unit)[-keep:] if keep else ()
        new = replace(mark, written=mark.written + 1, last=last)
        phrases = self._phrases(mark)
        if not phrases:
            return new
        number, written = mark.current
        if number < 0 or phrases[number][written] != unit:
            starts = (n for n, phrase in enumerate(phrases) if n not in mark.done and phrase[0] == unit)
            number, written = next(starts, -1), 0
        if number < 0:
            return replace(new, current=(-1, 0))
        if written + 1 == len(phrases[number]):
            return replace(new, done=mark.done | {number}, current=(-1, 0))
        return replace(new, current=(number, written + 1))

    def needed(self, mark: ConstraintState) -> list[int]:
        """Return the units that bring a required phrase further."""
        phrases, (number, written) = self._phrases(mark), mark.current
        if number >= 0:
            return [phrases[number][written]]
        return sorted({phrase[0] for n, phrase in enumerate(phrases) if n not in mark.done})

    def count_met(self, mark: ConstraintState) -> int:
        """Count the units of required phrases that are written."""
        return sum(len(self._phrases(mark)[number]) for number in mark.done) + mark.current[1]

    def count_required(self, mark: ConstraintState) -> int:
        """Count the units of all required phrases of a source."""
        return sum(map(len, self._phrases(mark)))

    def _phrases(self, mark: ConstraintState) -> Sequence[Phrase]:
        return self.required[mark.source] if self.required else ()


NONE = Constraints()
