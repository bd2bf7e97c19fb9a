"""Number the characters of a text, and say which ones are missing.

The characters are the sorted set of the Unicode characters of their text, so that the same text always gives the same
numbers. There is no "unknown" number: a character that the model has never seen has no row in its embedding, and is an
error.

>>> vocabulary = Characters.of("abba")
>>> vocabulary.encode("ab").tolist(), vocabulary.decode([1, 0])
([0, 1], 'ba')
>>> vocabulary.encode("abé")  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: The model has never seen 'é' (U+00E9 LATIN SMALL LETTER E WITH ACUTE) at offset 2. ...
"""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.errors import DataError
from elman.phrases import name_some


@dataclass(frozen=True)
class Characters:
    """The characters that a model knows; the index of a character is its number.

    Attributes:
        characters: V characters, sorted by code point, each once.
    """

    characters: str
    unit: ClassVar[str] = "character"
    unknown: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        if not self.characters or list(self.characters) != sorted(set(self.characters)):
            raise DataError(
                "A vocabulary is a text of different characters in ascending order. Use Characters.of(text)."
            )

    @classmethod
    def of(cls, text: str) -> "Characters":
        """Collect the characters of a text."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.characters)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Return the number of each character."""
        return {character: number for number, character in enumerate(self.characters)}

    @property
    def ends_lines(self) -> bool:
        """Whether a line end is among the characters."""
        return "\n" in self.characters

    def encode(self, text: str) -> Tensor:
        """Turn N characters into a tensor (N,) of their numbers, int64.

        Raises:
            DataError: a character is not in the vocabulary; the message names each such character.
        """
        if not text:
            return torch.empty(0, dtype=torch.int64)
        known, wanted = _code_points(self.characters), _code_points(text)
        numbers = torch.searchsorted(known, wanted).clamp_(max=len(self) - 1)
        missing = known[numbers] != wanted
        if missing.any():
            raise DataError(self._describe_missing(text, int(missing.nonzero()[0, 0])))
        return numbers

    def encode_prompt(self, text: str) -> Tensor:
        """Turn a prompt into numbers; an empty prompt becomes a line end, or the first character.

        Raises:
            DataError: a character is not in the vocabulary.
        """
        start = "\n" if "\n" in self.characters else self.characters[0]
        return self.encode(text or start)

    def decode(self, numbers: Iterable[int]) -> str:
        """Turn numbers back into characters."""
        return "".join(self.characters[number] for number in numbers)

    def speller(self, _prompt: str) -> Callable[[int], str]:
        """Return the function that writes one character after the other."""
        return self.characters.__getitem__

    def show(self, number: int) -> str:
        """Write one character so that it is visible in a list."""
        character = self.characters[number]
        if character == " ":
            return "␣"
        return character if character.isprintable() else repr(character)[1:-1]

    def length_of_first(self, _text: str) -> int:
        """Return the length of the first unit of a text, in characters."""
        return 1

    def count_unknown(self, _numbers: Tensor) -> int:
        """Return 0: no character stands for an unknown one."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Write the vocabulary as plain data."""
        return {"unit": self.unit, "characters": self.characters}

    def _describe_missing(self, text: str, first: int) -> str:
        missing = sorted(set(text) - set(self.characters))
        named = name_some(list(map(_name, missing)), most=5)
        where = f"at offset {first}" if len(missing) == 1 else f"first at offset {first}"
        return (
            f"The model has never seen {named} {where}. It knows {len(self)} characters: "
            "write without the others, or train on a text that has them."
        )


def _code_points(text: str) -> Tensor:
    # A command line that is not UTF-8 arrives as lone surrogates; the message above must be able to name them.
    raw = bytearray(text.encode("utf-32-le", "surrogatepass"))
    return torch.frombuffer(raw, dtype=torch.int32).to(torch.int64)


def _name(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"{character!r} (U+{ord(character):04X}{' ' + name if name else ''})"
