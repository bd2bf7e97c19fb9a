r"""Read language models of characters, words or subwords letter by letter, as a search over letters asks them.

A model of *characters* is asked directly. A letter that it does not know costs 1/V of its V, and is not read.

A model of *words* gives ln P of a whole word; a letter gets its share by the tree of the words. A word is what stands
between two spaces. With h the words before it, q = 1 / (letters + 1), and w a word of n letters,

    P(w | h) = P(word w | h) + P(<unk> | h) qⁿ⁺¹

where the first term is 0 for words that the model does not know, and `<unk>` has the share of words that the letters
cannot write. So every text has a probability, all of them sum to 1, and the letters of a word have the probabilities

    P(letter | h, begun) = P(words that begin with begun and letter | h) / P(words that begin with begun | h)

A model of *subwords* is asked for the text as it cuts it itself. Behind each letter ln P of the last word, as it is cut
so far, takes the place of what it was before, so that ln P of a whole text is that of its subwords.

>>> from elman.decoding.ngrams import Ngrams
>>> known = Characters.of("ab\n")
>>> counted = Ngrams(known.encode("\nab\nab\n").numpy(), len(known), most=2)
>>> read = CharacterLetters(counted, counted.follow(counted.empty, [0]), known, "ab")
>>> [np.exp(read.chances(state)).round(2).tolist() for state in (read.begin(), read.read([read.begin()], "a")[0][0])]
[[0.67, 0.17, 0.17], [0.17, 0.67, 0.17]]
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from elman.decoding.histories import Chances, Histories, History
from elman.vocabulary.characters import Characters
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.words import Words

SPACE = " "
_END = "\n"
_MOST_CUT = 2**16  # words whose subwords are remembered


class Letters(ABC):
    """A language model that is read letter by letter. A state may be anything.

    Attributes:
        letters: C different letters, which the search writes.
    """

    letters: str

    @abstractmethod
    def begin(self) -> Any:
        """Return the state of the empty text."""

    @abstractmethod
    def chances(self, state: Any) -> Chances:
        """Return ln P of each letter, and last of the end, (C + 1,)."""

    @abstractmethod
    def read(self, states: Sequence[Any], letters: Sequence[str]) -> tuple[list[Any], list[float]]:
        """Read one letter behind each of n texts; return their states, and the part of ln P that `chances` lacked."""


class CharacterLetters(Letters):
    """A model of characters.

    Args:
        histories: the model.
        first: the history of an empty text.
        vocabulary: its characters, a line end among them, which is the end.
        letters: see :class:`Letters`.
    """

    def __init__(self, histories: Histories, first: History, vocabulary: Characters, letters: str) -> None:
        self.letters = letters
        self._histories, self._first, self._numbers = histories, first, vocabulary.numbers
        self._columns = np.array([self._numbers.get(letter, -1) for letter in (*letters, _END)])
        self._unknown = -math.log(len(vocabulary))

    def begin(self) -> History:
        """Return the history of the empty text."""
        return self._first

    def chances(self, state: History) -> Chances:
        """Return ln P of each letter and of the end."""
        return np.where(self._columns < 0, self._unknown, state.chances[self._columns])

    def read(self, states: Sequence[History], letters: Sequence[str]) -> tuple[list[History], list[float]]:
        """Read a letter behind each text."""
        numbers = [self._numbers.get(letter, -1) for letter in letters]
        known = [place for place, number in enumerate(numbers) if number >= 0]
        new = list(states)
        for place, one in zip(
            known, self._histories.extend([(states[place], numbers[place]) for place in known]), strict=True
        ):
            new[place] = one
        return new, [0.0] * len(new)


class _Node:
    """A beginning of words.

    Attributes:
        low, high: which of the sorted words begin so.
        depth: its letters.
    """

    def __init__(self, words: Sequence[str], low: int, high: int, depth: int) -> None:
        self._words, self.low, self.high, self.depth = words, low, high, depth
        self.is_word = low < high and len(words[low]) == depth

    @cached_property
    def children(self) -> "dict[str, _Node]":
        """Return the nodes with one more letter."""
        found: dict[str, _Node] = {}
        start = self.low + self.is_word
        while start < self.high:
            letter = self._words[start][self.depth]
            behind = bisect_right(self._words, letter, start, self.high, key=lambda word: word[self.depth])
            found[letter] = _Node(self._words, start, behind, self.depth + 1)
            start = behind
        return found


@dataclass(frozen=True, slots=True)
class _Begun:
    """The words of a text and the beginning of its last one.

    Attributes:
        history: the whole words.
        node: the last word; None where no known word begins so.
        depth: its letters.
        after: the history with the last word, were it whole.
        mass: P of all words that begin so; 0 where no known word does.
        is_empty: whether the text has no letter.
    """

    history: History
    node: _Node | None
    depth: int
    after: History
    mass: float
    is_empty: bool = False


class WordLetters(Letters):
    """A model of words.

    Args:
        histories: the model.
        first: the history of an empty text.
        vocabulary: its words.
        letters: see :class:`Letters`.
    """

    def __init__(self, histories: Histories, first: History, vocabulary: Words, letters: str) -> None:
        self.letters = letters
        self._histories, self._first, self._unknown, self._end = histories, first, vocabulary.unknown, vocabulary.end
        own = set(letters) - {SPACE}
        known = [(word, number) for number, word in enumerate(vocabulary.words) if number > 1 and own.issuperset(word)]
        known.sort()
        self.known = len(known)
        self._numbers = np.array([number for _, number in known], np.int64)
        others = np.ones(len(vocabulary), bool)
        others[[*self._numbers, self._end]] = False
        self._others = np.flatnonzero(others)
        self._root = _Node([word for word, _ in known], 0, len(known), 0)
        self._share = 1 / (len(own) + 1)
        self._ends_word = [place for place, letter in enumerate(letters) if letter == SPACE] + [len(letters)]

    def begin(self) -> _Begun:
        """Return the state of the empty text."""
        [after] = self._histories.extend([(self._first, self._unknown)])
        return _Begun(self._first, self._root, 0, after, 1.0, is_empty=True)

    def chances(self, state: _Begun) -> Chances:
        """Return ln P of each letter and of the end."""
        found, node = np.full(len(self.letters) + 1, math.log(self._share)), state.node
        if node is not None:
            words, unknown = self._spread(state.history)
            shares = np.full(len(found), unknown * self._share ** (state.depth + 1))
            for place, letter in enumerate(self.letters):
                child = node.children.get(letter)
                if child is not None:
                    shares[place] += words[child.low : child.high].sum()
            if node.is_word:
                shares[self._ends_word] += words[node.low]
            with np.errstate(divide="ignore"):
                found = np.log(shares / state.mass)
        found[-1] = self._first.chances[self._end] if state.is_empty else found[-1] + state.after.chances[self._end]
        return found

    def read(self, states: Sequence[_Begun], letters: Sequence[str]) -> tuple[list[_Begun], list[float]]:
        """Read a letter behind each text."""
        begun: list[tuple[History, _Node | None, int]] = []
        for state, letter in zip(states, letters, strict=True):
            if letter == SPACE:
                begun.append((state.after, self._root, 0))
            else:
                node = None if state.node is None else state.node.children.get(letter)
                begun.append((state.history, node, state.depth + 1))
        wanted = [
            (history, int(self._numbers[node.low]) if node is not None and node.is_word else self._unknown)
            for history, node, _ in begun
        ]
        after = self._histories.extend(wanted)
        new = []
        for (history, node, depth), own in zip(begun, after, strict=True):
            mass = 1.0 if depth == 0 else 0.0
            if node is not None and depth:
                words, unknown = self._spread(history)
                mass = float(words[node.low : node.high].sum()) + unknown * self._share**depth
            new.append(_Begun(history, node if mass else None, depth, own, mass))
        return new, [0.0] * len(new)

    def _spread(self, history: History) -> tuple[Chances, float]:
        """Return P of each of the sorted words, and that of all others together."""
        if history.memo is None:
            shares = np.exp(history.chances)
            history.memo = shares[self._numbers], float(shares[self._others].sum())
        words, unknown = history.memo
        return words, unknown


@dataclass(frozen=True, slots=True)
class _CutText:
    """The words of a text and its last word as it is cut so far.

    Attributes:
        word: the last one, with the space before it.
        path: the history of the words before it, and those with each of its subwords.
        total: ln P of the last word as it is cut.
    """

    word: str
    path: tuple[History, ...]
    total: float


class SubwordLetters(Letters):
    """A model of subwords.

    Args:
        histories: the model.
        first: the history of an empty text.
        vocabulary: its subwords.
        letters: see :class:`Letters`.
    """

    def __init__(self, histories: Histories, first: History, vocabulary: Subwords, letters: str) -> None:
        self.letters = letters
        self._histories, self._first, self._vocabulary = histories, first, vocabulary
        [self._end] = vocabulary.encode(_END).tolist()
        self._cuts: dict[str, list[int]] = {}

    def begin(self) -> _CutText:
        """Return the state of the empty text."""
        return _CutText("", (self._first,), 0.0)

    def chances(self, state: _CutText) -> Chances:
        """Return 0 for each letter, whose part is known behind it, and ln P of the end."""
        return np.array([0.0] * len(self.letters) + [float(state.path[-1].chances[self._end])])

    def read(self, states: Sequence[_CutText], letters: Sequence[str]) -> tuple[list[_CutText], list[float]]:
        """Read a letter behind each text, and cut its last word again."""
        begun = [
            (state.path[-1], letter, 0.0) if letter == SPACE else (state.path[0], state.word + letter, state.total)
            for state, letter in zip(states, letters, strict=True)
        ]
        cuts = [self._cut(word) for _, word, _ in begun]
        paths, totals = [[before] for before, _, _ in begun], [0.0] * len(begun)
        for depth in range(max(map(len, cuts), default=0)):
            going = [place for place, cut in enumerate(cuts) if len(cut) > depth]
            wanted = [(paths[place][-1], cuts[place][depth]) for place in going]
            for place, (history, unit), one in zip(going, wanted, self._histories.extend(wanted), strict=True):
                totals[place] += float(history.chances[unit])
                paths[place].append(one)
        new = [
            _CutText(word, tuple(path), total) for (_, word, _), path, total in zip(begun, paths, totals, strict=True)
        ]
        return new, [total - known for (_, _, known), total in zip(begun, totals, strict=True)]

    def _cut(self, word: str) -> list[int]:
        found = self._cuts.get(word)
        if found is None:
            if len(self._cuts) >= _MOST_CUT:
                self._cuts.clear()
            found = self._cuts[word] = self._vocabulary.encode(word).tolist()
        return found
