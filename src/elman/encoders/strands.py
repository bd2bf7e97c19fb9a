"""The two strands of DNA: the reverse complement of sequences of numbered k-mers.

A double helix may be read from either of its strands; the other one has the complements (A and T, C and G) in reverse
order. Codes for several bases, such as R for A or G, and N for any, have complements too (IUPAC: Cornish-Bowden 1985).

>>> reverse_complement("AACGN")
'NCGTT'
>>> units = with_complements(["AC", "TT"])
>>> units, complements(units)
(('AC', 'TT', 'GT', 'AA'), (0, 1, 2, 5, 6, 3, 4))
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elman.errors import DataError
from elman.nn import rows
from elman.phrases import name_some
from elman.vocabulary.tally import FIRST, UNKNOWN, number

_BASES = "ACGTRYSWKMBDHVN"
_OTHERS = str.maketrans(_BASES, "TGCAYRSWMKVHDBN")


def reverse_complement(letters: str) -> str:
    """Return the other strand of DNA in upper-case letters; letters that are no code of bases stay."""
    return letters.translate(_OTHERS)[::-1]


def with_complements(known: Sequence[str]) -> tuple[str, ...]:
    """Return k-mers, and behind them their reverse complements that are not among them.

    Raises:
        DataError: a letter is no code of bases.
    """
    foreign = sorted(set("".join(known)) - set(_BASES))
    if foreign:
        raise DataError(
            f"both_strands is for DNA (A, C, G, T and codes such as N), and these sequences have {name_some(foreign)} "
            "too. Drop both_strands."
        )
    return tuple(dict.fromkeys([*known, *map(reverse_complement, known)]))


def complements(known: Sequence[str]) -> tuple[int, ...]:
    """Return for each number of a unit that of its reverse complement; of one that is not known, an unknown unit's."""
    numbers = number(known)
    return (*range(FIRST), *(numbers.get(reverse_complement(unit), UNKNOWN) for unit in known))


class Strands(nn.Module):
    """Reads the other strand of numbered k-mers.

    In training each example is read from one of its strands, drawn at random; else both are read.

    Args:
        complements: see :func:`complements`.

    Attributes:
        complements: as given.
    """

    def __init__(self, complements: Sequence[int]) -> None:
        super().__init__()
        self.complements = tuple(complements)
        # No buffer: it is no weight of a model, and has numbers where weights have shapes alone.
        self._table = torch.tensor(self.complements, dtype=torch.int64, device="cpu")

    def other(self, steps: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the reverse complements of sequences (T, B, 1); what is behind their ends stays behind."""
        turned = steps.flip(0)
        if lengths is not None:
            place = torch.arange(len(steps), device=steps.device)[:, None]
            turned = steps.gather(0, torch.where(place < lengths, lengths - 1 - place, place)[:, :, None])
        return self._table.to(steps.device)[turned]

    def draw(self, steps: Tensor, lengths: Tensor | None) -> Tensor:
        """Return sequences (T, B, 1) of which each is, with probability one half, its reverse complement."""
        drawn = rows.drawn(lambda shape: torch.rand(shape, device=steps.device), steps.shape[1:2], 0) < 0.5
        return torch.where(drawn[:, None], self.other(steps, lengths), steps)
