"""What a search adds to ln P of CTC: a language model, bonuses, hot words, a closed vocabulary.

A text of N units and M words is ranked by

    ln P_CTC + α ln P_model + β N + γ M + η H

where H counts the letters of all hot words in it (Hannun et al. 2014 have the first three terms, with M for N). A unit
is a letter, or several where it has a *spelling*. A word is what stands between two spaces; without a space the whole
text is one word.

>>> preferences = Preferences(only=[[1, 2], [1]], space=3, blank=0)
>>> _, gains = preferences.begin(4)
>>> np.isfinite(gains).tolist()
[True, True, False, False]
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from elman.errors import ConfigError, ElmanError, ShapeError

_ROOT, _OUTSIDE = 0, -1


class TextModel(Protocol):
    """A model of texts, as a search sees it. A state may be anything.

    Its units are those of the outputs; the column of the blank is ln P of the end of the text.
    """

    def begin(self) -> tuple[Any, NDArray[np.float64]]:
        """Return the state of the empty text, and ln P of what follows it, (V,)."""

    def step(
        self, states: Sequence[Any], units: Sequence[int]
    ) -> tuple[Sequence[Any], NDArray[np.float64], NDArray[np.float64]]:
        """Read one unit behind each of n texts.

        Returns:
            Their new states; ln P of what follows, (n, V); and, (n,), what of ln P of the units that were read the rows
            before did not have: 0 where they had all of it.
        """


class WordTree:
    """Words as a tree of their units: a node is a beginning.

    Args:
        words: the units of each.
    """

    def __init__(self, words: Sequence[Sequence[int]]) -> None:
        self.children: list[dict[int, int]] = [{}]
        self.is_word = [False]
        for word in words:
            node = _ROOT
            for unit in word:
                node = self.children[node].setdefault(unit, len(self.children))
                if node == len(self.children):
                    self.children.append({})
                    self.is_word.append(False)
            self.is_word[node] = True

    def follow(self, node: int, unit: int) -> int:
        """Return the node behind one more unit; -1 where no word begins so."""
        return self.children[node].get(unit, _OUTSIDE) if node >= 0 else _OUTSIDE


class WordPlace(NamedTuple):
    """How far a text has come in its last word.

    Attributes:
        in_word: whether the word has begun.
        is_empty: whether the text has no letter.
        hot: the node of the word among the hot words.
        length: letters of the word, 0 where it begins no hot word.
        known: its node among the words of the closed vocabulary.
    """

    in_word: bool = False
    is_empty: bool = True
    hot: int = _ROOT
    length: int = 0
    known: int = _ROOT


@dataclass(frozen=True, slots=True)
class TextState:
    """How far a text has come.

    Attributes:
        model: the state of the language model.
        place: in its last word.
    """

    model: Any
    place: WordPlace


@dataclass(frozen=True)
class Preferences:
    """What a search prefers.

    Attributes:
        model: a language model; None for none.
        weight: α, 0 or more.
        bonus: β of each unit.
        word_bonus: γ of each word.
        hot: the letters of each hot word.
        hot_bonus: η of each letter of a hot word.
        only: the letters of each word of a closed vocabulary; empty where all may be written.
        space: the number of the letter between words; None where there is none.
        blank: the number of the blank.
        spelling: the letters of each unit, those of the blank are not used; empty where every unit is its own letter.
            With it a space may stand before the first word.

    Raises:
        ConfigError: a number is outside its range, or a word has no unit, a space or a blank.
    """

    model: TextModel | None = None
    weight: float = 0.5
    bonus: float = 0.0
    word_bonus: float = 0.0
    hot: Sequence[Sequence[int]] = field(default=())
    hot_bonus: float = 1.0
    only: Sequence[Sequence[int]] = field(default=())
    space: int | None = None
    blank: int = 0
    spelling: Sequence[Sequence[int]] = field(default=())

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ConfigError(f"The weight of the language model is {self.weight}. Use 0 or a number above it.")
        for name in ("bonus", "word_bonus", "hot_bonus"):
            if not math.isfinite(getattr(self, name)):
                raise ConfigError(f"The {name.replace('_', ' ')} is {getattr(self, name)}. Use a finite number.")
        barred = {self.space} if self.spelling else {self.space, self.blank}
        if any(not word or barred & set(word) for word in (*self.hot, *self.only)):
            raise ConfigError("A hot word, or one of the closed vocabulary, is empty or has a space in it. Split it.")

    @cached_property
    def _hot(self) -> WordTree:
        return WordTree(self.hot)

    @cached_property
    def _known(self) -> WordTree:
        return WordTree(self.only)

    def begin(self, units: int) -> tuple[TextState, NDArray[np.float64]]:
        """Return the state of the empty text, and its gains: what each unit adds that follows it, (V,).

        The gain at the blank is what the end adds; what may not follow has −∞. Credit for the beginning of a hot word
        is given at each of its units, and taken back where the word goes on otherwise.

        Args:
            units: V.

        Raises:
            ConfigError: a word has a unit that is no column of the outputs.
            ShapeError: the language model has other units.
            ElmanError: the language model gives NaN.
        """
        used = {self.space or 0, self.blank, *(unit for word in (*self.hot, *self.only) for unit in word)}
        if self.spelling and len(self.spelling) != units:
            raise ConfigError(f"{len(self.spelling)} units have a spelling, and outputs have {units}. Check both.")
        if not self.spelling and not all(0 <= unit < units for unit in used):
            raise ConfigError(
                f"Words have units from {min(used)} to {max(used)}, and outputs have {units}. Check both."
            )
        model, chances = self._model.begin() if self._model else (None, np.zeros(units))
        _check_chances(chances, (units,))
        return TextState(model, WordPlace()), self._gains(WordPlace(), chances)

    def extend(
        self, states: Sequence[TextState], units: Sequence[int], size: int
    ) -> list[tuple[TextState, NDArray[np.float64], float]]:
        """Read one more unit of some texts; return their states, their gains as :meth:`begin`, and what comes late."""
        late = np.zeros(len(units))
        if self._model:
            models, chances, late = self._model.step([state.model for state in states], units)
            late = self.weight * np.asarray(late, np.float64)
        else:
            models, chances = [None] * len(units), np.zeros((len(units), size))
        _check_chances(chances, (len(units), size))
        places = [self._follow(state.place, unit)[0] for state, unit in zip(states, units, strict=True)]
        return [
            (TextState(model, place), self._gains(place, row), added)
            for model, place, row, added in zip(models, places, chances, late.tolist(), strict=True)
        ]

    @property
    def _model(self) -> TextModel | None:
        # A weight of 0 times ln 0 would be no number.
        return self.model if self.weight else None

    def _gains(self, place: WordPlace, chances: NDArray[np.float64]) -> NDArray[np.float64]:
        added = self._added.get(place)
        if added is None:
            units = range(len(chances))
            added = np.array([0.0 if one == self.blank else self.bonus + self._follow(place, one)[1] for one in units])
            added[self.blank] = self._end(place)
            self._added[place] = added
        return added + self.weight * np.asarray(chances, np.float64) if self._model else added

    @cached_property
    def _added(self) -> dict[WordPlace, NDArray[np.float64]]:
        return {}

    def _follow(self, place: WordPlace, unit: int) -> tuple[WordPlace, float]:
        """Return the place behind one more unit, and what its letters add."""
        total = 0.0
        for letter in self.spelling[unit] if self.spelling else (unit,):
            place, added = self._spell(place, letter)
            total += added
            if added == -math.inf:
                break
        return place, total

    def _spell(self, place: WordPlace, letter: int) -> tuple[WordPlace, float]:
        """Return the place behind one more letter, and what it adds; −∞ where it may not follow."""
        if letter == self.space:
            if self.spelling and place.is_empty:
                return place, 0.0
            if self.only and not (place.known >= 0 and self._known.is_word[place.known]):
                return place, -math.inf
            return WordPlace(is_empty=False), self._lost(place)
        added = 0.0 if place.in_word else self.word_bonus
        hot = self._hot.follow(place.hot, letter)
        if self.hot and place.hot >= 0:
            added += self.hot_bonus if hot >= 0 else -self.hot_bonus * place.length
        known = self._known.follow(place.known, letter)
        if self.only and known < 0:
            added = -math.inf
        return WordPlace(True, False, hot, place.length + 1 if hot >= 0 else 0, known), added

    def _end(self, place: WordPlace) -> float:
        """Return what the end of the text adds."""
        is_whole = place.known >= 0 and self._known.is_word[place.known]
        if self.only and not (is_whole or place.is_empty):
            return -math.inf
        return self._lost(place)

    def _lost(self, place: WordPlace) -> float:
        """Return what is taken back where the last word ends here."""
        is_hot = place.hot >= 0 and self._hot.is_word[place.hot]
        return 0.0 if is_hot else -self.hot_bonus * place.length


def _check_chances(chances: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    if np.shape(chances) != shape:
        raise ShapeError(
            f"The language model gives {np.shape(chances)}, and {shape} is needed: ln P of the same units."
        )
    if np.isnan(chances).any():
        raise ElmanError("The language model gives NaN. Train it with a lower learning rate.")


NO_PREFERENCES = Preferences()
