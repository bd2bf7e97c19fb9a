"""Text and letters as numbered units: what is known, what is not, and what stands beside."""

import re

import pytest
import torch

from elman.data.dataset import Columns, Example
from elman.encoders.encoder import learn_encoder, read_encoder
from elman.encoders.fronts import Suggestions, UnitsFront
from elman.encoders.settings import InputSettings
from elman.errors import ConfigError, DataError
from elman.vocabulary import tally as units_file
from elman.vocabulary.tally import Tally


def texts(*found: str) -> list[Example]:
    return [Example({"text": text}, "a", f"line {i}") for i, text in enumerate(found, 1)]


def learn(*found: str, unit: str | None = "word", **options):
    return learn_encoder(Columns({"text": "text"}), texts(*found), InputSettings(unit=unit, **options))


def encode(encoder, text: str) -> list[list[int]]:
    return encoder.encode(Example({"text": text}, None, "here")).tolist()


def test_words_are_numbered_by_frequency_without_capitals_and_letters_with():
    encoder = learn("Bad bad, so so so", "Good")
    assert encoder.known == ("so", "bad", ",", "good")
    # o and then the rest, most frequent first and among equals by code point
    assert encoder.letters == ("o", "d", "s", "a", ",", "B", "G", "b")
    assert encode(encoder, "SO Bad") == [[3, 1, 1, 0, 0], [4, 8, 6, 4, 0]]


def test_a_word_that_is_not_known_keeps_its_letters():
    encoder = learn("cab ace", "cab bee", min_count=2)
    assert encoder.known == ("cab",)
    known, unknown = encode(encoder, "cab bac")
    assert known[0] == 3
    assert unknown[0] == units_file.UNKNOWN
    assert sorted(known[1:]) == sorted(unknown[1:])
    assert known[1:] == unknown[:0:-1]


def test_of_a_long_word_sixteen_letters_are_read():
    encoder = learn("abcdefghijklmnopqrstuvwxyz")
    assert [len(row) for row in encode(encoder, "abcdefghijklmnopqrstuvwxyz b")] == [17, 17]
    assert encode(encoder, "abcdefghijklmnop")[0][1:] == encode(encoder, "abcdefghijklmnopqrstuvwxyz")[0][1:]


@pytest.mark.parametrize("options", [{}, {"letters": False}, {"unit": "character"}], ids=str)
@pytest.mark.parametrize("text", ["", "  \n"], ids=repr)
def test_an_empty_text_is_one_step(options, text):
    encoder = learn("ab \n", "c", **options)
    steps = encoder.encode(Example({"text": text}, None, "here"))
    assert steps.dtype == torch.int64
    if options.get("unit") != "character" or not text:
        assert steps.shape[0] == 1
        assert steps[0, 0] == units_file.BETWEEN


def test_characters_stand_alone_and_keep_their_capitals():
    encoder = learn("aAa b", unit="character")
    assert encoder.known == ("a", " ", "A", "b")
    assert encode(encoder, "Abz") == [[5], [6], [1]]
    assert (encoder.front, encoder.suggested) == (UnitsFront(7), Suggestions())
    assert learn("aAa b").front == UnitsFront(5, letters=6)
    assert learn("aAa b").suggested == Suggestions(dropout=0.3)


@pytest.mark.parametrize(
    ("found", "unit"),
    [
        (("Schmidt", "van der Berg", "O'Neill", "Li"), "character"),
        (("so good", "not my taste , sadly"), "word"),
        (("Donaudampfschifffahrtsgesellschaft heißt das Unternehmen.",), "word"),
        (("我们学校的图书馆昨天晚上没有开门。", "今天的天气真好,我们一起去公园散步吧。"), "character"),
    ],
    ids=["names", "reviews", "German", "Chinese"],
)
def test_texts_of_few_words_or_without_spaces_are_read_in_characters(found, unit):
    assert learn(*found, unit=None).unit == unit
    assert learn(*found, unit=None, min_count=1).unit == "word"


def test_the_texts_of_several_columns_are_joined_with_a_unit_between_them():
    columns = Columns({"title": "text", "text": "text"})
    example = Example({"title": "a", "text": "b a"}, "x", "line 1")
    encoder = learn_encoder(columns, [example], InputSettings(unit="word", letters=False))
    assert encoder.encode(example).flatten().tolist() == [3, units_file.BETWEEN, 4, 3]


def test_a_rare_word_of_a_long_text_is_not_known_and_one_of_a_short_text_is():
    long = ["common " * 5000, "common " * 5000 + "rare"]
    assert learn(*long).known == ("common",)
    assert learn(*long, min_count=1).known == ("common", "rare")
    assert learn("common " * 99 + "rare").known == ("common", "rare")


def test_a_vocabulary_keeps_the_frequent_words():
    assert learn("a a a b b c", vocabulary=5).known == ("a", "b")


def test_a_longer_text_than_allowed_is_cut_and_the_report_mentions_it():
    encoder = learn("a b c d", "a", max_length=2)
    assert len(encode(encoder, "d c b a")) == 2
    assert encode(encoder, "d c b a") == encode(encoder, "d c")
    assert encoder.describe() == (
        "words, 4 known; letters beside them; of sequences of up to 4 steps the first 2 are read"
    )
    assert learn("a b c d", max_length=4).describe() == "words, 4 known; letters beside them"


