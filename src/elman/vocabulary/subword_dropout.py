"""Draw the subwords of a text: BPE-dropout (Provilkov et al. 2020, section 3).

Byte pair encoding always cuts a word in the same way, so a model never learns what is inside its subwords. Here each
merge that is possible is left out with some probability, at each step anew, so that a word is cut in another way
whenever it is read. The library `tokenizers` can do that as well, but takes no seed.

>>> subwords = Subwords.of("stay at home, stay at home, stay at home", size=265)
>>> draws = SubwordDropout(subwords, 0.5)
>>> words, chance = draws.split("at home"), random.Random(2)
>>> [[subwords.show(number) for number in draws.draw(words, chance)] for _ in range(2)]
[['at', '␣', 'ho', 'm', 'e'], ['at', '␣', 'ho', 'me']]
"""

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import pre_tokenizers

from elman.vocabulary.subwords import Subwords

_MOST_CUTS = 2**19  # that are remembered: about 100 MB


@dataclass(slots=True)
class _Cut:
    """A word, cut into units.

    Attributes:
        units: numbers of subwords.
        made: what each possible merge makes of it, the first learnt first; None until it is drawn.
    """

    units: tuple[int, ...]
    made: "list[_Cut | None]"


class SubwordDropout:
    """Draws of the subwords of texts.

    Args:
        subwords: with their merges.
        probability: of leaving out a merge; 0 gives the subwords that :meth:`Subwords.encode` gives.
    """

    def __init__(self, subwords: Subwords, probability: float) -> None:
        model = json.loads(subwords.learnt)["model"]
        self._numbers: dict[str, int] = model["vocab"]
        self._probability = probability
        self._merged: dict[tuple[int, int], tuple[int, int]] = {}  # two units: when it was learnt, the merged unit
        for rank, (one, other) in enumerate(model["merges"]):
            self._merged[self._numbers[one], self._numbers[other]] = rank, self._numbers[one + other]
        self._cutter = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self._words: dict[str, int] = {}
        self._uncut: list[_Cut] = []
        self._known = 0

    def split(self, text: str) -> NDArray[np.int32]:
        """Return the numbers (N,) of the words of a text, which :meth:`draw` reads."""
        return np.array([self._number(word) for word, _ in self._cutter.pre_tokenize_str(text)], np.int32)

    def _number(self, word: str) -> int:
        number = self._words.setdefault(word, len(self._words))
        if number == len(self._uncut):
            self._uncut.append(self._cut(tuple(self._numbers[byte] for byte in word)))
        return number

    def draw(self, words: NDArray[np.int32], chance: random.Random) -> list[int]:
        """Draw the subwords of a text.

        Args:
            words: of the text, from :meth:`split`.
            chance: draws one number for each merge that is looked at.
        """
        if self._known > _MOST_CUTS:
            self._forget()
        units: list[int] = []
        for word in words.tolist():
            units += self._merge(self._uncut[word], chance)
        return units

    def _merge(self, cut: _Cut, chance: random.Random) -> Sequence[int]:
        """Make the first merge that is not left out, until there is none left or all were left out (algorithm 1)."""
        draw, probability = chance.random, self._probability
        while True:
            for index, made in enumerate(cut.made):
                if draw() >= probability:
                    cut = made or self._make(cut, index)
                    break
            else:
                return cut.units

    def _make(self, cut: _Cut, index: int) -> _Cut:
        units, merged = cut.units, self._merged
        places = [place for place, pair in enumerate(itertools.pairwise(units)) if pair in merged]
        _, unit, place = sorted((*merged[units[place], units[place + 1]], place) for place in places)[index]
        made = cut.made[index] = self._cut((*units[:place], unit, *units[place + 2 :]))
        return made

    def _cut(self, units: tuple[int, ...]) -> _Cut:
        self._known += 1
        return _Cut(units, [None] * sum(map(self._merged.__contains__, itertools.pairwise(units))))

    def _forget(self) -> None:
        for cut in self._uncut:
            cut.made = [None] * len(cut.made)
        self._known = len(self._uncut)
