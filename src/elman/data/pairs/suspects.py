"""List the pairs that are most likely wrong, in a table that is easy to look through.

A row has a reason, the line of the pair, a score (the larger, the more suspect), and both texts:

>>> print(write_suspects([Suspect("lengths", Pair("ein Hund", "a dog", "", 7), 1.9)]), end="")
reason	line	score	source	target
lengths	7	1.900	ein Hund	a dog
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elman.data.files import head_of
from elman.data.pairs.checks import find_identical, find_odd_lengths, find_reversed, find_shifts, fit_lengths
from elman.data.pairs.pair import Pair
from elman.errors import ConfigError, ElmanError
from elman.paths import check_path
from elman.writing import write_whole

MOST = 100
"""Pairs that are listed."""

_HEADER = "reason\tline\tscore\tsource\ttarget\n"
_RARE = 0.1  # of all pairs; where more are identical, texts may well stay as they are


@dataclass(frozen=True)
class Suspect:
    """A pair that may be wrong.

    Attributes:
        reason: what is suspect, in a few words.
        pair: the two texts.
        score: the larger, the more suspect.
    """

    reason: str
    pair: Pair
    score: float


def find_suspects(pairs: Sequence[Pair]) -> list[Suspect]:
    """List the pairs that look wrong by their texts alone, then those whose lengths fit least; at most `MOST`.

    The score is |ln(target / source) − median| of the lengths in characters.
    """
    reasons, fits = name_reasons(pairs), fit_lengths(pairs)
    order = sorted(range(len(pairs)), key=lambda number: (number not in reasons, -fits[number]))
    return [Suspect(reasons.get(number, "lengths"), pairs[number], fits[number]) for number in order[:MOST]]


def name_reasons(pairs: Sequence[Pair]) -> dict[int, str]:
    """Return what is wrong with pairs by their texts alone; of a stretch that is shifted, with its first pair."""
    identical = find_identical(pairs)
    found = {
        "identical": identical if len(identical) < _RARE * len(pairs) else [],
        "lengths": find_odd_lengths(pairs),
        "reversed": find_reversed(pairs),
    }
    shifted = {
        first: f"shifted by {abs(by)} from here to line {pairs[behind - 1].line}"
        for first, behind, by in find_shifts(pairs)
    }
    return {**{number: reason for reason, numbers in found.items() for number in numbers}, **shifted}


def check_suspects(path: str, data: Sequence[str | Path]) -> Path:
    """Return the path of a list of suspects, refused before any work where it would replace something else.

    Args:
        path: where to write.
        data: the files that are read.

    Raises:
        ConfigError: it does not end in .tsv, its folder is missing, it is one of the data or another file that is no
            such list.
    """
    table = check_path(path, "the suspects")
    if table.suffix.lower() != ".tsv":
        raise ConfigError(f"suspects {table} is written with tabs. End its name in .tsv.")
    if not table.absolute().parent.is_dir():
        raise ConfigError(f"suspects {table}: the folder {table.parent} does not exist. Make it, or choose another.")
    if table.is_dir():
        raise ConfigError(f"suspects {table} is a folder. Name a file in it.")
    if any(Path(one).exists() and table.exists() and table.samefile(one) for one in data):
        raise ConfigError(f"suspects {table} is one of the data, which is never overwritten. Choose another name.")
    _refuse_others(table)
    return table


def save_suspects(suspects: Sequence[Suspect], table: Path) -> None:
    """Write a list of suspects, whole or not at all; an older list is replaced.

    Raises:
        ConfigError: another file stands there by now.
        ElmanError: the file cannot be written.
    """
    _refuse_others(table)
    try:
        write_whole(table, write_suspects(suspects).encode())
    except OSError as error:
        raise ElmanError(f"{table} cannot be written: {error.strerror}. Choose another place for --suspects.") from None


def write_suspects(suspects: Sequence[Suspect]) -> str:
    """Write a list of suspects as a table; a line break or a tab in a text becomes a space."""
    rows = [
        (one.reason, str(one.pair.line), f"{one.score:.3f}", _flat(one.pair.source), _flat(one.pair.target))
        for one in suspects
    ]
    return _HEADER + "".join("\t".join(row) + "\n" for row in rows)


def _refuse_others(table: Path) -> None:
    if table.is_file() and head_of(table, len(_HEADER)) not in (b"", _HEADER.encode()):
        raise ConfigError(
            f"suspects {table} exists and is no list of suspects, so it is never overwritten. Choose another name."
        )


def _flat(text: str) -> str:
    return re.sub(r"[\t\n\r]", " ", text)
