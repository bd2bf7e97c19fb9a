"""Lengths in any form that has values are read; without values only shapes are computed; all others are refused."""

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import elman
from elman.errors import ShapeError
from tolerances import assert_identical

T, B, I, H = 5, 3, 7, 11
LENGTHS = [5, 2, 0]


class Plain(torch.Tensor):
    """A subclass that changes nothing."""


def made_in_inference_mode():
    with torch.inference_mode():
        return torch.tensor(LENGTHS)


FORMS = {
    "a tuple": lambda: tuple(LENGTHS),
    "an array": lambda: np.array(LENGTHS, dtype=np.int32),
    "a list of tensors": lambda: [torch.tensor(n) for n in LENGTHS],
    "strided": lambda: torch.tensor([5, 9, 2, 9, 0, 9])[::2],
    "a subclass": lambda: torch.tensor(LENGTHS).as_subclass(Plain),
    "of inference mode": made_in_inference_mode,
    **{
        str(dtype): lambda dtype=dtype: torch.tensor(LENGTHS, dtype=dtype)
        for dtype in (torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.uint64)
    },
}


def gradients(layer, x, lengths):
    output, final = layer(x, lengths=lengths)
    return [output, final, *torch.autograd.grad(output.square().sum() + final.sin().sum(), list(layer.parameters()))]


@pytest.mark.parametrize("form", FORMS)
def test_lengths_of_any_form_give_the_same_values_and_gradients(form):
    layer, x = elman.nn.GRU(I, H), torch.randn(T, B, I)
    expected = gradients(layer, x, torch.tensor(LENGTHS))
    for number, (found, right) in enumerate(zip(gradients(layer, x, FORMS[form]()), expected, strict=True)):
        assert_identical(f"result {number}", found, right)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ((n for n in LENGTHS), "a generator that is no sequence"),
        ({5, 2, 0}, "a set that is no sequence"),
        (["5", "2", "0"], "a list that is no sequence"),
        ([5, None, 0], "a list that is no sequence"),
        ([5, [2], 0], "a list that is no sequence"),
        ([1 << 70, 2, 0], "a list that is no sequence"),
        (torch.tensor(LENGTHS, device="meta"), "on meta"),
        (torch.tensor(LENGTHS).to_sparse(), "layout torch.sparse_coo"),
        (torch.tensor([5.0, 2.0, 0.0]), "Give integers"),
        (torch.tensor([5, -2, 0]), r"lengths\[1\] is -2"),
        (torch.tensor([5, 2, 200], dtype=torch.uint8), r"lengths\[2\] is 200"),
        (5, r"lengths have shape \(\)"),
    ],
)
@pytest.mark.parametrize("make", [elman.nn.LSTM, lambda i, h: elman.nn.Recurrent(elman.cells.mgu, i, h)])
def test_lengths_that_are_none_are_refused(make, lengths, message):
    with pytest.raises(ShapeError, match=message):
        make(I, H)(torch.randn(T, B, I), lengths=lengths)


def packed(x):
    return nn.utils.rnn.pack_padded_sequence(x, [5, 3, 1])


CALLS = {
    "plain": lambda layer, x: layer(x),
    "a list of lengths": lambda layer, x: layer(x, lengths=LENGTHS),
    "a tensor of lengths": lambda layer, x: layer(x, lengths=torch.tensor(LENGTHS, device=x.device)),
    "packed": lambda layer, x: layer(packed(x)),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_without_values_there_are_shapes(name, call):
    def shapes(device):
        layer = getattr(elman.nn, name)(I, H, device=device)
        output, final = CALLS[call](layer, torch.randn(T, B, I, device=device))
        output = output.data if isinstance(output, nn.utils.rnn.PackedSequence) else output
        output.sum().backward()
        return [t.shape for t in (output, *(final if isinstance(final, tuple) else (final,)), layer.weight_hh_l0.grad)]

    expected = shapes("cpu")
    assert shapes("meta") == expected
    if call != "packed":  # which torch itself cannot pack without values
        with FakeTensorMode():
            assert shapes("cpu") == expected
