"""Subtitles hold every word once, in cues that can be read; TextGrids have intervals without gaps."""

import itertools
import re

import numpy as np
import pytest

from elman.tasks.transcribe.spoken import SpokenUnit, SpokenWord, Transcript
from elman.tasks.transcribe.subtitles import as_srt, as_vtt, divide_into_cues
from elman.tasks.transcribe.textgrid import as_textgrid

SRT = re.compile(r"(\d+)\n(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})\n((?:.+\n){1,2})\n?")
VTT = re.compile(r"\n()(\d{2,}):(\d\d):(\d\d)\.(\d{3}) --> (\d{2,}):(\d\d):(\d\d)\.(\d{3})\n((?:.+\n){1,2})")


def spoken(text, start, end):
    """Return a word whose characters share its time."""
    edges = np.linspace(start, end, len(text) + 1).tolist()
    units = [SpokenUnit(one, *edge) for one, edge in zip(text, itertools.pairwise(edges), strict=True)]
    return SpokenWord(text, start, end, 0.875, tuple(units))


def draw_words(count, seed, longest=13):
    drawn = np.random.default_rng(seed)
    at, words = 0.0, []
    for _ in range(count):
        at += float(drawn.choice([0.0, 0.04, 0.3, 0.9, 1.7], p=[0.3, 0.4, 0.15, 0.1, 0.05]))
        end = at + float(drawn.uniform(0.04, 0.9))
        words.append(spoken("".join(drawn.choice(list("abc"), drawn.integers(1, longest))), at, end))
        at = end
    return words


def parse(pattern, text):
    """Return (start, end, lines) of each cue in seconds; nothing stands between two cues."""
    found, at = [], 0
    while at < len(text):
        cue = pattern.match(text, at)
        assert cue, text[at : at + 80]
        hours, minutes, seconds, thousandths = (np.array(cue.groups()[1:9], float).reshape(2, 4)).T
        assert (minutes < 60).all()
        assert (seconds < 60).all()
        start, end = hours * 3600 + minutes * 60 + seconds + thousandths / 1000
        found.append((start, end, cue[10].splitlines()))
        at = cue.end()
    return found


@pytest.mark.parametrize("seed", range(5))
def test_cues_hold_each_word_once_and_can_be_read(seed):
    words = draw_words(131, seed)
    cues = parse(SRT, as_srt(words))
    assert " ".join(" ".join(lines) for _, _, lines in cues) == " ".join(word.word for word in words)
    assert parse(VTT, as_vtt(words).removeprefix("WEBVTT\n")) == cues
    place = 0
    for (start, end, lines), (later, *_) in zip(cues, [*cues[1:], (np.inf,)], strict=True):
        own = words[place : place + len(" ".join(lines).split())]
        place += len(own)
        assert len(lines) <= 2
        assert max(map(len, lines)) <= 42
        assert start < end <= later
        assert end - start <= 7
        assert start == pytest.approx(own[0].start, abs=6e-4)
        assert end == pytest.approx(min(max(own[-1].end, start + 1), later), abs=6e-4)
        assert all(b.start - a.end < 1 for a, b in itertools.pairwise(own))


@pytest.mark.parametrize("seed", range(3))
def test_cuts_are_the_fewest_and_lie_in_the_longest_pauses(seed):
    words = draw_words(13, seed + 10, longest=29)

    def fits(own):
        texts = [word.word for word in own]
        ways = [(" ".join(texts),)]
        ways += [(" ".join(texts[:at]), " ".join(texts[at:])) for at in range(1, len(own))]
        whole = own[-1].end - own[0].start <= 7 and all(b.start - a.end < 1 for a, b in itertools.pairwise(own))
        return whole and any(max(map(len, way)) <= 42 for way in ways)

    best = None
    for cuts in itertools.product([False, True], repeat=len(words) - 1):
        places = [0, *(at for at, cut in enumerate(cuts, start=1) if cut), len(words)]
        parts = [words[a:b] for a, b in itertools.pairwise(places)]
        if all(map(fits, parts)):
            pauses = sum(b[0].start - a[-1].end for a, b in itertools.pairwise(parts))
            best = min(filter(None, [best, (len(parts), -pauses, [part[0].start for part in parts])]))
    assert [cue.start for cue in divide_into_cues(words)] == [round(1000 * start) for start in best[2]]


