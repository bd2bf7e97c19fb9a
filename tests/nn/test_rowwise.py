"""Layers in evaluation: torch's values, each row the same alone and in a batch, gradients, and what torch computes."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.autograd import forward_ad
from torch.nn import functional as F

from elman.errors import ConfigError
from elman.nn.rowwise import Conv1d, Conv2d, Linear, linear
from tolerances import assert_close


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 8, 9, 67])
def test_values_are_those_of_torch(rows, bias, dtype):
    layer, x = Linear(31, 19, bias=bias, dtype=dtype).eval(), torch.randn(rows, 31, dtype=dtype)
    with torch.no_grad():
        expected = F.linear(x.double(), layer.weight.double(), layer.bias.double() if bias else None)
        assert_close("y", layer(x), expected.to(dtype))


def test_a_row_is_the_same_alone_and_in_any_batch():
    layer, x = Linear(257, 101).eval(), torch.randn(67, 257)
    with torch.no_grad():
        whole = layer(x)
        for start, count in ((0, 1), (66, 1), (5, 2), (11, 8), (3, 9), (7, 23)):
            assert torch.equal(layer(x[start : start + count]), whole[start : start + count])
        assert torch.equal(layer(x.view(1, 67, 257))[0], whole)


def test_weights_that_change_are_read_anew():
    layer, x = Linear(5, 3).eval(), torch.randn(2, 5)
    with torch.no_grad():
        layer(x)
        layer.weight.data.mul_(2)
        layer.bias.data.fill_(7)
        assert_close("y", layer(x), F.linear(x, layer.weight, layer.bias))
        layer.weight = torch.nn.Parameter(torch.randn(3, 5))
        assert_close("y", layer(x), F.linear(x, layer.weight, layer.bias))


def test_an_answer_is_not_overwritten_by_the_next():
    layer, x = Linear(5, 3).eval(), torch.randn(2, 5)
    with torch.no_grad():
        first = layer(x)
        kept = first.clone()
        layer(-x)
    assert torch.equal(first, kept)


def test_every_gradient_is_that_of_torch():
    layer, x = Linear(7, 5, dtype=torch.float64).eval(), torch.randn(11, 7, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(11, 5, dtype=torch.float64)
    found = torch.autograd.grad(layer(x), [x, layer.weight, layer.bias], upstream)
    expected = torch.autograd.grad(F.linear(x, layer.weight, layer.bias), [x, layer.weight, layer.bias], upstream)
    for one, other in zip(found, expected, strict=True):
        assert_close("y", one, other)


@pytest.mark.parametrize("rows", [0, 3])
def test_no_rows_and_other_dtypes_are_torchs(rows):
    layer = Linear(5, 3).eval()
    assert layer(torch.randn(rows, 5)).shape == (rows, 3)
    assert torch.equal(
        linear(torch.ones(2, 3, dtype=torch.bfloat16), torch.ones(4, 3, dtype=torch.bfloat16)), 3 * torch.ones(2, 4)
    )


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own, at its first dual tensor
def test_a_tangent_of_forward_mode_differentiation_is_that_of_torch():
    layer, x, tangent = Linear(7, 5).eval(), torch.randn(11, 7), torch.randn(11, 7)
    with torch.no_grad(), forward_ad.dual_level():
        found = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, tangent))).tangent
        assert_close("tangent", found, tangent @ layer.weight.T)


def test_threads_may_share_a_layer():
    layer, xs = Linear(700, 600).eval(), torch.randn(40, 3, 700)
    with torch.no_grad():
        expected = [layer(x) for x in xs]

    def answer(x):
        with torch.no_grad():
            return layer(x)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(answer, [x for _ in range(5) for x in xs]))
    assert all(torch.equal(a, b) for a, b in zip(found, expected * 5, strict=True))


def test_training_is_torchs_own():
    layer, x = Linear(257, 5), torch.randn(67, 257)
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))


def test_a_layer_is_copied_and_pickled_after_use():
    layer, x = Linear(5, 3).eval(), torch.randn(2, 5)
    with torch.no_grad():
        y = layer(x)
        for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert torch.equal(other(x), y)
    assert list(layer.state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize("options", [{}, {"padding": 2}, {"stride": 2, "dilation": 3, "padding": 1}])
def test_convolutions_are_those_of_torch_and_the_same_alone(options):
    x = torch.randn(5, 3, 29)
    one = Conv1d(3, 7, 3, **options).eval()
    with torch.no_grad():
        assert_close("y", one(x), F.conv1d(x.double(), one.weight.double(), one.bias.double(), **options).float())
        assert torch.equal(one(x)[2:3], one(x[2:3]))
        x = torch.randn(5, 3, 13, 17)
        two = Conv2d(3, 7, (3, 2), bias=False, **options).eval()
        assert_close("y", two(x), F.conv2d(x.double(), two.weight.double(), **options).float())
        assert torch.equal(two(x)[2:3], two(x[2:3]))


def test_windows_of_some_examples_at_a_time_change_nothing(monkeypatch):
    layer, x = Conv1d(3, 7, 5).eval(), torch.randn(5, 3, 29)
    with torch.no_grad():
        whole = layer(x)
        monkeypatch.setattr("elman.nn.rowwise._MOST_WINDOWS", 1)
        assert torch.equal(layer(x), whole)


@pytest.mark.parametrize("options", [{"groups": 3}, {"padding": "same"}, {"padding_mode": "circular"}])
def test_what_is_no_product_of_windows_is_refused(options):
    with pytest.raises(ConfigError, match="Take groups=1"):
        Conv1d(3, 6, 3, **options)
