"""Pairs of texts: the forms that are read, what is refused, and what looks wrong in them."""

import gzip
import random

import pytest

from elman.data.pairs.checks import find_identical, find_odd_lengths, find_repeated, find_reversed, find_shifts
from elman.data.pairs.opening import open_pairs
from elman.data.pairs.pair import Pair
from elman.errors import DataError


@pytest.fixture
def put(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, content):
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(raw)
        return name

    return write


def read(*paths, **options):
    return [(pair.source, pair.target) for pair in open_pairs(paths, **options).pairs]


EXPECTED = [("eins", "one"), ("zwei drei", "two three")]


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.tsv", "eins\tone\nzwei drei\ttwo three\n", {}),
        ("a.txt", "eins\tone\r\nzwei drei\ttwo three", {}),
        ("a.tsv", "source\ttarget\neins\tone\nzwei drei\ttwo three\n", {}),
        ("a.tsv", "n\ten\tde\n1\tone\teins\n2\ttwo three\tzwei drei\n", {"source": "de", "target": "en"}),
        ("a.tsv", "1\tone\teins\n2\ttwo three\tzwei drei\n", {"source": "3", "target": "2"}),
        ("a.csv", 'de,en\neins,one\n"zwei drei",two three\n', {}),
        ("a.jsonl", '{"target":"one","source":"eins"}\n{"source":"zwei drei","target":"two three"}\n', {}),
        ("a.tsv.gz", gzip.compress(b"eins\tone\nzwei drei\ttwo three\n", mtime=0), {}),
    ],
)
def test_tables_are_read(put, name, content, options):
    assert read(put(name, content), **options) == EXPECTED


def test_parallel_files_are_read_packed_or_not(put):
    assert read(put("a.de.gz", gzip.compress(b"eins\nzwei drei\n")), put("a.en", "one\r\ntwo three")) == EXPECTED


def test_only_a_line_feed_ends_a_line(put):
    assert read(put("a.de", "a\u2028b\x0bc\x85d\ne\n"), put("a.en", "f\ng\u2029h\n")) == [
        ("a\u2028b\x0bc\x85d", "f"),
        ("e", "g\u2029h"),
    ]


def test_pairs_with_an_empty_side_are_left_out_and_counted(put):
    found = open_pairs([put("a.de", "eins\n\ndrei\n"), put("a.en", "one\ntwo\n \n")])
    assert [pair.where for pair in found.pairs] == ["a.de line 1"]
    assert "2 pairs with an empty side are left out: a.de line 2, a.de line 3" in found.notes[-1]


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"a.de": "1\n2\n3\n", "a.en": "1\n2\n"}, {}, "a.de has 3 lines and a.en has 2; from line 3 on"),
        ({"a.de": "1\n", "a.en": ""}, {}, "a.en is empty"),
        ({"a.de": "\n", "a.en": "\n"}, {}, "no pair of two texts"),
        ({"a.tsv": "eins\n"}, {}, "Put a tab between"),
        ({"a.tsv": "a\tb\tc\n"}, {}, "Name two of them"),
        ({"a.tsv": "a\tb\n"}, {"source": "de"}, "no column 'de'. There are: 1, 2"),
        ({"a.tsv": "a\tb\n"}, {"source": "2"}, "both column 2"),
        ({"a.de": "1\n", "a.en": "2\n"}, {"source": "de"}, "Name no columns"),
        ({"a": "1", "b": "2", "c": "3"}, {}, "3 files are given"),
        ({}, {}, "0 files are given"),
    ],
)
def test_what_is_no_set_of_pairs_is_refused(put, files, options, message):
    paths = [put(name, content) for name, content in files.items()]
    with pytest.raises(DataError, match=message):
        open_pairs(paths, **options)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="Name its two parallel files"):
        open_pairs([tmp_path])


def draw(count, seed=1):
    """Draw pairs of two languages without a word in common, a target about as long as its source."""
    chance = random.Random(seed)
    lengths = [chance.randint(3, 25) for _ in range(count)]
    text = lambda language, words: " ".join(f"{language}{chance.randint(1, 99)}" for _ in range(words))  # noqa: E731
    return [
        Pair(text("d", n), text("e", max(1, n + chance.randint(-1, 1))), f"line {i}") for i, n in enumerate(lengths)
    ]


def lose(pairs, source=None, target=None):
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    if source is not None:
        del sources[source]
    if target is not None:
        del targets[target]
    return [Pair(one, other, "") for one, other in zip(sources, targets, strict=False)]


def test_good_pairs_show_no_fault():
    pairs = draw(700)
    for find in (find_identical, find_repeated, find_odd_lengths, find_reversed, find_shifts):
        assert find(pairs) == []


@pytest.mark.parametrize("start", [0, 211, 400])
def test_a_line_that_one_side_lost_is_found_also_where_a_later_one_cancels_it(start):
    [(first, last, by)] = find_shifts(lose(draw(700), source=start + 250, target=start))
    assert by == -1
    assert abs(first - start) <= 8
    assert abs(last - start - 250) <= 8


def test_a_line_that_a_source_lost_moves_the_targets_the_other_way():
    [(first, last, by)] = find_shifts(lose(draw(700), source=300))
    assert (by, last) == (1, 699)
    assert abs(first - 300) <= 8


def test_sides_that_were_exchanged_are_found():
    pairs = draw(700)
    exchanged = [5, 77, 400, 401]
    for number in exchanged:
        pairs[number] = Pair(pairs[number].target, pairs[number].source, "")
    assert find_reversed(pairs) == exchanged


def test_identical_repeated_and_odd_pairs_are_found():
    pairs = draw(100)
    pairs[7] = Pair("OK", " OK", "")
    pairs[30] = pairs[4]
    pairs[50] = Pair(pairs[50].source * 9, pairs[50].target, "")
    assert find_identical(pairs) == [7]
    assert find_repeated(pairs) == [30]
    assert find_odd_lengths(pairs) == [50]
