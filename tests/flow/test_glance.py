"""What a glance sees: the gradient at every step against autograd, and which step supplied most of it."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

import elman
from elman import flow
from elman.flow import glance
from elman.nn import Recurrent

T, B, I, H = 11, 3, 2, 5


@pytest.fixture
def layer() -> Recurrent:
    return Recurrent(elman.cells.elman, I, H, dtype=torch.float64)


def unfold(layer: Recurrent, x: Tensor, upstream: Tensor, lengths: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
    """Run h_t = tanh(W x_t + U h_{t-1} + b) with weights of its own at every step; they and the h_t get gradients."""
    h, states, loss, copies = x.new_zeros(x.shape[1], H), [], x.new_zeros(()), []
    for t in range(len(x)):
        own = [p.detach().clone().requires_grad_() for p in layer.parameters()]
        named = dict(zip((n for n, _ in layer.named_parameters()), own, strict=True))
        pre = x[t] @ named["W_l0"].T + h @ named["U_l0"].T + named["b_l0"]
        h = torch.where((t < lengths)[:, None], pre.tanh(), h)
        h.retain_grad()
        states.append(h)
        copies.append(own)
        loss = loss + (h * upstream[t] * (t < lengths)[:, None]).sum()
    loss.backward()
    return states, copies


def test_norms_and_shares_are_those_of_autograd_over_unshared_weights(layer: Recurrent) -> None:
    x, upstream = torch.randn(T, B, I, dtype=torch.float64), torch.randn(T, B, H, dtype=torch.float64)
    lengths = torch.tensor([T, 7, 4])
    seen = glance(layer, x, upstream, lengths)["l0"]
    states, copies = unfold(layer, x, upstream, lengths)
    total = [sum(step[i].grad for step in copies) for i in range(3)]  # type: ignore[misc]
    squared = sum(float(g.square().sum()) for g in total)  # type: ignore[union-attr]
    shares = [sum(float((step[i].grad * total[i]).sum()) for i in range(3)) / squared for step in copies]  # type: ignore[operator]
    assert seen.shares == pytest.approx(shares, rel=1e-10, abs=1e-13)
    assert seen.shares.sum() == pytest.approx(1.0, rel=1e-12)
    assert seen.step == max(range(T), key=shares.__getitem__)
    assert seen.norm == pytest.approx(squared**0.5, rel=1e-12)
    for b, length in enumerate(lengths.tolist()):
        assert states[0].grad is not None
        norms = [float(h.grad[b].norm()) for h in states[: length - 1]]  # type: ignore[index]
        # The last real state is handed on past the end, where autograd counts what passes by as well: it is the same.
        assert seen.gradient_norms.norms[0, : length - 1, b] == pytest.approx(norms, rel=1e-10)


@pytest.mark.parametrize("cell", ["lstm", "gru", "lem"])
def test_it_sees_what_a_whole_examination_sees(cell: str) -> None:
    sizes = {"y": H} if cell == "lem" else {}
    layer = Recurrent(getattr(elman.cells, cell), I, H, 2, bidirectional=True, sizes=sizes, dtype=torch.float64)
    x = torch.randn(T, B, I, dtype=torch.float64)
    upstream, lengths = torch.randn(T, B, layer.output_size, dtype=torch.float64), torch.tensor([5, T, 3])
    seen, whole = glance(layer, x, upstream, lengths), flow.examine(layer, x, upstream, lengths)
    assert list(seen) == list(whole.gates) == ["l0", "l0_reverse", "l1", "l1_reverse"]
    for ending, one in seen.items():
        assert one.gradient_norms.median == pytest.approx(whole.gradient_norms[ending].median, rel=1e-12, nan_ok=True)
        assert one.norm == pytest.approx(whole.lag_shares[ending].norm, rel=1e-10)
        assert one.gates.saturated == pytest.approx(whole.gates[ending].saturated, nan_ok=True)


def test_few_examples_of_many_are_looked_at(layer: Recurrent) -> None:
    x = torch.randn(T, 17, I, dtype=torch.float64)
    upstream = torch.ones(T, 17, H, dtype=torch.float64)
    seen = glance(layer, x, upstream, examples=2)["l0"]
    few = glance(layer, x[:, [0, 16]], upstream[:, [0, 16]])["l0"]
    assert seen.gradient_norms.norms == pytest.approx(few.gradient_norms.norms, rel=1e-12)


def test_without_a_gradient_no_step_supplies_anything(layer: Recurrent) -> None:
    x = torch.randn(T, B, I, dtype=torch.float64)
    seen = glance(layer, x, torch.zeros(T, B, H, dtype=torch.float64))["l0"]
    assert (seen.norm, seen.shares.tolist()) == (0.0, [0.0] * T)


def test_layers_of_torch_and_packed_sequences_are_looked_at_too() -> None:
    torch_layer, lengths = nn.GRU(I, H).double(), torch.tensor([7, 4, T])  # an order that is not its own inverse
    x, upstream = torch.randn(T, B, I, dtype=torch.float64), torch.randn(T, B, H, dtype=torch.float64)
    packed = [pack_padded_sequence(one, lengths, enforce_sorted=False) for one in (x, upstream)]
    one = glance(torch_layer, *packed)["l0"]
    other = glance(torch_layer, x, upstream, lengths)["l0"]
    assert one.shares == pytest.approx(other.shares, rel=1e-12)
