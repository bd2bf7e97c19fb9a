"""Tablature: every note is on the right fret of a string of its own, and the fingerings are the cheapest."""

import itertools
import random
import re

import pytest

from elman.data.music.piece import HELD
from elman.tasks.compose import tablature
from elman.tasks.compose.tablature import FRETS, GUITAR, STRINGS, list_fingerings, write_tab


def draw_chords(seed, count, most=4):
    drawn = random.Random(seed)
    return [tuple(sorted(drawn.sample(range(40, 76), drawn.randint(0, most)), reverse=True)) for _ in range(count)]


def read_back(text):
    """Read the pitches of each column of a tablature, from its lines alone."""
    columns = []
    for system in text.split("\n\n"):
        lines = system.split("\n")
        assert [line[:2] for line in lines] == ["e|", "B|", "G|", "D|", "A|", "E|"]
        assert len({len(line) for line in lines}) == 1 <= len(lines[0]) <= 80
        starts = {m.start(): None for line in lines for m in re.finditer(r"(?<!\d)\d+", line)}
        for at in sorted(starts):
            found = [
                (string, re.match(r"\d+", line[at:])) for string, line in enumerate(lines) if not line[at - 1].isdigit()
            ]
            columns.append(sorted((STRINGS[string][1] + int(m[0]) for string, m in found if m), reverse=True))
    return columns


def test_the_lines_hold_the_notes():
    frames = draw_chords(1, 61)
    tab = write_tab(frames, [place % 8 for place in range(61)], 8)
    played = {}
    for place, string, fret in tab.places:
        played.setdefault(place, []).append(STRINGS[string][1] + fret)
        assert 0 <= fret <= FRETS
    assert tab.left_out == sum(map(len, frames)) - len(tab.places)
    assert read_back(tab.text) == [sorted(played[place], reverse=True) for place in sorted(played)]
    for place, frame in enumerate(frames):
        strings = [string for where, string, _ in tab.places if where == place]
        assert len(set(strings)) == len(strings)
        assert sorted(played.get(place, []), reverse=True) == list(frame[: len(strings)])


def test_the_fingerings_are_the_cheapest_of_all():
    for seed in range(4):
        chords = [frame for frame in draw_chords(seed, 9, 2) if frame][:4]
        choices = [list_fingerings([(pitch, place + 2) for pitch in frame])[0] for place, frame in enumerate(chords)]
        choices = [few[:6] for few in choices]

        def cost(path):
            total, hand = 0.0, None
            for place, one in enumerate(path):
                now = min((fret for _, fret, _ in one if fret), default=None)
                total += tablature._cost(one)
                if place:
                    used = {string for string, _, _ in one}
                    total += 1.5 * sum(end > place and string in used for string, _, end in path[place - 1])
                if hand is not None and now is not None:
                    total += 0.5 * abs(now - hand)
                hand = hand if now is None else now
            return total

        found = tablature._find_cheapest(range(len(choices)), choices)
        assert cost(found) == pytest.approx(min(map(cost, itertools.product(*choices))))


def test_what_no_string_is_left_for_is_counted():
    tab = write_tab([(41, 40), (38,), (100,), (64, 60, 55, 52, 48)], [0, 1, 2, 3], 4)
    assert tab.left_out == 3
    assert [string for place, string, _ in tab.places if place == 3] == [0, 1, 2, 3, 4]  # a C major chord
    assert [fret for place, _, fret in tab.places if place == 3] == [0, 1, 0, 2, 3]
    assert (GUITAR.lowest, GUITAR.highest, GUITAR.most) == (40, 83, 6)


def test_held_notes_are_not_struck_again():
    tab = write_tab([(60,), (60 + HELD,), (60,)], [0, 1, 2], 4)
    assert [place for place, _, _ in tab.places] == [0, 2]


def test_columns_without_notes_are_left_out_where_the_music_is_slower_than_the_grid():
    slow = write_tab([(60,), (), (), (), (62,), (), (), ()], range(8), 8).text
    fast = write_tab([(60,), (), (), (), (62,), (63,), (), ()], range(8), 8).text
    assert len(slow.split("\n")[0]) < len(fast.split("\n")[0])
    assert write_tab([], [], 4).text == ""
