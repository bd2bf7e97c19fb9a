"""Compare the figures with closed forms, in float64, to 1e-12."""

import math

import pytest
import torch
from torch import Tensor, nn

import elman
from elman import cell, flow, sigmoid, tanh
from elman.flow.adjoints import jacobians
from elman.flow.growth import lyapunov, singular_values
from elman.flow.network import read_batch, read_layer
from elman.flow.page.pictures import draw_figures
from elman.flow.page.tables import figure_rows
from elman.flow.trajectory import Rows, run_network
from elman.nn import Recurrent


@cell
def linear(x, h, *, W, U):
    """Carry the state on through a matrix."""
    return W @ x + U @ h


def layer_of(u: Tensor, w: Tensor | None = None) -> Recurrent:
    layer = Recurrent(linear, 1 if w is None else w.shape[1], len(u), dtype=torch.float64)
    with torch.no_grad():
        layer.U_l0.copy_(u)
        layer.W_l0.copy_(torch.ones_like(layer.W_l0) if w is None else w)
    return layer


def at_the_end(steps: int, size: int, batch: int = 1) -> Tensor:
    grad = torch.zeros(steps, batch, size, dtype=torch.float64)
    grad[-1] = torch.randn(batch, size, dtype=torch.float64)
    return grad


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def test_a_linear_layer_of_nine_tenths() -> None:
    steps = 61
    seen = flow.examine(layer_of(0.9 * torch.eye(3, dtype=torch.float64)), normal(steps, 2, 1), at_the_end(steps, 3, 2))
    singular = seen.singular_values["l0"]
    for lag, row in zip(singular.lags, singular.logarithms, strict=True):
        assert [math.exp(v) for v in row] == pytest.approx([0.9**lag] * 3, rel=1e-12)
    assert math.exp(singular.logarithms[list(singular.lags).index(50)][0]) == pytest.approx(
        0.00515377520732012, rel=1e-12
    )
    assert seen.lyapunov["l0"].exponents == pytest.approx([math.log(0.9)] * 3, rel=1e-12)
    assert seen.lyapunov["l0"].exponents[0] == pytest.approx(-0.1053605, abs=1e-7)
    assert seen.lyapunov["l0"].memory_time == pytest.approx(-1 / math.log(0.9), rel=1e-12)
    assert seen.gradient_norms["l0"].half_life == pytest.approx(math.log(2) / -math.log(0.9), rel=1e-12)
    assert seen.half_life["l0"] == pytest.approx(6.5788, abs=1e-4)
    assert seen.influence["l0"].factor_50 == pytest.approx(0.00515377520732012, rel=1e-12)
    assert seen.influence["l0"].map[0, ::-1] == pytest.approx(
        seen.influence["l0"].map[0, -1] * 0.9 ** torch.arange(steps).numpy(), rel=1e-12
    )
    assert seen.transport_gain["l0"].gain == pytest.approx(0.9, rel=1e-12)
    assert seen.transport_gain["l0"].omega == pytest.approx((steps - 1) * 0.01, rel=1e-12)
    (bound,) = seen.bounds["l0"]
    assert (bound.radius, bound.sigma) == pytest.approx((0.9, 0.9), rel=1e-12)
    assert (bound.member, bound.gamma, bound.guarantee) == ("U", 1.0, "vanishing")


@pytest.mark.parametrize("steps", [50, 51])
def test_what_is_left_over_fifty_steps_is_measured_where_there_are_so_many(steps: int) -> None:
    layer = layer_of(0.9 * torch.eye(2, dtype=torch.float64))
    seen = flow.examine(layer, normal(steps, 1, 1), at_the_end(steps, 2)).influence["l0"]
    assert seen.extrapolated == (steps == 50)
    assert seen.factor_50 == pytest.approx(0.9**50, rel=1e-12)


def test_a_linear_layer_of_nineteen_tenths_explodes() -> None:
    seen = flow.examine(layer_of(1.9 * torch.eye(3, dtype=torch.float64)), normal(53, 1, 1))
    singular = seen.singular_values["l0"]
    fifty = list(singular.lags).index(50)
    assert singular.largest[fifty] == pytest.approx(8.66323404960593e13, rel=1e-12)
    assert singular.logarithms[fifty][0] == pytest.approx(50 * math.log(1.9), rel=1e-12)
    assert seen.verdict == "EXPLODING"
    assert seen.bounds["l0"][0].guarantee == "exploding"


