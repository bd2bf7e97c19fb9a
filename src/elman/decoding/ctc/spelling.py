r"""Units of a search as letters: any language model for a search over characters or subwords.

A unit is its bytes in UTF-8; a letter may be in several units, and is read when it is complete. What the letters of a
unit behind the first add to ln P is not known before the unit is read, so it comes late, see
:class:`elman.decoding.ctc.preferences.TextModel`.

>>> from elman.decoding.ctc.letters import CharacterLetters
>>> from elman.decoding.ngrams import Ngrams
>>> from elman.vocabulary.characters import Characters
>>> known = Characters.of("ab\n")
>>> counted = Ngrams(known.encode("\nab\nab\n").numpy(), len(known), most=2)
>>> letters = CharacterLetters(counted, counted.follow(counted.empty, [0]), known, "ab")
>>> model = Spelled(letters, [b"", b"a", b"b", b"ab"])
>>> state, chances = model.begin()
>>> _, _, late = model.step([state] * 2, [1, 3])
>>> np.exp(chances).round(2).tolist(), np.exp(late).round(2).tolist()
([0.17, 0.67, 0.17, 0.67], [1.0, 0.67])
"""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.decoding.ctc.letters import SPACE, Letters
from elman.decoding.histories import Chances

LOST = "\ufffd"
"""The letter of bytes that are none."""


@dataclass(frozen=True, slots=True)
class _Spelled:
    """A text.

    Attributes:
        letters: the state of the language model.
        chances: what may follow, (C + 1,).
        rest: the bytes of a letter that is not complete.
        is_empty: whether it has no letter.
    """

    letters: Any
    chances: Chances
    rest: bytes
    is_empty: bool


class Spelled:
    """A language model over units, by their letters.

    Args:
        letters: the language model.
        spelling: the bytes of each of V units; those of the blank are not used.
        blank: its number.
        space_first: whether units have the space of the first word, which is not read.
    """

    def __init__(
        self, letters: Letters, spelling: Sequence[bytes], blank: int = 0, *, space_first: bool = False
    ) -> None:
        self._letters, self._spelling, self._blank, self._space_first = letters, spelling, blank, space_first
        self._places = {letter: place for place, letter in enumerate(letters.letters)}
        self._columns = {first: self._columns_of(first) for first in {False, space_first}}
        self._last = len(letters.letters) + 1

    def begin(self) -> tuple[_Spelled, Chances]:
        """Return the state of the empty text, and ln P of what follows it, (V,)."""
        state = self._letters.begin()
        first = _Spelled(state, self._letters.chances(state), b"", True)
        return first, self._row(first)

    def step(
        self, states: Sequence[_Spelled], units: Sequence[int]
    ) -> tuple[list[_Spelled], NDArray[np.float64], NDArray[np.float64]]:
        """Read one unit behind each of n texts; see :class:`elman.decoding.ctc.preferences.TextModel`."""
        read = [self._spell(state, unit) for state, unit in zip(states, units, strict=True)]
        now, chances = [state.letters for state in states], [state.chances for state in states]
        late = np.zeros(len(units))
        for depth in range(max((len(text) for text, _ in read), default=0)):
            going = [place for place, (text, _) in enumerate(read) if len(text) > depth]
            letters = [read[place][0][depth] for place in going]
            new, added = self._letters.read([now[place] for place in going], letters)
            for place, letter, state, more in zip(going, letters, new, added, strict=True):
                late[place] += more
                if depth or self._was_open(states[place], units[place]):
                    late[place] += chances[place][self._places[letter]]
                now[place], chances[place] = state, self._letters.chances(state)
        found = [
            _Spelled(state, row, rest, before.is_empty and not text)
            for state, row, before, (text, rest) in zip(now, chances, states, read, strict=True)
        ]
        return found, np.array([self._row(one) for one in found]), late

    def _row(self, state: _Spelled) -> Chances:
        """Return ln P of the first letter of each unit, 0 where it is not complete, and of the end at the blank."""
        if state.rest:
            row = np.zeros(len(self._spelling))
            row[self._blank] = state.chances[-1]
            return row
        known = np.append(state.chances, 0.0)
        return known[self._columns[self._space_first and state.is_empty]]

    def _was_open(self, state: _Spelled, unit: int) -> bool:
        """Return whether the row before a unit did not know its first letter."""
        return bool(state.rest) or bool(self._columns[self._space_first and state.is_empty][unit] == self._last)

    def _columns_of(self, is_first: bool) -> NDArray[np.int64]:
        """Return for each unit the place of its first letter among the chances; the last place is no letter's."""
        end = len(self._places)
        found = []
        for unit, spelling in enumerate(self._spelling):
            text, _ = _decode(spelling)
            if is_first:
                text = text.removeprefix(SPACE)
            found.append(end if unit == self._blank else self._places[text[0]] if text else end + 1)
        return np.array(found)

    def _spell(self, state: _Spelled, unit: int) -> tuple[str, bytes]:
        """Return the letters that a unit completes, and the bytes that are left."""
        text, rest = _decode(state.rest + self._spelling[unit])
        if self._space_first and state.is_empty:
            text = text.removeprefix(SPACE)
        return text, rest


def _decode(raw: bytes) -> tuple[str, bytes]:
    """Return the complete letters of some bytes, and the bytes behind them."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(raw)
    rest, _ = decoder.getstate()
    return text, bytes(rest)
