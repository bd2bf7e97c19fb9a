"""Hold many texts in little memory: each distinct piece once, and each text as the numbers of its pieces.

A piece is the text between two spaces; most pieces are frequent. Words are therefore split or looked up once a distinct
piece, and counted by numbers.

>>> texts = Texts()
>>> texts.extend(["so good", "so  bad"]) > 600
True
>>> texts[1], texts.pieces, texts.numbers_of([0, 1])[0].tolist()
('so  bad', ['so', 'good', '', 'bad'], [0, 1, 0, 2, 3])
"""

from array import array
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

_BYTES_OF_A_PIECE = 150  # in a list and a dictionary, besides four for a letter
_BYTES_OF_A_LETTER, _BYTES_OF_A_NUMBER, _BYTES_OF_A_TEXT = 4, 4, 8


class Texts:
    """Texts in order.

    Attributes:
        pieces: all distinct ones, by their numbers.
    """

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._places = _Places(self.pieces)
        self._numbers, self._ends = array("i"), array("q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        numbers = self._numbers[self._ends[index] : self._ends[index + 1]]
        return " ".join(map(self.pieces.__getitem__, numbers))

    def extend(self, texts: Sequence[str]) -> int:
        """Add texts, and return how many bytes they take."""
        before, known = len(self._numbers), len(self.pieces)
        self._numbers.extend(map(self._places.__getitem__, " ".join(texts).split(" ")))
        self._ends.extend(accumulate((text.count(" ") + 1 for text in texts), initial=self._ends.pop()))
        new = self.pieces[known:]
        letters = _BYTES_OF_A_PIECE * len(new) + _BYTES_OF_A_LETTER * sum(map(len, new))
        return letters + _BYTES_OF_A_NUMBER * (len(self._numbers) - before) + _BYTES_OF_A_TEXT * len(texts)

    def numbers_of(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the concatenated numbers of the pieces of some texts, and how many each text has; at least one.

        Args:
            indices: ascending.
        """
        ends = np.frombuffer(self._ends, np.int64)
        first, last = indices[0], indices[-1]
        chosen = np.zeros(last + 1 - first, bool)
        chosen[np.asarray(indices) - first] = True
        counts = np.diff(ends[first : last + 2])
        numbers = np.frombuffer(self._numbers, np.int32)[ends[first] : ends[last + 1]]
        return numbers[np.repeat(chosen, counts)], counts[chosen]


class _Places(dict[str, int]):
    """The number of each piece; a new one gets the next."""

    def __init__(self, pieces: list[str]) -> None:
        super().__init__()
        self._pieces = pieces

    def __missing__(self, piece: str) -> int:
        place = self[piece] = len(self._pieces)
        self._pieces.append(piece)
        return place
