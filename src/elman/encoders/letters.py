"""Turn the letters of a genome or a protein into numbered k-mers: k letters at once, moving on one letter a step.

>>> from elman.encoders.settings import InputSettings
>>> columns = Columns({"sequence": "letters"})
>>> encoder = learn_letters(columns, [Example({"sequence": "ACACG"}, "no", "line 1")], InputSettings(kmer=2))
>>> encoder.known, encoder.encode(Example({"sequence": "CACT"}, None, "line 2")).tolist()
(('AC', 'CA', 'CG'), [[4], [3], [1]])
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.data.dataset import Columns, Example
from elman.encoders.fronts import Front, MotifsFront, Suggestions, UnitsFront
from elman.encoders.limit import Limit
from elman.encoders.settings import InputSettings
from elman.encoders.strands import complements, with_complements
from elman.errors import ConfigError, DataError
from elman.phrases import name_some
from elman.vocabulary.tally import BETWEEN, DROPPED, FIRST, UNKNOWN, Tally, join, number, require_different

_MOST_KMERS = 100_000
_MOST_PLACES = 1000  # longer sequences of the same length are no windows around a site


@dataclass(frozen=True)
class LettersEncoder:
    """An encoder of letters.

    Attributes:
        columns: the columns, in their order.
        kmer: k.
        known: the k-mers that have a number.
        convolution: whether a convolution detects motifs first.
        limit: how many steps are read.
        places: the number of steps that all training sequences have; 0 where they differ.
        both_strands: whether the layers read the reverse complement of each sequence too.
    """

    columns: tuple[str, ...]
    kmer: int
    known: tuple[str, ...]
    convolution: bool
    limit: Limit
    places: int = 0
    both_strands: bool = False
    kind: ClassVar[str] = "letters"
    units: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_different(self.known, "known")
        if self.kmer < 1 or not self.columns or not self.known or not 0 <= self.places <= _MOST_PLACES:
            raise DataError("The encoder of letters in this model has no k-mers, or places. Train it again.")

    @property
    def front(self) -> Front:
        """Describe the layers that can read the units."""
        units = len(self.known) + FIRST
        places = self.places
        return MotifsFront(units, places) if self.convolution else UnitsFront(units, places=places)

    @property
    def suggested(self) -> Suggestions:
        """Suggest dropout on the input, unless units are single letters."""
        return Suggestions(dropout=DROPPED if self.kmer > 1 else 0.0)

    @property
    def complements(self) -> tuple[int, ...]:
        """The number of the reverse complement of each unit, by its number; empty where one strand is read."""
        return complements(self.known) if self.both_strands else ()

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return number(self.known)

    def encode(self, example: Example) -> Tensor:
        """Number the k-mers of a sequence, (T, 1); one of fewer than k letters is one step."""
        return torch.tensor(self.rows().number(example), dtype=torch.int64).unsqueeze(1)

    def rows(self) -> "KmerRows":
        """Return rows in which a k-mer's row is its number; see :class:`elman.encoders.kept.UnitRows`."""
        return KmerRows(self, self._numbers)

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:  # noqa: ARG002
        """Leave letters unchanged: which strand is read may tell classes apart, and where not, the layers draw one."""
        return steps

    def describe(self) -> str:
        """Describe in one line what is read."""
        unit = "single letters" if self.kmer == 1 else f"{self.kmer} letters at once"
        strands = "; both strands are read" if self.both_strands else ""
        places = f"; all sequences have {self.places:,} steps, whose places are read" if self.places else ""
        return f"{unit}, {len(self.known):,} known{strands}{places}{self.limit.describe()}"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "kind": self.kind,
            "columns": list(self.columns),
            "kmer": self.kmer,
            "known": list(self.known),
            "convolution": self.convolution,
            "limit": self.limit.to_dict(),
            **({"places": self.places} if self.places else {}),
            **({"both_strands": True} if self.both_strands else {}),
        }


class KmerRows:
    """The rows of k-mers: row n is k-mer n; see :class:`elman.encoders.kept.UnitRows`."""

    def __init__(self, encoder: LettersEncoder, numbers: dict[str, int]) -> None:
        self._encoder, self._numbers = encoder, numbers

    def __len__(self) -> int:
        return len(self._numbers) + FIRST

    def number(self, example: Example) -> list[int]:
        """Return the numbers of the k-mers of a sequence; the separator between two columns has one too."""
        encoder = self._encoder
        units = join([_split(example.values[column], encoder.kmer) for column in encoder.columns])
        return [BETWEEN if unit is None else self._numbers.get(unit, UNKNOWN) for unit in units[: encoder.limit.most]]

    def table(self) -> Tensor:
        """Return the numbers 0 to V − 1, (V, 1) int32."""
        return torch.arange(len(self), dtype=torch.int32)[:, None]


def learn_letters(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> LettersEncoder:
    """Count the k-mers of the training sequences.

    Raises:
        ConfigError: both strands of several columns are to be read.
        DataError: no sequence has k letters; or both strands are to be read, and a letter is no base of DNA.
    """
    if settings.both_strands and len(columns.inputs) > 1:
        raise ConfigError(
            f"both_strands is given, and {name_some(list(columns.inputs))} are read together. Name one with input, or "
            "drop both_strands."
        )
    tally = Tally()
    lengths: list[int] = []
    for example in examples:
        parts = [_split(example.values[column], settings.kmer) for column in columns.inputs]
        lengths.append(len(join(parts)))
        for part in parts:
            tally.add(part)
    known = tally.most(_MOST_KMERS, 1)
    if not known:
        raise DataError(f"No sequence to learn from has {settings.kmer} letters. Lower kmer, or check the data.")
    known = with_complements(known) if settings.both_strands else known
    limit = Limit(settings.max_length, max(lengths))
    read = min(lengths[0], settings.max_length or lengths[0])
    alike = len(lengths) > 1 and len(set(lengths)) == 1
    places = read if alike and 1 < read <= _MOST_PLACES else 0
    convolution, both_strands = settings.convolution, settings.both_strands
    return LettersEncoder(tuple(columns.inputs), settings.kmer, known, convolution, limit, places, both_strands)


def _split(text: str, k: int) -> list[str]:
    return [text[start : start + k] for start in range(len(text) - k + 1)]
