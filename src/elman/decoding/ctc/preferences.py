"""What a search adds to ln P of CTC: a language model, bonuses, hot words, a closed vocabulary.

A text of N units and M words is ranked by

    ln P_CTC + α ln P_model + β N + γ M + η H

where H counts the units of all hot words in it (Hannun et al. 2014 have the first three terms, with M for N). A word is
what stands between two spaces; without a space the whole text is one word.

>>> preferences = Preferences(only=[[1, 2], [1]], space=3, blank=0)
>>> _, gains = preferences.begin(4)
>>> np.isfinite(gains).tolist()
[True, True, False, False]
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

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

    def step(self, states: Sequence[Any], units: Sequence[int]) -> tuple[Sequence[Any], NDArray[np.float64]]:
        """Read one unit behind each of n texts; return their new states, and ln P of what follows, (n, V)."""


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


@dataclass(frozen=True, slots=True)
class TextState:
    """How far a text has come.

    Attributes:
        model: the state of the language model.
        in_word: whether a word has begun.
        is_empty: whether it has no unit.
        hot: the node of its last word among the hot words.
        length: units of that word, 0 where it is none.
        known: its node among the words of the closed vocabulary.
    """

    model: Any = None
    in_word: bool = False
    is_empty: bool = True
    hot: int = _ROOT
    length: int = 0
    known: int = _ROOT


@dataclass(frozen=True)
class Preferences:
    """What a search prefers.

    Attributes:
        model: a language model; None for none.
        weight: α, 0 or more.
        bonus: β of each unit.
        word_bonus: γ of each word.
        hot: the units of each hot word.
        hot_bonus: η of each unit of a hot word.
        only: the units of each word of a closed vocabulary; empty where all may be written.
        space: the number of the unit between words; None where there is none.
        blank: the number of the blank.

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

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ConfigError(f"The weight of the language model is {self.weight}. Use 0 or a number above it.")
        for name in ("bonus", "word_bonus", "hot_bonus"):
            if not math.isfinite(getattr(self, name)):
                raise ConfigError(f"The {name.replace('_', ' ')} is {getattr(self, name)}. Use a finite number.")
        if any(not word or {self.space, self.blank} & set(word) for word in (*self.hot, *self.only)):
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
        if not all(0 <= unit < units for unit in used):
            raise ConfigError(
                f"Words have units from {min(used)} to {max(used)}, and outputs have {units}. Check both."
            )
        state, chances = self._model.begin() if self._model else (None, np.zeros(units))
        _check_chances(chances, (units,))
        first = TextState(state)
        return first, self._gains(first, chances)

    def extend(
        self, states: Sequence[TextState], units: Sequence[int], size: int
    ) -> list[tuple[TextState, NDArray[np.float64]]]:
        """Return the states and the gains of texts with one more unit each; see :meth:`begin`."""
        if self._model:
            models, chances = self._model.step([state.model for state in states], units)
        else:
            models, chances = [None] * len(units), np.zeros((len(units), size))
        _check_chances(chances, (len(units), size))
        new = [self._follow(*each) for each in zip(states, units, models, strict=True)]
        return [(state, self._gains(state, row)) for state, row in zip(new, chances, strict=True)]

    @property
    def _model(self) -> TextModel | None:
        # A weight of 0 times ln 0 would be no number.
        return self.model if self.weight else None

    def _follow(self, state: TextState, unit: int, model: Any) -> TextState:
        if unit == self.space:
            return TextState(model, is_empty=False)
        hot = self._hot.follow(state.hot, unit)
        length = state.length + 1 if hot >= 0 else 0
        return TextState(model, True, False, hot, length, self._known.follow(state.known, unit))

    def _gains(self, state: TextState, chances: NDArray[np.float64]) -> NDArray[np.float64]:
        gains = self.weight * np.asarray(chances, np.float64) if self._model else np.zeros(len(chances))
        end = gains[self.blank]
        gains += self.bonus + (0.0 if state.in_word else self.word_bonus)
        if self.space is not None:
            gains[self.space] -= 0.0 if state.in_word else self.word_bonus
        self._add_hot(gains, state)
        gains[self.blank] = end + self._lost_at_end(state)
        if self.only:
            allowed = self._allowed(state)
            gains[np.setdiff1d(np.arange(len(gains)), allowed)] = -np.inf
        return gains

    def _add_hot(self, gains: NDArray[np.float64], state: TextState) -> None:
        if not self.hot or state.hot < 0:
            return
        following = list(self._hot.children[state.hot])
        credit = np.full(len(gains), -self.hot_bonus * state.length)
        credit[following] = self.hot_bonus
        if self.space is not None:
            credit[self.space] = self._lost_at_end(state)
        gains += credit

    def _lost_at_end(self, state: TextState) -> float:
        """Return what is taken back where the last word ends here."""
        is_hot = state.hot >= 0 and self._hot.is_word[state.hot]
        return 0.0 if is_hot else -self.hot_bonus * state.length

    def _allowed(self, state: TextState) -> list[int]:
        """Return the units that may follow by the closed vocabulary; the blank stands for the end."""
        if state.known < 0:
            return []
        allowed = list(self._known.children[state.known])
        is_whole = self._known.is_word[state.known]
        if is_whole and self.space is not None:
            allowed.append(self.space)
        return [*allowed, self.blank] if is_whole or state.is_empty else allowed


def _check_chances(chances: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    if np.shape(chances) != shape:
        raise ShapeError(
            f"The language model gives {np.shape(chances)}, and {shape} is needed: ln P of the same units."
        )
    if np.isnan(chances).any():
        raise ElmanError("The language model gives NaN. Train it with a lower learning rate.")


NO_PREFERENCES = Preferences()