def test_an_orthogonal_layer_keeps_everything() -> None:
    q = torch.linalg.qr(normal(7, 7))[0]
    seen = flow.examine(layer_of(q), normal(103, 2, 1), at_the_end(103, 7, 2))
    assert abs(seen.singular_values["l0"].logarithms).max() < 1e-12
    assert seen.lyapunov["l0"].exponents == pytest.approx([0.0] * 7, abs=1e-12)
    assert seen.transport_gain["l0"].gain == pytest.approx(1.0, rel=1e-12)
    assert seen.transport_gain["l0"].omega == pytest.approx(0.0, abs=1e-24)
    assert seen.verdict == "HEALTHY"


def test_an_impulse_in_a_scalar_layer_gives_fifty_equal_contributions() -> None:
    layer = layer_of(torch.tensor([[0.9]], dtype=torch.float64))
    x = torch.zeros(51, 1, 1, dtype=torch.float64)
    x[0] = 1.0
    grad = torch.zeros(51, 1, 1, dtype=torch.float64)
    grad[-1] = 1.0
    seen = flow.examine(layer, x, grad)
    shares = seen.lag_shares["l0"]
    # h_0 = 0, so the first step gives nothing to dL/dw; the others give 0.9^49 each.
    assert shares.by_parameter["U_l0"][:50] == pytest.approx([0.005726416897022355] * 50, rel=1e-12)
    assert shares.by_parameter["U_l0"][50] == 0.0
    assert seen.explicit["l0"].gradients["U_l0"] + seen.implicit["l0"].gradients["U_l0"] == pytest.approx(
        0.28632084485111775, rel=1e-12
    )
    assert seen.explicit["l0"].gradients["U_l0"] == pytest.approx(0.005726416897022355, rel=1e-12)
    # dL/du = Σ 0.9^(51 − k) x_k: the impulse alone, 50 steps back.
    assert shares.by_parameter["W_l0"][:50] == pytest.approx([0.0] * 50, abs=0)
    assert shares.by_parameter["W_l0"][50] == pytest.approx(0.9**50, rel=1e-12)


def test_a_gru_whose_update_gate_is_fixed_forgets_at_its_rate() -> None:
    layer = elman.nn.GRU(3, 5).double()
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
        layer.weight_ih_l0[5:10] = 0
        layer.bias_hh_l0.zero_()
        layer.bias_ih_l0[5:10] = 2.0
    seen = flow.examine(layer, normal(41, 2, 3), at_the_end(41, 5, 2))
    keeps = 1 / (1 + math.exp(-2.0))
    network = read_layer(layer)
    ((track,),) = run_network(network, read_batch(network, normal(5, 1, 3), None, None, None, {}))
    (matrix,) = jacobians(track, Rows(torch.tensor([3]), torch.tensor([0])))
    assert matrix.numpy() == pytest.approx(keeps * torch.eye(5, dtype=torch.float64).numpy(), rel=1e-12, abs=0)
    singular = seen.singular_values["l0"]
    for lag, row in zip(singular.lags, singular.logarithms, strict=True):
        assert [math.exp(v) for v in row] == pytest.approx([keeps**lag] * 5, rel=1e-12)
    assert seen.influence["l0"].curve == pytest.approx(keeps ** torch.arange(41).numpy(), rel=1e-12)
    (gate,) = (g for g in seen.gates["l0"].gates if g.keeps)
    assert (gate.name, gate.keeps) == ("z", "h")
    assert gate.mean == pytest.approx(keeps, rel=1e-12)
    assert gate.half_life == pytest.approx(math.log(0.5) / math.log(keeps), rel=1e-12)


def test_a_scalar_tanh_layer_by_hand() -> None:
    w, u, xs = 1.5, 0.7, [0.3, -0.2, 0.5]
    h = [0.0]
    for x in xs:
        h.append(math.tanh(u * x + w * h[-1]))
    slope = [1 - v * v for v in h]
    layer = Recurrent(elman.cells.elman, 1, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.W_l0.fill_(u)
        layer.U_l0.fill_(w)
    grad = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).view(3, 1, 1)
    seen = flow.examine(layer, torch.tensor(xs, dtype=torch.float64).view(3, 1, 1), grad)
    terms = [slope[3] * h[2], w * slope[3] * slope[2] * h[1], 0.0]
    sign = math.copysign(1.0, sum(terms))
    assert seen.lag_shares["l0"].by_parameter["U_l0"] == pytest.approx([sign * t for t in terms], rel=1e-12)
    assert seen.gradient_norms["l0"].norms[0, :, 0] == pytest.approx(
        [abs(w * slope[3] * w * slope[2]), abs(w * slope[3]), 1.0], rel=1e-12
    )
    assert seen.lyapunov["l0"].exponents[0] == pytest.approx(sum(math.log(w * s) for s in slope[1:]) / 3, rel=1e-12)


