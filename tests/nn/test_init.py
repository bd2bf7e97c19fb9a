"""Initialisers: the values that each sets, and the parameters that it chooses in any cell."""

import math

import pytest
import torch

import elman
from elman import cell, cells, exp, hard_sigmoid, layer_norm, sigmoid, tanh
from elman.errors import ConfigError
from elman.nn import Recurrent, init
from open_sizes import sizes_of
from tolerances import assert_close, assert_identical

I, H, B = 7, 11, 3
MANY = 997

RETAINED = {
    "lstm": [1],
    "lstm_projected": [1],
    "lstm_peephole": [1],
    "lstm_coupled": [1],
    "lstm_layer_norm": [1],
    "gru": [0],
    "gru_reset_before": [0],
    "mgu": [0],
    "ugrnn": [0],
    "mingru": [0],
    "lem": [0, 1],
}
"""Places of the states that a gate weighs."""

DROP_INS = {"LSTM": [1], "LSTM with projection": [1], "GRU": [0]}
WITHOUT = {"elman", "elman_relu", "elman_sigmoid", "jordan", "indrnn", "minlstm", "lru", "cfc"}
WITHOUT |= {"antisymmetric", "antisymmetric_gated", "state_regularised"}


def build(name, hidden=H, **options):
    """Build two layers of both directions, with random parameters far from the values of any initialiser."""
    options = {"num_layers": 2, "bidirectional": True, "dtype": torch.float64} | options
    if name in DROP_INS:
        if "projection" in name:
            options["proj_size"] = 2
        layer = getattr(elman.nn, name.split()[0])(I, hidden, **options)
    else:
        layer = Recurrent(cells.find(name), I, hidden, sizes=sizes_of(name), **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, 5.0)
    return layer


def retention(layer, places):
    """Measure for each state the share that one step keeps, with all matrices zero."""
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if not name.startswith(("b_", "bias_", "d_")):
                parameter.zero_()
        rows = layer.num_layers * 2
        x = torch.randn(1, B, I, dtype=torch.float64)
        sizes = layer.state_sizes if isinstance(layer, Recurrent) else layer._state_sizes
        one = [torch.randn(rows, B, n, dtype=torch.float64) for n in sizes]
        shares = []
        for place in places:
            other = [s + (k == place) for k, s in enumerate(one)]
            ends = [layer(x, s[0] if len(s) == 1 else tuple(s))[1] for s in (other, one)]
            after, before = (end if isinstance(end, torch.Tensor) else end[place] for end in ends)
            shares.append(after - before)
    return shares


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}])
def test_a_family_with_a_range_of_its_own_starts_there_and_the_others_as_ever(options):
    @cell
    def ranged(x, h, *, W, U, rate=(-70.0, -20.0)):
        return tanh(W @ x + U @ h) * exp(rate.a) + h * exp(rate.b)

    @cell
    def plain(x, h, *, W, U, rate):
        return tanh(W @ x + U @ h) * exp(rate.a) + h * exp(rate.b)

    torch.manual_seed(3)
    layer = Recurrent(ranged, 3, 101, **options)
    torch.manual_seed(3)
    other = Recurrent(plain, 3, 101, **options)
    for (name, parameter), (_, usual) in zip(layer.named_parameters(), other.named_parameters(), strict=True):
        if name.startswith("rate"):
            assert parameter.shape == (202,)
            assert -70 <= parameter.min() < -65
            assert -25 < parameter.max() <= -20
        else:
            assert torch.equal(parameter, usual)


every_gated = pytest.mark.parametrize(("name", "places"), (RETAINED | DROP_INS).items())


@every_gated
@pytest.mark.parametrize("value", [0.7, -2.0])
def test_the_forget_bias_decides_what_share_of_a_state_a_step_keeps(name, places, value):
    layer = build(name)
    before = {n: p.clone() for n, p in layer.named_parameters()}
    init.forget_bias_(layer, value)
    for n, parameter in layer.named_parameters():
        if not n.startswith(("b_", "bias_")):
            assert_identical(n, parameter.detach(), before[n].detach())
    for share in retention(layer, places):
        assert_close("share", share, torch.full_like(share, 1 / (1 + math.exp(-value))))


def test_only_the_gates_that_keep_a_state_get_a_forget_bias_and_the_second_bias_is_zero():
    layer = build("LSTM")
    before = {n: p.detach().clone() for n, p in layer.named_parameters()}
    init.forget_bias_(layer, 1.5)
    for n, parameter in layer.named_parameters():
        expected = before[n]
        if n.startswith("bias"):
            expected[H : 2 * H] = 1.5 if n.startswith("bias_ih") else 0.0
        assert_identical(n, parameter.detach(), expected)


