"""The cross entropy of a linear readout is torch's, in few pieces or many."""

import pytest
import torch
from torch.nn import functional as F

from elman.nn import linear_loss
from elman.nn.linear_loss import linear_cross_entropy

N, V, I = 23, 31, 7


def draw(dtype=torch.float64):
    torch.manual_seed(3)
    tensors = [torch.randn(*shape, dtype=dtype).requires_grad_() for shape in ((N, I), (V, I), (V,))]
    return tensors, torch.randint(V, (N,))


def plain(x, weight, bias, target, smoothing):
    return F.cross_entropy(F.linear(x, weight, bias), target, label_smoothing=smoothing)


@pytest.fixture
def pieces(monkeypatch):
    """Compute five rows at a time, and the rest."""
    monkeypatch.setattr(linear_loss, "_MOST_LOGITS", 5 * V + 3)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.usefixtures("pieces")
def test_value_and_every_gradient_are_torchs(smoothing):
    tensors, target = draw()
    ours = linear_cross_entropy(*tensors, target, smoothing)
    assert type(ours.grad_fn).__name__ == "_LinearCrossEntropyBackward"
    theirs = plain(*tensors, target, smoothing)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=0)
    found = torch.autograd.grad(2.5 * ours, tensors)
    for ours_of, theirs_of in zip(found, torch.autograd.grad(2.5 * theirs, tensors), strict=True):
        torch.testing.assert_close(ours_of, theirs_of, rtol=1e-11, atol=1e-15)


@pytest.mark.usefixtures("pieces")
def test_a_readout_may_have_no_bias():
    (x, weight, _), target = draw()
    ours, theirs = linear_cross_entropy(x, weight, None, target, 0.1), plain(x, weight, None, target, 0.1)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=0)
    for one, other in zip(*(torch.autograd.grad(loss, [x, weight]) for loss in (ours, theirs)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-15)


@pytest.mark.usefixtures("pieces")
def test_large_logits_do_not_overflow():
    tensors, target = draw(torch.float32)
    with torch.no_grad():
        tensors[0] *= 1e4
    ours = linear_cross_entropy(*tensors, target, 0.1)
    torch.testing.assert_close(ours, plain(*tensors, target, 0.1), rtol=1e-6, atol=0)
    assert all(torch.isfinite(grad).all() for grad in torch.autograd.grad(ours, tensors))


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("frozen", range(3))
def test_what_needs_no_gradient_gets_none(frozen):
    tensors, target = draw()
    tensors[frozen].requires_grad_(False)
    linear_cross_entropy(*tensors, target).backward()
    assert [tensor.grad is None for tensor in tensors] == [index == frozen for index in range(3)]


@pytest.mark.usefixtures("pieces")
def test_where_torch_does_more_than_compute_the_loss_is_its_own():
    tensors, target = draw()
    with torch.no_grad():
        assert linear_cross_entropy(*tensors, target, 0.1) == plain(*tensors, target, 0.1)
    transformed = torch.func.grad(lambda bias: linear_cross_entropy(*tensors[:2], bias, target, 0.1))(tensors[2])
    assert torch.equal(transformed, torch.autograd.grad(plain(*tensors, target, 0.1), tensors[2])[0])
    with torch.autocast("cpu", torch.bfloat16):
        small = [tensor.detach().float().requires_grad_() for tensor in tensors]
        assert linear_cross_entropy(*small, target, 0.1) == plain(*small, target, 0.1)
