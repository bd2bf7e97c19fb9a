"""The scripts in `examples/` run, and do what their first lines say."""

import importlib.util
import re
import subprocess
import sys

import pandas as pd
import pytest

from pages.blocks import ROOT

EXAMPLES = ROOT / "examples"


def test_a_training_in_plain_pytorch_lowers_its_loss_and_fits_on_a_page():
    script = EXAMPLES / "train_by_hand.py"
    assert len(script.read_text("utf-8").splitlines()) < 60
    assert "elman.tasks" not in script.read_text("utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", done.stdout)]
    assert len(losses) > 3
    assert losses[-1] < 0.01 < 0.05 < losses[0]


def test_the_made_up_files_are_the_same_each_time_and_no_example_is_in_two_of_them(tmp_path, monkeypatch):
    specification = importlib.util.spec_from_file_location("make_data", EXAMPLES / "make_data.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        script.main()
        written.append({path.name: path.read_text("utf-8") for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert all(name in script.__doc__ for name in written[0])
    reviews = [set(written[0][name].splitlines()[1:]) for name in ("reviews.csv", "new_reviews.csv")]
    trips = [set(written[0][name].split("\n\n")) for name in ("trips.conll", "new_trips.conll")]
    assert [len(part) for part in (*reviews, *trips)] == [300, 60, 200, 40]
    assert not reviews[0] & reviews[1]
    assert not trips[0] & trips[1]


def test_both_tables_of_irregular_doses_have_the_same_series_and_as_many_answers_of_each_kind(tmp_path, monkeypatch):
    specification = importlib.util.spec_from_file_location("irregular_doses", EXAMPLES / "irregular_doses.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    monkeypatch.chdir(tmp_path)
    script.main()
    times, gaps = (pd.read_csv(tmp_path / name) for name in ("doses.csv", "doses_gap.csv"))
    assert (times[["id", "dose", "label"]] == gaps[["id", "dose", "label"]]).all(axis=None)
    assert times.groupby("id")["t"].diff().fillna(0).to_numpy() == pytest.approx(gaps["gap"].to_numpy(), abs=2e-4)
    shares = times.groupby("id")["label"].first().value_counts(normalize=True)
    assert shares.min() > 0.4
