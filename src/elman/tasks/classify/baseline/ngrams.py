"""Number the n-grams of a sequence: of the letters of each word, or of all characters.

A word that is rare has its stem and its ending in common with others (Bojanowski et al. 2017, section 3.2), and a few
characters in a row say more than each of them (Cavnar & Trenkle 1994). N-grams reach one mark beyond both ends of a
word, or of a text of characters. There are too many to list, so a hash gives each one of 262,139 numbers; the few that
share one are counted together (Weinberger et al. 2009, section 2).

>>> steps = np.array([[3, 5, 6], [1, 5, 0]])  # two words, of two letters and of one
>>> NGrams("letters", units=4).number(steps).tolist()  # both words, the n-grams ·56, 56·, ·5·, and ·56·
[3, 1, 86443, 189060, 86437, 245396]
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZES = {"letters": (3, 4, 5), "units": (2, 3, 4)}
"""By what n-grams are made of: n. `letters` are those of each word; `units` are the steps of a text of characters."""

FACTOR = 65_599
NUMBERS = 2**18 - 5
"""A prime: the numbers of a hash."""


@dataclass(frozen=True)
class NGrams:
    """The n-grams that are counted beside units: their numbers begin at U.

    Attributes:
        of: what they are made of, `letters` or `units`.
        units: U, more than the number of any unit in training; units that are new since are not counted.
    """

    of: str
    units: int

    def number(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the units of steps (T, K), and behind them those of the n-grams."""
        units = steps[:, 0]
        found = _hash(steps[:, 1:] if self.of == "letters" else steps[:, :1].T, SIZES[self.of])
        return np.concatenate([units[units < self.units], *(self.units + numbers for numbers in found)])


def _hash(rows: NDArray[np.int64], sizes: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Return the hashes of the n-grams of rows (R, L), which are 0 behind their ends, for each n."""
    padded = np.pad(rows, ((0, 0), (1, 1)))
    marked = padded + 1  # a mark in front must not vanish in the products
    hashed, found = marked, []
    for n in range(2, max(sizes) + 1):
        hashed = (hashed[:, :-1] * FACTOR + marked[:, n - 1 :]) % NUMBERS
        if n in sizes:
            # One before the last of an n-gram is real, or it lies behind the end; of a pair either may be a mark.
            real = padded[:, :-1] + padded[:, 1:] if n == 2 else padded[:, n - 2 : -1]
            found.append(hashed[real != 0])
    return found
