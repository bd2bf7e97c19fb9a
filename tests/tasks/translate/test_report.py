"""What a training says of its pairs before it learns, and the columns that a model remembers."""

import json
import sys

import pytest

from elman.cli import app
from elman.data.pairs.opening import open_pairs
from elman.data.pairs.pair import Pair, PairSet
from elman.errors import ConfigError, DataError
from elman.tasks import translate
from elman.tasks.translate.reading import encode_pairs, read_pairs
from elman.tasks.translate.report import report_pairs
from elman.tasks.translate.settings import TranslateSettings


def report(pairs, **options):
    settings = TranslateSettings(unit=options.pop("unit", "character"), **options)
    data = pairs if isinstance(pairs, PairSet) else PairSet("pairs", [Pair(*both, "a") for both in pairs])
    return " | ".join(report_pairs(encode_pairs(read_pairs(data, settings), settings)))


GOOD = [(f"ab c{n}", f"AB C{n}") for n in range(40)]


def test_counts_and_lengths_are_said_and_good_pairs_have_no_warning():
    said = report(GOOD)
    assert said.startswith("32 pairs to learn from, 8 to validate on: ")
    assert said.count(" | ") == 2
    assert "sources of 5 to 6 characters" in said


@pytest.mark.parametrize(
    ("pairs", "options", "message"),
    [
        (GOOD, {"unit": "word", "vocabulary": 999}, "999 words are wanted, and the texts have "),
        ([(one, "same") for one, _ in GOOD], {}, "all targets to learn from are 'same'"),
        ([*GOOD, ("OK", "OK")], {}, "1 pair has a target that equals its source"),
        ([*GOOD, GOOD[3]], {}, "1 pair stood there before"),
        ([*GOOD, ("x " * 5000, "y")], {}, "lengths that do not fit each other"),
        ([*GOOD, ("x" * 300, "y" * 300)], {"seed": 2}, "is cut to 200 units"),
    ],
)
def test_what_looks_wrong_is_said(pairs, options, message):
    assert message in report(pairs, **options)


def test_a_shift_is_found_in_all_pairs_together_and_not_in_those_to_learn_from_alone(tmp_path):
    lengths = [3 + (n * n * 7 + n // 3) % 23 for n in range(700)]
    sources = [f"s{n} " + "d" * (4 * length) for n, length in enumerate(lengths)]
    targets = ["e" * (4 * length) for length in lengths]
    del targets[300], sources[699]
    (tmp_path / "a").write_text("".join(f"{one}\n" for one in sources))
    (tmp_path / "b").write_text("".join(f"{one}\n" for one in targets))
    said = report(open_pairs([tmp_path / "a", tmp_path / "b"]))
    assert "the targets fit the sources 1 line away; a target seems to be lost there" in said


def test_pairs_of_one_source_alone_and_no_file_to_validate_on_are_refused():
    with pytest.raises(DataError, match="has one source alone, 'same', so none can be held out"):
        report([("same", f"t{n}") for n in range(9)])
    with pytest.raises(DataError, match="has one source alone"):
        report([("a", "b")])
    with pytest.raises(ConfigError, match="validation_data is ','"):
        report(GOOD, validation_data=",")


def test_a_model_remembers_the_columns_of_its_training(tmp_path, capsys, monkeypatch):
    rows = "".join(f"{n},{other},{one}\n" for n, (one, other) in enumerate(GOOD))
    (tmp_path / "a.csv").write_text(f"n,en,de\n{rows}")
    options = {"unit": "character", "hidden": 8, "epochs": 1, "compare": False, "quiet": True}
    translate.train(tmp_path / "a.csv", source="de", target="en", output=tmp_path / "m.elman.safetensors", **options)
    for command in ("evaluate", "inspect"):
        arguments = [command, str(tmp_path / "m.elman.safetensors"), str(tmp_path / "a.csv"), "--json"]
        monkeypatch.setattr(sys, "argv", ["elman", *arguments])
        with pytest.raises(SystemExit) as ended:
            app()
        assert ended.value.code == 0
        out, err = capsys.readouterr()
        assert json.loads(out)
        if command == "evaluate":
            assert "the source is column de, the target column en" in err
