"""Penalties on outputs: their values by hand, their gradients, half precision, and what they refuse."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from elman.errors import ShapeError
from elman.nn import LockedDropout, activation_penalty, temporal_activation_penalty
from elman.nn.penalties import coverage_loss
from tolerances import assert_close

T, B, H = 5, 3, 11


def test_penalties_are_means_of_squares_over_real_steps():
    output = torch.randn(T, B, H, dtype=torch.float64)
    assert_close("activation", activation_penalty(output), output.square().mean())
    assert_close("temporal", temporal_activation_penalty(output), (output[1:] - output[:-1]).square().mean())
    lengths = [3, 0, 5]
    real = torch.cat([output[:n, b].flatten() for b, n in enumerate(lengths)])
    steps = torch.cat([(output[1:n, b] - output[: n - 1, b]).flatten() for b, n in enumerate(lengths) if n > 1])
    padded = output.masked_fill((torch.arange(T)[:, None] >= torch.tensor(lengths))[..., None], float("nan"))
    padded.requires_grad_()
    one, other = activation_penalty(padded, lengths), temporal_activation_penalty(padded, lengths)
    assert_close("activation", one.detach(), real.square().mean())
    assert_close("temporal", other.detach(), steps.square().mean())


def test_the_coverage_loss_is_the_sum_of_the_paper_over_real_steps():
    torch.manual_seed(2)
    lengths, weights = [7, 1, 4], torch.randn(7, 3, 5, dtype=torch.float64).softmax(2)
    plainly = [
        sum(min(float(weights[t, b, s]), float(weights[:t, b, s].sum())) for s in range(5))
        for b, length in enumerate(lengths)
        for t in range(length)
    ]
    assert float(coverage_loss(weights, lengths)) == pytest.approx(sum(plainly) / 12)
    assert float(coverage_loss(weights[:, :1])) == pytest.approx(sum(plainly[:7]) / 7)
    assert coverage_loss(weights, [0, 0, 0]) == coverage_loss(weights[:0]) == 0
    assert torch.autograd.gradcheck(lambda w: coverage_loss(w, lengths), weights.requires_grad_())
    with pytest.raises(ShapeError):
        coverage_loss(weights[0])


def test_penalties_have_the_gradients_of_numerical_checks_and_are_zero_of_nothing():
    output = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    for penalty in (activation_penalty, temporal_activation_penalty):
        assert torch.autograd.gradcheck(lambda v, penalty=penalty: penalty(v, [2, 4]), (output,))
        assert penalty(output, [0, 0]) == penalty(output[:0]) == 0
        with pytest.raises(ShapeError, match=r"output\.unsqueeze\(1\)"):
            penalty(output[0])
    assert temporal_activation_penalty(output[:1]) == 0


@pytest.mark.parametrize("lengths", [None, [37, 41]])
def test_penalties_of_large_outputs_in_half_precision_do_not_overflow(lengths):
    output = (0.9 + 0.1 * torch.rand(41, 2, 1009)).half()
    output[1::2] *= -1
    for penalty in (activation_penalty, temporal_activation_penalty):
        found = penalty(output, lengths)
        assert found.dtype == torch.float16
        assert_close(penalty.__name__, found, penalty(output.double(), lengths).half())


def test_a_packed_output_is_refused_with_the_way_to_unpack_it():
    packed = pack_padded_sequence(torch.ones(T, B, H), [T, 2, 1])
    for function in (activation_penalty, temporal_activation_penalty, LockedDropout(0.5)):
        with pytest.raises(ShapeError, match=r"is a PackedSequence[\s\S]*pad_packed_sequence"):
            function(packed)
