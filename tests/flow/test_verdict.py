"""Judge layers whose fault is known because it was built in."""

import json
import math

import pytest
import torch
from torch import Tensor, nn

import elman
from elman import cell, flow, tanh
from elman.errors import ConfigError, ShapeError
from elman.flow import Flow
from elman.nn import Recurrent


@cell
def linear(x, h, *, W, U):
    """Carry the state on through a matrix."""
    return W @ x + U @ h


def built(equations: elman.Cell, u: Tensor, w: float = 1.0, b: float = 0.0) -> Recurrent:
    layer = Recurrent(equations, 2, len(u), dtype=torch.float64)
    with torch.no_grad():
        layer.U_l0.copy_(u)
        layer.W_l0.normal_(std=w)
        if "b_l0" in dict(layer.named_parameters()):
            layer.b_l0.fill_(b)
    return layer


def noise(steps: int, size: int = 2) -> Tensor:
    return torch.randn(steps, 2, size, dtype=torch.float64)


def eye(size: int) -> Tensor:
    return torch.eye(size, dtype=torch.float64)


def orthogonal(size: int) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0]


def test_a_linear_layer_that_shrinks_vanishes() -> None:
    # 0.9^50 = 0.005 is not under 1e-3: the factor says healthy, and 0.8^50 = 1e-5 does not.
    assert flow.examine(built(linear, 0.9 * eye(3)), noise(101)).verdict == "HEALTHY"
    seen = flow.examine(built(linear, 0.8 * eye(3)), noise(101))
    assert seen.verdict == "VANISHING"
    assert "orthogonal" in seen.advice[0]


def test_a_linear_layer_that_grows_explodes() -> None:
    seen = flow.examine(built(linear, 1.9 * eye(3)), noise(101))
    assert seen.verdict == "EXPLODING"
    assert seen.line.startswith("l0: changes of the state grow by e^0.642 a step, the gradient by 8.66e+13 over 50")
    assert "clip" in seen.advice[0]


def test_growth_whose_squares_are_no_numbers_is_still_measured() -> None:
    seen = flow.examine(built(linear, 1.9 * eye(3)), noise(601), limits=flow.Limits(rows=11))
    assert seen.verdict == "EXPLODING"
    assert seen.influence["l0"].map.max() > 1e154
    assert seen.lag_shares["l0"].norm > 1e154
    assert seen.explicit["l0"].share + seen.implicit["l0"].share == pytest.approx(1.0, rel=1e-12)
    assert max(seen.checks["l0"].columns, seen.checks["l0"].shares) < 1e-12


def test_an_orthogonal_linear_layer_is_healthy() -> None:
    assert flow.examine(built(linear, orthogonal(5)), noise(101)).verdict == "HEALTHY"


@pytest.mark.parametrize(("w", "verdict"), [(2.0, "VANISHING"), (5.0, "SATURATED")])
def test_a_saturated_tanh_does_not_explode_though_its_radius_is_above_one(w: float, verdict: str) -> None:
    layer = built(elman.cells.elman, w * eye(3), w=0.0)
    start = torch.full((1, 2, 3), 0.5, dtype=torch.float64)
    seen = flow.examine(layer, noise(101), initial_state=start)
    assert seen.bounds["l0"][0].radius == w
    assert seen.bounds["l0"][0].guarantee == ""
    assert seen.lyapunov["l0"].exponents[0] < 0
    assert seen.verdict == verdict


def test_a_matrix_that_first_grows_and_then_dies_does_not_explode() -> None:
    shear = 0.8 * eye(3) + 30 * torch.diag(torch.ones(2, dtype=torch.float64), 1)
    turned = orthogonal(3)
    seen = flow.examine(built(linear, turned @ shear @ turned.T), noise(101))
    singular = seen.singular_values["l0"]
    assert singular.largest.max() > 1e3
    assert singular.largest[-1] < singular.largest.max()
    assert seen.bounds["l0"][0].sigma > 10
    assert seen.verdict in ("HEALTHY", "VANISHING")


@pytest.mark.parametrize(("bias", "verdict"), [(0.0, "VANISHING"), (5.0, "HEALTHY")])
def test_an_lstm_remembers_with_its_forget_bias(bias: float, verdict: str) -> None:
    layer = elman.nn.LSTM(3, 16).double()
    with torch.no_grad():
        layer.bias_ih_l0.zero_()
        layer.bias_hh_l0.zero_()
        layer.bias_ih_l0[16:32] = bias
    seen = flow.examine(layer, noise(101, 3))
    assert seen.verdict == verdict
    (forget,) = (g for g in seen.gates["l0"].gates if g.keeps)
    assert (forget.name, forget.keeps) == ("f", "c")
    assert forget.mean == pytest.approx(1 / (1 + math.exp(-bias)), abs=0.02)


