"""`elman inspect`, and `--report` of the train commands."""

import json
import random
import re

import numpy as np
import pytest

from elman.flow import VERDICTS
from elman.flow.figures import plain
from forecastable import write_sales
from taggable import write_conllu, write_folder

PLAIN = ("the", "film", "was", "a", "story", "of", "men", "with", "music", "in", "town")
SMALL = ("--hidden", 7, "--window", 11, "--batch", 3, "--epochs", 1)
CELL = ("inspect", "--cell", "lstm", "--hidden", 5, "--input", 3, "--length", 61)


def test_a_cell_is_inspected_in_a_table_with_its_verdict_and_advice(elman):
    done = elman(*CELL)
    assert done.code == 0
    assert "VANISHING: l0" in done.out
    assert "try: start with a larger forget bias" in done.out
    assert "90 % of dL/dW within a lag of" in done.out


def test_a_sequence_that_is_too_short_for_fifty_steps_is_spoken_of_as_far_as_it_goes(elman):
    cell = ("inspect", "--cell", "elman", "--hidden", 11)
    assert "left of the gradient at lag 6 " in elman(*cell, "--length", 7).out
    assert "left of the gradient at lag 50 " in elman(*cell, "--length", 59).out


def test_json_has_null_for_what_is_not_defined_and_a_string_for_what_is_infinite(elman):
    done = elman("inspect", "--cell", "elman", "--hidden", 5, "--length", 9, "--json")
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert found["gates"]["l0"]["saturated"] is None, "a cell without gates"
    assert plain({"half_life": float("inf"), "shares": [float("nan"), -float("inf"), 0.5]}) == {
        "half_life": "inf",
        "shares": [None, "-inf", 0.5],
    }


def test_the_same_is_given_as_json(elman):
    found = json.loads(elman(*CELL, "--json").out)
    assert found["verdict"] == "VANISHING"
    assert found["parameters"] == 4 * 5 * (3 + 5 + 1)
    assert np.array(found["influence"]["l0"]["map"]).shape == (61, 61)
    assert len(found["lyapunov"]["l0"]["exponents"]) == 10


@pytest.mark.parametrize(
    ("verdicts", "code"), [("VANISHING,EXPLODING", 3), ("exploding", 0), ("memory shorter than the data needs", 0)]
)
def test_fail_on_sets_the_exit_code(elman, verdicts, code):
    assert elman(*CELL, "--fail-on", verdicts).code == code


def test_a_verdict_that_there_is_not_is_told(elman):
    done = elman(*CELL, "--fail-on", "VANISHED")
    assert done.code == 2
    assert "VANISHED is no verdict. There are: NON-FINITE" in done.err


@pytest.mark.parametrize("name", ["cfc", "lstm_projected", "mingru"])
def test_cells_with_open_sizes_side_inputs_or_no_hidden_products_are_inspected(elman, name):
    size = ("--size", "h=2") if name == "lstm_projected" else ()
    assert elman("inspect", "--cell", name, "--hidden", 5, "--length", 11, "--layers", 2, *size).code == 0


def test_a_language_model_is_inspected_and_a_page_is_written(elman, trained, tmp_path):
    done = elman("inspect", trained, tmp_path / "book.txt", "--length", 31, "-o", "page.html")
    assert done.code == 0, done.err
    assert "8 stretches of 31 characters" in done.out
    page = (tmp_path / "page.html").read_text()
    for title in ("Loss in training", "Clipping ledger", "What mattered", "Cut by truncation"):
        assert f"<h2>{title}</h2>" in page
    assert "comes next with" in page
    assert "In a window of 11 steps" in page, "that of its training"


def test_a_training_tells_of_its_gradient_and_reports_on_the_model(elman, tmp_path):
    done = elman("train", "generate", "book.txt", *SMALL, "-q", "--report", "page.html")
    assert done.code == 0, done.err
    lines = {line.split("  ")[0]: line for line in done.out.splitlines()}
    assert lines["gradient"].split("  ")[-1].startswith("median norm"), "the verdict is that of the report"
    assert "page.html" in lines["report"]
    assert lines["inside"].split()[1].strip(":").isupper()
    assert "<h2>Clipping ledger</h2>" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("pooling", ["max", pytest.param("last", marks=pytest.mark.slow)])
