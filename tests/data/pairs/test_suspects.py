"""The list of suspect pairs: what stands in it, in which order, and what it never replaces."""

import random

import pytest

from elman.data.pairs.pair import Pair
from elman.data.pairs.suspects import (
    MOST,
    Suspect,
    check_suspects,
    find_suspects,
    name_reasons,
    save_suspects,
    write_suspects,
)
from elman.errors import ConfigError, ElmanError


def draw(count, seed=1):
    chance = random.Random(seed)
    lengths = [chance.randint(5, 25) for _ in range(count)]
    text = lambda side, words: " ".join(f"{side}{chance.randint(10, 99)}" for _ in range(words))  # noqa: E731
    return [Pair(text("d", n), text("e", n), f"a line {i}", i) for i, n in enumerate(lengths, start=1)]


def change(pairs, line, source, target):
    pairs[line - 1] = Pair(source, target, f"a line {line}", line)


def test_pairs_that_look_wrong_come_first_with_their_lines_and_then_those_whose_lengths_fit_least():
    pairs = draw(300)
    change(pairs, 7, "OK", "OK")
    change(pairs, 31, pairs[30].source * 9, pairs[30].target)
    change(pairs, 211, pairs[210].target, pairs[210].source)
    change(pairs, 109, pairs[108].source + " and so on and on", pairs[108].target)
    found = find_suspects(pairs)
    assert len(found) == MOST
    assert {(one.reason, one.pair.line) for one in found[:3]} == {
        ("lengths", 31),
        ("reversed", 211),
        ("identical", 7),
    }
    assert (found[0].pair.line, found[3].pair.line) == (31, 109)
    scores = [one.score for one in found[3:]]
    assert scores == sorted(scores, reverse=True)


def test_a_shift_is_listed_once_with_its_last_line():
    pairs = draw(500)
    targets = [pair.target for pair in pairs]
    del targets[100]
    targets.insert(350, "e10")
    moved = [Pair(pair.source, target, "", pair.line) for pair, target in zip(pairs, targets, strict=True)]
    [(number, reason)] = [(n, why) for n, why in name_reasons(moved).items() if "shifted" in why]
    assert abs(number - 100) <= 8
    assert reason.startswith("shifted by 1 from here to line 3")


def test_where_texts_often_stay_as_they_are_that_is_no_reason():
    pairs = [Pair(f"w{n}", f"w{n}" if n % 3 else f"v{n}", "", n) for n in range(90)]
    assert "identical" not in name_reasons(pairs).values()


def test_a_row_is_a_line_whatever_stands_in_the_texts():
    written = write_suspects([Suspect("model", Pair("a\tb\r\nc", "d\u2028e", "", 5), -0.25)])
    assert written == "reason\tline\tscore\tsource\ttarget\nmodel\t5\t-0.250\ta b  c\td\u2028e\n"


def test_a_list_replaces_an_older_list_and_an_empty_file_alone(tmp_path):
    path = tmp_path / "s.tsv"
    for suspects in (draw(3), []):
        save_suspects([Suspect("model", pair, 1.0) for pair in suspects], check_suspects(str(path), []))
    assert path.read_text() == write_suspects([])
    path.write_text("")
    check_suspects(str(path), [])
    path.write_text("ein Hund\ta dog\n")
    with pytest.raises(ConfigError, match="is no list of suspects, so it is never overwritten"):
        check_suspects(str(path), [])
    with pytest.raises(ConfigError, match="never overwritten"):
        save_suspects([], path)
    assert path.read_text() == "ein Hund\ta dog\n"


def test_data_are_never_replaced_also_where_they_are_such_a_list(tmp_path):
    path = tmp_path / "s.tsv"
    path.write_text(write_suspects([]))
    (tmp_path / "link.tsv").symlink_to(path)
    with pytest.raises(ConfigError, match="one of the data"):
        check_suspects(str(tmp_path / "link.tsv"), [path])


@pytest.mark.parametrize(
    ("name", "message"), [("a.txt", "in .tsv"), ("no/a.tsv", "the folder .* does not exist"), ("b.tsv", "is a folder")]
)
def test_a_place_where_no_list_can_be_is_refused_before_any_work(tmp_path, name, message):
    (tmp_path / "b.tsv").mkdir()
    with pytest.raises(ConfigError, match=message):
        check_suspects(str(tmp_path / name), [])


def test_a_list_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path):
    folder = tmp_path / "gone"
    with pytest.raises(ElmanError, match="cannot be written: No such file"):
        save_suspects([], folder / "s.tsv")
    assert list(tmp_path.iterdir()) == []
