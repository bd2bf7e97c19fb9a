r"""Number the words of a text: the frequent ones by count, the others as `<unk>`, and each line end as `<eos>`.

A text is split into words and punctuation marks, and joined again with the usual spaces. In a text that is tokenised
already (such as the Penn Treebank) a word is what lies between spaces.

>>> words = Words.of("Stay at home!\nPlease stay at home.\\n")
>>> words.split("Stay at home!\n")
['Stay', 'at', 'home', '!', '<eos>']
>>> words.decode(words.encode("please stay at home.\n").tolist())
'<unk> stay at home.\n'
"""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.errors import DataError
from elman.phrases import name_some

END, UNKNOWN = "<eos>", "<unk>"

SPECIAL = (END, UNKNOWN)
MOST_WORDS = 50_000
# In a text of fewer words, a word that occurs once is kept: a prompt is likely to use it.
RARE_IN_LONG_TEXTS = 10_000
# A word keeps its inner apostrophes, hyphens and points (don't, well-known, 3.5); any other mark is a word of its own.
_PATTERN = re.compile(r"<unk>|<eos>|\w+(?:['’.,\-]\w+)*|[^\w\s]|\n")
_TOKENS = re.compile(r"[^\s]+|\n")
_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%’”»…")
_NO_SPACE_AFTER = frozenset("([{“‘«$£€#")


