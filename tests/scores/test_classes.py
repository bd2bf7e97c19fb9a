"""Scores: every figure is scikit-learn's and torchmetrics', on random data in which some classes are absent."""

import json
import math

import numpy as np
import pytest
import torch
from sklearn import metrics
from torchmetrics import functional as torchmetrics

from elman.errors import DataError, ShapeError
from elman.scores.classes import score_classes, score_labels, score_numbers
from elman.scores.share import wilson_interval

SIZES = [(53, 2), (101, 7), (211, 23)]


def some_classes(count: int, classes: int, absent: tuple[int, ...] = ()):
    drawn = torch.Generator().manual_seed(count)
    probabilities = torch.rand(count, classes, generator=drawn, dtype=torch.float64).softmax(1)
    allowed = [k for k in range(classes) if k not in absent]
    targets = torch.tensor(allowed)[torch.randint(len(allowed), (count,), generator=drawn)]
    # Half of the predictions are made right, so that no score is near that of a guess.
    probabilities[torch.arange(0, count, 2), targets[::2]] += 1
    probabilities[:, list(absent[1:])] = 1e-9
    return targets, probabilities / probabilities.sum(1, keepdim=True), tuple(f"class {k}" for k in range(classes))


@pytest.mark.parametrize(("count", "classes"), SIZES)
@pytest.mark.parametrize("absent", [(), (1,), (0, 4)], ids=["all occur", "one is predicted alone", "one is nowhere"])
def test_scores_of_classes_are_those_of_scikit_learn(count, classes, absent):
    if len(absent) >= classes:
        absent = (1,)
    targets, probabilities, names = some_classes(count, classes, absent)
    found, labels = score_classes(targets, probabilities, names), list(range(classes))
    true, predicted = targets.numpy(), probabilities.argmax(1).numpy()
    assert np.array_equal(found.confusion, metrics.confusion_matrix(true, predicted, labels=labels))
    assert found.count == count
    assert found.accuracy == pytest.approx(metrics.accuracy_score(true, predicted))
    assert found.log_loss == pytest.approx(metrics.log_loss(true, probabilities.numpy(), labels=labels))
    # Without `labels` scikit-learn's mean is over the classes that are a target or predicted.
    assert found.macro_f1 == pytest.approx(metrics.f1_score(true, predicted, average="macro"))
    theirs = metrics.precision_recall_fscore_support(true, predicted, labels=labels, zero_division=np.nan)
    for score, precision, recall, f1, support in zip(found.per_class, *theirs, strict=True):
        ours = [math.nan if value is None else value for value in (score.precision, score.recall, score.f1)]
        assert ours == pytest.approx([precision, recall, f1], nan_ok=True)
        assert score.support == support


@pytest.mark.parametrize(("count", "classes"), SIZES[1:])
def test_scores_of_classes_are_those_of_torchmetrics(count, classes):
    targets, probabilities, names = some_classes(count, classes, (0, 4))
    found = score_classes(targets, probabilities, names)
    theirs = torchmetrics.f1_score(
        probabilities.argmax(1), targets, task="multiclass", num_classes=classes, average="macro"
    )
    assert found.macro_f1 == pytest.approx(float(theirs))
    matrix = torchmetrics.confusion_matrix(probabilities, targets, task="multiclass", num_classes=classes)
    assert torch.equal(torch.tensor(found.confusion), matrix)


@pytest.mark.parametrize("absent", [(), (0,), (1,)])
def test_scores_of_two_classes(absent):
    targets, probabilities, names = some_classes(53, 2, absent)
    found = score_classes(targets, probabilities, names)
    true, predicted = targets.numpy(), probabilities.argmax(1).numpy()
    assert found.correlation == pytest.approx(metrics.matthews_corrcoef(true, predicted))
    for value, label in ((found.sensitivity, 1), (found.specificity, 0)):
        theirs = metrics.recall_score(true, predicted, pos_label=label, zero_division=np.nan)
        assert (math.nan if value is None else value) == pytest.approx(theirs, nan_ok=True)
    assert found.to_dict()["positive"] == "class 1"


def test_sensitivity_is_for_two_classes_alone():
    found = score_classes(*some_classes(53, 7))
    assert found.sensitivity is found.specificity is found.correlation is None
    assert "sensitivity" not in found.to_dict()


def test_a_true_class_without_probability_costs_a_finite_loss():
    found = score_classes(torch.tensor([0, 1]), torch.tensor([[0.0, 1.0], [0.0, 1.0]]), ("a", "b"))
    assert found.log_loss == pytest.approx(-math.log(torch.finfo(torch.float32).tiny) / 2)


