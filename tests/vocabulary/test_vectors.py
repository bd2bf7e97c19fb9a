"""Word vectors: those of the words of the data, from files as people have them; a broken line is refused by number."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from elman.errors import ConfigError, DataError
from elman.vocabulary.vectors import WordVectors, read_vectors

GLOVE = "the 0.5 -1 2e-1\nNew York 1 2 3\nyork 4 5 6\n. . 7 8 9\nThe 9 9 9\n5 1 1 1\n"
WANTED = ["the", "york", "new york", "5", "absent"]


def write(folder: Path, text: str | bytes, name: str = "v.txt") -> Path:
    raw = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return folder / name


@pytest.mark.parametrize("name", ["v.txt", "v.txt.gz"])
@pytest.mark.parametrize("header", ["", "6 3\n"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
def test_vectors_of_wanted_words_are_read_in_every_form(tmp_path, name, header, end):
    found = read_vectors(write(tmp_path, header + GLOVE.replace("\n", end), name), WANTED)
    right = {"the": [0.5, -1, 0.2], "york": [4, 5, 6], "new york": [1, 2, 3], "5": [1, 1, 1]}
    assert found.vectors.keys() == right.keys()
    for word, numbers in right.items():
        np.testing.assert_array_equal(found.vectors[word], np.array(numbers, np.float32))
    assert (found.size, found.wanted, found.oddities) == (3, 5, ())
    assert found.describe().endswith(
        "v.txt" + ".gz" * name.endswith("gz") + " has vectors of 3 numbers for 4 of 5 words (80%)"
    )


def test_the_own_spelling_comes_before_others_and_the_first_line_before_later_ones(tmp_path):
    found = read_vectors(write(tmp_path, "So 1\nSO 2\nso 3\nso 4\nGo 5\nGO 6\n"), ["so", "go"])
    assert {word: float(vector[0]) for word, vector in found.vectors.items()} == {"so": 3, "go": 5}
    assert found.oddities == ("1 line of a word that was there before, whose first vector is taken",)


def test_what_is_odd_is_said_and_not_refused(tmp_path):
    found = read_vectors(write(tmp_path, b"5 2\nso 1 2\n\xff\xfe 3 4\nno 5 6\n"), ["so", "no"])
    assert found.oddities == ("its first line says 5 vectors, and it has 3", "1 word is not UTF-8 and left out")
    assert read_vectors(write(tmp_path, "\ufeffso 1 2\n"), ["so"]).size == 2
    nbsp = read_vectors(write(tmp_path, "new\u00a0york 1 2\n"), ["new\u00a0york"])
    assert nbsp.vectors["new\u00a0york"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("so 1 2\nno 3\n", "line 2 has 1 number behind a word, and 2 were expected"),
        ("so 1 2\n\nno 3 4\n", "line 2 has 0 numbers behind a word, and 2 were expected"),
        ("2 3\nso 1 2\n", "line 2 has 2 numbers behind a word, and 3 were expected"),
        ("so 1 2\nno 3 x\n", "line 2, word 'no': 'x' is no number"),
        ("so 1 2\nno 3 nan\n", "line 2, word 'no': a number is not finite"),
        ("so 1 2\nno 3 1e39\n", "line 2, word 'no': a number is not finite"),
        ("so good\n", "line 1: vectors have 1 to 10,000 numbers behind a word, and here are 0"),
        ("1 0\nso\n", "line 1: vectors have 1 to 10,000 numbers behind a word, and here are 0"),
        ("yes 1 2\nyet 3 4\n", "has 2 vectors, and none of a word of the data"),
        (b"so " + b"1 " * 2**20, "line 1 has a megabyte or more"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_vectors(write(tmp_path, text), ["so", "no"])


def test_a_file_that_is_cut_off_or_missing_is_refused(tmp_path):
    raw = gzip.compress(GLOVE.encode() * 99)
    with pytest.raises(DataError, match="cannot be unpacked"):
        read_vectors(write(tmp_path, raw[:-20], "cut.bin"), WANTED)
    with pytest.raises(DataError, match="does not exist"):
        read_vectors(tmp_path / "none.txt", WANTED)


def test_rows_of_known_words_are_filled_and_the_others_stay():
    vectors = WordVectors("v", 2, {"b": np.array([1, -3], np.float32), "d": np.array([5, 9], np.float32)}, 3)
    table = torch.nn.Embedding.from_pretrained(torch.arange(10.0).view(5, 2)).weight
    vectors.fill(table, [None, "a", "b", "c", "d"])
    assert table.tolist() == [[0, 1], [2, 3], [1, -3], [6, 7], [5, 9]]
    vectors.fill(table, [None, "a", "b", "c", "d"], deviation=0.5)
    assert float(table[[2, 4]].std(correction=0)) == pytest.approx(0.5)
    assert float(table[4, 1] / table[2, 0]) == pytest.approx(9)
    for embedding, usual in ((100, 100), (2, 100), (None, None), (2, None)):
        vectors.check_size(embedding, usual)
    with pytest.raises(ConfigError, match="embedding is 64, and the vectors of v have 2 numbers"):
        vectors.check_size(64, 100)
