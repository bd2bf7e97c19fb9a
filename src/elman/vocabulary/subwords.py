"""Number the subwords of a text: byte pair encoding, learnt from the text (Sennrich et al. 2016, section 3.2).

The encoding starts from bytes, so that every text can be written and nothing is unknown. Learning and encoding are
those of the library `tokenizers`; the learnt encoding is a JSON text in the model file.

>>> subwords = Subwords.of("stay at home, stay at home, stay at home", size=261)
>>> subwords.decode(subwords.encode("at home").tolist())
'at home'
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from elman.errors import ConfigError, DataError

_SIZE = 4096
_BYTES = 256
_LINES_AT_ONCE = 1000
_FIRST = 1000  # characters in which the first subword is searched


@dataclass(frozen=True)
class Subwords:
    """The subwords that a model knows.

    Attributes:
        learnt: the merges and numbers, as the library `tokenizers` writes them (JSON).
    """

    learnt: str
    unit: ClassVar[str] = "subword"
    unknown: ClassVar[int | None] = None

    @classmethod
    def of(cls, text: str, *, size: int | None = None) -> "Subwords":
        """Learn subwords from a text.

        Args:
            text: the text.
            size: most subwords, the 256 bytes included; by default 4096. A short text gives fewer.

        Raises:
            ConfigError: `size` has no room for the bytes.
        """
        wanted = _SIZE if size is None else size
        if wanted < _BYTES:
            raise ConfigError(f"A vocabulary of {wanted} subwords has no room for the {_BYTES} bytes. Use more.")
        tokenizer = _blank()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=wanted, initial_alphabet=sorted(alphabet), show_progress=False, min_frequency=2
        )
        tokenizer.train_from_iterator(_pieces(text), trainer)
        return cls(tokenizer.to_str())

    def __post_init__(self) -> None:
        _require_learnt(self.learnt)
        len(self)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        try:
            return Tokenizer.from_str(self.learnt)
        except Exception as error:  # noqa: BLE001 - the library raises this very class
            reason = str(error).splitlines()[0]
            raise DataError(f"The subwords are damaged ({reason}). Train the model again.") from None

    @property
    def ends_lines(self) -> bool:
        """Return True: every byte can be written, a line end among them."""
        return True

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> Tensor:
        """Turn a text into the numbers (N,) of its subwords, int64."""
        pieces = self._tokenizer.encode_batch(_pieces(text))
        return torch.tensor([number for piece in pieces for number in piece.ids], dtype=torch.int64)

    def encode_prompt(self, text: str) -> Tensor:
        """Turn a prompt into numbers (N,); an empty prompt becomes a line end.

        Raises:
            DataError: the text has lone surrogates.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:  # a command line that is not UTF-8 arrives as lone surrogates
            raise DataError(
                f"The text is not Unicode: {text[error.start]!r} at offset {error.start} is no character. "
                "Write it in UTF-8."
            ) from None
        return self.encode(text or "\n")

    def decode(self, numbers: Iterable[int]) -> str:
        """Turn numbers back into a text; bytes that are no character show as a replacement character."""
        return str(self._tokenizer.decode(list(numbers), skip_special_tokens=False))

    def speller(self, _prompt: str) -> Callable[[int], str]:
        """Return a function that maps each next number to the text that it adds, once its characters are complete."""
        stream = decoders.DecodeStream(skip_special_tokens=False)
        return lambda number: stream.step(self._tokenizer, number) or ""

    def spell(self, number: int) -> bytes:
        """Return the bytes of one subword, which may be parts of characters."""
        return bytes(_byte_numbers()[letter] for letter in str(self._tokenizer.id_to_token(number)))

    def show(self, number: int) -> str:
        """Write one subword so that its spaces are visible."""
        return self.decode([number]).replace(" ", "␣").replace("\n", "\\n")

    def length_of_first(self, text: str) -> int:
        """Return how many whole characters the first subword of a text has."""
        offsets = self._tokenizer.encode(text[:_FIRST]).offsets
        return min((int(offsets[0][1]), *(int(start) for start, _ in offsets[1:2]))) if offsets else 0

    def count_unknown(self, _numbers: Tensor) -> int:
        """Return 0: no subword stands for an unknown one."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Write the vocabulary as plain data."""
        return {"unit": self.unit, "learnt": self.learnt}


@cache
def _byte_numbers() -> dict[str, int]:
    """Return the byte that each letter of a stored subword stands for: printable ones are themselves."""
    plain = [number for number in range(_BYTES) if chr(number).isprintable() and not chr(number).isspace()]
    others = [number for number in range(_BYTES) if number not in plain]
    return {**{chr(number): number for number in plain}, **{chr(_BYTES + i): one for i, one in enumerate(others)}}


def _blank() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _require_learnt(text: str) -> None:
    """Refuse an encoding that `Subwords.of` cannot have written; some that the library accepts never terminate.

    Raises:
        DataError: it is not byte pair encoding of bytes, or its numbers are not 0 to V − 1.
    """
    try:
        learnt, blank = json.loads(text), json.loads(_blank().to_str())
        model, plain = learnt.pop("model"), blank.pop("model")
        numbers, _ = model.pop("vocab"), model.pop("merges")
        # Another version of the library may write fewer options, or more that are switched off.
        same = all(
            value in (known.get(name), None, False)
            for options, known in ((learnt, blank), (model, plain))
            for name, value in options.items()
        )
        whole = same and sorted(numbers.values()) == list(range(len(numbers)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise DataError("The subwords of this model are not those that elman learns. Train the model again.")


def _pieces(text: str) -> list[str]:
    """Cut a text after line ends, so that the library never processes all of it at once."""
    lines = text.splitlines(keepends=True)
    return ["".join(lines[start : start + _LINES_AT_ONCE]) for start in range(0, len(lines), _LINES_AT_ONCE)]