def test_lyapunov_exponents_of_random_products_are_those_of_newman() -> None:
    """Products of Gaussian matrices of variance 1/n: λ_i = (ln(2/n) + ψ((n − i + 1)/2)) / 2 (Newman 1986)."""
    size = 5
    # Many short products serve as well as one long one: Gaussian matrices look the same to any Q.
    found = lyapunov(list(normal(500, 400, size, size) / size**0.5))
    digamma = torch.special.digamma(torch.tensor([(size - i) / 2 for i in range(size)], dtype=torch.float64))
    expected = 0.5 * (math.log(2 / size) + digamma)
    assert found.exponents == pytest.approx(expected.numpy(), abs=0.005)
    assert found.exponents.sum() == pytest.approx(found.mean_log_det, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        pytest.param(nn.RNN, 1e-13, 1e-11, id="rnn"),
        pytest.param(nn.GRU, 1e-11, 1e-8, id="gru"),
        pytest.param(nn.LSTM, 1e-11, 1e-8, id="lstm"),
    ],
)
def test_torchs_defaults_forget_within_fifty_steps(kind: type[nn.RNNBase], least: float, most: float) -> None:
    seen = flow.examine(kind(8, 128), torch.randn(101, 2, 8), limits=flow.Limits(rows=4, jacobians=11))
    assert least < seen.influence["l0"].factor_50 < most
    assert not seen.influence["l0"].extrapolated
    assert seen.verdict == "VANISHING"
    assert "4 of 101" in seen.sampling.sentence


def leaky_layer(biases: list[float]) -> Recurrent:
    """Make a layer whose forget gate is a parameter alone."""

    @cell
    def leaky(x, h, *, W, b):
        f = sigmoid(b.f)
        return f * h + (1 - f) * tanh(W @ x)

    layer = Recurrent(leaky, 2, len(biases), dtype=torch.float64)
    with torch.no_grad():
        layer.b_l0.copy_(torch.tensor(biases))
    return layer


def test_a_forget_gate_that_is_a_parameter_alone_has_its_half_life() -> None:
    layer = leaky_layer([0.0, 1.0, 5.0])
    (gate,) = flow.examine(layer, normal(13, 2, 2)).gates["l0"].gates
    f = torch.tensor([0.0, 1.0, 5.0], dtype=torch.float64).sigmoid()
    assert gate.half_life == pytest.approx((math.log(0.5) / f.log()).numpy(), rel=1e-12)


@pytest.mark.parametrize("growth", [1.0, 1.3])
def test_a_gradient_that_does_not_fade_has_no_half_life(growth: float) -> None:
    grown = flow.examine(layer_of(growth * torch.eye(3, dtype=torch.float64)), normal(61, 2, 1), at_the_end(61, 3, 2))
    assert grown.influence["l0"].slope == pytest.approx(math.log(growth), abs=1e-12)
    assert (grown.half_life["l0"], grown.gradient_norms["l0"].half_life) == (math.inf, math.inf)
    assert grown.to_dict()["half_life"] == {"l0": "inf"}
    rows = dict(figure_rows(grown))
    assert rows["half-life of the gradient"] == "does not fade"


def test_a_forget_gate_that_is_wide_open_keeps_its_state_for_ever() -> None:
    layer = leaky_layer([0.0, 50.0, 50.0])  # the sigmoid of 50 is 1 in float64
    seen = flow.examine(layer, normal(13, 2, 2))
    (gate,) = seen.gates["l0"].gates
    assert gate.half_life == pytest.approx([1.0, math.inf, math.inf])
    says = next(section for section in draw_figures(seen) if section.title == "Gates and units")
    assert "half-life of h: infinitely many steps" in says.drawings[0]


def test_products_are_in_the_order_of_time() -> None:
    matrices = normal(6, 3, 3)
    found = singular_values([matrices])
    for lag, row in zip(found.lags, found.logarithms, strict=True):
        products = []
        for end in range(4, 6):
            product = torch.eye(3, dtype=torch.float64)
            for t in range(end - lag + 1, end + 1):
                product = matrices[t] @ product
            products.append(torch.linalg.svdvals(product).log())
        assert row == pytest.approx(torch.stack(products).mean(0).numpy(), rel=1e-10)
    assert found.lags.tolist() == [1, 2, 5]
    assert [singular_values([normal(n, 3, 3)]).lags.tolist() for n in (1, 2, 10)] == [[1], [1, 2], [1, 2, 5, 10]]


