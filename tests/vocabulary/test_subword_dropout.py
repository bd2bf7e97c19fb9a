"""BPE-dropout: without dropout the library's subwords, with it the paper's algorithm, written down a second time."""

import itertools
import json
import random
from collections import Counter

import pytest

from elman.vocabulary.subword_dropout import SubwordDropout
from elman.vocabulary.subwords import Subwords

WORDS = "low lower lowest new newer newest wide wider widest banana bananas ananas aaaa aaaaaaa straße naïve 1984 ☃"
TEXT = "\n".join(" ".join(random.Random(n).choices(WORDS.split(), k=11)) for n in range(300))
SUBWORDS = Subwords.of(TEXT, size=331)
ODD = [
    "",
    " ",
    "  two  spaces ",
    "it's",
    "a\x1cb",
    "a\u2028b",
    "tab\there",
    "…—«»",
    "日本語",
    "\u0301 e\u0301",
    "x" * 99,
]


@pytest.mark.parametrize("text", [*ODD, *TEXT.split("\n")[:40]])
def test_without_dropout_the_subwords_are_those_of_the_library(text):
    draws = SubwordDropout(SUBWORDS, 0.0)
    assert draws.draw(draws.split(text), random.Random(1)) == SUBWORDS.encode(text).tolist()


def plainly(word, merges, numbers, probability, chance):
    """Cut a word as algorithm 1 of the paper is printed, without remembering anything."""
    parts = list(word)
    while True:
        possible = [
            (merges.index([one, other]), place)
            for place, (one, other) in enumerate(itertools.pairwise(parts))
            if [one, other] in merges and chance.random() >= probability
        ]
        if not possible:
            return tuple(numbers[part] for part in parts)
        _, place = min(possible)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_words_are_cut_as_often_in_each_way_as_by_the_papers_algorithm(probability):
    model = json.loads(SUBWORDS.learnt)["model"]
    draws, drawn = SubwordDropout(SUBWORDS, probability), 4000
    for word in ("Ġlowest", "Ġbananas", "aaaaaaa"):
        text = word.replace("Ġ", " ")
        chance, other = random.Random(7), random.Random(8)
        words = draws.split(text)
        found = Counter(tuple(draws.draw(words, chance)) for _ in range(drawn))
        expected = Counter(plainly(word, model["merges"], model["vocab"], probability, other) for _ in range(drawn))
        for cut in found | expected:
            # Five standard deviations of the difference of two counts.
            assert abs(found[cut] - expected[cut]) <= 5 * (found[cut] + expected[cut]) ** 0.5 + 1, (word, cut)
        assert len(found) > 3


def test_every_draw_gives_the_text_back_and_the_seed_decides():
    draws, again = SubwordDropout(SUBWORDS, 0.3), SubwordDropout(SUBWORDS, 0.3)
    chance, other = random.Random(3), random.Random(3)
    different = 0
    for text in [*ODD, *TEXT.split("\n")]:
        found = draws.draw(draws.split(text), chance)
        assert SUBWORDS.decode(found) == text
        assert again.draw(again.split(text), other) == found
        different += found != SUBWORDS.encode(text).tolist()
    assert different > 200


def test_what_is_forgotten_changes_no_draw(monkeypatch):
    def draw_all():
        draws, chance = SubwordDropout(SUBWORDS, 0.4), random.Random(5)
        return [draws.draw(draws.split(text), chance) for text in TEXT.split("\n")], draws

    expected, _ = draw_all()
    monkeypatch.setattr("elman.vocabulary.subword_dropout._MOST_CUTS", 40)
    found, draws = draw_all()
    assert found == expected
    assert draws._known < 200