def test_a_text_without_spaces_is_cut_between_characters_which_may_be_two_columns_wide():
    cues = divide_into_cues([spoken("語" * 53, 0.0, 10.6)])
    assert "".join("".join(cue.lines) for cue in cues) == "語" * 53
    assert max(len(line) for cue in cues for line in cue.lines) <= 21
    assert all(cue.end - cue.start <= 7000 for cue in cues)


def test_what_has_a_meaning_in_a_format_is_escaped():
    words = [spoken("a<b>&-->c", 0.0, 1.5)]
    assert as_vtt(words).endswith("\na&lt;b&gt;&amp;--&gt;c\n")
    assert as_srt(words).endswith("\na<b>&→c\n")
    quoted = as_textgrid(Transcript('say "a"', (spoken('say"a"', 0.0, 1.5),), 2.0))
    assert 'text = "say""a"""\n' in quoted
    assert quoted.count('text = """"\n') == 2


def test_times_of_hours_and_times_that_round_to_the_same_are_written():
    assert "\n27:46:39,999 --> 27:46:41,250\n" in as_srt([spoken("a", 99_999.9994, 100_001.25)])
    assert divide_into_cues([spoken("a", 0.1, 0.1001), spoken("b", 9.0, 9.2)])[0].end == 1100


def test_nothing_said_gives_files_without_cues():
    assert as_srt([]) == ""
    assert as_vtt([]) == "WEBVTT\n"
    assert as_textgrid(Transcript("", (), 1.5)).count('text = ""\n') == 3


def read_textgrid(text):
    """Return the end of a TextGrid and its tiers, from the values in their order, as Praat reads them."""
    head, body = text.split("\n\n", 1)
    assert head == 'File type = "ooTextFile"\nObject class = "TextGrid"'
    # Praat reads free-standing numbers, texts and flags, and skips words, and indices in brackets.
    found = re.findall(r'(?<![\w\[])(-?\d+(?:\.\d+)?)(?![\w\]])|"((?:[^"]|"")*)"|<(\w+)>', body)
    values = iter([float(a) if a else c or b.replace('""', '"') for a, b, c in found])
    start, end, exists, size = (next(values) for _ in range(4))
    assert (start, exists) == (0, "exists")
    tiers = {}
    for _ in range(int(size)):
        assert next(values) == "IntervalTier"
        name = next(values)
        assert (next(values), next(values)) == (0, end)
        tiers[name] = [(next(values), next(values), next(values)) for _ in range(int(next(values)))]
    assert next(values, None) is None
    return end, tiers


@pytest.mark.parametrize("seed", range(3))
def test_tiers_of_a_textgrid_have_no_gaps_and_hold_what_is_said(seed):
    words = draw_words(17, seed)
    seconds = words[-1].end + (0.25 if seed else 0.0)
    end, tiers = read_textgrid(as_textgrid(Transcript("…", tuple(words), seconds)))
    assert list(tiers) == ["words", "confidence", "characters"]
    for name, expected in (
        ("words", [(word.start, word.end, word.word) for word in words]),
        ("confidence", [(word.start, word.end, "0.88") for word in words]),
        ("characters", [(unit.start, unit.end, unit.text) for word in words for unit in word.units]),
    ):
        tier = tiers[name]
        assert (tier[0][0], tier[-1][1]) == (0, end)
        assert all(a[1] == b[0] and a[0] < a[1] for a, b in itertools.pairwise(tier))
        said = [interval for interval in tier if interval[2]]
        assert [text for *_, text in said] == [text for *_, text in expected]
        assert np.array([times for *times, _ in said]) == pytest.approx(np.array([e[:2] for e in expected]), abs=1e-6)
