"""No example is validated on that is learnt from, and evaluating on learnt examples is said."""

import random
from pathlib import Path

import numpy as np
import pytest

from elman.data import open_dataset
from elman.data.dataset import Columns
from elman.data.examples.survey import Survey
from elman.data.examples.values import open_values
from elman.tasks import classify
from elman.tasks.classify.commands import evaluate, predict
from elman.tasks.classify.reading import read_examples
from elman.tasks.classify.recipe import RECIPE
from elman.tasks.classify.settings import COMMANDS, ClassifySettings
from elman.tasks.contract import Request

QUICK = {"hidden": 5, "epochs": 1, "quiet": True, "compare": False}
WORDS = ("good", "bad", "film", "plot", "actor", "scene", "slow", "fast", "dull", "nice")


def write(path: Path, texts: list[str]) -> Path:
    """Write texts with the class of each, which follows from its words."""
    rows = [f"{text},{'pos' if text.lower().count('good') > text.lower().count('bad') else 'neg'}" for text in texts]
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


def draw(count: int, seed: int) -> list[str]:
    drawn = random.Random(seed)
    return [" ".join(drawn.choices(WORDS, k=7)) for _ in range(count)]


def fold(text: str) -> str:
    return " ".join(text.lower().split())


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Write 200 texts, half of them again with a capital, and a quarter again with two spaces."""
    texts = draw(200, 1)
    more = [text.capitalize() for text in texts[:100]] + [text.replace(" ", "  ") for text in texts[50:100]]
    return write(tmp_path / "t.csv", [*texts, *more])


def test_no_copy_of_a_training_example_is_validated_on(copied):
    settings = ClassifySettings(seed=4)
    split = read_examples(copied, settings, quiet=True)
    texts = [example.values["text"] for example in Survey(open_dataset(copied)).read(range(350))]
    learnt, held_out = ({fold(texts[index]) for index in part} for part in (split.learn, split.hold))
    assert not learnt & held_out
    assert len(split.learn) + len(split.hold) == 350
    parts = RECIPE.encode(split, settings, quiet=True)
    lines = list(RECIPE.report(parts))
    aside = "(capitals and spaces aside); those that are equal are all learnt from, or all held out"
    assert f"150 examples equal an earlier one {aside}" in lines
    assert not [line for line in lines if "the score may be too good" in line]


@pytest.mark.parametrize("kind", ["number", "series"])
def test_copies_of_rows_and_series_are_on_one_side_too(kind):
    drawn = np.random.default_rng(3)
    shape = (90, 2) if kind == "number" else (90, 5, 2)
    values = drawn.normal(size=shape).astype(np.float32)
    values = np.concatenate([values, values[:40]])
    columns = Columns({"a": kind, "b": kind} if kind == "number" else {"a": kind}, "y", "category")
    rows = [dict(zip("ab", row.tolist(), strict=True)) for row in values] if kind == "number" else list(values)
    data = open_values(rows, columns, ["yes", "no"] * 65)
    split = read_examples(data, ClassifySettings(), quiet=True)
    flat = values.reshape(130, -1)
    assert not {tuple(flat[index]) for index in split.learn} & {tuple(flat[index]) for index in split.hold}
    assert len(split.learn) + len(split.hold) == 130
    assert 18 <= len({tuple(flat[index]) for index in split.hold}) <= 19


def test_where_copies_are_all_there_is_they_are_validated_on_and_that_is_said(tmp_path):
    path = write(tmp_path / "t.csv", ["good film", "bad film"] * 30)
    settings = ClassifySettings()
    parts = RECIPE.encode(read_examples(path, settings, quiet=True), settings, quiet=True)
    assert (parts.left_out, len(parts.held_out)) == (0, 12)
    assert [line for line in RECIPE.report(parts) if line.startswith("12 of the 12 examples to validate on are also")]


def request(model: Path, data: Path, options: type, notes: list[str]) -> Request:
    return Request(model, [str(data)], options(), quiet=True, json=False, note=notes.append)


def test_evaluating_and_predicting_on_learnt_examples_is_said(copied, tmp_path, caplog):
    model = classify.train(copied, output=tmp_path / "m", **QUICK)
    split = read_examples(copied, ClassifySettings(), quiet=True)
    texts = [example.values["text"] for example in Survey(open_dataset(copied)).read(range(350))]
    learnt = {fold(texts[index]) for index in split.learn}
    count = sum(fold(text) in learnt for text in texts)
    sentence = f"{count} of these 350 examples are in the training data, so the scores are too good."
    done = evaluate(request(tmp_path / "m", copied, COMMANDS.evaluate, []))
    assert done.facts["learnt_from"] == count
    assert [part for part in done.shown if sentence in str(part)]
    model.evaluate(open_dataset([copied], like=model.columns))
    assert sentence in caplog.text
    notes: list[str] = []
    list(predict(request(tmp_path / "m", copied, COMMANDS.predict, notes)))
    assert notes == [
        f"{count} of the 350 examples with a target are training examples: predictions for new data will be worse"
    ]


def test_new_examples_are_not_called_learnt(copied, tmp_path, caplog):
    model = classify.train(copied, output=tmp_path / "m", **QUICK)
    new = write(tmp_path / "new.csv", [f"{text} new" for text in draw(50, 9)])
    done = evaluate(request(tmp_path / "m", new, COMMANDS.evaluate, []))
    assert done.facts["learnt_from"] == 0
    assert not [part for part in done.shown if "training data" in str(part)]
    model.evaluate(open_dataset([new], like=model.columns))
    assert "training data" not in caplog.text
    notes: list[str] = []
    list(predict(request(tmp_path / "m", new, COMMANDS.predict, notes)))
    bare = tmp_path / "bare.csv"
    bare.write_text("text\n" + "\n".join(draw(200, 1)) + "\n")
    list(predict(request(tmp_path / "m", bare, COMMANDS.predict, notes)))
    assert notes == []


def test_rows_of_a_table_are_recognised_from_any_order_of_columns(tmp_path):
    drawn = np.random.default_rng(5)
    rows = [(f"{size:.3f}", f"{cost:.3f}", "big" if size > 0 else "small") for size, cost in drawn.normal(size=(60, 2))]
    (tmp_path / "t.csv").write_text("\n".join(["size,cost,label", *map(",".join, rows)]))
    (tmp_path / "u.csv").write_text("\n".join(["label,cost,size", *(",".join(row[::-1]) for row in rows)]))
    model = classify.train(tmp_path / "t.csv", output=tmp_path / "m", **QUICK)
    for name in ("t.csv", "u.csv"):
        done = evaluate(request(tmp_path / "m", tmp_path / name, COMMANDS.evaluate, []))
        assert done.facts["learnt_from"] == model.metrics["training_examples"] == 48