@every_gated
def test_chrono_spreads_the_time_constants_evenly_up_to_the_longest(name, places):
    layer = build(name, MANY, num_layers=1)
    if name == "lem":
        layer = Recurrent(cells.lem, I, MANY, bidirectional=True, sizes={"y": MANY}, dtype=torch.float64)
    longest = 300.0
    init.chrono_(layer, longest)
    for share in retention(layer, places):
        constants = 1 / (1 - share[:, 0])
        assert constants.min() >= 2 - 1e-6
        assert constants.max() <= longest + 1e-6
        # uniform over [2, longest]: its mean, its deviation and its ends, within four standard errors
        width = longest - 2
        error = width / math.sqrt(12 * constants.numel())
        assert abs(constants.mean() - (2 + longest) / 2) < 4 * error
        assert abs(constants.std() - width / math.sqrt(12)) < 4 * error
        assert constants.min() < 2 + 0.02 * width
        assert constants.max() > longest - 0.02 * width


@pytest.mark.parametrize("name", ["lstm", "lstm_peephole", "lstm_layer_norm", "LSTM"])
def test_chrono_lets_in_what_it_forgets(name):
    layer = build(name)
    before = {n: p.detach().clone() for n, p in layer.named_parameters()}
    init.chrono_(layer, 50)
    for n, parameter in layer.named_parameters():
        if n.startswith(("b_", "bias_ih")):
            i, f, *rest = parameter.detach().split(H)
            assert_identical(n, i, -f)
            assert (f >= 0).all()
            assert (f <= math.log(49)).all()
            assert f.unique().numel() == H
            assert_identical(n, torch.cat(rest), before[n][2 * H :])
        elif n.startswith("bias_hh"):
            assert_identical(n, parameter.detach()[: 2 * H], torch.zeros(2 * H, dtype=torch.float64))
        else:
            assert_identical(n, parameter.detach(), before[n])


def test_a_number_that_the_equations_add_is_taken_into_account():
    @cell
    def generous(x, h, *, W, U, b):
        f = sigmoid(W.f @ x + U.f @ h + b.f + 1.0)
        return f * h + (1 - f) * tanh(W.n @ x + b.n)

    layer = Recurrent(generous, I, H, dtype=torch.float64, num_layers=2, bidirectional=True)
    init.forget_bias_(layer, 0.7)
    (share,) = retention(layer, [0])
    assert_close("share", share, torch.full_like(share, 1 / (1 + math.exp(-0.7))))


def test_a_hard_gate_keeps_its_own_share():
    @cell
    def hard(x, h, *, W, U, b):
        z = hard_sigmoid(W.z @ x + U.z @ h + b.z)
        return h + z * (tanh(W.n @ x + b.n) - h)

    layer = Recurrent(hard, I, H, dtype=torch.float64, num_layers=2, bidirectional=True)
    init.forget_bias_(layer, 1.5)
    (share,) = retention(layer, [0])
    assert_close("share", share, torch.full_like(share, 0.75))


def test_chrono_gives_hard_gates_the_same_time_constants():
    @cell
    def hard(x, h, *, W, U, b):
        f = hard_sigmoid(W.f @ x + U.f @ h + b.f)
        i = sigmoid(W.i @ x + U.i @ h + b.i)
        return f * h + i * tanh(W.n @ x + b.n)

    layer, longest = Recurrent(hard, I, MANY, bidirectional=True, dtype=torch.float64), 300.0
    init.chrono_(layer, longest)
    (share,) = retention(layer, [0])
    constants = 1 / (1 - share[0, 0])
    assert abs(constants.mean() - (2 + longest) / 2) < 4 * (longest - 2) / math.sqrt(12 * MANY)
    assert constants.min() < 2 + 0.02 * longest
    assert constants.max() > 0.98 * longest
    taken = torch.sigmoid(layer.b_l0.detach()[MANY : 2 * MANY])
    assert_close("what is let in", 1 / taken, constants)


RECURRENT = {
    "elman": ["U"],
    "jordan": ["U"],
    "lstm": ["U"],
    "lstm_projected": ["U"],
    "gru": ["U"],
    "mgu": ["U"],
    "lem": ["W", "W_delta_y", "W_y"],
    "GRU": ["weight_hh"],
    "LSTM with projection": ["weight_hh"],
}
"""Families that are hidden-to-hidden from the first to the last member."""


