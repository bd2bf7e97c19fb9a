"""What is predicted: its order, its losses against plain formulas, and what is refused."""

import math

import pytest
import torch

from elman.encoders.targets import Targets
from elman.errors import DataError


def test_classes_stand_in_the_order_of_the_alphabet_and_numbers_in_theirs():
    assert Targets.learn("category", ["10", "9", "-1.5", "9"]).classes == ("-1.5", "9", "10")
    assert Targets.learn("category", ["pear", "10", "apple", "9"]).classes == ("10", "9", "apple", "pear")
    assert Targets.learn("labels", [("b", "a"), (), ("c",)]).classes == ("a", "b", "c")


def test_what_is_encoded_is_decoded_again():
    category = Targets.learn("category", ["x", "y", "z"])
    assert category.decode(category.one_hot(category.encode(["z", "x", "y"])).float()) == ["z", "x", "y"]
    labels = Targets.learn("labels", [("b", "a"), (), ("c",)])
    values = [("a", "c"), (), ("b",)]
    assert labels.decode(labels.encode(values) - 0.5) == values
    number = Targets.learn("number", [2.0, 4.0, 9.0])
    assert number.decode(number.encode([2.0, 7.5])[:, None]) == pytest.approx([2.0, 7.5], rel=1e-6)


def test_numbers_are_scaled_to_mean_zero_and_deviation_one():
    scaled = Targets.learn("number", [2.0, 4.0, 9.0, 17.0]).encode([2.0, 4.0, 9.0, 17.0])
    assert float(scaled.mean()) == pytest.approx(0, abs=1e-6)
    assert float(scaled.std(correction=0)) == pytest.approx(1, rel=1e-6)


def test_the_loss_of_classes_is_cross_entropy_and_weights_change_that_of_training_alone():
    targets = Targets.learn("category", ["a", "a", "a", "b", "c"], class_weights=True)
    assert targets.weights == pytest.approx((5 / 9, 5 / 3, 5 / 3))
    outputs = torch.randn(7, 3).double()
    numbers = torch.tensor([0, 1, 2, 0, 0, 2, 1])
    rows = zip(outputs.tolist(), numbers, strict=True)
    nats = [-math.log(math.exp(row[k]) / sum(map(math.exp, row))) for row, k in rows]
    assert float(targets.loss(outputs, numbers)) == pytest.approx(sum(nats) / 7)
    weighted = sum(targets.weights[k] * n for n, k in zip(nats, numbers.tolist(), strict=True)) / 7
    assert float(targets.training_loss(outputs, numbers)) == pytest.approx(weighted, rel=1e-6)


def test_the_loss_of_labels_is_that_of_independent_decisions():
    targets = Targets.learn("labels", [("a",), ("a", "b"), (), ("a",)], class_weights=True)
    assert targets.weights == pytest.approx((1 / 3, 3.0))
    outputs, true = torch.randn(5, 2).double(), torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0]]).double()
    p = outputs.sigmoid()
    expected = -(true * p.log() + (1 - true) * (1 - p).log())
    assert float(targets.loss(outputs, true)) == pytest.approx(float(expected.mean()))
    weighted = -(true * p.log() * torch.tensor(targets.weights) + (1 - true) * (1 - p).log())
    assert float(targets.training_loss(outputs, true)) == pytest.approx(float(weighted.mean()), rel=1e-6)


def test_smoothed_labels_give_every_class_a_share():
    targets = Targets.learn("category", ["a", "b", "c"])
    outputs, numbers = torch.randn(5, 3).double(), torch.tensor([0, 2, 1, 1, 0])
    wanted = targets.one_hot(numbers) * 0.7 + 0.1
    expected = -(wanted * outputs.log_softmax(1)).sum(1).mean()
    assert float(targets.training_loss(outputs, numbers, smoothing=0.3)) == pytest.approx(float(expected))


