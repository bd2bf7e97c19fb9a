"""Find chunks as conlleval does, which is written down here once more: word by word, with both columns at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.tasks.tag.chunks import chunks, find_scheme, fits, score_chunks

TAGS = ("O", "B-a", "I-a", "E-a", "S-a", "B-b", "I-b", "E-b", "S-b")


def conlleval(right, predicted):
    """Count right, found and there, walking over both columns with the state of conlleval's loop."""

    def split(tag):
        return (tag[0], tag[2:]) if tag != "O" else ("O", "")

    def ends(before, now):
        (p, q), (t, s) = before, now
        return p != "O" and (p in "ES" or t in "BSO" or q != s)

    def begins(before, now):
        (p, q), (t, s) = before, now
        return t != "O" and (t in "BS" or p in "ESO" or q != s)

    there = found = correct = 0
    for one, other in zip(right, predicted, strict=True):
        within, last, last_other = False, ("O", ""), ("O", "")
        for tag, guess in zip([*one, "O"], [*other, "O"], strict=True):
            now, now_other = split(tag), split(guess)
            if within:
                end, end_other = ends(last, now), ends(last_other, now_other)
                if end and end_other and last[1] == last_other[1]:
                    correct, within = correct + 1, False
                elif end != end_other or now[1] != now_other[1]:
                    within = False
            start, start_other = begins(last, now), begins(last_other, now_other)
            within |= start and start_other and now[1] == now_other[1]
            there, found = there + start, found + start_other
            last, last_other = now, now_other
    return correct, found, there


@given(st.lists(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=9), max_size=4))
def test_counts_are_those_of_conlleval(pairs):
    right, predicted = [[one for one, _ in row] for row in pairs], [[other for _, other in row] for row in pairs]
    scores = score_chunks(right, predicted)
    assert (scores.right, scores.found, scores.there) == conlleval(right, predicted)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["I-a", "I-a", "B-a", "O"], [(0, 2, "a"), (2, 3, "a")]),
        (["B-a", "I-a", "I-b"], [(0, 2, "a"), (2, 3, "b")]),
        (["B-a", "I-a", "E-a", "S-b", "O", "B-b"], [(0, 3, "a"), (3, 4, "b"), (5, 6, "b")]),
        (["B-a", "L-a", "U-b"], [(0, 2, "a"), (2, 3, "b")]),
        (["O", "O"], []),
        (["B-x-y", "I-x-y"], [(0, 2, "x-y")]),
    ],
)
def test_chunks_of_every_scheme_are_found(tags, expected):
    assert chunks(tags) == expected


def test_scores_are_those_counted_by_hand():
    right = [["B-a", "I-a", "O", "B-b"], ["B-a", "O"]]
    predicted = [["B-a", "I-a", "O", "B-a"], ["B-a", "I-a"]]
    scores = score_chunks(right, predicted)
    assert (scores.right, scores.found, scores.there) == (1, 3, 3)
    assert scores.f1 == pytest.approx(1 / 3)
    of_a, of_b = scores.per_type
    assert (of_a.precision, of_a.recall, of_a.f1, of_a.support) == (1 / 3, 1 / 2, 2 / 5, 2)
    assert (of_b.precision, of_b.recall, of_b.f1) == (None, 0.0, 0.0)


def test_nothing_found_is_nothing_right():
    assert score_chunks([["O"]], [["O"]]).f1 == 0.0
    assert score_chunks([["B-a"]], [["O"]]).precision == 0.0


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        ([["B-a", "I-a", "O"]], "iob2"),
        ([["O", "I-a", "B-a"]], "iob1"),
        ([["B-a", "E-a", "O"]], "iobes"),
        ([["O", "U-a"]], "iobes"),
        ([["NOUN", "VERB"]], None),
        ([["O", "O"]], None),
        ([["O", "noun", "verb", "B-a"]], None),
        ([["-LRB-", "NN-SB"]], None),
    ],
)
def test_the_scheme_is_inferred(sentences, scheme):
    assert find_scheme(sentences) == scheme


def test_a_tag_fits_its_scheme_alone():
    assert [fits(tag, "iob2") for tag in ("O", "B-a", "I-a", "S-a", "B-", "a", "X-a")] == [True] * 3 + [False] * 4
    assert fits("U-a", "iobes")