def test_a_model_of_series_is_inspected_through_what_it_pools(elman, tmp_path, pooling):
    values = np.random.default_rng(5).normal(size=(40, 13, 2)).astype(np.float32)
    np.savez(tmp_path / "sums.npz", x=values, y=values.sum((1, 2)).astype(np.float32))
    options = ("--hidden", 5, "--epochs", 1, "--pooling", pooling, "-q", "--report", "page.html")
    done = elman("train", "classify", "sums.npz", *options)
    assert done.code == 0, done.err
    found = json.loads(elman("inspect", "sums.elman.safetensors", "sums.npz", "--json").out)
    assert set(found["lag90"]) == {"l0", "l0_reverse"}
    norms = np.array(found["gradient_norms"]["l0"]["norms"], dtype=float)
    assert norms.shape == (2, 13, 8)
    reached = norms[0, -1] > 0
    assert reached.all() if pooling == "last" else reached.any(), "what is pooled reaches the last step"
    assert "The answer is" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inspect",), "takes a model and data, or a cell"),
        (("inspect", "book.elman.safetensors"), "takes a model and data, or a cell"),
        (("inspect", "m", "book.txt", "--cell", "gru"), "are both given"),
        (("inspect", "m", "book.txt", "--hidden", "5"), "--hidden has no meaning"),
        (("inspect", "m", "book.txt"), "m"),
        (("inspect", "--cell", "nothing"), "is unknown"),
        (("train", "generate", "book.txt", "--report", "no/where.html"), "there is no folder"),
        (("train", "generate", "-", "--report", "page.html"), "standard input can be read once"),
    ],
)
def test_what_cannot_be_inspected_is_told_in_one_line(elman, tmp_path, arguments, message):
    done = elman(*arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.glob("*.elman.safetensors"))


@pytest.mark.parametrize("form", ["words", pytest.param("trips", marks=pytest.mark.slow)])
def test_a_model_of_tags_is_inspected_over_its_words(elman, tmp_path, form):
    data = write_conllu(tmp_path / "words", 60) if form == "words" else write_folder(tmp_path / "trips", 60)
    options = ("--hidden", 7, "--letter-hidden", 5, "--batch", 8, "--epochs", 4, "-q", "-o", "m")
    done = elman("train", "tag", data.name, *options, "--report", "page.html")
    assert done.code == 0, done.err
    assert "gradient  " in done.out
    assert "report  " in done.out
    page = (tmp_path / "page.html").read_text()
    assert "<h2>Clipping ledger</h2>" in page
    assert re.search(r"at step \d is [A-Z][-\w]* with \d+% \(it is [A-Z]", page), "a tag is explained"
    assert re.search(r"<span style=[^>]*>(the|fly|prices) </span>", page), "over the words"
    found = json.loads(elman("inspect", "m", data.name, "--json").out)
    assert set(found["lag90"]) == {"l0", "l0_reverse"}
    assert "sentences of up to" in found["facts"][1]
    assert np.array(found["gradient_norms"]["l0"]["norms"], dtype=float).shape[2] == 8


@pytest.mark.parametrize("decode", ["segment", pytest.param("recursive", marks=pytest.mark.slow)])
def test_a_model_of_forecasts_is_inspected_over_its_series(elman, tmp_path, decode):
    write_sales(tmp_path / "sales.csv", columns=2)
    options = ("--horizon", 4, "--lookback", 11, "--segment", 3, "--hidden", 7, "--batch", 16, "--epochs", 2, "--alone")
    done = elman("train", "forecast", "sales.csv", *options, "--decode", decode, "-q", "-o", "m", "--report", "p.html")
    assert done.code == 0, done.err
    assert "gradient  " in done.out
    page = (tmp_path / "p.html").read_text()
    assert "sales is forecast to be" in page
    assert "<h2>What mattered</h2>" in page
    found = json.loads(elman("inspect", "m", "sales.csv", "--json").out)
    assert "8 windows of 11 values, read as 4 segments of 3" in found["facts"][1]
    norms = np.array(found["gradient_norms"]["l0"]["norms"], dtype=float)
    assert norms.shape == (1, 4, 8)
    assert (norms > 0).all(), "the loss reaches every segment through the state behind the look-back"