def test_the_most_confused_pairs_come_first():
    targets = torch.tensor([0] * 5 + [1] * 7 + [2] * 3)
    predicted = torch.tensor([0, 1, 1, 2, 2, 1, 0, 0, 0, 1, 1, 1, 2, 2, 1])
    found = score_classes(targets, torch.nn.functional.one_hot(predicted), ("a", "b", "c"))
    assert found.most_confused() == [("b", "a", 3), ("a", "b", 2), ("a", "c", 2), ("c", "b", 1)]
    assert found.most_confused(1) == [("b", "a", 3)]


@pytest.mark.parametrize("count", [1, 2, 13, 1009])
def test_the_interval_holds_the_shares_from_which_the_measured_one_is_as_likely_as_the_quantile(count):
    # Its definition: the edges p solve |share − p| = z · sqrt(p (1 − p) / count).
    for hits in {0, count // 3, count}:
        share = hits / count
        low, high = wilson_interval(share, count)
        assert 0 <= low <= share <= high <= 1
        for edge in (low, high):
            if 0 < edge < 1:
                assert abs(share - edge) == pytest.approx(1.959964 * math.sqrt(edge * (1 - edge) / count), rel=1e-6)


def test_scores_of_labels_are_those_of_scikit_learn_and_torchmetrics():
    drawn = torch.Generator().manual_seed(3)
    probabilities = torch.rand(101, 7, generator=drawn)
    targets = (torch.rand(101, 7, generator=drawn) < 0.3).float()
    targets[:30] = (probabilities[:30] > 0.5).float()
    targets[:, 2] = 0.0
    targets[:, 5], probabilities[:, 5] = 0.0, 0.1
    names = tuple("abcdefg")
    found = score_labels(targets, probabilities, names)
    true, predicted = targets.int().numpy(), (probabilities > 0.5).int().numpy()
    assert found.exact_match == pytest.approx(metrics.accuracy_score(true, predicted))
    assert found.micro_f1 == pytest.approx(metrics.f1_score(true, predicted, average="micro"))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(true, predicted, average="macro", zero_division=np.nan))
    theirs = torchmetrics.f1_score(probabilities, targets.int(), task="multilabel", num_labels=7, average="micro")
    assert found.micro_f1 == pytest.approx(float(theirs))
    assert [score.support for score in found.per_class] == true.sum(0).tolist()
    assert found.per_class[5].f1 is None
    assert found.per_class[2].recall is None
    assert found.per_class[2].f1 == 0.0


def test_no_label_anywhere_is_all_right_and_has_no_f1():
    found = score_labels(torch.zeros(5, 3), torch.zeros(5, 3), ("a", "b", "c"))
    assert (found.exact_match, found.micro_f1, found.macro_f1) == (1.0, None, 0.0)


def test_scores_of_numbers_are_those_of_scikit_learn():
    drawn = torch.Generator().manual_seed(5)
    targets = torch.randn(101, generator=drawn) * 7 + 1000
    predictions = targets + torch.randn(101, generator=drawn) * 3
    found = score_numbers(targets, predictions)
    true, predicted = targets.double().numpy(), predictions.double().numpy()
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(true, predicted))
    assert found.mae == pytest.approx(metrics.mean_absolute_error(true, predicted))
    assert found.r2 == pytest.approx(metrics.r2_score(true, predicted))


def test_targets_that_are_all_equal_have_no_r2():
    assert score_numbers(torch.full((7,), 3.0), torch.arange(7.0)).r2 is None


def test_a_better_prediction_has_a_higher_quality():
    targets, probabilities, names = some_classes(53, 7)
    perfect = torch.nn.functional.one_hot(targets, 7).double()
    assert score_classes(targets, perfect, names).quality > score_classes(targets, probabilities, names).quality
    marks = perfect.clone()
    assert score_labels(marks, perfect, names).quality > score_labels(marks, probabilities, names).quality
    assert score_numbers(targets, targets + 0.1).quality > score_numbers(targets, targets + 0.3).quality


def test_scores_are_plain_data_for_json():
    targets, probabilities, names = some_classes(53, 2, (1,))
    for found in (
        score_classes(targets, probabilities, names),
        score_labels(torch.zeros(5, 2), torch.zeros(5, 2), names),
        score_numbers(torch.ones(5), torch.full((5,), math.inf)),
    ):
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()


def test_nothing_to_score_is_an_error():
    with pytest.raises(DataError, match="no examples"):
        score_classes(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 2), ("a", "b"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: score_classes(torch.zeros(5, dtype=torch.int64), torch.zeros(5, 2), ("a", "b", "c")),
        lambda: score_labels(torch.zeros(5), torch.zeros(5, 3), ("a", "b", "c")),
        lambda: score_numbers(torch.zeros(5), torch.zeros(5, 1)),
    ],
)
def test_shapes_that_do_not_fit_are_an_error(wrong):
    with pytest.raises(ShapeError, match="Predictions are"):
        wrong()