def test_texts_without_words_are_refused():
    with pytest.raises(DataError, match="The texts to learn from, of text, are empty"):
        learn("", " ")
    with pytest.raises(DataError, match="no word occurs 3 times: lower min_count"):
        learn("a b b", min_count=3)


def test_memory_for_counting_is_bounded(monkeypatch):
    monkeypatch.setattr(units_file, "MOST_COUNTED", 3)
    tally = Tally()
    tally.add(["a", "b", "a"])
    tally.add(["c", "d"])  # four different ones: those seen once go
    tally.add(["a", "e"])
    assert tally.most(9, 1) == ("a", "e")
    assert tally.total == 7


def letters(sequence: str) -> Example:
    return Example({"sequence": sequence}, "a", "x.fa line 1")


@pytest.mark.parametrize(
    ("k", "expected"), [(1, [[3], [4], [3], [1]]), (2, [[3], [4], [1]]), (3, [[3], [1]]), (4, [[1]])]
)
def test_kmers_overlap(k, expected):
    encoder = learn_encoder(Columns({"sequence": "letters"}), [letters("ACACAC")], InputSettings(kmer=k))
    assert encoder.encode(letters("ACAT")).tolist() == expected


def test_n_is_a_letter_and_a_sequence_shorter_than_k_is_one_step():
    encoder = learn_encoder(Columns({"sequence": "letters"}), [letters("ACN")], InputSettings(kmer=2))
    assert encoder.known == ("AC", "CN")
    assert encoder.encode(letters("N")).tolist() == [[units_file.BETWEEN]]
    with pytest.raises(DataError, match="No sequence to learn from has 4 letters"):
        learn_encoder(Columns({"sequence": "letters"}), [letters("ACN")], InputSettings(kmer=4))


@pytest.mark.parametrize(
    ("sequences", "most", "places"),
    [
        (["ACGTA", "TTGCA"], None, 4),
        (["ACGTA", "TTGCA"], 3, 3),
        (["ACGTA", "TTGC"], None, 0),
        (["ACGTA"], None, 0),
        (["AC", "TT"], None, 0),
        (["A" * 1002] * 2, None, 0),
    ],
)
def test_the_places_of_letters_are_read_where_all_sequences_have_the_same_length(sequences, most, places):
    columns = Columns({"sequence": "letters"})
    encoder = learn_encoder(columns, map(letters, sequences), InputSettings(kmer=2, max_length=most))
    assert encoder.places == places
    assert encoder.front == UnitsFront(len(encoder.known) + units_file.FIRST, places=places)
    assert ("whose places are read" in encoder.describe()) == (places > 0)
    assert read_encoder(encoder.to_dict()) == encoder


def test_a_place_adds_its_own_vector_and_a_step_behind_the_last_place_has_none():
    front = UnitsFront(7, places=5).build(embedding=3, word_dropout=0.0)
    units = torch.randint(1, 7, (8, 2, 1), generator=torch.Generator().manual_seed(1))
    plain, placed = front.units.embedding(units[..., 0]), front(units, torch.tensor([8, 3]))[0]
    assert torch.equal(placed[:5], plain[:5] + front.places[:, None])
    assert torch.equal(placed[5:], plain[5:])
    assert torch.equal(front(units[:3], None)[0], placed[:3])


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"text": "text", "face": "image"}, r"text \(text\), face \(image\) cannot be read together"),
        ({"left": "image", "right": "image"}, "left .image., right .image. cannot"),
        ({"a": "sound", "b": "series"}, "cannot be read together"),
    ],
)
def test_columns_that_do_not_go_together_are_refused(kinds, message):
    with pytest.raises(ConfigError, match=message):
        learn_encoder(Columns(kinds), [], InputSettings())


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "smell"},
        {"kind": None},
        {"known": ["a", "a"]},
        {"known": [1]},
        {"known": []},
        {"known": None},
        {"letters": [["a"]]},
        {"unit": "syllable"},
        {"columns": []},
        {"width": None},
        {"limit": {"most": -3, "longest": 2}},
        {"limit": {"most": "2", "longest": 2}},
        {"limit": {"most": 2}},
    ],
    ids=str,
)
def test_a_damaged_encoder_is_refused(change):
    good = learn("a b").to_dict()
    with pytest.raises(DataError, match="Train"):
        read_encoder({**good, **change})
    with pytest.raises(DataError, match="Train"):
        read_encoder({name: value for name, value in good.items() if name not in change})


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("text", {"kmer": 5}, "kmer is 5, which is for letters, and what is read is x (text)"),
        (
            "letters",
            {"normalise": "recording"},
            "normalise is recording, which is for sound, and what is read is x (letters)",
        ),
        ("series", {"convolution": True}, "convolution is True, which is for letters and sound and image"),
        ("number", {"unit": "word"}, "unit is word, which is for text, and what is read is x (number)"),
        ("sound", {"read": "pixels"}, "read is pixels, which is for image"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 9 else "",
)
def test_an_option_for_data_of_another_kind_is_refused(kind, options, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        learn_encoder(Columns({"x": kind}), [], InputSettings(**options))
