"""Hold the figures to what must be true of any cell, and to autograd's derivatives of torch's own layers."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import elman
from elman import flow
from elman.flow.adjoints import jacobians
from elman.flow.network import read_batch, read_layer
from elman.flow.trajectory import Rows, run_network
from elman.nn import Recurrent
from elman.testing import random_cell
from unusual_cells import UNUSUAL

STEPS, BATCH = 7, 3


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def random_layer(seed: int) -> tuple[Recurrent, dict[str, object]]:
    """Bind a random cell to sizes; every other one is stacked, every third bidirectional; draw a batch for it."""
    draw = random.Random(seed)
    found = random_cell(seed)
    named = dict(zip(found.open_sizes, [2, 3, 5, 7], strict=False))
    bidirectional = seed % 3 == 0
    try:
        layer = Recurrent(found, 3, 4, 1 + seed % 2, bidirectional=bidirectional, sizes=named, dtype=torch.float64)
    except elman.ShapeError:  # it ties its input to its state
        layer = Recurrent(found, 4, 4, 1, sizes=named, dtype=torch.float64)
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    states = [0.5 * normal(rows, BATCH, n) for n in layer.state_sizes]
    lengths = [STEPS, draw.randrange(1, STEPS), 0]
    draw.shuffle(lengths)
    given = {
        "x": normal(STEPS, BATCH, layer.input_size),
        "grad_output": normal(STEPS, BATCH, layer.output_size),
        "lengths": lengths,
        "initial_state": states[0] if len(states) == 1 else tuple(states),
        "sides": {name: 0.1 + normal(STEPS, BATCH).abs() for name in found.sides},
    }
    return layer, given


@pytest.mark.parametrize("seed", [s if s < 30 else pytest.param(s, marks=pytest.mark.slow) for s in range(100)])
def test_columns_lag_shares_and_exponents_add_up_for_random_cells(seed: int) -> None:
    layer, given = random_layer(seed)
    with elman.backend("reference"):
        output, _ = layer(given["x"], given["initial_state"], given["lengths"], **given["sides"])  # type: ignore[arg-type, dict-item]
    (output * given["grad_output"]).sum().backward()
    seen = flow.examine(layer, **given)  # type: ignore[arg-type]
    assert seen.finite == ""
    for ending, checks in seen.checks.items():
        assert checks.columns < 1e-12
        assert checks.shares < 1e-12
        singular = seen.singular_values[ending].logarithms[0]
        condition = np.exp(min(singular[0] - singular[-1], 700.0))
        assert checks.lyapunov < max(1e-12, 1e-15 * condition) or np.isnan(checks.lyapunov)
        explicit, implicit = seen.explicit[ending], seen.implicit[ending]
        for name, part in explicit.gradients.items():
            expected = layer.get_parameter(name).grad
            found = torch.as_tensor(part + implicit.gradients[name])
            assert expected is not None
            assert float((found - expected).norm()) <= 1e-12 * float(expected.norm()) + 1e-15
            shares = seen.lag_shares[ending].by_parameter[name]
            assert shares.sum() == pytest.approx(float(expected.norm()), rel=1e-12, abs=1e-15)
        assert explicit.share + implicit.share == pytest.approx(1.0, rel=1e-12) or seen.lag_shares[ending].norm == 0
    if not layer.bidirectional:
        later = np.triu(np.ones((STEPS, STEPS)), 1).astype(bool)
        for one in seen.influence.values():
            assert (one.map[later[one.rows]] == 0).all()


def state_gradients(states: Sequence[Tensor], loss: Tensor) -> list[Tensor]:
    found = torch.autograd.grad(loss, states, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(s) if g is None else g for s, g in zip(states, found, strict=True)]


def test_the_map_and_the_shares_are_those_of_autograd() -> None:
    """Run a stack of two GRUs as torch's cells, one step after the other, and ask autograd for every D[t, k]."""
    layer = nn.GRU(3, 5, 2).double()
    cells = [nn.GRUCell(3, 5).double(), nn.GRUCell(5, 5).double()]
    x, grad, start = normal(STEPS, BATCH, 3), normal(STEPS, BATCH, 5), normal(2, BATCH, 5)
    for k, one in enumerate(cells):
        one.load_state_dict({n: layer.get_parameter(f"{n}_l{k}") for n in dict(one.named_parameters())})
    kept: list[list[Tensor]] = [[], []]
    states = list(start.unbind(0))
    for t in range(STEPS):
        here = x[t]
        for k, one in enumerate(cells):
            states[k] = here = one(here, states[k])
            kept[k].append(here)
    seen = flow.examine(layer, x, grad, initial_state=start)
    whole = (torch.stack(kept[1]) * grad).sum()
    for k in range(2):
        rows = [state_gradients(kept[k], (kept[1][t] * grad[t]).sum()) for t in range(STEPS)]
        expected = torch.stack([torch.stack([d.norm() for d in row]) for row in rows])
        assert seen.influence[f"l{k}"].map == pytest.approx(expected.numpy(), rel=1e-11, abs=1e-15)
        deltas = torch.stack(state_gradients(kept[k], whole))
        assert seen.gradient_norms[f"l{k}"].norms[0] == pytest.approx(deltas.norm(dim=-1).numpy(), rel=1e-12)