def test_smoothed_decisions_on_labels_lie_as_far_from_0_as_from_1():
    targets = Targets.learn("labels", [("a",), ("b",)])
    outputs, true = torch.randn(5, 2).double(), torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0]]).double()
    wanted, p = torch.where(true > 0, 0.85, 0.15), outputs.sigmoid()
    expected = -(wanted * p.log() + (1 - wanted) * (1 - p).log()).mean()
    assert float(targets.training_loss(outputs, true, smoothing=0.3)) == pytest.approx(float(expected), rel=1e-6)


def test_by_accuracy_the_best_weights_are_those_with_the_higher_one_then_the_lower_loss():
    targets = Targets.learn("category", ["a", "b"])
    numbers = torch.tensor([0, 1, 1])
    right_but_unsure = targets.measure(torch.tensor([[0.1, 0.0], [0.0, 0.1], [0.0, 0.1]]), numbers, None, "accuracy")
    mostly_and_sure = targets.measure(torch.tensor([[9.0, 0.0], [0.0, 9.0], [0.6, 0.0]]), numbers, None, "accuracy")
    right_and_sure = targets.measure(torch.tensor([[9.0, 0.0], [0.0, 9.0], [0.0, 9.0]]), numbers, None, "accuracy")
    assert mostly_and_sure.loss < right_but_unsure.loss
    assert right_but_unsure.better_than(mostly_and_sure)
    assert right_and_sure.better_than(right_but_unsure)
    assert not right_but_unsure.better_than(right_and_sure)
    assert right_and_sure.said == "accuracy 100.0%"


def test_labels_are_measured_by_micro_f1():
    targets = Targets.learn("labels", [("a", "b")])
    found = targets.measure(torch.tensor([[1.0, -1.0], [1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    assert found.said == f"micro-F1 {2 * 2 / (3 + 3):.1%}"
    assert found.score is None


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("category", ["a", "a"], "all of the class 'a'"),
        ("labels", [(), ()], "without a label"),
        ("number", [3.0, 3.0], "All 2 targets to learn from are the number 3.0"),
    ],
)
def test_targets_without_difference_are_refused(kind, values, said):
    with pytest.raises(DataError, match=said):
        Targets.learn(kind, values)


def test_a_class_that_was_never_seen_is_named_with_its_place():
    targets = Targets.learn("category", ["a", "b"])
    with pytest.raises(DataError, match=r"not learnt to answer 'c' \(t.csv line 3\), 'd' \(t.csv line 4\); it knows"):
        targets.encode(["a", "c", "d", "c"], lambda at: f"t.csv line {at + 2}")
    with pytest.raises(DataError, match=r"no target \(t.csv line 9\)"):
        targets.encode([None], lambda _: "t.csv line 9")


def test_they_are_read_back():
    for targets in (Targets.learn("category", ["a", "b"], class_weights=True), Targets.learn("number", [1.0, 4.0])):
        assert Targets.from_dict(targets.to_dict()) == targets


@pytest.mark.parametrize(
    "change",
    [{"kind": "guess"}, {"classes": []}, {"classes": ["a", "a"]}, {"deviation": 0.0}, {"weights": [1.0]}],
)
def test_forged_targets_are_refused(change):
    with pytest.raises(DataError, match="nothing that this program can predict"):
        Targets.from_dict({**Targets.learn("category", ["a", "b"]).to_dict(), **change})


def test_numbers_that_no_answer_reaches_or_tells_apart_are_refused():
    with pytest.raises(DataError, match=r"the target 2e\+31 is beyond 1e\+30"):
        Targets.learn("number", [1.0, 2e31])
    targets = Targets.learn("number", [1.0, 2.0])
    with pytest.raises(DataError, match=r"b\.csv line 3: the target -1e\+40 is beyond"):
        targets.encode([1.0, -1e40], lambda at: f"b.csv line {at + 2}")
    with pytest.raises(DataError, match="or differ by less than 1e-30"):
        Targets.learn("number", [0.0, 1e-310])