@pytest.mark.parametrize(("weight", "bias", "stuck", "verdict"), [(0.0, 9.0, 2 / 3, "SATURATED"), (99.0, 0.0, 0.0, "")])
def test_gates_that_are_stuck_are_saturated_and_those_that_switch_are_not(
    weight: float, bias: float, stuck: float, verdict: str
) -> None:
    layer = elman.nn.LSTM(3, 16).double()
    with torch.no_grad():
        for name, one in layer.named_parameters():
            one.zero_()
            if name == "weight_ih_l0":
                one[:, 0] = weight
                one[32:48, 0] = 0.1
            if name == "bias_ih_l0":
                one[:32] = bias  # a forget gate that is stuck open is not counted
                one[48:] = -bias
    gates = flow.examine(layer, noise(101, 3)).gates["l0"]
    assert gates.saturated == pytest.approx(stuck, abs=1e-12)
    assert min(g.below + g.above for g in gates.gates) > 0.95, "all are at an end nearly always"
    if verdict:
        assert flow.examine(layer, noise(101, 3)).verdict == verdict


def test_tanh_whose_input_is_a_hundred_times_too_large_is_saturated() -> None:
    seen = flow.examine(built(elman.cells.elman, 0.1 * eye(7), w=1.0), 1000 * noise(101))
    assert seen.gates["l0"].saturated_tanh == 1.0, "at either end, as the input has it"
    assert seen.verdict == "SATURATED"
    assert "scale the input" in seen.advice[0]


def test_tanh_that_goes_to_its_ends_and_back_is_not_saturated() -> None:
    x = noise(101)
    x[::5] /= 1e6
    seen = flow.examine(built(elman.cells.elman, 0.1 * eye(7), w=1.0), 1000 * x)
    assert seen.gates["l0"].saturated_tanh == 0.0


def test_relus_that_start_from_the_identity_are_healthy() -> None:
    layer = built(elman.cells.elman_relu, eye(7), w=0.01, b=0.01)
    assert flow.examine(layer, noise(101)).verdict == "HEALTHY"


def test_relus_that_are_never_reached_are_dead() -> None:
    seen = flow.examine(built(elman.cells.elman_relu, 0.1 * eye(7), w=0.1, b=-5.0), noise(101))
    assert seen.verdict == "DEAD"
    assert seen.gates["l0"].dead == 1.0
    assert "100%" in seen.line


def test_a_layer_whose_gradient_reaches_nothing_is_dead() -> None:
    layer = built(linear, eye(3))
    assert flow.examine(layer, noise(11), torch.zeros(11, 2, 3)).verdict == "DEAD"


