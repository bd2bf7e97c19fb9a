"""The first place where a state of a file is of another kind than the present one is found."""

import pytest
import torch

from elman.training.alike import find_unlike

PRESENT = {"weights": {"a": torch.ones(2, 3)}, "counts": [1, 2], "loss": 0.5, "best": None, "carried": {}, "name": "x"}


def changed(**values):
    return {**PRESENT, **values}


@pytest.mark.parametrize(
    "found",
    [
        PRESENT,
        changed(loss=3, best={"anything": 1}, carried={"h": torch.ones(7)}, counts=[], name="another"),
        changed(loss=None, counts=None, name=None),
    ],
)
def test_a_state_of_the_same_kind_fits(found):
    assert find_unlike(found, PRESENT, "run") is None


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "run is a list and not a dict"),
        (changed(loss=True), "run.loss is a bool and not a float"),
        (changed(loss="0.5"), "run.loss is a str and not a float"),
        (changed(counts=[1, "2"]), "run.counts.1 is a str and not an int"),
        (changed(weights=None), "run.weights is a NoneType and not a dict"),
        (changed(weights={"a": torch.ones(3, 2)}), r"run.weights.a is [3, 2] of torch.float32 and not [2, 3] of"),
        (changed(weights={"a": torch.ones(2, 3).double()}), "run.weights.a is [2, 3] of torch.float64 and not"),
        (changed(weights={"a": [1.0]}), "run.weights.a is a list and not a Tensor"),
        (changed(weights={}), "run.weights has no 'a'"),
        (changed(more=1), "run has an unknown 'more'"),
    ],
)
def test_the_first_other_kind_is_named(found, said):
    assert find_unlike(found, PRESENT, "run").startswith(said)
