"""The report on the data: counts are those of a loop over all pairs, and what looks wrong is said in a line."""

import itertools
import json
import random
from collections import Counter

import numpy as np
import pytest
import torch

from elman.data.dataset import Columns
from elman.data.examples.survey import Survey
from elman.encoders.lengths import Lengths
from elman.encoders.targets import Targets
from elman.tasks.classify.report import report_data
from few_examples import Listed, encoded

TEXT = Columns({"text": "text"}, target="label", target_kind="category")
CLASSES = Targets("category", ("ham", "spam"))


def some_texts(count: int, seed: int) -> tuple[list[str], list[str]]:
    drawn = random.Random(seed)
    texts = ["".join(drawn.choices("abc", k=drawn.randint(1, 4))) for _ in range(count)]
    return texts, drawn.choices(CLASSES.classes, k=count)


def report(training, validation, columns=TEXT, targets=CLASSES):
    given = [(*training, "train.csv"), (*validation, "dev.csv")]
    surveys = [Survey(Listed(values, answers, columns, name)) for values, answers, name in given]
    parts = [encoded(values, answers, targets, columns, name=name) for values, answers, name in given]
    prints = tuple(survey.prints for survey in surveys)
    missing = Counter(surveys[0].missing) + Counter(surveys[1].missing)
    return report_data("letters", targets, *parts, prints=prints, missing=missing)


@pytest.mark.parametrize("count", [1, 2, 19, 101])
def test_lengths_are_quantiles_that_occur(count):
    lengths = torch.randint(1, 1000, (count,))
    quantiles = np.quantile(lengths.numpy(), [0, 0.5, 0.95, 1], method="inverted_cdf").tolist()
    assert Lengths.of(lengths) == Lengths(*quantiles)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equal_examples_are_those_that_a_loop_finds(seed):
    training, validation = some_texts(53, seed), some_texts(31, seed + 100)
    found = report(training, validation)
    assert found.in_both == sum(text in training[0] for text in validation[0])
    assert found.in_both > len(found.pairs) == 3
    for one, other in found.pairs:
        places = [(name, int(line) - 1) for name, _, line in (where.split() for where in (one, other))]
        assert [name for name, _ in places] == ["dev.csv", "train.csv"]
        assert validation[0][places[0][1]] == training[0][places[1][1]]
    everything = list(zip(training[0] + validation[0], training[1] + validation[1], strict=True))
    assert found.contradicting == sum(
        any(text == another and answer != other for another, other in everything) for text, answer in everything
    )


def test_examples_that_differ_are_not_called_equal():
    texts = ["".join(letters) for letters in itertools.product("ab", repeat=7)]
    found = report((texts[:101], ["ham", "spam"] * 50 + ["ham"]), (texts[101:], ["ham"] * 27))
    assert (found.in_both, found.pairs, found.contradicting) == (0, (), 0)


def test_frames_are_compared_by_their_shape_and_values():
    columns = Columns({"x": "series"})
    frames = np.arange(12, dtype=np.float32)
    training = [frames.reshape(4, 3), frames.reshape(3, 4)[:, :3], frames.reshape(4, 3) + 1]
    found = report((training, ["ham", "spam", "ham"]), ([frames.reshape(4, 3)], ["spam"]), columns)
    assert (found.in_both, found.contradicting) == (1, 2)
    assert report((training, ["ham"] * 3), ([frames.reshape(3, 4)], ["spam"]), columns).in_both == 0


def test_missing_values_are_counted_by_column():
    columns = Columns({"text": "text", "age": "number", "sort": "category", "x": "series"})
    whole = {"text": "a", "age": 3.0, "sort": "b", "x": np.ones((2, 3), np.float32)}
    hole = np.array([[1, np.nan, np.nan]], np.float32)
    rows = [whole, {**whole, "text": " "}, {**whole, "age": float("nan")}, {**whole, "sort": "", "x": hole}]
    found = report((rows, ["ham"] * 4), ([{**whole, "sort": ""}], ["spam"]), columns)
    assert found.missing == {"text": 1, "age": 1, "sort": 2, "x": 1}
    assert "examples with missing values: text 1, age 1, sort 2, x 1" in found.lines()


def test_classes_are_counted_and_rare_ones_named():
    found = report((["ab"] * 97 + ["c"] * 3, ["ham"] * 97 + ["spam"] * 3), (["d", "efg"], ["ham", "spam"]))
    assert found.classes == {"ham": (97, 1), "spam": (3, 1)}
    assert found.rare == ["spam"]
    assert found.lines() == [
        "100 examples to learn from, 2 to validate on: letters",
        "1 to 2 steps, half at most 2, 95 % at most 2",
        "2 classes: ham 97%, spam 3.0%",
        "few examples to learn from: spam (3)",
        "98 examples equal an earlier one; those that are equal are all learnt from, or all held out",
    ]


def test_a_long_list_of_classes_is_cut():
    targets = Targets("category", tuple(f"class {k:02}" for k in range(23)))
    answers = [name for k, name in enumerate(targets.classes, 1) for _ in range(k)]
    texts = [str(number) for number in range(len(answers))]
    lines = report((texts, answers), (["x"], ["class 07"]), targets=targets).lines()
    assert "23 classes: class 22 8%, class 21 8%, class 20 8%, … class 00 0.4%" in lines
    assert lines[-1] == (
        "few examples to learn from: class 00 (1), class 01 (2), class 02 (3), class 03 (4), class 04 (5) and 4 more"
    )


def test_classes_of_one_size_are_not_listed():
    lines = report((["x", "y"] * 50, ["ham", "spam"] * 50), (["z"], ["ham"])).lines()
    assert "2 classes, 50% each" in lines


def test_likely_mistakes_in_the_data_are_reported():
    found = report((["ab", "cd", "ab"] * 10, ["ham", "spam", "spam"] * 10), (["cd", "e"], ["ham", "spam"]))
    equal = "dev.csv line 1 equals train.csv line 2"
    assert found.lines()[3:] == [
        f"1 of the 2 examples to validate on is also among those to learn from ({equal}): the score may be too good",
        "31 examples equal one with another answer: no model gets all of them right",
    ]


def test_labels_and_numbers():
    targets = Targets("labels", ("a", "b"))
    found = report((["x", "y", "z"], [("a", "b"), ("a",), ()]), (["v"], [("b",)]), targets=targets)
    assert found.classes == {"a": (2, 0), "b": (1, 1)}
    assert "2 labels: a 67%, b 33%" in found.lines()
    assert report((["x", "y"], [("a", "b"), ()]), (["x"], [("a",)]), targets=targets).contradicting == 2
    targets = Targets("number", mean=10.0, deviation=2.0)
    found = report((["x", "y", "z"], [7.0, 10.0, 16.0]), (["v"], [3.0]), targets=targets)
    assert found.numbers == pytest.approx((7, 11, 16, np.std([7, 10, 16])), rel=1e-6)
    assert "numbers from 7 to 16, mean 11, standard deviation 3.742" in found.lines()
    assert (found.classes, found.rare) == ({}, [])


def test_single_steps_have_no_line_about_lengths():
    assert len(report((["x", "y"], ["ham", "spam"]), (["z"], ["ham"])).lines()) == 3


def test_the_report_is_plain_data_for_json():
    found = report(some_texts(53, 1), some_texts(31, 2)).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
