"""Number the units of sequences: words, characters, k-mers.

The first numbers are special: 0 is nothing (padding), 1 a unit that was not in the training data, 2 stands between two
columns and for an empty one. The units follow, most frequent first.

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

# What of units is dropped in training unless something else is asked for. A sentence has more words than it needs,
# k-mers overlap (promoters of E. coli, 300 updates: correlation 0.72 without, 0.78 so), but in a name every character
# counts (names by language, 2000 updates: 0.83 correct without, 0.81 so).
DROPPED = 0.3

# A few hundred MB of different units; text of any length has more, nearly all of them seen once.
MOST_COUNTED = 2_000_000


class Tally:
    """Count units in bounded memory: when too many are held, those that were seen once so far are let go."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self.total = 0

    def __len__(self) -> int:
        return len(self._counts)

    def items(self) -> Iterable[tuple[str, int]]:
        """Return the units that are held, and how often each came."""
        return self._counts.items()

    def add(self, units: Sequence[str]) -> None:
        """Count some units more."""
        self._count(units, len(units))

    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Count units that have been counted."""
        self._count(counts, sum(counts.values()))

    def _count(self, units: Sequence[str] | Mapping[str, int], total: int) -> None:
        self._counts.update(units)
        self.total += total
        if len(self._counts) > MOST_COUNTED:
            self._counts = Counter({unit: n for unit, n in self._counts.items() if n > 1})

    def most(self, size: int, least: int) -> tuple[str, ...]:
        """List at most so many units that occur at least so often, most frequent first."""
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
    """Join the units of several columns, None between two; nothing at all becomes one None.

    >>> join([["a"], ["b", "c"]]), join([[]])
    (['a', None, 'b', 'c'], [None])
    """
    joined: list[str | None] = []
    for index, part in enumerate(parts):
        joined += [None] * (index > 0) + list(part)
    return joined or [None]


def require_different(units: Sequence[str], name: str) -> None:
    """Check that no unit stands twice.

    Raises:
        DataError: one does.
    """
    if len(set(units)) != len(units):
        raise DataError(f"The {name} of a model are different texts, and here they are not. Train the model again.")
