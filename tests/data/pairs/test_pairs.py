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


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"a.jsonl": '{"source": ["a"], "target": "b"}\n'}, {}, "a.jsonl line 1: source holds a list and no text"),
        ({"a.jsonl": '{"source": "a", "target": {"b": 1}}\n'}, {}, "target holds a dict and no text"),
        ({"a.csv": "source,source,target\na,b,c\n"}, {}, "2 columns are called source"),
        ({"a.csv": "de,de,en\na,b,c\n"}, {"source": "de", "target": "en"}, "2 columns are called de"),
        ({"a.csv": "source,target\na,b\nc,d,e\n"}, {}, "line 3 has 3 cells, and line 1 has 2"),
        ({"a.csv": "source\ttarget\na\tb\n"}, {}, "End its name in .tsv"),
        ({"a.tsv": "a\tb\nlonely\nc\td\te\n"}, {}, "line 2 has 1 cells, .* 1 line more is wrong: 3"),
        ({"a.de": "eins\rzwei\r", "a.en": "one\rtwo\r"}, {}, "a.de has the line ends of old Macs"),
        ({"a.tsv": "a\tb\n", "b.tsv": "c\td\n"}, {}, "a.tsv is a table, and two files are read as parallel texts"),
        ({"a.de": b"\xff\xfea\x00\n\x00", "a.en": "a\n"}, {}, "a.de is UTF-16"),
        ({"a.de": b"a\x00b\n", "a.en": "a\n"}, {}, "binary data"),
        ({"a.de": b"f\xfcr\n", "a.en": "for\n"}, {}, "a.de line 1 is not UTF-8"),
        ({"a.de": b"\x89PNG\r\n\x1a\n" + bytes(50), "a.en": "a\n"}, {}, "it is a PNG image"),
        ({"a.tsv.gz": gzip.compress(b"a\tb\n" * 99, mtime=0)[:-9]}, {}, "cannot be unpacked"),
        ({"a.tsv": "a\t\nb\t \n"}, {}, "no pair of two texts"),
        ({"a.tsv": ""}, {}, "a.tsv is empty"),
    ],
)
def test_a_file_that_is_damaged_or_ambiguous_is_refused_in_one_line(put, files, options, message):
    with pytest.raises(DataError, match=message) as refused:
        open_pairs([put(name, content) for name, content in files.items()], **options)
    assert "\n" not in str(refused.value)


def test_one_file_for_both_sides_and_standard_input_are_refused(put, tmp_path):
    path = put("a.de", "eins\n")
    (tmp_path / "b.de").symlink_to(tmp_path / "a.de")
    for other in (path, "b.de", f"./{path}"):
        with pytest.raises(DataError, match="is given twice"):
            open_pairs([path, other])
    for paths in (["-"], [path, "-"]):
        with pytest.raises(DataError, match="standard input"):
            open_pairs(paths)
    with pytest.raises(DataError, match="does not exist"):
        open_pairs([path, "no.en"])


def test_semicolons_between_columns_and_a_mark_of_byte_order_are_read(put):
    assert read(put("a.csv", '\ufeffsource;target\neins;one\n"zwei drei";two three\n')) == EXPECTED


def test_control_characters_stay_and_are_noted(put):
    found = open_pairs([put("a.de", "a\x1b[2J\ne\rf\ng\tg\n"), put("a.en", "f\ng\u2028\nh\n")])
    assert [pair.source for pair in found.pairs] == ["a\x1b[2J", "e\rf", "g\tg"]
    assert found.notes == [
        "2 pairs hold control characters or odd line breaks, which stay in the texts: a.de line 1, a.de line 2"
    ]


def test_emoji_and_text_from_right_to_left_are_read_as_they_are(put):
    pairs = [
        ("\U0001f600\U0001f469\u200d\U0001f467 \u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627"),
        ("x " * 5000, "y"),
    ]
    assert read(put("a.tsv", "".join(f"{one}\t{other}\n" for one, other in pairs))) == pairs
