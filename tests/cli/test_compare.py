"""`elman compare`: the scores are those of single trainings, and what is printed, drawn and refused."""

import json
import re
from statistics import fmean, stdev

import pytest

from answerable import write_doses
from elman import cells
from elman.errors import ConfigError, ElmanError
from elman.tasks import classify, generate
from elman.tasks.compare import compare, run
from elman.tasks.compare.table import table_rows
from elman.tasks.probe.recipe import train_fully

QUICK = ("--task", "order", "--length", "11", "--hidden", "3", "--updates", "5")
ON_TEXT = {"hidden": 3, "epochs": 1, "batch": 5, "window": 17}
MINE = (
    "from elman import cell, tanh\n@cell\ndef own(x, h, *, W, U, b):\n    return tanh(W @ x + U @ h + b)\n"
    "@cell\ndef same(x, h, *, W, U, b):\n    return tanh(W @ x + U @ h + b)\n"
)


def test_the_table_has_the_scores_of_single_trainings(elman):
    done = elman(
        "compare", "generate", "elman", "mgu", "book.txt", "--seeds", "2", "--seed", "5", "--json", "--quiet",
        *("--hidden", "3", "--epochs", "1", "--batch", "5", "--window", "17"),
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert (result["measure"], result["better"], result["seeds"]) == ("bits per character", "lower", [5, 6])
    for row in result["cells"]:
        alone = [
            generate.train("book.txt", cell=row["cell"], seed=seed, compare=False, quiet=True, patience=1.0, **ON_TEXT)
            for seed in (5, 6)
        ]
        scores = [model.metrics["bits_per_character"] for model in alone]
        assert [one["score"] for one in result["trainings"] if one["cell"] == row["cell"]] == scores
        assert (row["mean"], row["deviation"]) == pytest.approx((fmean(scores), stdev(scores)))
        assert (row["parameters"], row["updates"]) == (alone[0].parameters, alone[0].metrics["updates"])
    assert result["differences"][0]["larger"] is None


def test_cells_are_trained_by_so_many_updates_on_data(elman):
    flags = ("--hidden", "3", "--batch", "5", "--window", "17", "--updates", "13", "--seeds", "1", "--json", "-q")
    done = elman("compare", "generate", "elman", "mgu", "book.txt", *flags)
    assert (done.code, done.err) == (0, "")
    trainings = json.loads(done.out)["trainings"]
    assert [one["updates"] for one in trainings] == [13, 13]
    options = {**ON_TEXT, "epochs": None, "updates": 13}
    alone = generate.train("book.txt", cell="mgu", seed=1, compare=False, quiet=True, patience=1.0, **options)
    assert trainings[1]["score"] == alone.metrics["bits_per_character"]


def test_a_problem_is_trained_by_all_updates_and_drawn(elman, tmp_path):
    done = elman("compare", "probe", "gru", "elman", *QUICK, "--picture", "cells.png")
    assert done.code == 0
    title, head, gru, tanh, difference = done.out.splitlines()
    assert title.startswith("order at 11: mean ± standard deviation over 3 seeds; a lower share of wrong answers")
    assert head.split("   ")[0] == "cell"
    assert gru.split()[0] == "gru"
    assert tanh.split()[-2] == "5"
    assert re.fullmatch(r"gru - elman: .*interval.*chance.*", difference)
    assert "gru, seed 1: share of wrong answers" in done.err
    assert "(6 of 6)" in done.err
    assert (tmp_path / "cells.png").read_bytes().startswith(b"\x89PNG")
    scores = [train_fully("gru", task="order", length=11, seed=s, hidden=3, updates=5)[1].error for s in (1, 2, 3)]
    assert f"{fmean(scores):.3f}"[:4] in gru


def test_a_table_for_a_paper_has_the_same_numbers_and_escapes_names(elman):
    done = elman("compare", "probe", "lstm_coupled", "gru", *QUICK, "--seeds", "2", "--latex", "-q")
    result = compare(["lstm_coupled", "gru"], task="order", length=11, seeds=2, quiet=True, hidden=3, updates=5)
    rows = [line.removesuffix(r" \\").split(" & ") for line in done.out.splitlines() if line.endswith(r"\\")]
    assert rows[1][0] == r"lstm\_coupled"
    for shown, expected in zip(rows, table_rows(result), strict=True):
        assert [text.replace(r"$\pm$", "±") for text in shown[1:4]] == list(expected[1:4])
    assert "nothing can be told: 2 seeds" in done.out


def test_a_cell_beside_itself_is_never_better(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    names = [f"{tmp_path / 'mine.py'}:{name}" for name in ("own", "same")]
    result = compare(names, task="order", length=11, seeds=4, quiet=True, hidden=3, updates=5)
    (difference,) = result.differences()
    assert (difference.count, difference.mean, difference.larger) == (4, 0.0, False)


def test_a_training_that_diverges_has_no_score_and_no_difference_is_told(monkeypatch):
    def diverge(cell, *, seed, **options):
        if cell is cells.gru and seed == 2:
            raise ElmanError("Training diverged.")
        return train_fully(cell, seed=seed, **options)

    monkeypatch.setattr(run, "train_fully", diverge)
    result = compare(["gru", "elman"], task="order", length=11, quiet=True, hidden=3, updates=2)
    assert [(row.count, row.failed) for row in result.rows()] == [(2, 1), (3, 0)]
    assert result.of("gru")[1].failed == "Training diverged."
    assert (result.differences()[0].count, result.differences()[0].larger) == (2, None)
    assert "(of 2; 1 failed)" in table_rows(result)[1][1]


def test_an_interruption_keeps_what_was_trained(monkeypatch):
    def interrupt(cell, *, seed, **options):
        if seed == 2:
            raise KeyboardInterrupt
        return train_fully(cell, seed=seed, **options)

    monkeypatch.setattr(run, "train_fully", interrupt)
    result = compare(["gru", "elman"], task="order", length=11, quiet=True, hidden=3, updates=2)
    assert (result.interrupted, len(result.trainings), result.differences()[0].larger) == (True, 2, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", "grv", "gru", "book.txt"], ["grv", "Did you mean gru?"]),
        (["generate", "gru", "book.txt"], ["gru", "Name two cells or more"]),
        (["generate", "lstm", "gru"], ["gru is a cell, and the data are missing"]),
        (["generate", "gru", "gru", "book.txt"], ["gru is named 2 times"]),
        (["generate", "gru", "lstm", "none.txt"], ["none.txt"]),
        (["generate", "gru", "lstm", "-"], ["standard input", "Give a file"]),
        (["generate", "gru", "lstm", "book.txt", "--seeds", "0"], ["seeds is 0", "at least 1"]),
        (["generate", "gru", "lstm", "book.txt", "--epochs", "auto"], ["epochs is auto"]),
        (["generate", "gru", "lstm", "book.txt", "--epochs", "2", "--updates", "9"], ["epochs and updates", "Drop"]),
        (["generate", "gru", "lstm", "book.txt", "--json", "--latex"], ["--json and --latex"]),
        (["generate", "gru", "lstm", "book.txt", "--picture", "a.txt"], ["a.txt", ".png, .svg, .pdf"]),
        (["probe", "gru"], ["gru", "Name two cells or more"]),
        (["probe", "gru", "lstm", "--task", "sorting"], ["task is 'sorting'"]),
        (["probe", "gru", "lstm", "--size", "h=3"], ["leaves the size h open"]),
    ],
)
def test_a_wrong_command_gets_one_line_and_writes_nothing(elman, tmp_path, arguments, words):
    done = elman("compare", *arguments)
    assert (done.code, done.out) == (2, "")
    assert (done.err.startswith("elman: "), done.err.count("\n")) == (True, 1)
    for word in words:
        assert word in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "recipe is missing"),
        ({"recipe": "sing"}, "recipe is 'sing'"),
        ({"recipe": "generate"}, "data are missing"),
        ({"task": "order", "recipe": "generate"}, "Drop one"),
        ({"recipe": "generate", "data": "b", "length": 5}, "length is given without a task"),
        ({"task": "order", "time_budget": "9s"}, "time_budget is given"),
        ({"recipe": "generate", "data": "b", "last_update": 9}, "last_update is given"),
        ({"task": "order", "seed": -1}, "seed is -1"),
    ],
)
def test_wrong_arguments_are_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        compare(["gru", "lstm"], **{"quiet": True, **options})


def test_only_the_cells_that_read_side_inputs_are_trained_with_them(elman, tmp_path):
    write_doses(tmp_path / "doses.csv", 40)
    options = {"hidden": 3, "epochs": 1, "batch": 8, "folds": 1}
    flags = [text for name, value in options.items() for text in (f"--{name}", value)]
    done = elman(
        "compare", "classify", "cfc", "gru", "doses.csv", "--side", "dt=gaps", "--seeds", 1, "--json", "-q", *flags
    )
    assert (done.code, done.err) == (0, "")
    rows = {one["cell"]: one["score"] for one in json.loads(done.out)["trainings"]}
    for cell, own in {"cfc": {"side": "dt=gaps"}, "gru": {}}.items():
        model = classify.train(
            "doses.csv", cell=cell, seed=1, patience=1.0, compare=False, quiet=True, **own, **options
        )
        assert rows[cell] == model.metrics["validation"]["accuracy"], cell
    with pytest.raises(ConfigError, match="side gives age, and no cell of cfc, gru reads it"):
        compare(["cfc", "gru"], "doses.csv", recipe="classify", side={"dt": "gaps", "age": 1}, quiet=True)
