"""Gradients of many outputs at once, by each method of torch, equal those of a loop."""

import pytest
import torch

import elman
from elman import cells
from elman.nn import Recurrent
from tolerances import assert_close

T, B, I, H = 5, 3, 2, 7
LENGTHS = [5, 2, 4]


def layers():
    return [
        elman.nn.LSTM(I, H, 2, bidirectional=True),
        elman.nn.GRU(I, H),
        Recurrent(cells.mgu, I, H, recompute_every=2),
    ]


def in_one_call(output, inputs, upstream):
    return torch.autograd.grad(output, inputs, upstream, is_grads_batched=True, retain_graph=True)


def in_vmap(output, inputs, upstream):
    return torch.func.vmap(lambda d: torch.autograd.grad(output, inputs, d, retain_graph=True))(upstream)


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("way", [in_one_call, in_vmap])
def test_gradients_of_a_batch_of_upstream_gradients_are_those_of_each(way, which):
    layer = layers()[which]
    x = torch.randn(T, B, I, requires_grad=True)
    output, final = layer(x, lengths=LENGTHS)
    first = final if isinstance(final, torch.Tensor) else final[-1]
    inputs = [x, *layer.parameters()]
    for result in (output, first):
        upstream = torch.randn(4, *result.shape)
        found = way(result, inputs, upstream)
        alone = [torch.autograd.grad(result, inputs, d, retain_graph=True) for d in upstream]
        for a, b in zip(found, map(torch.stack, zip(*alone, strict=True)), strict=True):
            assert_close("gradient", a, b)


def test_gradients_of_two_results_of_which_one_has_no_batch():
    layer = elman.nn.GRU(I, H)
    output, final = layer(torch.randn(T, B, I))
    d_output, d_final = torch.randn(4, *output.shape), torch.randn(final.shape)

    def run(d):
        return torch.autograd.grad((output, final), list(layer.parameters()), (d, d_final), retain_graph=True)

    for a, b in zip(
        torch.func.vmap(run)(d_output), map(torch.stack, zip(*map(run, d_output), strict=True)), strict=True
    ):
        assert_close("gradient", a, b)


@pytest.mark.parametrize("which", range(3))
def test_a_jacobian_is_the_same_vectorised_and_not(which):
    layer, x = layers()[which].double(), torch.randn(T, B, I, dtype=torch.float64)

    def run(x):
        return layer(x)[0].sum((0, 2))

    found = [torch.autograd.functional.jacobian(run, x, vectorize=vectorize) for vectorize in (True, False)]
    assert_close("jacobian", *found)


def test_a_vectorised_hessian_equals_that_of_torch():
    ours, right = elman.nn.LSTM(I, 3, dtype=torch.float64), torch.nn.LSTM(I, 3, dtype=torch.float64)
    ours.load_state_dict(right.state_dict())
    x = torch.randn(4, 2, I, dtype=torch.float64)
    found = torch.autograd.functional.hessian(lambda x: ours(x)[0].square().sum(), x, vectorize=True)
    assert_close("hessian", found, torch.autograd.functional.hessian(lambda x: right(x)[0].square().sum(), x))
