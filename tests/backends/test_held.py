"""Weights that are held: the same values, packed once, and read anew behind the block."""

import pytest
import torch

import elman
from elman.backends.held import held, pack_once
from elman.nn.rowwise import Linear, linear
from tolerances import assert_close


def run_all(layer, inputs):
    with torch.no_grad():
        return [layer(x) for x in inputs]


@pytest.mark.parametrize("bias", [True, False])
def test_a_product_with_held_weights_is_the_same_for_any_number_of_rows(bias):
    layer, x = Linear(257, 101, bias=bias).eval(), torch.randn(331, 257)
    inputs = [x[:count] for count in (1, 2, 8, 9, 67, 331)]
    expected = run_all(layer, inputs)
    with held(layer.parameters()):
        for one, other in zip(run_all(layer, inputs), expected, strict=True):
            assert torch.equal(one, other)


def test_a_held_layer_gives_the_same_for_other_lengths_and_batches():
    layer = elman.nn.Recurrent(elman.cells.lstm, 13, 11, 2, bidirectional=True).eval()
    inputs = [torch.randn(steps, batch, 13) for steps, batch in ((1, 1), (7, 3), (1, 5), (2, 67), (7, 3))]
    expected = run_all(layer, inputs)
    with held(layer.parameters()):
        found = run_all(layer, inputs)
    for (output, states), (own, own_states) in zip(found, expected, strict=True):
        assert torch.equal(output, own)
        assert all(map(torch.equal, states, own_states))


def test_weights_are_read_anew_behind_the_block():
    layer, x = elman.nn.GRU(5, 7).requires_grad_(False), torch.randn(3, 2, 5)
    with held(layer.parameters()):
        before = layer(x)[0]
    layer.weight_ih_l0.mul_(2)
    after = layer(x)[0]
    assert not torch.equal(before, after)
    with held(layer.parameters()):
        assert torch.equal(layer(x)[0], after)


def test_what_is_not_held_is_never_kept():
    weights = [torch.randn(3, 2), torch.randn(3)]
    assert pack_once("a", weights, lambda: 1) is None
    with held(weights[:1]):
        assert pack_once("a", weights, lambda: 1) is None
        assert pack_once("a", weights[:1], lambda: 2) == 2
        assert pack_once("a", weights[:1], lambda: 3) == 2
        assert pack_once("b", weights[:1], lambda: 4) == 4


def test_a_large_product_is_divided_among_threads_without_a_change():
    x, weight, bias = torch.randn(300, 257), torch.randn(2053, 257), torch.randn(2053)
    whole = linear(x, weight, bias)
    assert_close("y", whole, torch.nn.functional.linear(x.double(), weight.double(), bias.double()).float())
    threads = torch.get_num_threads()
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        try:
            assert torch.equal(linear(x, weight, bias), whole)
        finally:
            torch.set_num_threads(threads)