def split(layer, name):
    """Cut a stacked matrix into its members."""
    family = next(p for p in layer.program.parameters if p.name == name.rsplit("_l", 1)[0])
    return getattr(layer, name).detach().chunk(len(family.members))


@pytest.mark.parametrize(("name", "families"), RECURRENT.items())
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_each_hidden_to_hidden_matrix_becomes_orthogonal_and_nothing_else_changes(name, families, gain):
    layer = build(name)
    before = {n: p.detach().clone() for n, p in layer.named_parameters()}
    init.orthogonal_(layer, gain)
    seen = []
    for n, parameter in layer.named_parameters():
        if n.rsplit("_l", 1)[0] not in families:
            assert_identical(n, parameter.detach(), before[n])
            continue
        for q in split(layer, n):
            shorter = q @ q.T if q.shape[0] < q.shape[1] else q.T @ q
            assert_close(n, shorter, gain**2 * torch.eye(len(shorter), dtype=q.dtype))
            seen.append(q)
    assert all(a.shape != b.shape or not torch.allclose(a, b) for a in seen for b in seen if a is not b)


@pytest.mark.parametrize(("name", "families"), RECURRENT.items())
def test_identity_copies_the_state_and_hardly_sees_the_input(name, families):
    layer = build(name, 97)
    before = {n: p.detach().clone() for n, p in layer.named_parameters()}
    init.identity_(layer, 0.5)
    for n, parameter in layer.named_parameters():
        if n.rsplit("_l", 1)[0] in families:
            for member in split(layer, n):
                assert_identical(n, member, 0.5 * torch.eye(*member.shape, dtype=torch.float64))
        elif parameter.dim() == 2:
            assert abs(parameter.std() - 0.001) < 4 * 0.001 / math.sqrt(2 * parameter.numel())
            assert abs(parameter.mean()) < 4 * 0.001 / math.sqrt(parameter.numel())
        elif n.startswith(("b", "d")):
            assert torch.count_nonzero(parameter) == 0
        else:
            assert_identical(n, parameter.detach(), before[n])


@pytest.mark.parametrize("name", ["lstm_peephole", "lstm_layer_norm", "lem", "LSTM with projection"])
def test_xavier_gives_each_matrix_the_bound_and_the_variance_of_its_own_fans(name):
    layer = build(name, 97)
    before = {n: p.detach().clone() for n, p in layer.named_parameters()}
    init.xavier_(layer)
    for n, parameter in layer.named_parameters():
        if parameter.dim() == 2:
            for member in split(layer, n):
                rows, columns = member.shape
                variance = 2 / (rows + columns)
                assert member.abs().max() <= math.sqrt(3 * variance)
                assert member.abs().max() > 0.97 * math.sqrt(3 * variance) or member.numel() < 100
                # the square of a uniform number varies by 4/5 of the square of its mean
                assert abs(member.square().mean() / variance - 1) < 4 * math.sqrt(0.8 / member.numel())
        elif n.startswith("b"):
            assert torch.count_nonzero(parameter) == 0
        elif n.startswith("alpha"):
            assert (parameter == 1).all()
        else:
            assert_identical(n, parameter.detach(), before[n])


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_uniform_draws_torchs_own_numbers(kind):
    options = {"num_layers": 2, "bidirectional": True, "proj_size": 2 if kind == "LSTM" else 0}
    ours = getattr(elman.nn, kind)(I, H, **{k: v for k, v in options.items() if v})
    theirs = getattr(torch.nn, kind)(I, H, **{k: v for k, v in options.items() if v})
    torch.manual_seed(5)
    init.uniform_(ours)
    torch.manual_seed(5)
    theirs.reset_parameters()
    for name, parameter in theirs.named_parameters():
        assert_identical(name, getattr(ours, name).detach(), parameter.detach())


def test_a_new_layer_is_uniform_and_gains_are_one():
    torch.manual_seed(5)
    layer = Recurrent(cells.lstm_layer_norm, I, H, 2, bidirectional=True)
    fresh = build("lstm_layer_norm", dtype=torch.float32)
    torch.manual_seed(5)
    init.uniform_(fresh)
    for name, parameter in layer.named_parameters():
        assert_identical(name, getattr(fresh, name).detach(), parameter.detach())
        if name.startswith("alpha"):
            assert (parameter == 1).all()
        else:
            assert parameter.abs().max() <= 1 / math.sqrt(H)


INITIALISERS = {
    "uniform_": init.uniform_,
    "xavier_": init.xavier_,
    "orthogonal_": init.orthogonal_,
    "identity_": init.identity_,
    "chrono_": lambda layer: init.chrono_(layer, 20),
}


