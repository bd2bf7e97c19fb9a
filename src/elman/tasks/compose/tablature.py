"""Write music as tablature of a guitar: which string is stopped at which fret, found by a dynamic programme.

Notes that start together get a string each. A fingering costs what it stretches, how high it is on the neck, and a
string that still sounds; from one to the next it costs how far the hand moves. The cheapest sequence of fingerings is
found over all, as in Sayegh (1989).

>>> print(write_tab([(52,), (55,), (57, 52)], since=(0, 1, 2), grid=4).text)
e|-------|
B|-------|
G|---0-2-|
D|-2---2-|
A|-------|
E|-------|
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from elman.data.music.piece import HELD, Frame
from elman.tasks.compose.composing import Playable

STRINGS = (("e", 64), ("B", 59), ("G", 55), ("D", 50), ("A", 45), ("E", 40))
"""The open strings of a guitar in standard tuning, from the highest."""
FRETS = 19
GUITAR = Playable(STRINGS[-1][1], STRINGS[0][1] + FRETS, len(STRINGS))
"""What a guitar can play."""

_WIDTH = 78
_SPAN, _WIDEST = 3, 5  # frets from the lowest to the highest, without stretching and with it
_STRETCH, _HEIGHT, _RINGING, _MOVE = 3.0, 0.1, 1.5, 0.5
_MOST = 200  # fingerings of one frame that are looked at, those of lowest cost

Fingering = tuple[tuple[int, int, int], ...]
"""A string, from 0 at the top, a fret, and the frame that the note ends in, for each note."""


@dataclass(frozen=True)
class Tab:
    """A tablature.

    Attributes:
        text: in lines of six strings.
        places: for each note that is played, its frame, string and fret.
        left_out: notes that no string was left for.
    """

    text: str
    places: list[tuple[int, int, int]]
    left_out: int


def write_tab(frames: Sequence[Frame], since: Sequence[int], grid: int) -> Tab:
    """Write frames as tablature; notes outside the range of a guitar are left out.

    Args:
        frames: what sounds.
        since: for each frame, how many there were since its bar started.
        grid: frames of a whole note; where all notes start on a coarser one, that is written.
    """
    chords = [
        (place, [(note, _end_of(frames, place, note)) for note in frame if note < HELD])
        for place, frame in enumerate(frames)
        if any(note < HELD for note in frame)
    ]
    choices, left_out = [], 0
    for _, notes in chords:
        fingerings, missing = list_fingerings(notes)
        choices.append(fingerings)
        left_out += missing
    chosen = _find_cheapest([place for place, _ in chords], choices)
    places = [
        (place, string, fret)
        for (place, _), fingering in zip(chords, chosen, strict=True)
        for string, fret, _ in fingering
    ]
    return Tab(_lay_out(places, len(frames), since, grid), places, left_out)


def _end_of(frames: Sequence[Frame], place: int, pitch: int) -> int:
    end = place + 1
    while end < len(frames) and pitch + HELD in frames[end]:
        end += 1
    return end


def list_fingerings(notes: Sequence[tuple[int, int]]) -> tuple[list[Fingering], int]:
    """List the ways to play notes that start together, each with a string of its own.

    Where there is none, the lowest notes are left out until there is one.

    Args:
        notes: the pitch of each, from the highest, and the frame that it ends in.

    Returns:
        At least one fingering, the cheapest first, and how many notes are left out.
    """
    for count in range(len(notes), 0, -1):
        ways = [
            [
                (string, pitch - tuning, end)
                for string, (_, tuning) in enumerate(STRINGS)
                if 0 <= pitch - tuning <= FRETS
            ]
            for pitch, end in notes[:count]
        ]
        found: list[Fingering] = [
            fingering
            for fingering in itertools.product(*ways)
            if len({string for string, _, _ in fingering}) == count and _span(fingering) <= _WIDEST
        ]
        if found:
            return sorted(found, key=lambda one: (_cost(one), one))[:_MOST], len(notes) - count
    return [()], len(notes)


def _span(fingering: Fingering) -> int:
    stopped = [fret for _, fret, _ in fingering if fret]
    return max(stopped) - min(stopped) if stopped else 0


def _cost(fingering: Fingering) -> float:
    """Return what a fingering costs alone."""
    return _STRETCH * max(0, _span(fingering) - _SPAN) + _HEIGHT * sum(fret for _, fret, _ in fingering)


def _hand(fingering: Fingering) -> int | None:
    """Return the lowest fret that is stopped; None where all strings are open."""
    return min((fret for _, fret, _ in fingering if fret), default=None)


def _find_cheapest(places: Sequence[int], choices: Sequence[Sequence[Fingering]]) -> list[Fingering]:
    """Choose one fingering of each frame, so that all of them together cost least."""
    if not choices:
        return []
    costs = [_cost(one) for one in choices[0]]
    hands = [_hand(one) for one in choices[0]]
    back: list[list[int]] = []
    for number in range(1, len(choices)):
        new, links, new_hands = [], [], []
        for one in choices[number]:
            hand = _hand(one)
            steps = [
                cost + _move(before, hand) + _ringing(earlier, one, places[number])
                for cost, before, earlier in zip(costs, hands, choices[number - 1], strict=True)
            ]
            best = min(range(len(steps)), key=steps.__getitem__)
            new.append(steps[best] + _cost(one))
            links.append(best)
            new_hands.append(hands[best] if hand is None else hand)
        costs, hands = new, new_hands
        back.append(links)
    at = min(range(len(costs)), key=costs.__getitem__)
    path = [at]
    for links in reversed(back):
        at = links[at]
        path.append(at)
    return [one[index] for one, index in zip(choices, reversed(path), strict=True)]


def _move(before: int | None, now: int | None) -> float:
    return 0.0 if before is None or now is None else _MOVE * abs(now - before)


def _ringing(earlier: Fingering, now: Fingering, place: int) -> float:
    """Return what it costs to stop strings that still sound."""
    used = {string for string, _, _ in now}
    return _RINGING * sum(end > place and string in used for string, _, end in earlier)


def _lay_out(places: Sequence[tuple[int, int, int]], length: int, since: Sequence[int], grid: int) -> str:
    """Put frets into lines: a column for each frame, a bar line before each bar."""
    every = next(
        step
        for step in sorted((step for step in range(1, grid + 1) if grid % step == 0), reverse=True)
        if all(since[place] % step == 0 for place, _, _ in places)
    )
    bars: list[list[list[str]]] = []
    frets = {(place, string): str(fret) for place, string, fret in places}
    for place in range(length):
        if place == 0 or since[place] <= since[place - 1]:
            bars.append([])
        if since[place] % every == 0:
            bars[-1].append([frets.get((place, string), "") for string in range(len(STRINGS))])
    wide = 1 + max((len(fret) for fret in frets.values()), default=1)
    written = [
        ["-" + "".join(column[string].ljust(wide, "-") for column in bar) + "|" for string in range(len(STRINGS))]
        for bar in bars
    ]
    systems: list[list[str]] = []
    for bar in written:
        if not systems or len(systems[-1][0]) + len(bar[0]) > _WIDTH:
            systems.append([f"{name}|" for name, _ in STRINGS])
        systems[-1] = [line + part for line, part in zip(systems[-1], bar, strict=True)]
    return "\n\n".join("\n".join(system) for system in systems)
