"""Texts that are kept in pieces come back letter by letter, and their pieces are those of each text alone."""

import random

import pytest

from elman.data.examples.texts import Texts

ODD = ["so", "good", "", "a\nb", "\u2028", "\t", "漢字", "\ud800", "\x1c", "don't"]


@pytest.mark.parametrize("seed", [1, 2])
def test_texts_come_back_as_they_were(seed: int) -> None:
    drawn = random.Random(seed)
    given = [" ".join(drawn.choices(ODD, k=drawn.randrange(7))) for _ in range(101)]
    texts = Texts()
    taken = [texts.extend(part) for part in (given[:1], given[1:60], given[60:100], given[100:])]
    assert len(texts) == 101
    assert [texts[index] for index in range(101)] == given
    assert taken[0] > taken[-1] > 0
    assert sorted(texts.pieces) == sorted({piece for text in given for piece in text.split(" ")})
    for chosen in (list(range(101)), [3], sorted(drawn.sample(range(101), 40))):
        numbers, counts = texts.numbers_of(chosen)
        assert [texts.pieces[number] for number in numbers] == [p for index in chosen for p in given[index].split(" ")]
        assert counts.tolist() == [len(given[index].split(" ")) for index in chosen]