def trained_to_recall(steps: int) -> tuple[nn.GRU, nn.Linear, Tensor]:
    """Train a GRU to say at the end what it saw first."""
    torch.manual_seed(3)
    layer, head = nn.GRU(1, 16), nn.Linear(16, 1)
    with torch.no_grad():
        layer.bias_ih_l0[16:32] = 3.0
    optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], lr=1e-2)
    for _ in range(250):
        x = torch.randn(steps, 32, 1)
        loss = (head(layer(x)[0][-1]) - x[0]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.05
    return layer, head, torch.randn(steps, 32, 1)


def test_a_model_that_has_learned_to_remember_is_healthy_and_knows_how_long() -> None:
    steps = 23
    layer, head, x = trained_to_recall(steps)

    def of_last(count: int) -> float:
        return float((head(layer(x[-count:])[0][-1]) - x[0]).square().mean().detach())

    [given] = flow.observe(nn.ModuleList([layer, head]), lambda: (head(layer(x)[0][-1]) - x[0]).square().mean())
    seen = flow.examine(**given, loss=of_last, needs=steps - 1)
    assert seen.verdict == "HEALTHY"
    assert seen.memory["l0"].behavioural == steps
    # The loss is at the end alone, and so is the row of the map.
    assert seen.influence["l0"].rows.tolist() == [steps - 1]


def test_memory_shorter_than_the_data_need_is_named() -> None:
    layer = built(linear, 0.9 * eye(3))
    assert flow.examine(layer, noise(101), needs=22).verdict == "HEALTHY"
    assert flow.examine(layer, noise(101), needs=23).verdict == "MEMORY SHORTER THAN THE DATA NEEDS"
    seen = flow.examine(layer, noise(101), needs=60)
    assert seen.verdict == "MEMORY SHORTER THAN THE DATA NEEDS"
    assert "after 22 steps, and the data ask for 60" in seen.line


def test_short_memory_is_no_fault_where_the_data_ask_for_none() -> None:
    assert flow.examine(built(linear, 0.5 * eye(3)), noise(101), longer_helps=False).verdict == "HEALTHY"


def test_clipping_by_more_than_tenfold_is_exploding() -> None:
    ledger = flow.Ledger(("W",))
    for i in range(20):
        norm = 50.0 if i % 5 == 0 else 0.5
        ledger.enter(1.0, [norm], flow.clip_factor(norm, 1.0))
    seen = flow.examine(built(linear, orthogonal(3)), noise(31), ledger=ledger.sum_up())
    assert (seen.verdict, seen.line) == ("EXPLODING", "20% of the updates were clipped by more than tenfold")


@pytest.mark.parametrize("where", ["x", "weights", "grad_output"])
def test_what_is_not_finite_is_found_and_nothing_else_is_said(where: str) -> None:
    layer, x, grad = built(elman.cells.elman, eye(3)), noise(11), torch.ones(11, 2, 3)
    if where == "x":
        x[4, 1, 0] = math.nan
    elif where == "grad_output":
        grad[5, 0] = math.inf
    else:
        with torch.no_grad():
            layer.U_l0[0, 0] = math.nan
    seen = flow.examine(layer, x, grad)
    expected = {"x": "x is not finite at step 4", "grad_output": "grad_output is not finite at step 5"}
    assert seen.verdict == "NON-FINITE"
    assert seen.line == expected.get(where, "the output of l0 is not finite at step 0")
    assert seen.influence == {}


def test_an_explosion_past_the_largest_number_is_not_finite() -> None:
    seen = flow.examine(built(linear, 1e4 * eye(3)), noise(101))
    assert seen.verdict == "NON-FINITE"
    assert "not finite at step" in seen.line


def test_everything_is_written_as_json() -> None:
    seen = flow.examine(elman.nn.LSTM(3, 5, 2, bidirectional=True), torch.randn(7, 2, 3))
    written = json.loads(json.dumps(seen.to_dict(), allow_nan=False))
    assert set(written) == set(vars(Flow("")))
    assert set(written["influence"]) == {"l0", "l0_reverse", "l1", "l1_reverse"}
    assert written["influence"]["l1"]["map"] == seen.influence["l1"].map.tolist()


@pytest.mark.parametrize(
    ("layer", "given", "error", "words"),
    [
        pytest.param(nn.Linear(3, 5), {}, ConfigError, "no recurrent layer", id="no layer"),
        pytest.param(nn.GRU(3, 5), {"lengths": [0, 0]}, ShapeError, "nothing to see", id="no step"),
        pytest.param(nn.GRU(3, 5), {"grad_output": torch.ones(7, 2, 3)}, ShapeError, "grad_output has", id="gradient"),
        pytest.param(nn.GRU(3, 5), {"initial_state": torch.ones(2, 2, 5)}, ShapeError, "initial_state has", id="state"),
        pytest.param(nn.GRU(4, 5), {}, ShapeError, "weight_ih", id="input"),
    ],
)
def test_what_does_not_fit_is_refused(layer: nn.Module, given: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        flow.examine(layer, torch.ones(7, 2, 3), **given)


def test_a_limit_is_a_count() -> None:
    with pytest.raises(ConfigError, match="rows is 0"):
        flow.Limits(rows=0)


def test_tanh_that_is_used_lightly_is_not_saturated() -> None:
    gates = flow.examine(built(elman.cells.elman, 0.1 * eye(3), w=0.1), noise(31)).gates["l0"]
    assert gates.saturated_tanh == 0.0
    assert math.isnan(gates.saturated)
    assert math.isnan(gates.dead)


def test_a_bound_is_given_only_where_the_state_goes_through_the_matrix_alone() -> None:
    @cell
    def leaky(x, h, *, W, U):
        return 0.5 * h + 0.5 * tanh(W @ x + U @ h)

    assert flow.examine(built(leaky, 0.5 * eye(3)), noise(11)).bounds["l0"][0].guarantee == ""
    sigmoid_cell = built(elman.cells.elman_sigmoid, 3.9 * eye(3))
    (bound,) = flow.examine(sigmoid_cell, noise(11)).bounds["l0"]
    assert (bound.gamma, bound.guarantee) == (0.25, "vanishing")


@pytest.mark.parametrize(("old", "new"), [("Gate", "GateUsage"), ("Part", "GradientPart"), ("Sampling", "BatchSample")])
def test_the_old_name_of_a_class_works_and_warns(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"elman.flow.{old} is now elman.flow.{new}; the old name goes away"):
        assert getattr(flow, old) is getattr(flow, new)
    assert not hasattr(flow, "Missing")
