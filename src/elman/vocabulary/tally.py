"""Number the units of sequences: words, characters, k-mers.

The first numbers are special: 0 is padding, 1 an unknown unit, 2 separates two columns and stands for an empty one. The
units follow, most frequent first.

>>> tally = Tally()
>>> tally.add(["b", "a", "b"])
>>> tally.most(size=9, least=1)
('b', 'a')
>>> number(("b", "a"))["a"]
4
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from elman.errors import DataError

UNKNOWN, BETWEEN, FIRST = 1, 2, 3

# The default dropout of units. Sentences are redundant, k-mers overlap (promoters of E. coli, 300 updates: correlation
# 0.72 without, 0.78 with it), but in a name every character counts (names by language, 2000 updates: 0.83 correct
# without, 0.81 with it).
DROPPED = 0.3

# Different units; they take a few hundred MB. A longer text has more, nearly all of which occur once.
MOST_COUNTED = 2_000_000


class Tally:
    """Counts of units in bounded memory: when there are too many units, those counted once are dropped."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self.total = 0

    def __len__(self) -> int:
        return len(self._counts)

    def items(self) -> Iterable[tuple[str, int]]:
        """Return the units and their counts."""
        return self._counts.items()

    def add(self, units: Sequence[str]) -> None:
        """Count more units."""
        self._count(units, len(units))

    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Add counts of units."""
        self._count(counts, sum(counts.values()))

    def _count(self, units: Sequence[str] | Mapping[str, int], total: int) -> None:
        self._counts.update(units)
        self.total += total
        if len(self._counts) > MOST_COUNTED:
            self._counts = Counter({unit: n for unit, n in self._counts.items() if n > 1})

    def most(self, size: int, least: int) -> tuple[str, ...]:
        """List the `size` most frequent units that occur at least `least` times, most frequent first."""
        ranked = sorted(((unit, n) for unit, n in self._counts.items() if n >= least), key=lambda u: (-u[1], u[0]))
        return tuple(unit for unit, _ in ranked[: max(0, size)])


def number(units: Sequence[str]) -> dict[str, int]:
    """Give each unit its number."""
    return {unit: index for index, unit in enumerate(units, FIRST)}


def number_letters(letters: str, numbers: Mapping[str, int], width: int) -> list[int]:
    """Return the numbers of letters, at most `width`, and zeros behind them.

    >>> number_letters("ab?", number("ab"), 4)
    [3, 4, 1, 0]
    """
    return [numbers.get(letter, UNKNOWN) for letter in letters] + [0] * (width - len(letters))


def join(parts: Iterable[Sequence[str]]) -> list[str | None]:
    """Join the units of several columns, None between two; no units at all become one None.

    >>> join([["a"], ["b", "c"]]), join([[]])
    (['a', None, 'b', 'c'], [None])
    """
    joined: list[str | None] = []
    for index, part in enumerate(parts):
        joined += [None] * (index > 0) + list(part)
    return joined or [None]


def require_different(units: Sequence[str], name: str) -> None:
    """Check that no unit is there twice.

    Raises:
        DataError: one is.
    """
    if len(set(units)) != len(units):
        raise DataError(f"The {name} of a model must all differ, and some are equal. Train the model again.")
