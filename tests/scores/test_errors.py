"""Error rates: against a plain edit distance, on odd texts, and their intervals."""

import builtins
import random

import pytest

from elman.errors import ConfigError, DataError
from elman.scores.errors import normalise, score_errors


def distance(one, other):
    """Return the edit distance of two sequences by the whole table."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


def draw(count, seed=3):
    chance = random.Random(seed)
    word = lambda: "".join(chance.choices("abc", k=chance.randint(1, 3)))  # noqa: E731
    return [" ".join(word() for _ in range(chance.randint(0, 7))) for _ in range(count)]


@pytest.mark.parametrize("unit", ["word", "character"])
def test_errors_are_those_of_the_shortest_edit_and_add_up(unit):
    texts, references = draw(53), draw(53, seed=5)
    found = score_errors(texts, references, unit=unit)
    split = str.split if unit == "word" else list
    errors = [distance(split(one), split(other)) for one, other in zip(texts, references, strict=True)]
    units = sum(len(split(one)) for one in references)
    assert found.substitutions + found.deletions + found.insertions == sum(errors)
    assert found.rate == pytest.approx(sum(errors) / units)
    # What is written is what stands there, less what is left out, and what is inserted.
    assert sum(len(split(one)) for one in texts) == units - found.deletions + found.insertions
    assert (found.units, found.wrong, found.count) == (units, sum(error > 0 for error in errors), 53)


@pytest.mark.parametrize(
    ("text", "reference", "words", "characters"),
    [
        ("a  dog ", " a\tdog", (0, 0, 0, 2), (0, 0, 0, 5)),
        ("", "a dog", (0, 2, 0, 2), (0, 5, 0, 5)),
        ("a dog", "", (0, 0, 2, 0), (0, 0, 5, 0)),
        ("", "  ", (0, 0, 0, 0), (0, 0, 0, 0)),
        ("caf\u00e9", "cafe\u0301", (0, 0, 0, 1), (0, 0, 0, 4)),
        ("a cat", "a dog ran", (1, 1, 0, 3), (2, 4, 0, 9)),
        ("\u05e9\u05dc\u05d5\u05dd \U0001f600", "\u05e9\u05dc\u05d5\u05dd", (0, 0, 1, 1), (0, 0, 2, 4)),
    ],
)
def test_spaces_empty_texts_and_composed_letters_are_counted_as_they_are_read(text, reference, words, characters):
    for unit, expected in (("word", words), ("character", characters)):
        found = score_errors([text], [reference], unit=unit)
        assert (found.substitutions, found.deletions, found.insertions, found.units) == expected, unit
        assert found.rate == (sum(expected[:3]) / expected[3] if expected[3] else None)
        assert found.interval is None


def test_an_empty_reference_beside_others_adds_what_is_inserted_alone():
    found = score_errors(["a b", "c d e", "f"], ["", "c x e", "f"], unit="word")
    assert (found.substitutions, found.insertions, found.units, found.wrong) == (1, 2, 4, 2)
    assert found.rate == 0.75


def test_an_interval_holds_the_rate_and_is_wider_where_texts_come_in_groups_alike():
    chance = random.Random(11)
    references, texts, speakers = [], [], []
    for speaker in range(17):
        errs = chance.random() < 0.5  # a speaker is understood always or never
        for _ in range(23):
            references.append("a b c d")
            texts.append("a b c x" if errs else "a b c d")
            speakers.append(f"s{speaker}")
    alone = score_errors(texts, references, unit="word")
    together = score_errors(texts, references, unit="word", groups=speakers)
    assert alone.rate == together.rate
    for found in (alone, together):
        assert found.interval[0] < found.rate < found.interval[1]
    # The standard error of a mean of 17 speakers, and of 391 sentences that were independent.
    width = lambda found: found.interval[1] - found.interval[0]  # noqa: E731
    assert width(together) / width(alone) == pytest.approx(23**0.5, rel=0.2)
    assert score_errors(texts, references, unit="word", groups=["one"] * len(texts)).interval is None


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(DataError, match="2 texts and 1 references"):
        score_errors(["a", "b"], ["a"], unit="word")
    with pytest.raises(DataError, match="0 texts"):
        score_errors([], [], unit="word")
    with pytest.raises(DataError, match="2 examples and 1 groups"):
        score_errors(["a", "b"], ["a", "b"], unit="word", groups=["x"])
    with pytest.raises(ConfigError, match="word, character"):
        score_errors(["a"], ["a"], unit="letter")


def test_without_jiwer_one_line_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name == "jiwer":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=r"pip install 'elman\[transcribe\]'"):
        score_errors(["a"], ["a"], unit="word")


def test_normalising_twice_changes_nothing():
    for text in ("  A\u0301  b\u2028c ", "", "\u3000x"):
        assert normalise(normalise(text)) == normalise(text)
