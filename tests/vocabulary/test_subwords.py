"""Subwords: every text can be written, and the learnt merges are those that byte pair encoding defines."""

import itertools
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import ConfigError, DataError
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.vocabulary import learn_vocabulary, read_vocabulary

TEXT = "low low low low low lower lower newest newest newest newest newest newest widest widest widest\n" * 3


_SLOW = {"type": "Split", "pattern": {"Regex": "(a+)+b"}, "behavior": "Isolated", "invert": False}
_LONG = {
    "strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
    "pad_token": "a",
}  # fmt: skip


@pytest.fixture(scope="module")
def subwords() -> Subwords:
    return Subwords.of(TEXT, size=270)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(text):
    subwords = Subwords.of(TEXT, size=270)
    assert subwords.decode(subwords.encode(text).tolist()) == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_text_that_is_written_piece_by_piece_holds_no_broken_character(text):
    subwords = Subwords.of(TEXT, size=270)
    spell = subwords.speller("")
    assert "".join(spell(number) for number in subwords.encode(text).tolist()) == text


def test_the_first_merge_is_of_the_most_frequent_neighbours():
    """The definition: count all neighbours within words, the space before a word among them (Sennrich et al. 2016)."""
    pairs = Counter()
    for line in TEXT.splitlines():
        for position, word in enumerate(line.split()):
            spaced = " " * (position > 0) + word
            pairs.update(itertools.pairwise(spaced))
    learnt = Subwords.of(TEXT, size=257)
    (added,) = [learnt.decode([number]) for number in range(len(learnt)) if len(learnt.decode([number])) > 1]
    assert pairs[tuple(added)] == max(pairs.values())


def test_frequent_words_become_one_subword(subwords):
    assert len(subwords.encode(" newest")) < len(subwords.encode(" nwseet"))
    assert len(subwords) <= 270


def test_the_same_text_gives_the_same_subwords():
    assert Subwords.of(TEXT) == Subwords.of(TEXT)


def test_too_few_subwords_for_all_bytes_are_refused():
    with pytest.raises(ConfigError, match="no room for the 256 bytes"):
        Subwords.of(TEXT, size=255)


def test_subwords_come_back_from_plain_data(subwords):
    back = read_vocabulary(subwords.to_dict())
    assert back == subwords
    assert back.encode(TEXT).tolist() == subwords.encode(TEXT).tolist()


def test_spaces_and_line_ends_are_seen_in_a_list(subwords):
    shown = {subwords.show(number) for number in subwords.encode(" low\n").tolist()}
    assert "\\n" in shown
    assert any(text.startswith("␣") for text in shown)


def test_the_end_of_the_first_subword_is_found(subwords):
    first = subwords.decode(subwords.encode("lowest\n").tolist()[:1])
    assert subwords.length_of_first("lowest\n") == len(first)
    assert subwords.length_of_first("日本") == 0, "the first byte of three"


def test_a_prompt_that_is_not_unicode_is_refused(subwords):
    with pytest.raises(DataError, match=r"'\\udcff' at offset 2"):
        subwords.encode_prompt("lo\udcffw")


@pytest.mark.parametrize("learnt", ["", "{}", "[1]", "[" * 9999, '{"model": {"type": "surprise"}}'])
def test_damaged_subwords_are_refused(learnt):
    with pytest.raises(DataError, match="not those that elman learns"):
        read_vocabulary({"unit": "subword", "learnt": learnt})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t.update(pre_tokenizer=_SLOW), id="a pattern that takes for ever"),
        pytest.param(lambda t: t.update(padding=_LONG), id="padding to a gigabyte"),
        pytest.param(lambda t: t.update(added_tokens=[{"id": 7, "content": "a"}]), id="units beside"),
        pytest.param(lambda t: t["model"].update(type="WordLevel"), id="no byte pairs"),
        pytest.param(lambda t: t["model"]["vocab"].update(a=10**6), id="a number too high"),
        pytest.param(lambda t: t["model"]["merges"].append(["no", "unit"]), id="a merge of no units"),
    ],
)
def test_what_else_the_library_can_do_is_refused(subwords, change):
    learnt = json.loads(subwords.learnt)
    change(learnt)
    with pytest.raises(DataError, match="Train the model again"):
        read_vocabulary({"unit": "subword", "learnt": json.dumps(learnt)})


def test_an_unknown_unit_is_refused():
    with pytest.raises(DataError, match="'syllable' is unknown"):
        read_vocabulary({"unit": "syllable"})


def test_each_unit_has_its_vocabulary():
    assert [learn_vocabulary(TEXT, unit).unit for unit in ("character", "word", "subword")] == [
        "character",
        "word",
        "subword",
    ]