@dataclass(frozen=True)
class Words:
    """The words that a model knows, most frequent first; the index of a word is its number.

    Attributes:
        words: V words, `<eos>` and `<unk>` first.
        counts: how often each occurs in the training text.
        tokenized: whether a word is what lies between spaces.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    tokenized: bool = False
    unit: ClassVar[str] = "word"
    unknown: ClassVar[int] = 1
    end: ClassVar[int] = 0

    def __post_init__(self) -> None:
        distinct = len(set(self.words)) == len(self.words) == len(self.counts)
        if not distinct or self.words[:2] != SPECIAL or any(n < 0 for n in self.counts):
            raise DataError("A vocabulary of words is <eos>, <unk> and different words, each with its count.")

    @classmethod
    def of(
        cls, text: str, *, size: int | None = None, min_count: int | None = None, tokenized: bool = False
    ) -> "Words":
        """Count the words of a text.

        Args:
            text: the text.
            size: most words to know, `<eos>` and `<unk>` included; by default 50,000.
            min_count: how often a word must occur; by default once in a text below 10,000 words, else twice.
            tokenized: a word is what lies between spaces.

        Raises:
            DataError: no word occurs often enough.
        """
        count = Counter(split_words(text, tokenized))
        total = sum(count.values())
        least = min_count if min_count is not None else (1 if total < RARE_IN_LONG_TEXTS else 2)
        special = {name: count.pop(name, 0) for name in SPECIAL}
        room = (size or MOST_WORDS) - len(SPECIAL)
        ranked = sorted(((word, n) for word, n in count.items() if n >= least), key=lambda pair: (-pair[1], pair[0]))
        kept = dict(ranked[: max(0, room)])
        if not kept:
            raise DataError(
                f"No word occurs {least} times, so none is known. Lower min_count."
                if count
                else "The text to learn from has no words, only spaces and line ends. Give a text with words."
            )
        special[UNKNOWN] += sum(n for word, n in count.items() if word not in kept)
        known = {**special, **kept}
        return cls(tuple(known), tuple(known.values()), tokenized)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def ends_lines(self) -> bool:
        """Whether the training text had line ends."""
        return self.counts[self.end] > 0

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def split(self, text: str) -> list[str]:
        """Split a text into words, each line end `<eos>`."""
        return split_words(text, self.tokenized)

    def split_last(self, text: str) -> tuple[str, str]:
        """Divide a line into its start and the unfinished word at its end, which is empty after a space.

        >>> Words.of("a").split_last("please sta"), Words.of("a").split_last("please ")
        (('please ', 'sta'), ('please ', ''))
        """
        begun = re.search(r"\S*$", text)
        assert begun is not None
        last = self.split(begun.group())[-1:] if begun.group() else [""]
        return text.removesuffix(last[0]), last[0]

    def encode(self, text: str) -> Tensor:
        """Turn a text into the numbers (N,) of its words, int64; an unknown word becomes `<unk>`."""
        known, unknown = self._numbers, self.unknown
        return torch.tensor([known.get(word, unknown) for word in self.split(text)], dtype=torch.int64)

    def encode_prompt(self, text: str) -> Tensor:
        """Turn a prompt into numbers (N,); it is at the start of a line.

        Raises:
            DataError: a word is not in the vocabulary; the message names each such word.
        """
        words = self.split(text)
        missing = list(dict.fromkeys(word for word in words if word not in self._numbers))
        if missing:
            raise DataError(self._describe_missing(missing))
        return torch.tensor([self.end, *(self._numbers[word] for word in words)], dtype=torch.int64)

    def decode(self, numbers: Iterable[int]) -> str:
        """Turn numbers back into a text, with the usual spaces."""
        write = self.speller("")
        return "".join(write(number) for number in numbers)

    def speller(self, prompt: str) -> Callable[[int], str]:
        """Return a function that maps each next number to the text that it adds to the prompt."""
        before = prompt
        quotes = prompt.rpartition("\n")[2].count('"')

        def write(number: int) -> str:
            nonlocal before, quotes
            word = self.words[number]
            if word == END:
                before, quotes = "\n", 0
                return "\n"
            closes = word == '"' and quotes % 2 == 1
            opened = before.endswith('"') and quotes % 2 == 1
            quotes += word == '"'
            joined = not before or before[-1].isspace() or (not self.tokenized and (closes or opened))
            if not self.tokenized and not joined:
                joined = word in _NO_SPACE_BEFORE or before[-1] in _NO_SPACE_AFTER
            before = word
            return word if joined else f" {word}"

        return write

    def show(self, number: int) -> str:
        """Return one word."""
        return self.words[number]

    def length_of_first(self, text: str) -> int:
        """Return where the first word of a text ends, in characters."""
        match = (_TOKENS if self.tokenized else _PATTERN).search(text)
        return 0 if match is None else match.end()

    def count_unknown(self, numbers: Tensor) -> int:
        """Count the unknown words."""
        return int((numbers == self.unknown).sum())

    def log_frequencies(self) -> Tensor:
        """Return log P(word) by count alone, (V,) float64; a count of 0 is taken as one half."""
        counts = torch.tensor(self.counts, dtype=torch.float64).clamp_(min=0.5)
        return (counts / counts.sum()).log()

    def to_dict(self) -> dict[str, Any]:
        """Write the vocabulary as plain data."""
        return {
            "unit": self.unit,
            "words": list(self.words),
            "counts": list(self.counts),
            "tokenized": self.tokenized,
        }

    def _describe_missing(self, missing: list[str]) -> str:
        named = name_some(list(map(repr, missing)), most=5)
        near = difflib.get_close_matches(missing[0], self.words[len(SPECIAL) :], n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        return (
            f"The model does not know the word{'s' if len(missing) > 1 else ''} {named}.{guess} "
            f"It knows {len(self) - len(SPECIAL):,} words: write with these, or train on a text that has the others."
        )


def pattern_of(tokenized: bool = False) -> str:
    """Return the regular expression that finds the words and marks of a text, for programs without this package.

    >>> re.findall(pattern_of(), "Stay, it's 3.5!")
    ['Stay', ',', "it's", '3.5', '!']
    """
    return (_TOKENS if tokenized else _PATTERN).pattern


def split_words(text: str, tokenized: bool = False) -> list[str]:
    """Split a text into words and marks, each line end `<eos>`.

    Args:
        text: the text.
        tokenized: a word is what lies between spaces.
    """
    words = (_TOKENS if tokenized else _PATTERN).findall(text)
    return [END if word == "\n" else word for word in words]
