"""Test the comparisons themselves: each must raise on the smallest error that it exists to find."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tolerances import RELATIVE, assert_close, assert_close_to_truth, assert_identical, distance

VALUES = torch.randn(5, 3, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_derivative_off_by_a_thousandth_is_seen(dtype: torch.dtype) -> None:
    exact = VALUES.to(dtype)
    with pytest.raises(AssertionError, match="gradient of W: distance"):
        assert_close("gradient of W", exact * 1.001, exact)
    assert_close("gradient of W", exact * (1 + torch.finfo(dtype).eps), exact)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda t: t.clone().index_fill_(0, torch.tensor([4]), 0.0), id="a lost last step"),
        pytest.param(lambda t: t.flip(0), id="another order in time"),
        pytest.param(lambda t: t.transpose(0, 1).reshape(t.shape), id="another axis first"),
        pytest.param(lambda t: t * float("nan"), id="NaN"),
        pytest.param(lambda t: t.new_full(t.shape, float("inf")), id="infinity"),
        pytest.param(lambda t: t[:4], id="another shape"),
        pytest.param(lambda t: t.float(), id="another dtype"),
        pytest.param(lambda t: None, id="no tensor"),
    ],
)
def test_a_wrong_tensor_is_seen(spoil: Callable[[Tensor], Tensor | None]) -> None:
    for compare in (assert_close, lambda name, ours, other: assert_close_to_truth(name, ours, other, other)):
        with pytest.raises(AssertionError, match="gradient of W"):
            compare("gradient of W", spoil(VALUES), VALUES)


def test_a_tensor_expected_to_be_zero_is_measured_absolutely() -> None:
    zero = torch.zeros(3)
    assert distance(torch.full((3,), 1e-6), zero) == pytest.approx(3**0.5 * 1e-6)
    assert_close("bias", zero, zero)
    with pytest.raises(AssertionError, match="bias"):
        assert_close("bias", torch.full((3,), 1e-3), zero)


def test_nan_on_both_sides_is_no_agreement() -> None:
    with pytest.raises(AssertionError, match="h: distance inf"):
        assert_close("h", VALUES * float("nan"), VALUES * float("nan"))


def test_an_error_of_three_times_torchs_own_is_seen_and_one_of_twice_is_not() -> None:
    truth = VALUES
    torchs = (truth * (1 + 1e-6)).float()
    own = distance(torchs, truth)
    assert_close_to_truth("h", (truth * (1 + 1.9 * own)).float(), torchs, truth)
    with pytest.raises(AssertionError, match="h: distance"):
        assert_close_to_truth("h", (truth * (1 + 3 * own)).float(), torchs, truth)


def test_identical_means_every_bit() -> None:
    assert_identical("h", VALUES, VALUES.clone())
    with pytest.raises(AssertionError, match="not the same bits"):
        assert_identical("h", torch.tensor([0.0]), torch.tensor([-0.0]))
    with pytest.raises(AssertionError, match="not the same bits"):
        assert_identical("h", torch.nextafter(VALUES, VALUES + 1), VALUES)


def test_every_bound_is_far_from_a_thousandth_in_full_precision() -> None:
    assert RELATIVE[torch.float64] <= 1e-12
    assert RELATIVE[torch.float32] < 1e-4
