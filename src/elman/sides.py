"""Where the numbers come from that a cell reads besides its input, such as `dt`: the words of the option `side`.

=================  =========================================================================================
source             the number of each step
=================  =========================================================================================
`gaps`             the time since the step before, from the column of times, in units of the median of training
`gaps:COLUMN`      the same, from a column of times that is named
`COLUMN`           the number that a column has there, as it is
`column:COLUMN`    the same, of a column whose name is a number, such as the third of a file without names
a number           this number, at every step
=================  =========================================================================================

>>> parse_sides("dt=gaps:clock, scale=2.5")
{'dt': SideSource(column='clock', gaps=True, constant=None), 'scale': SideSource(column='', gaps=False, constant=2.5)}
>>> write_sides({"dt": 1, "mask": "seen"})
'dt=1,mask=seen'
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elman.errors import ConfigError

GAPS, _COLUMN = "gaps", "column"
FORM = "NAME=gaps, NAME=COLUMN or NAME=NUMBER"


@dataclass(frozen=True)
class SideSource:
    """The source of one side input.

    Attributes:
        column: of its values, or of times; empty where there is none, or where the column of times is to be found.
        gaps: whether the number of a step is the time since the step before.
        constant: the number of all steps; None where each step has one of its own.
    """

    column: str = ""
    gaps: bool = False
    constant: float | None = None

    def __str__(self) -> str:
        if self.constant is not None:
            return f"{self.constant:.17g}"
        if self.gaps:
            return f"{GAPS}:{self.column}" if self.column else GAPS
        is_plain = _number(self.column) is None and self.column.partition(":")[0].strip() not in (GAPS, _COLUMN)
        return self.column if is_plain else f"{_COLUMN}:{self.column}"


def parse_sides(given: str) -> dict[str, SideSource]:
    """Parse the value of the option, sources with commas between them.

    Raises:
        ConfigError: one is not of the form NAME=SOURCE, a name comes twice, or a number is negative or not finite.
    """
    sources: dict[str, SideSource] = {}
    for part in given.split(","):
        name, sign, source = (piece.strip() for piece in part.partition("="))
        if not (name.isidentifier() and sign and source):
            raise ConfigError(f"side is {given!r}; it must be {FORM}, with commas between several, such as dt=gaps.")
        if name in sources:
            raise ConfigError(f"side is {given!r}, and gives {name} twice. Give it once.")
        sources[name] = _parse_source(name, source)
    return sources


def write_sides(given: Mapping[str, Any]) -> str:
    """Write sources by name as one text, as the command line takes them."""
    return ",".join(f"{name}={source}" for name, source in given.items())


def _parse_source(name: str, source: str) -> SideSource:
    word, colon, column = source.partition(":")
    if word.strip() == GAPS or (word.strip() == _COLUMN and colon):
        if colon and not column.strip():
            raise ConfigError(f"side is {name}={source}, and no column follows. Name it: {name}={word}:COLUMN.")
        return SideSource(column.strip(), gaps=word.strip() == GAPS)
    number = _number(source)
    if number is None:
        return SideSource(source)
    if not 0 <= number < math.inf:
        raise ConfigError(f"side is {name}={source}; a number of steps is finite and at least 0. Give such a number.")
    return SideSource(constant=number)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