def test_lyapunov_exponents_in_a_turned_basis_are_those_of_the_matrix() -> None:
    """For one matrix again and again they are the logarithms of its eigenvalues' sizes."""
    basis = normal(3, 3)
    matrix = basis @ torch.diag(torch.tensor([0.9, 0.5, 0.1], dtype=torch.float64)) @ basis.inverse()
    found = lyapunov([matrix.expand(4000, 3, 3)])
    assert found.exponents == pytest.approx([math.log(0.9), math.log(0.5), math.log(0.1)], abs=2e-3)
    assert found.mean_log_det == pytest.approx(math.log(0.9 * 0.5 * 0.1), rel=1e-12)


def cut_end() -> tuple[Recurrent, list[float], Tensor, Tensor]:
    """Give a scalar layer h' = tanh(u x + w h) whose factors differ at every step, and what they are."""
    w, u, xs = 1.3, 0.9, [0.4, -1.1, 0.2, 1.7, -0.6, 0.05, 0.8]
    h = [0.0]
    for x in xs:
        h.append(math.tanh(u * x + w * h[-1]))
    layer = Recurrent(elman.cells.elman, 1, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.W_l0.fill_(u)
        layer.U_l0.fill_(w)
    grad = torch.zeros(len(xs), 1, 1, dtype=torch.float64)
    grad[-1] = 1.0
    return layer, [w * (1 - v * v) for v in h[1:]], torch.tensor(xs, dtype=torch.float64).view(-1, 1, 1), grad


def test_the_transport_gain_of_each_step_is_the_factor_of_that_step() -> None:
    layer, factors, x, grad = cut_end()
    # The first step carries nothing on: what it hands back leaves the sequence.
    seen = flow.examine(layer, x, grad).transport_gain["l0"]
    assert seen.gain[:, 0] == pytest.approx(factors[1:], rel=1e-12)
    assert seen.omega == pytest.approx(sum((factor - 1) ** 2 for factor in factors[1:]), rel=1e-12)
    backwards = Recurrent(elman.cells.elman, 1, 1, bias=False, bidirectional=True, dtype=torch.float64)
    with torch.no_grad():
        for name, parameter in backwards.named_parameters():
            parameter.copy_(layer.get_parameter(name.removesuffix("_reverse")))
    both = torch.cat([grad, grad.flip(0)], -1)
    seen = flow.examine(backwards, x.flip(0), both).transport_gain["l0_reverse"]
    assert seen.gain[:, 0] == pytest.approx(factors[:0:-1], rel=1e-12)


def test_nine_tenths_of_a_gradient_lie_within_lag90_and_not_within_a_step_less() -> None:
    layer, _, x, grad = cut_end()
    for x_of, grad_of in ((x, grad), (normal(23, 2, 1), normal(23, 2, 1))):
        shares = flow.examine(layer, x_of, grad_of).lag_shares["l0"]
        within = [float(shares.shares[abs(shares.lags) <= lag].sum()) for lag in range(len(x_of))]
        reached = [lag for lag, sum_ in enumerate(within) if sum_ >= 0.9 * shares.norm]
        assert shares.lag90 == reached[0]
        assert 0 < shares.lag90 < len(x_of) - 1


def test_of_few_jacobians_those_of_the_last_steps_are_formed() -> None:
    layer, factors, x, grad = cut_end()
    seen = flow.examine(layer, x, grad, limits=flow.Limits(jacobians=3)).lyapunov["l0"]
    assert seen.exponents == pytest.approx([sum(map(math.log, factors[-3:])) / 3], rel=1e-12)


def test_the_late_rate_is_that_of_the_second_half() -> None:
    early, late = (torch.tensor(rates, dtype=torch.float64).diag() for rates in ([3.0, 0.2], [0.5, 0.7]))
    found = lyapunov([torch.stack([early] * 4 + [late] * 5)])
    assert found.late == pytest.approx(math.log(0.7), rel=1e-12)  # that of the direction which grows most late
    assert found.exponents == pytest.approx(
        [(4 * math.log(3) + 5 * math.log(0.5)) / 9, (4 * math.log(0.2) + 5 * math.log(0.7)) / 9], rel=1e-12
    )


def test_a_gate_that_overwrites_keeps_what_it_does_not_take() -> None:
    @cell
    def overwriting(x, h, *, W, b):
        z = sigmoid(b.z)
        return (1 - z) * h + z * tanh(W @ x)

    layer = Recurrent(overwriting, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        layer.b_l0.copy_(torch.tensor([-0.5, -1.0, -5.0]))
    (gate,) = flow.examine(layer, normal(13, 2, 2)).gates["l0"].gates
    kept = 1 - torch.tensor([-0.5, -1.0, -5.0], dtype=torch.float64).sigmoid()
    assert gate.keeps == "h"
    assert gate.half_life == pytest.approx((math.log(0.5) / kept.log()).numpy(), rel=1e-12)
