"""Write the words of a transcript as subtitles: SubRip (.srt) and WebVTT (.vtt, W3C 2019).

A subtitle (a cue) has at most two lines of 42 characters and seven seconds, as broadcasters ask for. Words are divided
into the fewest cues; of all ways to do so, the one whose cuts lie in the longest pauses.

>>> words = [SpokenWord(*word) for word in (("so", 0.5, 0.8, 0.9), ("good", 0.9, 1.25, 0.9))]
>>> print(as_srt(words), end="")
1
00:00:00,500 --> 00:00:01,500
so good
>>> print(as_vtt(words).splitlines()[2])
00:00:00.500 --> 00:00:01.500
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from elman.tasks.transcribe.spoken import SpokenWord

MOST_COLUMNS = 42
"""Characters of a line; those of Chinese and Japanese are two columns wide."""
MOST_SECONDS = 7.0
LEAST_SECONDS = 1.0
"""A shorter cue stays for so long, or until the next one begins."""
LONG_PAUSE = 1.0
"""Seconds of silence over which no cue stays."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MILLISECONDS = 1000


@dataclass(frozen=True)
class Cue:
    """A subtitle.

    Attributes:
        lines: one or two.
        start: in milliseconds.
        end: in milliseconds, above `start` and at most the start of the next.
    """

    lines: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True)
class _Piece:
    """A word, or a character of a long one: what is never divided."""

    text: str
    start: float
    end: float


def as_srt(words: Sequence[SpokenWord]) -> str:
    """Write SubRip.

    The format has no escapes. An arrow in a text, which would end a cue, becomes an arrow of one character.
    """
    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n" + _join(cue.lines).replace("-->", "→")
        for number, cue in enumerate(divide_into_cues(words), start=1)
    )


def as_vtt(words: Sequence[SpokenWord]) -> str:
    """Write WebVTT. The characters &, < and > are escaped."""
    return "WEBVTT\n" + "".join(
        f"\n{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{_join(cue.lines).translate(_ESCAPES)}"
        for cue in divide_into_cues(words)
    )


def divide_into_cues(words: Sequence[SpokenWord]) -> list[Cue]:
    """Divide words into cues.

    A word is divided, between two characters, only where one cue or one line does not hold it.

    Args:
        words: in order of their times.
    """
    pieces = [piece for word in words for piece in _divide(word)]
    starts = [*(piece.start for piece in pieces), math.inf]
    found = []
    for first, behind in _choose_cuts(pieces):
        start, end = starts[first], pieces[behind - 1].end
        shown = min(max(end, start + LEAST_SECONDS), starts[behind])
        # Rounded, a cue must still end after it has begun.
        begin = round(start * _MILLISECONDS)
        lines = _break(pieces[first:behind])
        assert lines is not None
        found.append(Cue(lines, begin, max(begin + 1, round(shown * _MILLISECONDS))))
    return found


def _divide(word: SpokenWord) -> Iterator[_Piece]:
    """Yield a word with the space before it; of a long word its characters."""
    long = cell_len(word.word) > MOST_COLUMNS or word.end - word.start > MOST_SECONDS
    if not long or "".join(unit.text for unit in word.units) != word.word:
        yield _Piece(f" {word.word}", word.start, word.end)
        return
    for place, unit in enumerate(word.units):
        yield _Piece(unit.text if place else f" {unit.text}", unit.start, unit.end)


def _choose_cuts(pieces: Sequence[_Piece]) -> list[tuple[int, int]]:
    """Return the first piece of each cue, and the piece behind its last."""
    # By the number of pieces: how many cues hold them, less the pauses between these, and where the last one begins.
    best, cuts = [(0, 0.0)], [0]
    for behind in range(1, len(pieces) + 1):
        ways = []
        for first in range(behind - 1, -1, -1):
            if first < behind - 1 and not _fits(pieces[first:behind]):
                break
            pause = pieces[first].start - pieces[first - 1].end if first else 0.0
            count, pauses = best[first]
            ways.append(((count + 1, pauses - pause), first))
        least, first = min(ways)
        best.append(least)
        cuts.append(first)
    found, behind = [], len(pieces)
    while behind:
        found.append((cuts[behind], behind))
        behind = cuts[behind]
    return found[::-1]


def _fits(pieces: Sequence[_Piece]) -> bool:
    """Return whether some pieces may stand in one cue, of which all but the first do; if not, no more of them may."""
    return (
        pieces[-1].end - pieces[0].start <= MOST_SECONDS
        and pieces[1].start - pieces[0].end < LONG_PAUSE
        and _break(pieces) is not None
    )


def _break(pieces: Sequence[_Piece]) -> tuple[str, ...] | None:
    """Return the lines of some pieces, two of about one length where one line is too short; None where two are."""
    texts = [piece.text for piece in pieces]
    whole = "".join(texts).strip()
    if len(texts) == 1 or cell_len(whole) <= MOST_COLUMNS:
        return (whole,)
    pairs = [("".join(texts[:place]).strip(), "".join(texts[place:]).strip()) for place in range(1, len(texts))]
    longest, lines = min((max(map(cell_len, pair)), pair) for pair in pairs)
    return lines if longest <= MOST_COLUMNS else None


def _join(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _clock(milliseconds: int, point: str) -> str:
    """Write a time with at least two digits of hours.

    >>> _clock(3_600_007, ",")
    '01:00:00,007'
    """
    seconds, thousandths = divmod(milliseconds, _MILLISECONDS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{thousandths:03}"
