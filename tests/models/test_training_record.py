"""What was measured in a training is read from a model file, and checked."""

import copy

import pytest

from elman.errors import DataError
from elman.models.training_record import read_record
from elman.tasks import generate
from elman.tasks.inspection import inspect_model
from forged import forge

GRADIENT = {
    "updates": 40, "clipped_tenfold": 10, "first_left_out": None, "suggested_clip_norm": 0.5, "parameters": ["W", "b"],
    "supplied_most": [30, 10], "verdict": "HEALTHY", "line": "well", "clip_norm": 1.0, "advice": "",
}  # fmt: skip
LAYER = {
    "at": [0, 3], "norms": [0.5, None], "half_life": 2.0, "step": 1, "share": 0.5, "saturated": 0.1,
    "saturated_tanh": None, "dead": None,
}  # fmt: skip
METRICS = {
    "gradient": GRADIENT, "ledger": [[1, 2.5, 0.3, 0.4, 1.0, "W", 0, None]], "history": [[40, 2.0, None]], "window": 7,
    "glances": [{"update": 3, "layers": {"layer 0": LAYER}}], "verdict": "and more",
}  # fmt: skip


def test_the_figures_are_those_of_the_metrics():
    found = read_record(METRICS)
    assert found.window == 7
    assert (found.clipping.hard, found.clipping.left_out, found.clipping.suggested) == (0.25, None, 0.5)
    assert found.training.supplied == [("W", 30), ("b", 10)]
    assert list(found.training.rows) == [(1, 2.5, 0.3, 0.4, 1.0, "W", 0, None)]
    assert list(found.training.history) == [(40, 2.0, None)]
    assert read_record({"window": 5}).window == 5
    assert read_record({}).training is None


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (["gradient"], 7), (["gradient"], [1]), (["gradient", "updates"], "7"), (["gradient", "updates"], -1),
        (["gradient", "line"], None), (["gradient", "supplied_most"], [1]), (["gradient", "clip_norm"], "x"),
        (["ledger"], None), (["ledger", 0], []), (["ledger", 0, 6], None), (["ledger", 0, 1], "x"), (["history", 0], 3),
        (["history", 0, 0], None), (["glances", 0], 1), (["glances", 0, "layers"], [1]), (["window"], "x"),
        (["glances", 0, "layers", "layer 0", "norms"], [1.0]), (["glances", 0, "layers", "layer 0", "at"], ["x"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_forged_figure_is_refused(way, value):
    metrics = copy.deepcopy(METRICS)
    holder = metrics
    for key in way[:-1]:
        holder = holder[key]
    holder[way[-1]] = value
    with pytest.raises(DataError, match="Train the model again"):
        read_record(metrics)


def test_a_model_with_forged_figures_is_named(tmp_path):
    (tmp_path / "book.txt").write_text("the cat sat on the mat\n" * 20)
    path = tmp_path / "m"
    generate.train(tmp_path / "book.txt", hidden=3, epochs=1, window=7, batch=2, output=path, quiet=True)
    forge(path, lambda entry, weights: entry["metrics"].update(ledger=[[1]]))
    with pytest.raises(DataError, match="m is damaged: ledger of metrics"):
        inspect_model(path, [str(tmp_path / "book.txt")])