def test_a_share_is_what_autograd_gives_with_one_step_alone() -> None:
    """Give every step a copy of W of its own: dL_t/dW_k is C[t, k]."""
    layer = Recurrent(elman.cells.lstm, 3, 4, dtype=torch.float64)
    x, grad = normal(STEPS, 1, 3), normal(STEPS, 1, 4)
    copies = [layer.U_l0.detach().clone().requires_grad_() for _ in range(STEPS)]
    state, outputs = None, []
    for t in range(STEPS):
        given = {**dict(layer.named_parameters()), "U_l0": copies[t]}
        output, state = torch.func.functional_call(layer, given, (x[t : t + 1], state))
        outputs.append(output[0])
    terms = [state_gradients(copies, (outputs[t] * grad[t]).sum()) for t in range(STEPS)]
    whole = torch.stack([sum(row[1:], row[0]) for row in terms]).sum(0)
    expected = [
        sum(float((terms[t][t - lag] * whole).sum()) for t in range(lag, STEPS)) / float(whole.norm())
        for lag in range(STEPS)
    ]
    shares = flow.examine(layer, x, grad).lag_shares["l0"]
    assert shares.by_parameter["U_l0"] == pytest.approx(expected, rel=1e-11, abs=1e-14)
    explicit = flow.examine(layer, x, grad).explicit["l0"].gradients["U_l0"]
    own = torch.stack([terms[t][t] for t in range(STEPS)]).sum(0)
    assert torch.as_tensor(explicit) == pytest.approx(own.numpy(), rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_layer_of_torch_is_read_by_its_weights(kind: str) -> None:
    options = {"num_layers": 2, "bidirectional": True, "batch_first": True}
    torchs, ours = getattr(nn, kind)(3, 5, **options), getattr(elman.nn, kind)(3, 5, **options)
    ours.load_state_dict(torchs.state_dict())
    x = torch.randn(2, 11, 3)
    assert flow.examine(torchs, x).to_dict() == flow.examine(ours, x).to_dict()


def test_a_jacobian_is_that_of_autograd() -> None:
    layer = Recurrent(elman.cells.lem, 3, 5, sizes={"y": 4}, dtype=torch.float64)
    network = read_layer(layer)
    examples = read_batch(network, normal(STEPS, BATCH, 3), None, None, None, {})
    ((track,),) = run_network(network, examples)
    (found,) = jacobians(track, Rows(torch.tensor([3]), torch.tensor([1])))

    def step(s: Tensor) -> Tensor:
        before = tuple(part[None, None] for part in s.split(track.sizes))
        return torch.cat([part[0, 0] for part in layer(examples.x[3:4, 1:2], before)[1]])

    expected = torch.autograd.functional.jacobian(step, torch.cat([s[3, 1] for s in track.before]))
    assert found.numpy() == pytest.approx(expected.numpy(), rel=1e-12, abs=1e-15)


def test_in_a_reverse_direction_lags_count_the_other_way() -> None:
    """A layer that reads backwards sees a flipped batch as one that reads forwards sees it."""
    both = elman.nn.GRU(3, 5, bidirectional=True).double()
    alone = elman.nn.GRU(3, 5).double()
    alone.load_state_dict({n: both.get_parameter(f"{n}_reverse") for n in dict(alone.named_parameters())})
    x, grad = normal(STEPS, BATCH, 3), normal(STEPS, BATCH, 10)
    seen, expected = flow.examine(both, x, grad), flow.examine(alone, x.flip(0), grad[..., 5:].flip(0))
    assert seen.influence["l0_reverse"].map == pytest.approx(expected.influence["l0"].map[::-1, ::-1], rel=1e-12)
    for name in ("curve", "slope"):
        ours, other = getattr(seen.influence["l0_reverse"], name), getattr(expected.influence["l0"], name)
        assert ours == pytest.approx(other, rel=1e-12)
    assert seen.lag_shares["l0_reverse"].shares == pytest.approx(expected.lag_shares["l0"].shares, rel=1e-10)
    assert seen.gradient_norms["l0_reverse"].slope == pytest.approx(expected.gradient_norms["l0"].slope, rel=1e-10)
    assert seen.lyapunov["l0_reverse"].exponents == pytest.approx(expected.lyapunov["l0"].exponents, rel=1e-10)
    gain = seen.transport_gain["l0_reverse"].gain[::-1]
    assert gain == pytest.approx(expected.transport_gain["l0"].gain, rel=1e-12)


def test_a_direction_is_not_judged_by_losses_of_the_other_alone() -> None:
    layer = elman.nn.GRU(3, 5, bidirectional=True).double()
    x, grad = normal(STEPS, BATCH, 3), torch.zeros(STEPS, BATCH, 10, dtype=torch.float64)
    grad[5, :, :5] = normal(BATCH, 5)
    alone = flow.examine(layer, x, grad).influence["l0"]
    grad[3, :, 5:] = normal(BATCH, 5)
    both = flow.examine(layer, x, grad).influence["l0"]
    assert both.rows.tolist() == [3, 5]
    assert both.curve == pytest.approx(alone.curve, rel=1e-12)


def test_what_stands_in_the_padding_changes_nothing() -> None:
    layer = elman.nn.LSTM(3, 5, num_layers=2, bidirectional=True).double()
    x, grad = normal(STEPS, BATCH, 3), normal(STEPS, BATCH, 10)
    spoilt, wild = x.clone(), grad.clone()
    spoilt[4:, 1], wild[4:, 1] = torch.nan, torch.inf
    whole, other = (flow.examine(layer, a, g, lengths=[7, 4, 5]) for a, g in ((x, grad), (spoilt, wild)))
    assert whole.to_dict() == other.to_dict()
    alone = flow.examine(layer, x[:4, 1:2], grad[:4, 1:2])
    norms = whole.gradient_norms["l0"].norms
    assert norms[:, :4, 1:2] == pytest.approx(alone.gradient_norms["l0"].norms, rel=1e-12)
    assert np.isnan(norms[:, 4:, 1]).all()


def test_a_packed_batch_is_the_padded_one() -> None:
    layer = elman.nn.GRU(3, 5).double()
    x, lengths = normal(STEPS, BATCH, 3), [4, 2, 7]  # an order that is not its own inverse
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)  # type: ignore[arg-type]
    states = {"initial_state": normal(1, BATCH, 5), "grad_final": normal(1, BATCH, 5)}
    expected = flow.examine(layer, x, lengths=lengths, **states)
    assert flow.examine(layer, packed, **states).to_dict() == expected.to_dict()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_loss_of_the_final_state_is_followed_into_every_layer(bidirectional: bool) -> None:
    layer = elman.nn.LSTM(3, 5, num_layers=2, bidirectional=bidirectional).double()
    x, lengths = normal(STEPS, BATCH, 3), [4, 7, 0]
    weights = [normal(*s.shape) for s in layer(x)[1]]

    def loss() -> Tensor:
        output, final = layer(x, lengths=lengths)
        return output.square().sum() + sum(((s * w).sum() for s, w in zip(final, weights, strict=True)), output.sum())

    [given] = flow.observe(layer, loss)
    seen = flow.examine(**given)
    loss().backward()
    for ending, explicit in seen.explicit.items():
        assert seen.checks[ending].columns < 1e-12
        for name, part in explicit.gradients.items():
            expected = layer.get_parameter(name).grad
            assert expected is not None
            found = torch.as_tensor(part + seen.implicit[ending].gradients[name])
            assert float((found - expected).norm()) <= 1e-12 * float(expected.norm())


