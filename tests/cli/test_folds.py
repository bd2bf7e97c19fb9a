"""Several networks over folds answer every command as one model does."""

import csv
import io
import json

import pytest

from answerable import write_reviews
from elman.data import open_dataset
from elman.tasks import classify

TINY = {"hidden": 5, "batch": 8, "epochs": 2, "seed": 3, "folds": 3}
TEXT = "his play was bad, and my trip was good"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("folds")


@pytest.fixture(scope="module")
def model(folder):
    return classify.train(write_reviews(folder / "r.csv", 47), output=folder / "m", quiet=True, **TINY)


def test_commands_answer_with_all_networks(model, folder, elman):
    path = folder / "m"
    done = elman("predict", path, folder / "r.csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["prediction"] for row in rows] == model.predict(open_dataset([folder / "r.csv"], like=model.columns))
    streamed = elman("predict", path, "-", "--json", stdin=f"{TEXT}\n".encode())
    expected = float(model.probabilities([TEXT]).max())
    assert json.loads(streamed.out)["probability"] == pytest.approx(expected, abs=1e-6)
    scored = elman("evaluate", path, folder / "r.csv", "--json", "--calibration", folder / "c.png", "--quiet")
    assert json.loads(scored.out)["count"] == 47
    assert (folder / "c.png").stat().st_size > 1000
    looked = elman("inspect", path, folder / "r.csv")
    assert "the first of 3 networks, whose mean answers" in looked.out


def test_a_training_says_what_it_did(model, folder, elman):
    options = [item for name, value in TINY.items() for item in (f"--{name}", value)]
    done = elman("train", "classify", folder / "r.csv", "-o", folder / "again", "--force", *options)
    assert done.code == 0, done.err
    assert "47 examples in 3 folds: a network learns from about" in done.err
    assert "fold 3 of 3: accuracy" in done.err
    assert "on 47 examples held out, each from one of 3 networks" in done.out
    assert "the mean of 3 networks: " in done.out


def test_more_folds_than_a_class_has_examples_are_fewer(tmp_path, elman):
    rows = [f"good film {n},pos\nso dull {n},neg\n" for n in range(9)]
    (tmp_path / "t.csv").write_text("text,label\n" + "".join([*rows, "odd 1,rare\nodd 2,rare\n"]))
    done = elman("train", "classify", "t.csv", "--folds", 5, "--hidden", 3, "--epochs", 1)
    assert "2 folds instead of 5: a class has no more that differ" in done.err
    assert done.code == 0, done.err