@pytest.mark.parametrize("initialise", INITIALISERS.values(), ids=INITIALISERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_seed_gives_the_same_parameters_in_any_precision(initialise, dtype):
    def drawn(seed):
        layer = build("GRU", dtype=dtype)
        for parameter in layer.parameters():
            torch.nn.init.constant_(parameter, 0.5)
        torch.manual_seed(seed)
        initialise(layer)
        assert all(p.isfinite().all() and p.requires_grad and p.is_leaf for p in layer.parameters())
        return torch.cat([p.detach().flatten() for p in layer.parameters()])

    assert_identical("parameters", drawn(3), drawn(3))
    assert not torch.equal(drawn(3), drawn(4))


@cell
def two_minds(x, h, c, *, W, U, b):
    """One gate keeps a state and overwrites another."""
    z = sigmoid(W.z @ x + U.z @ h + b.z)
    n = tanh(W.n @ x + U.n @ h + b.n)
    return z * h + (1 - z) * n, (1 - z) * c + z * n


@cell
def normalised_gate(x, h, *, W, U, b):
    """A gate whose bias is inside of the normalisation."""
    f = sigmoid(layer_norm(W.f @ x + U.f @ h + b.f))
    return f * h + (1 - f) * tanh(W.n @ x + U.n @ h + b.n)


@cell
def input_gate_without_bias(x, h, *, W, U, b):
    """Only the gate that keeps has a bias."""
    f = sigmoid(W.f @ x + U.f @ h + b.f)
    return f * h + sigmoid(W.i @ x) * tanh(W.n @ x + b.n)


@pytest.mark.parametrize("name", sorted(WITHOUT))
@pytest.mark.parametrize("initialise", [init.forget_bias_, INITIALISERS["chrono_"]])
def test_a_cell_without_a_gate_that_weighs_its_state_is_refused(name, initialise):
    with pytest.raises(ConfigError, match=f"no gate of {name} weighs an old state") as caught:
        initialise(build(name))
    assert len(str(caught.value).split("\n  ")) == 3
    assert WITHOUT | RETAINED.keys() == set(cells.names())


@pytest.mark.parametrize(
    ("layer", "initialise", "message"),
    [
        (lambda: build("indrnn"), init.orthogonal_, "indrnn has no hidden-to-hidden matrix"),
        (lambda: build("mingru"), init.identity_, "mingru has no hidden-to-hidden matrix"),
        (lambda: build("lstm", bias=False), init.forget_bias_, "bias=True"),
        (lambda: build("GRU", bias=False), INITIALISERS["chrono_"], "bias=True"),
        (lambda: Recurrent(two_minds, I, H), init.forget_bias_, "keeps h and overwrites c"),
        (lambda: Recurrent(normalised_gate, I, H), init.forget_bias_, "has no bias of its own"),
        (lambda: Recurrent(input_gate_without_bias, I, H), INITIALISERS["chrono_"], "has no bias of its own"),
        (lambda: build("lstm"), lambda layer: init.chrono_(layer, 1), "It counts time steps"),
        (lambda: build("lstm"), lambda layer: init.chrono_(layer, True), "It is a number"),
        (lambda: build("lstm"), lambda layer: init.forget_bias_(layer, math.nan), "It is a number"),
        (lambda: build("lstm"), lambda layer: init.orthogonal_(layer, "1"), "It is a number"),
        (lambda: build("lstm"), lambda layer: init.identity_(layer, math.inf), "It is a number"),
        (lambda: torch.nn.Linear(3, 5), init.xavier_, "Linear is no recurrent layer of elman"),
        (lambda: torch.nn.LSTM(3, 5), init.uniform_, "torch.nn.modules.rnn.LSTM is no recurrent layer"),
    ],
)
def test_what_cannot_be_initialised_is_refused_and_left_as_it_was(layer, initialise, message):
    module = layer()
    before = [p.detach().clone() for p in module.parameters()]
    with pytest.raises(ConfigError, match=message) as caught:
        initialise(module)
    assert len(str(caught.value).split("\n  ")) == 3
    for old, parameter in zip(before, module.parameters(), strict=True):
        assert_identical("parameter", parameter.detach(), old)


def test_a_computed_parameter_is_refused():
    layer = build("gru", num_layers=1)
    torch.nn.utils.parametrizations.weight_norm(layer, "U_l0")
    with pytest.raises(ConfigError, match="computed from others"):
        init.orthogonal_(layer)
