"""Run the row of a public set on a folder that looks like it."""

from bench.scores.tag_scores import ROWS

from taggable import write_folder


def test_a_row_has_every_score_and_reads_the_test_part_only_on_request(tmp_path):
    (tmp_path / "atis").mkdir()
    for number, part in enumerate(("train", "valid")):
        write_folder(tmp_path / "atis" / part, 20, seed=number)
    given = {"epochs": 1, "hidden": 5, "letter_hidden": 3, "quiet": True}
    row = ROWS["atis"](tmp_path, tmp_path, 1, given, False)
    assert row["measure"] == "F1"
    assert not any(name.startswith("test") for name in row)
    assert {"validation_f1", "validation_intent", "baseline", "most_frequent", "shuffled"} <= row.keys()
    write_folder(tmp_path / "atis" / "test", 7, seed=9)
    row = ROWS["atis"](tmp_path, tmp_path, 1, given, True)
    assert 0 <= row["test_f1"] <= 1
    assert 0 <= row["test_intent"] <= 1
