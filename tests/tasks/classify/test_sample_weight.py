"""Weights of examples count in the loss, on the held-out part and in all that stands beside it."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics

from elman.data.dataset import Columns
from elman.data.examples.values import open_values
from elman.encoders.targets import Targets
from elman.errors import DataError
from elman.scores.classes import score_classes, score_labels, score_numbers
from elman.tasks import Classifier, Regressor, classify
from elman.training.splits import split

QUICK = {"cell": "mgu", "hidden": 7, "epochs": 2, "batch": 11, "dropout": 0.0}
LEARN = {**QUICK, "epochs": 15, "learning_rate": 0.05}
N = 53


def draw(seed=1, count=N):
    drawn = np.random.default_rng(seed)
    return drawn.normal(size=(count, 3)), drawn.uniform(0.1, 3, count)


def mean_one(weights):
    return torch.tensor(weights / weights.mean())


def test_losses_and_what_weights_are_chosen_by_are_those_of_scikit_learn():
    _, weights = draw()
    drawn = torch.Generator().manual_seed(1)
    outputs = torch.randn(N, 3, generator=drawn, dtype=torch.float64)
    numbers = torch.randint(3, (N,), generator=drawn)
    found = Targets.learn("category", ["a", "b", "c"]).measure(outputs, numbers, mean_one(weights), "accuracy")
    assert found.loss == pytest.approx(
        metrics.log_loss(numbers, outputs.softmax(1), sample_weight=weights, labels=[0, 1, 2]), rel=1e-6
    )
    right = metrics.accuracy_score(numbers, outputs.argmax(1), sample_weight=weights)
    assert found.score == pytest.approx(right, rel=1e-6)
    marks = torch.randint(2, (N, 3), generator=drawn).double()
    labels = Targets.learn("labels", [("a", "b", "c")])
    found = labels.measure(outputs, marks, mean_one(weights), "f1")
    each = [metrics.log_loss(marks[:, k], outputs[:, k].sigmoid(), sample_weight=weights) for k in range(3)]
    assert found.loss == pytest.approx(np.mean(each), rel=1e-6)
    f1 = metrics.f1_score(marks, outputs > 0, average="macro", sample_weight=weights)
    assert found.score == pytest.approx(f1, rel=1e-6)
    found = labels.measure(outputs, marks, mean_one(weights), "accuracy")
    exact = metrics.accuracy_score(marks, outputs > 0, sample_weight=weights)
    assert found.score == pytest.approx(exact, rel=1e-6)
    micro = metrics.f1_score(marks, outputs > 0, average="micro", sample_weight=weights)
    assert found.said == f"micro-F1 {micro:.1%}"
    amounts = outputs[:, 1] + torch.randn(N, generator=drawn)
    found = Targets.learn("number", [1.0, 2.0]).measure(outputs, amounts, mean_one(weights))
    assert found.loss == pytest.approx(
        metrics.mean_squared_error(amounts, outputs[:, 0], sample_weight=weights), rel=1e-6
    )


@pytest.mark.parametrize("kind", ["category", "labels", "number"])
def test_what_an_update_lowers_is_the_weighted_mean_of_the_loss_of_each_example(kind):
    values = {"category": ["a", "b", "b"], "labels": [("a",), ("b",), ("a", "b")], "number": [1.0, 4.0, 7.0]}[kind]
    targets = Targets.learn(kind, values, class_weights=kind != "number")
    outputs, encoded = (
        torch.randn(3, targets.outputs, generator=torch.Generator().manual_seed(2)),
        targets.encode(values),
    )
    each = [float(targets.training_loss(outputs[k : k + 1], encoded[k : k + 1], 0.1)) for k in range(3)]
    found = targets.training_loss(outputs, encoded, 0.1, torch.tensor([0.2, 1.1, 1.7]))
    assert float(found) == pytest.approx((0.2 * each[0] + 1.1 * each[1] + 1.7 * each[2]) / 3, rel=1e-6)


def test_classes_count_the_same_in_sum_of_weights():
    targets = Targets.learn("category", ["a", "a", "b"], class_weights=True, weights=[1.0, 2.0, 6.0])
    assert 3 * targets.weights[0] == pytest.approx(6 * targets.weights[1])
    labels = Targets.learn("labels", [("a",), (), ("b", "a")], class_weights=True, weights=[10.0, 20.0, 30.0])
    assert labels.weights == pytest.approx((2 / 4, 3 / 3))


def test_scores_are_those_of_scikit_learn_and_as_wide_as_the_weights_allow():
    _, weights = draw()
    drawn = torch.Generator().manual_seed(1)
    probabilities = torch.rand(N, 3, generator=drawn, dtype=torch.float64)
    numbers, marks = torch.randint(3, (N,), generator=drawn), torch.randint(2, (N, 3), generator=drawn).double()
    shares = probabilities / probabilities.sum(1, keepdim=True)
    worth = weights.sum() ** 2 / (weights**2).sum()
    found = score_classes(numbers, shares, ("a", "b", "c"), torch.tensor(weights))
    right = {"sample_weight": weights}
    assert found.count == pytest.approx(worth)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(numbers, shares.argmax(1), **right))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(numbers, shares.argmax(1), average="macro", **right))
    assert found.log_loss == pytest.approx(metrics.log_loss(numbers, shares, labels=[0, 1, 2], **right))
    labels = score_labels(marks, probabilities, ("a", "b", "c"), torch.tensor(weights))
    assert labels.count == pytest.approx(worth)
    assert labels.micro_f1 == pytest.approx(metrics.f1_score(marks, probabilities > 0.5, average="micro", **right))
    assert labels.macro_f1 == pytest.approx(metrics.f1_score(marks, probabilities > 0.5, average="macro", **right))
    assert labels.exact_match == pytest.approx(metrics.accuracy_score(marks, probabilities > 0.5, **right))
    true, said = probabilities[:, 0], probabilities[:, 1]
    amounts = score_numbers(true, said, torch.tensor(weights))
    assert amounts.count == pytest.approx(worth)
    assert amounts.rmse == pytest.approx(metrics.root_mean_squared_error(true, said, **right))
    assert amounts.mae == pytest.approx(metrics.mean_absolute_error(true, said, **right))
    assert amounts.r2 == pytest.approx(metrics.r2_score(true, said, **right))


@pytest.mark.parametrize("compare", [False, True])
def test_scores_of_the_held_out_part_and_of_baselines_are_weighted(compare):
    rows, weights = draw()
    rows = np.stack([rows, rows[:, ::-1] + 1], axis=1)
    y = np.where(rows[:, 0, 0] > 0, "yes", "no").tolist()
    data = open_values(list(rows), Columns({"x": "series"}, "target", "category"), y, None, weights.tolist())
    model = classify.train(data, quiet=True, compare=compare, alone=True, **QUICK)
    _, hold = split(y, share=0.2, seed=1)
    kept, found = weights[hold], model.metrics["validation"]
    worth = kept.sum() ** 2 / (kept**2).sum()
    answers, right = model.predict([rows[k] for k in hold]), [y[k] for k in hold]
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(right, answers, sample_weight=kept))
    shares = model.probabilities([rows[k] for k in hold]).double().numpy()
    shares /= shares.sum(1, keepdims=True)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(right, shares, sample_weight=kept), rel=1e-5)
    assert model.metrics["validation_loss"] == pytest.approx(found["log_loss"], rel=1e-5)
    beside = [model.metrics["baseline"], *model.metrics["shuffled"]] if compare else []
    for one in [found, *beside]:
        assert one["count"] == pytest.approx(worth, rel=1e-5)
    held_out = open_values([rows[k] for k in hold], data.columns, right, None, kept.tolist())
    assert model.evaluate(held_out).accuracy == pytest.approx(found["accuracy"])


@pytest.mark.parametrize("units", [False, True])
def test_of_two_answers_the_one_of_more_weight_is_learnt_without_recurrence_too(units):
    marks = np.arange(60) % 2
    values = (
        [f"{'good' if mark else 'bad'} film" for mark in marks] if units else [np.full((2, 1), m * 1.0) for m in marks]
    )
    columns = Columns({"text": "text"} if units else {"x": "series"}, "target", "category")
    y = [*np.where(marks, "yes", "no"), *np.where(marks, "no", "yes")]  # each example twice, the second time wrong
    data = open_values(values * 2, columns, [str(one) for one in y], None, [1.0] * 60 + [0.05] * 60)
    model = classify.train(data, quiet=True, **LEARN)
    assert model.predict(values[:2]) == ["no", "yes"]
    assert model.metrics["validation"]["accuracy"] > 0.9
    assert model.metrics["baseline"]["accuracy"] > 0.9
    assert model.metrics["baseline"]["log_loss"] < 0.3


def test_a_number_is_drawn_to_the_answer_of_more_weight():
    rows, _ = draw()
    model = Regressor(**LEARN).fit(
        np.tile(rows, (2, 1)), [*rows[:, 0], *(rows[:, 0] + 10)], sample_weight=[1] * N + [9] * N
    )
    assert float((model.predict(rows) - rows[:, 0]).mean()) == pytest.approx(9, abs=0.7)


@pytest.mark.parametrize("kind", [Classifier, Regressor])
def test_an_example_of_weight_0_is_as_if_it_were_not_there(kind):
    rows, weights = draw()
    y, there = np.arange(N) % 3, np.arange(N) % 5 > 0
    y[~there] = 7  # a class that is not there either
    groups = np.arange(N) // 2
    whole = kind(**QUICK).fit(rows, y, groups, np.where(there, weights, 0))
    part = kind(**QUICK).fit(rows[there], y[there], groups[there], weights[there])
    np.testing.assert_array_equal(whole.predict(rows), part.predict(rows))
    if kind is Classifier:
        assert whole.classes_.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(whole.predict_proba(rows), part.predict_proba(rows))


def test_weights_that_are_alike_say_nothing_and_their_unit_nothing_either():
    rows, weights = draw()
    y = rows[:, 0] > 0

    def ask(given):
        return Classifier(**QUICK).fit(rows, y, sample_weight=given).predict_proba(rows)

    np.testing.assert_array_equal(ask(None), ask(np.full(N, 0.7)))
    np.testing.assert_array_equal(ask(weights), ask(weights * 4))
    assert not np.array_equal(ask(weights), ask(None))


def test_scores_of_estimators_take_weights():
    rows, weights = draw()
    y = np.arange(N) % 2
    model = Classifier(**QUICK).fit(rows, y)
    right = metrics.accuracy_score(y, model.predict(rows), sample_weight=weights)
    assert model.score(rows, y, sample_weight=weights) == pytest.approx(right)
    amounts = Regressor(**QUICK).fit(rows, rows[:, 0])
    right = metrics.r2_score(rows[:, 0], amounts.predict(rows), sample_weight=weights)
    assert amounts.score(rows, rows[:, 0], weights) == pytest.approx(right)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.ones(5), "53 examples and 5 weights"),
        (np.ones((N, 2)), "an array \\(53, 2\\)"),
        (np.full(N, -1.0), "negative"),
        (np.full(N, math.nan), "not finite"),
        (["heavy"] * N, "not all numbers"),
        (np.full(N, 1j), "they are complex"),
        (np.zeros(N), "zero for every example"),
        (np.eye(N)[0], "n_samples=1"),
    ],
)
def test_what_is_no_weights_is_refused(weights, said):
    rows, _ = draw()
    with pytest.raises(DataError, match=said):
        Classifier(**QUICK).fit(rows, np.arange(N) % 2, sample_weight=weights)
