"""Counts of words and characters are those of texts that are taken apart one by one, also where words are let go."""

import random

import pytest

from elman.vocabulary import pieces, tally
from elman.vocabulary.pieces import TextCounts, fold, split_units
from elman.vocabulary.tally import Tally

ODD = [
    "so",
    "So",
    "good",
    "don't",
    "3.5",
    "<eos>",
    "<unk>",
    "!",
    ",",
    "é",
    "漢字",
    "\ud800",
    " ",
    " ",
    " ",
    "\n",
    "\t",
    "\u2028",
    "\x1c",
]


def draw_texts(seed: int) -> list[str]:
    drawn = random.Random(seed)
    texts = ["".join(drawn.choices(ODD, k=drawn.randrange(12))) for _ in range(300)]
    return [*texts, *(f"{drawn.randrange(40)} {drawn.randrange(900)}" for _ in range(300)), *texts[:100]]


@pytest.mark.parametrize("most", [tally.MOST_COUNTED, 400, 24])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_are_those_of_one_text_after_the_other(monkeypatch: pytest.MonkeyPatch, seed: int, most: int) -> None:
    for module in (tally, pieces):
        monkeypatch.setattr(module, "MOST_COUNTED", most)
    monkeypatch.setattr(pieces, "_MOST_PIECES", 50)
    counts, words, characters, width = TextCounts(), Tally(), Tally(), 0
    for text in draw_texts(seed):
        found = split_units(text, "word")
        assert counts.add(text) == len(found)
        words.add([fold(word, "word") for word in found])
        characters.add(list(text))
        width = max(width, *map(len, found), 0)
    counts.finish()
    assert dict(counts.words.items()) == dict(words.items())
    assert counts.width == width
    assert counts.words.total == words.total
    assert counts.characters.total == characters.total
    if most > 100:
        assert counts.characters.most(10**6, 1) == characters.most(10**6, 1)
