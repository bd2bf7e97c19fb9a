"""Words: taken apart and put together as people write them, numbered by count, and missing ones told."""

import math

import pytest
import torch

from elman.errors import DataError
from elman.vocabulary.vocabulary import learn_vocabulary, read_vocabulary
from elman.vocabulary.words import Words

PROSE = 'He said: "Stay at home!" (please) don\'t go.\nIt costs $3.50, well-known to 5% of us…\n'


def test_prose_is_taken_apart_into_words_marks_and_line_ends():
    assert Words.of(PROSE).split(PROSE) == [
        "He", "said", ":", '"', "Stay", "at", "home", "!", '"', "(", "please", ")", "don't", "go", ".", "<eos>",
        "It", "costs", "$", "3.50", ",", "well-known", "to", "5", "%", "of", "us", "…", "<eos>",
    ]  # fmt: skip


def test_prose_comes_back_with_its_spaces():
    words = Words.of(PROSE)
    assert words.decode(words.encode(PROSE).tolist()) == PROSE


def test_a_tokenised_text_is_cut_at_spaces_alone():
    line = " mr. <unk> is n't at the u.s. bank 's N $ office \n no it was n't \n"
    words = Words.of(line, tokenized=True)
    expected = line.replace("\n", "<eos>").split()
    assert words.split(line) == expected
    assert words.decode(words.encode(line).tolist()) == " ".join(expected).replace(" <eos> ", "\n").replace(
        " <eos>", "\n"
    )


def test_words_are_numbered_by_count_and_equal_counts_by_alphabet():
    words = Words.of("b b b a c c\nd <unk>\n", tokenized=True)
    assert words.words == ("<eos>", "<unk>", "b", "c", "a", "d")
    assert words.counts == (2, 1, 3, 2, 1, 1)


def test_rare_words_and_those_beyond_the_size_are_unknown_and_counted_as_such():
    text = "a a a b b c\n"
    assert Words.of(text, min_count=2).words == ("<eos>", "<unk>", "a", "b")
    assert Words.of(text, min_count=2).counts == (1, 1, 3, 2)
    small = Words.of(text, size=3)
    assert (small.words, small.counts) == (("<eos>", "<unk>", "a"), (1, 3, 3))
    assert small.encode(text).tolist() == [2, 2, 2, 1, 1, 1, 0]
    assert small.count_unknown(small.encode(text)) == 3


@pytest.mark.parametrize(("words", "kept"), [(9_998, True), (10_000, False)])
def test_a_word_that_occurs_once_is_kept_in_a_short_text_only(words, kept):
    text = "over " * words + "once"
    assert ("once" in Words.of(text).words) is kept


def test_frequencies_are_those_of_the_text():
    words = Words.of("a a a b\n", tokenized=True)
    # <eos> once, <unk> never (half of one), a three times, b once
    expected = torch.tensor([1, 0.5, 3, 1], dtype=torch.float64) / 5.5
    assert torch.allclose(words.log_frequencies(), expected.log())
    assert math.isclose(float(words.log_frequencies().exp().sum()), 1.0)


def test_a_prompt_stands_at_the_start_of_a_line_and_names_what_it_does_not_know():
    words = Words.of("please stay at home\n")
    assert words.encode_prompt("stay at").tolist() == [0, *(words.words.index(w) for w in ("stay", "at"))]
    assert words.encode_prompt("").tolist() == [0]
    with pytest.raises(DataError) as caught:
        words.encode_prompt("please stya at hom for a while, will you")
    message = str(caught.value)
    assert "does not know the words 'stya', 'hom', 'for', 'a', 'while' and 3 more. Did you mean 'stay'?" in message
    assert "It knows 4 words" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("prompt", "next_words", "written"),
    [
        ("please stay", ["at", "home", "."], " at home."),
        ("please stay ", ["at"], "at"),
        ("", ["please", ",", "stay"], "please, stay"),
        ("please\n", ["stay", "<eos>", "at"], "stay\nat"),
        ('he said "', ["please", '"', "at"], 'please" at'),
    ],
)
def test_what_is_written_behind_a_prompt_has_the_usual_spaces(prompt, next_words, written):
    words = Words.of('please stay at home . , " he said\n')
    spell = words.speller(prompt)
    assert "".join(spell(words.words.index(word)) for word in next_words) == written


def test_the_end_of_the_first_word_is_found():
    assert Words.of("a").length_of_first("  stay at") == 6
    assert Words.of("a").length_of_first("home.") == 4


def test_words_come_back_from_plain_data():
    words = learn_vocabulary(PROSE, "word", size=7)
    assert read_vocabulary(words.to_dict()) == words


@pytest.mark.parametrize(
    "data",
    [
        {"words": ["a", "b"], "counts": [1, 1]},
        {"words": ["<eos>", "<unk>", "a", "a"], "counts": [1, 1, 1, 1]},
        {"words": ["<eos>", "<unk>", "a"], "counts": [1, 1]},
        {"words": ["<eos>", "<unk>", "a"], "counts": [1, 1, -1]},
        {"words": ["<eos>", "<unk>", "a"], "counts": [1, 1, "x"]},
    ],
)
def test_forged_words_are_refused(data):
    with pytest.raises(DataError, match=r"each with its count|counts of vocabulary"):
        read_vocabulary({**data, "unit": "word", "tokenized": False})


def test_a_text_without_a_word_to_know_is_refused():
    with pytest.raises(DataError, match="No word occurs 9 times"):
        Words.of("please stay at home\n", min_count=9)
    with pytest.raises(DataError, match="has no words"):
        Words.of("\n \n<unk> <eos>")