@pytest.mark.parametrize("name", [*elman.cells.names(), *UNUSUAL])
def test_any_cell_can_be_examined(name: str) -> None:
    equations = UNUSUAL[name] if name in UNUSUAL else elman.cells.find(name)
    layer = layer_of(equations)
    given = {"sides": {side: 0.1 + torch.rand(STEPS, BATCH) for side in equations.sides}}
    seen = flow.examine(layer, torch.randn(STEPS, BATCH, layer.input_size), **given)  # type: ignore[arg-type]
    assert seen.finite == ""
    assert seen.verdict in flow.VERDICTS
    assert max(seen.checks["l0"].columns, seen.checks["l0"].shares) < 1e-12


def layer_of(equations: elman.Cell) -> Recurrent:
    named = dict.fromkeys(equations.open_sizes, 5)
    try:
        return Recurrent(equations, 3, 5, sizes=named)
    except elman.ShapeError:  # it ties its input to its state
        return Recurrent(equations, 5, 5, sizes=named)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_are_found_where_none_are_recorded(mode: type) -> None:
    layer = elman.nn.GRU(3, 5)
    with mode():
        x = torch.randn(STEPS, BATCH, 3)
        inside = flow.examine(layer, x)
    assert inside.to_dict() == flow.examine(layer, x.clone()).to_dict()
    assert inside.lag_shares["l0"].shares.any()


def test_a_single_step_has_no_transport_and_no_lag() -> None:
    seen = flow.examine(elman.nn.LSTM(3, 5), torch.randn(1, 2, 3))
    assert seen.transport_gain["l0"].gain.shape == (0, 2)
    assert seen.lag_shares["l0"].lags.tolist() == [0]
    assert seen.explicit["l0"].share == pytest.approx(1.0)
    assert seen.verdict == "HEALTHY"
