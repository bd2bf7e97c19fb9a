"""Test the ledger of clipping, attribution, effective memory, truncation, and what a model gives to its layer."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import elman
from elman import flow
from elman.errors import ConfigError, ShapeError
from elman.nn import Recurrent


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def test_a_factor_is_that_of_torchs_clipping() -> None:
    parameter = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    parameter.grad = torch.tensor([3.0, 4.0, 12.0], dtype=torch.float64)
    norm = float(nn.utils.clip_grad_norm_(parameter, 2.0))
    assert flow.clip_factor(norm, 2.0) * 12.0 == pytest.approx(float(parameter.grad[2]), rel=1e-12)
    assert flow.clip_factor(0.5, 2.0) == 1.0


def test_what_is_not_finite_is_flagged_and_has_no_factor() -> None:
    assert math.isnan(flow.clip_factor(math.inf, 1.0))
    assert math.isnan(flow.clip_factor(math.nan, None))
    ledger = flow.Ledger(("W", "U"))
    ledger.enter(1.0, [2.0, 0.0], flow.clip_factor(2.0, 0.1))
    ledger.enter(1.0, [1.0, math.inf], flow.clip_factor(math.inf, 0.1))
    training = ledger.sum_up()
    assert (training.hard, training.left_out, training.suggested) == (0.5, 2, pytest.approx(2.0, rel=0.06))
    assert (training.updates, training.skipped, training.clipped, training.broken) == (2, 1, 1, "U")


def test_a_threshold_is_what_nine_of_ten_updates_stay_under_but_not_an_outlier() -> None:
    def suggest(norms: list[float]) -> float:
        ledger = flow.Ledger(("W",))
        for norm in norms:
            ledger.enter(1.0, [norm], 1.0)
        return ledger.suggested()

    assert suggest([float(n) for n in range(1, 12)]) == pytest.approx(10.0, rel=0.1)
    assert suggest([1.0, 1.0, 1.0, 1e9]) == pytest.approx(10.0, rel=0.1)
    assert suggest([math.nan, math.inf, 2.0]) == pytest.approx(2.0, rel=0.1)


def test_nine_of_ten_gradients_do_stay_below_the_largest_of_the_nine() -> None:
    ledger = flow.Ledger()
    for norm in [1.0] * 9 + [8.0]:
        ledger.enter(1.0, [norm], 1.0)
    assert [ledger.quantile(share) for share in (0.5, 0.9)] == pytest.approx([1.0, 1.0], rel=0.1)
    assert ledger.quantile(0.91) == pytest.approx(8.0, rel=0.1)


def test_integrated_gradients_of_a_linear_layer_are_its_terms() -> None:
    """A score is Σ_t v · U^(T−1−t) W x_t, so the share of a step is its term, and leaving it out loses just that."""

    @elman.cell
    def linear(x, h, *, W, U):
        return W @ x + U @ h

    layer, v = Recurrent(linear, 3, 5, dtype=torch.float64), normal(5)
    x = normal(7, 2, 3)
    found = flow.attribute(lambda given: layer(given)[0][-1] @ v, x, points=3)
    terms = [x[t] @ layer.W_l0.T @ torch.linalg.matrix_power(layer.U_l0.T, 6 - t) @ v for t in range(7)]
    expected = torch.stack(terms).detach().numpy()
    assert found.contributions == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert found.leave_one_out == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert found.residual == pytest.approx(0.0, abs=1e-12)
    assert found.shares.sum(0) == pytest.approx(1.0, rel=1e-12)


def test_a_step_that_is_left_out_is_as_it_is_in_the_baseline() -> None:
    x, baseline, weights = normal(7, 2, 3), normal(3), normal(7, 1, 3)
    found = flow.attribute(lambda given: (given * weights).sum((0, 2)), x, baseline, points=2)
    expected = (weights * (x - baseline)).sum(-1).numpy()
    assert found.leave_one_out == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert found.contributions == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_integrated_gradients_are_complete_for_a_layer_with_gates() -> None:
    layer = elman.nn.LSTM(3, 5).double()
    x, baseline = normal(11, 3, 3), normal(3)
    found = flow.attribute(lambda given: layer(given)[0][-1].sum(-1), x, baseline, points=48)
    assert found.residual.max() < 1e-9
    coarse = flow.attribute(lambda given: layer(given)[0][-1].sum(-1), x, baseline, points=1)
    assert coarse.residual.max() > 1e-6


def test_a_score_that_is_not_one_number_an_example_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"shape \(7, 2\)"):
        flow.attribute(lambda x: x.sum(-1), normal(7, 2, 3))


@pytest.mark.parametrize("enough", [1, 2, 3, 17, 63, 64, 99, 100])
def test_the_behavioural_memory_is_the_fewest_steps_that_do(enough: int) -> None:
    asked: list[int] = []

    def loss(count: int) -> float:
        asked.append(count)
        return 1.0 if count >= enough else 1.02

    assert flow.behavioural_memory(loss, 100) == enough
    assert len(asked) <= 16


def test_truncation_cuts_what_detaching_the_state_cuts() -> None:
    layer, window = elman.nn.GRU(3, 5, num_layers=2).double(), 6
    x, grad = normal(2 * window, 2, 3), normal(2 * window, 2, 5)
    found = flow.cut_by_truncation(layer, x, window, grad)
    gradients = []
    for cut in (False, True):
        _, state = layer(x[:window])
        output, _ = layer(x[window:], state.detach() if cut else state)
        given = torch.autograd.grad((output * grad[window:]).sum(), list(layer.parameters()))
        gradients.append(torch.cat([g.flatten() for g in given]))
    whole, kept = gradients
    assert found.share == pytest.approx(float(1 - kept @ whole / whole.square().sum()), rel=1e-11)
    first = [i for i, (name, p) in enumerate(layer.named_parameters()) for _ in range(p.numel()) if "l0" in name]
    lower = slice(0, len(first))
    expected = float((whole - kept)[lower].norm() / whole[lower].norm())
    assert found.lost["l0"] == pytest.approx(expected, rel=1e-11)


def test_truncation_is_measured_with_twice_the_window() -> None:
    with pytest.raises(ConfigError, match="twice the window"):
        flow.cut_by_truncation(elman.nn.GRU(3, 5), torch.randn(11, 2, 3), 5)
    with pytest.raises(ConfigError, match="twice the window"):
        flow.cut_by_truncation(elman.nn.GRU(3, 5, bidirectional=True), torch.randn(10, 2, 3), 5)


def test_observing_a_model_gives_what_its_layer_reads_and_is_sent_back() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(11, 3)
            self.layer = Recurrent(elman.cells.lstm, 3, 5, batch_first=True)
            self.head = nn.Linear(5, 11)

        def forward(self, symbols: Tensor, lengths: list[int]) -> Tensor:
            return self.head(self.layer(self.embedding(symbols), lengths=lengths)[0])

    model, symbols = Model(), torch.randint(11, (2, 7))
    loss = lambda: nn.functional.cross_entropy(model(symbols, [7, 4]).transpose(1, 2), symbols)  # noqa: E731
    [given] = flow.observe(model, loss)
    assert given["layer"] is model.layer
    assert torch.equal(given["x"], model.embedding(symbols))
    assert given["lengths"] == [7, 4]
    loss().backward()
    seen = flow.examine(**given)
    for name, part in seen.explicit["l0"].gradients.items():
        expected = model.layer.get_parameter(name).grad
        assert expected is not None
        found = torch.as_tensor(part + seen.implicit["l0"].gradients[name])
        assert float((found - expected).norm() / expected.norm()) < 1e-5


def test_observing_a_model_that_does_not_run_is_refused() -> None:
    with pytest.raises(ConfigError, match="no recurrent layer"):
        flow.observe(nn.GRU(3, 5), lambda: torch.zeros(()))


def test_side_inputs_are_seen_by_observing() -> None:
    layer = Recurrent(elman.cells.cfc, 3, 5)
    x, gaps = torch.randn(7, 2, 3), torch.rand(7, 2)
    [given] = flow.observe(layer, lambda: layer(x, dt=gaps)[0].square().sum())
    assert torch.equal(given["sides"]["dt"], gaps)
    expected = flow.examine(layer, x, 2 * layer(x, dt=gaps)[0], sides={"dt": gaps})
    assert flow.examine(**given).to_dict() == expected.to_dict()


def test_a_large_batch_is_sampled_and_what_was_taken_is_said() -> None:
    layer = elman.nn.GRU(3, 5)
    x = torch.randn(41, 5, 3)
    seen = flow.examine(layer, x, limits=flow.Limits(rows=7, examples=2, jacobians=20))
    sampling = seen.sampling
    assert sampling is not None
    assert (sampling.examples, sampling.of_examples, sampling.rows, sampling.jacobian_steps) == ((0, 4), 5, 7, 20)
    assert sampling.sentence == (
        "Examined: 2 of 5 examples; the losses of 7 of 41 steps in the map and the lag shares; "
        "Jacobians of 20 of 82 steps."
    )
    assert seen.influence["l0"].rows.tolist() == [0, 7, 13, 20, 27, 33, 40]
    assert seen.checks["l0"].columns < 1e-12
    assert seen.checks["l0"].shares < 1e-12
    whole = flow.examine(layer, x[:, [0, 4]])
    assert whole.sampling is not None
    assert whole.sampling.sentence == ""
    assert np.array_equal(seen.influence["l0"].map, whole.influence["l0"].map[seen.influence["l0"].rows])
    assert np.array_equal(seen.gradient_norms["l0"].norms, whole.gradient_norms["l0"].norms)


@pytest.mark.slow
def test_ten_thousand_steps_are_looked_at_and_what_was_sampled_is_said() -> None:
    layer = elman.nn.GRU(2, 5)
    with torch.no_grad():
        layer.bias_ih_l0[5:10] = 9.0
    seen = flow.examine(layer, torch.randn(10_000, 1, 2), limits=flow.Limits(rows=16))
    assert seen.sampling is not None
    assert seen.sampling.sentence == (
        "Examined: the losses of 16 of 10000 steps in the map and the lag shares; Jacobians of 256 of 10000 steps."
    )
    assert seen.influence["l0"].map.shape == (16, 10_000)
    assert max(seen.checks["l0"].columns, seen.checks["l0"].shares) < 1e-12
    assert len(seen.influence["l0"].curve) == 10_000


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_models_prediction_is_attributed_to_what_its_layer_reads(batch_first: bool) -> None:
    embedding, layer = nn.Embedding(11, 3).double(), nn.GRU(3, 5, batch_first=batch_first).double()
    symbols = torch.randint(11, (2, 7) if batch_first else (7, 2))
    last = -1 if not batch_first else (slice(None), -1)
    found = flow.attribute_in_model(layer, lambda: layer(embedding(symbols))[0][last].sum(-1), points=32)
    x = embedding(symbols).detach()
    x = x.transpose(0, 1) if batch_first else x
    plain = nn.GRU(3, 5).double()
    plain.load_state_dict(layer.state_dict())
    expected = flow.attribute(lambda given: plain(given)[0][-1].sum(-1), x, points=32)
    assert found.contributions == pytest.approx(expected.contributions, rel=1e-12)
    assert found.leave_one_out == pytest.approx(expected.leave_one_out, rel=1e-10, abs=1e-14)
    assert found.residual.max() < 1e-9
    with pytest.raises(ConfigError, match="called 2 times"):
        flow.attribute_in_model(layer, lambda: layer(layer(embedding(symbols))[0] @ torch.eye(5, 3).double())[0])
