"""Number the characters of a text, and say which ones are missing.

A vocabulary is the sorted set of the Unicode characters of its text, so that the same text always gives the same
numbers. There is no "unknown" number: a character that the model has never seen has no row in its embedding, and a
sentence that says so is worth more than a guess.

>>> vocabulary = Vocabulary.of("abba")
>>> vocabulary.encode("ab").tolist(), vocabulary.decode([1, 0])
([0, 1], 'ba')
>>> vocabulary.encode("abé")  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: The model has never seen 'é' (U+00E9 LATIN SMALL LETTER E WITH ACUTE) at offset 2. ...
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from elman.errors import DataError

_MOST_NAMED = 5


@dataclass(frozen=True)
class Vocabulary:
    """Hold the characters a model knows; the index of a character is its number.

    Attributes:
        characters: V characters, sorted by code point, each once.
    """

    characters: str

    def __post_init__(self) -> None:
        if not self.characters or list(self.characters) != sorted(set(self.characters)):
            raise DataError(
                "A vocabulary is a text of different characters in ascending order. Use Vocabulary.of(text)."
            )

    @classmethod
    def of(cls, text: str) -> "Vocabulary":
        """Collect the characters of a text."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.characters)

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

    def decode(self, numbers: Iterable[int]) -> str:
        """Turn numbers back into characters."""
        return "".join(self.characters[number] for number in numbers)

    def _describe_missing(self, text: str, first: int) -> str:
        missing = sorted(set(text) - set(self.characters))
        named = ", ".join(_name(character) for character in missing[:_MOST_NAMED])
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        where = f"at offset {first}" if len(missing) == 1 else f"first at offset {first}"
        return (
            f"The model has never seen {named}{more} {where}. It knows {len(self)} characters: "
            "write without the others, or train on a text that has them."
        )


def _code_points(text: str) -> Tensor:
    # A command line that is not UTF-8 arrives as lone surrogates; they too must reach the message above.
    raw = bytearray(text.encode("utf-32-le", "surrogatepass"))
    return torch.frombuffer(raw, dtype=torch.int32).to(torch.int64)


def _name(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"{character!r} (U+{ord(character):04X}{' ' + name if name else ''})"