def test_what_a_view_of_tags_or_forecasts_cannot_use_is_told(elman, tmp_path):
    write_sales(tmp_path / "sales.csv", 60)
    small = ("--horizon", 4, "--lookback", 11, "--hidden", 5, "--epochs", 1, "-q", "-o", "m")
    assert elman("train", "forecast", "sales.csv", *small).code == 0
    assert "each example has its own" in elman("inspect", "m", "sales.csv", "--length", 5).err
    write_sales(tmp_path / "short.csv", 12)
    assert "Give longer series" in elman("inspect", "m", "short.csv").err


def test_a_long_text_is_looked_at_in_fewer_stretches_and_it_is_said(elman, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("elman.models.view.MOST_STEPS", 900)
    done = elman("inspect", trained, tmp_path / "book.txt", "--length", 301, "-o", "page.html")
    assert done.code == 0, done.err
    page = (tmp_path / "page.html").read_text()
    for said in ("2 stretches of 301 characters", "the losses of 128 of 301 steps"):
        assert said in done.out
        assert said in page


def words_where_one_is_enough(path):
    """Write texts whose class one word tells, wherever it stands."""
    drawn = random.Random(1)
    rows = []
    for number in range(160):
        words = drawn.choices(PLAIN, k=drawn.randint(8, 20))
        words.insert(drawn.randrange(len(words)), drawn.choice(["good", "fine"] if number % 2 else ["bad", "poor"]))
        rows.append(f"{' '.join(words)},{'yes' if number % 2 else 'no'}\n")
    path.write_text("text,label\n" + "".join(rows))


@pytest.mark.slow
def test_a_text_classifier_has_one_verdict_which_its_score_does_not_contradict(elman, tmp_path):
    words_where_one_is_enough(tmp_path / "t.csv")
    done = elman("train", "classify", "t.csv", "--hidden", 16, "--epochs", 4, "-q", "-o", "m", "--report", "p.html")
    assert done.code == 0, done.err
    assert sum(done.out.count(verdict) for verdict in VERDICTS) == 1
    assert "Order matters" not in done.out
    assert "do not need it, since the order of the steps does not raise the score" in done.out
    page = (tmp_path / "p.html").read_text()
    assert "VANISHING" not in page
    assert "--chrono" not in page
    assert "to more steps than the last" not in page
    inspected = json.loads(elman("inspect", "m", "t.csv", "--json").out)
    assert (inspected["verdict"], inspected["advice"]) == ("HEALTHY", [])


def test_the_verdict_of_a_report_is_the_one_in_json(elman, tmp_path):
    small = (*SMALL, "--cell", "elman", "-q")
    facts = json.loads(elman("train", "generate", "book.txt", *small, "--json", "--report", "p.html", "-o", "m").out)
    inspected = json.loads(elman("inspect", "m", "book.txt", "--json").out)
    assert (facts["gradient"]["verdict"], facts["gradient"]["line"]) == (inspected["verdict"], inspected["line"])


def test_a_text_of_one_letter_is_refused_or_dead_and_never_nan(elman, tmp_path):
    (tmp_path / "a.txt").write_text("a" * 600)
    done = elman("train", "generate", "a.txt", "--hidden", 5, "--epochs", 1, "-q", "-o", "m", "--report", "p.html")
    assert "nan" not in done.out
    assert "HEALTHY" not in done.out
    if done.code == 0:
        assert "DEAD: the loss and its gradient are 0 at each of" in done.out
        page = (tmp_path / "p.html").read_text()
        assert "no step changes it" in page
        assert "NaN" not in page
