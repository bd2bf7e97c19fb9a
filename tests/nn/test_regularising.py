"""Regularised layers: the statistics of masks, values and gradients of a hand-written loop, and no effect when off."""

import copy
import pickle

import pytest
import torch
from torch.nn import functional as F

import elman
from elman import cell, cells, sigmoid
from elman.autodiff import derive
from elman.errors import ConfigError, ShapeError
from elman.nn import LockedDropout, Recurrent
from elman.nn.masks import draw_masks
from tolerances import assert_close

T, B, I, H, P = 5, 3, 7, 11, 2


def lstm(p, x, h, c, mask):
    hidden = h * mask
    i, f, o = (torch.sigmoid(x @ p[f"W.{k}"].T + hidden @ p[f"U.{k}"].T + p[f"b.{k}"]) for k in "ifo")
    new = f * c + i * torch.tanh(x @ p["W.g"].T + hidden @ p["U.g"].T + p["b.g"])
    out = o * torch.tanh(new)
    return out @ p["R"].T if "R" in p else out, new


def gru(p, x, h, mask):
    hidden = h * mask
    r, z = (torch.sigmoid(x @ p[f"W.{k}"].T + hidden @ p[f"U.{k}"].T + p[f"b.{k}"]) for k in "rz")
    n = torch.tanh(x @ p["W.n"].T + p["b.n"] + r * (hidden @ p["U.n"].T + p["d.n"]))
    return ((1 - z) * n + z * h,)


def mgu(p, x, h, mask):
    f = torch.sigmoid(x @ p["W.f"].T + (h * mask) @ p["U.f"].T + p["b.f"])
    return ((1 - f) * h + f * torch.tanh(x @ p["W.n"].T + (f * h * mask) @ p["U.n"].T + p["b.n"]),)


STEPS = {"lstm": lstm, "lstm_projected": lstm, "gru": gru, "mgu": mgu}


def build(name, *args, **options):
    sizes = {"h": P} if name == "lstm_projected" else None
    layer = Recurrent(cells.find(name), I, H, *args, dtype=torch.float64, sizes=sizes, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer


def dropped(layer, suffix):
    """Cut a layer's tensors into members, and drop weights of U as the layer does."""
    members = {}
    for parameter in layer.program.parameters:
        whole = getattr(layer, parameter.name + suffix)
        for name, part in zip(parameter.members, whole.chunk(len(parameter.members)), strict=True):
            drops = layer.training and layer.weight_dropout > 0 and name.startswith("U")
            members[name] = F.dropout(part, layer.weight_dropout) if drops else part
    return members


def by_hand(layer, x, initial, lengths):
    """Run a layer as a loop in torch, with its random numbers in the same order."""
    step, states = STEPS[layer.cell.name], layer.cell.states
    rates = dict.fromkeys(states, 0.0)
    rates |= layer.zoneout if isinstance(layer.zoneout, dict) else dict.fromkeys(states, layer.zoneout)
    suffixes = [layer._suffixes(k) for k in range(layer.num_layers)]
    weights = [[dropped(layer, suffix) for suffix in row] for row in suffixes]
    ends = []
    for k, directions in enumerate(weights):
        outputs = []
        for d, p in enumerate(directions):
            state = [s[k * len(directions) + d] for s in initial]
            mask, choices = 1.0, {s: torch.full((T, 1, 1), rates[s], dtype=x.dtype) for s in states}
            if layer.training and layer.recurrent_dropout > 0:
                mask = F.dropout(torch.ones(B, layer.state_sizes[0], dtype=x.dtype), layer.recurrent_dropout)
            if layer.training:
                for name, size in zip(states, layer.state_sizes, strict=True):
                    if rates[name] > 0:
                        choices[name] = torch.empty(T, B, size, dtype=x.dtype).bernoulli_(rates[name])
            row = [None] * T
            for t in reversed(range(T)) if d else range(T):
                new = step(p, x[t], *state, mask)
                new = [
                    choices[n][t] * old + (1 - choices[n][t]) * one
                    for n, old, one in zip(states, state, new, strict=True)
                ]
                real = (torch.tensor(lengths) > t)[:, None]
                row[t] = torch.where(real, new[0], 0.0)
                state = [torch.where(real, one, old) for one, old in zip(new, state, strict=True)]
            outputs.append(torch.stack(row))
            ends.append(state)
        x = torch.cat(outputs, -1)
        if layer.training and layer.dropout > 0 and k < layer.num_layers - 1:
            assert layer.locked
            x = x * F.dropout(torch.ones(1, B, x.shape[-1], dtype=x.dtype), layer.dropout)
    return x, [torch.stack([end[i] for end in ends]) for i in range(len(states))]


def listed(states):
    return [states] if isinstance(states, torch.Tensor) else list(states)


def compare(layer, lengths):
    """Compare values and every gradient of a layer with the hand-written loop, with one seed."""
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    initial = [torch.randn(rows, B, n, dtype=torch.float64, requires_grad=True) for n in layer.state_sizes]
    torch.manual_seed(3)
    output, final = layer(x, initial[0] if len(initial) == 1 else tuple(initial), lengths)
    torch.manual_seed(3)
    expected, ends = by_hand(layer, x, initial, lengths)
    names = ["output", *layer.cell.states]
    for name, one, other in zip(names, [output, *listed(final)], [expected, *ends], strict=True):
        assert_close(name, one.detach(), other.detach())
    upstream = [torch.randn_like(v) for v in (output, *ends)]
    wrt = [x, *initial, *layer.parameters()]
    ours = torch.autograd.grad([output, *listed(final)], wrt, upstream)
    theirs = torch.autograd.grad([expected, *ends], wrt, upstream)
    names = ["x", *layer.cell.states, *(n for n, _ in layer.named_parameters())]
    for name, one, other in zip(names, ours, theirs, strict=True):
        assert_close(f"d_{name}", one, other)


OPTIONS = {
    "recurrent dropout": {"recurrent_dropout": 0.4},
    "weight dropout": {"weight_dropout": 0.4},
    "zoneout": {"zoneout": 0.3},
    "zoneout of h alone": {"zoneout": {"h": 0.3}},
    "all": {"recurrent_dropout": 0.4, "weight_dropout": 0.3, "zoneout": 0.2},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_run_with_masks_equals_a_loop_with_the_same_masks_gradients_included(name, options, training):
    compare(build(name, **options).train(training), [5, 5, 5])


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_bidirectional_stack_with_lengths_equals_a_loop_with_the_same_masks(name, training):
    layer = build(
        name, 2, bidirectional=True, dropout=0.3, locked=True, recurrent_dropout=0.4, weight_dropout=0.3, zoneout=0.2
    )
    compare(layer.train(training), [3, 0, 5])


@cell
def revealing(x, y, h, *, W, U):
    """With U the identity and W zero, the output is h as the product sees it."""
    return U @ h + W @ x, h


def reveal():
    """Return the masks of recurrent dropout at every time step and for every example."""
    layer = Recurrent(revealing, I, H, recurrent_dropout=0.4, sizes={"h": H})
    torch.nn.init.eye_(layer.U_l0)
    torch.nn.init.zeros_(layer.W_l0)
    start = (torch.zeros(1, B, H), torch.ones(1, B, H))
    return layer(torch.randn(T, B, I), start)[0].detach()


def test_the_mask_of_recurrent_dropout_is_held_over_time_and_drawn_for_every_example():
    torch.manual_seed(5)
    masks = reveal()
    assert all(torch.equal(masks[t], masks[0]) for t in range(1, T))
    assert not torch.equal(masks[0, 0], masks[0, 1])
    assert masks.unique().tolist() == [0.0, pytest.approx(1 / 0.6)]


def test_the_same_seed_gives_the_same_masks_and_every_call_draws_anew():
    layer = build("gru", 2, recurrent_dropout=0.4, zoneout=0.2, weight_dropout=0.2)
    x = torch.randn(T, B, I, dtype=torch.float64)
    torch.manual_seed(7)
    first, state = layer(x)
    second, _ = layer(x)
    torch.manual_seed(7)
    assert torch.equal(layer(x)[0], first)
    assert not torch.equal(first, second)
    carried, _ = layer(x, state.detach())  # the next window of truncated BPTT
    assert carried.isfinite().all()
    with elman.backend("reference"):
        torch.manual_seed(7)
        torch.testing.assert_close(layer(x)[0], first, rtol=1e-12, atol=1e-12)


def within(found, rate, count):
    """Test whether a frequency is within four standard deviations of its rate."""
    return abs(found - rate) < 4 * (rate * (1 - rate) / count) ** 0.5


def test_masks_have_the_frequency_and_the_mean_that_their_rates_say():
    torch.manual_seed(11)
    layer = Recurrent(cells.lstm, I, 200, recurrent_dropout=0.3, weight_dropout=0.2, zoneout={"c": 0.15})
    x, states = torch.randn(20, 50, I), [torch.zeros(50, 200)] * 2
    held, choice = draw_masks(layer.noisy_program, x, states)
    assert layer.noisy_program.sides == ("dropout.h", "zoneout.c")
    assert held.stride(0) == 0
    assert within((held[0] == 0).float().mean().item(), 0.3, held[0].numel())
    assert within((choice == 1).float().mean().item(), 0.15, choice.numel())
    assert torch.equal(choice.unique(), torch.tensor([0.0, 1.0]))
    ((weights,),) = layer.layers(noisy=True)
    tensors = dict(zip([p.name for p in layer.program.parameters], weights.parameters, strict=True))
    assert within((tensors["U"] == 0).float().mean().item(), 0.2, tensors["U"].numel())
    kept = tensors["U"] != 0
    assert_close("kept weights", tensors["U"][kept].detach(), layer.U_l0[kept].detach() / 0.8)
    assert all(tensors[name] is getattr(layer, f"{name}_l0") for name in "Wb")
    locked = LockedDropout(0.6)(torch.ones(T, 100, 300))
    assert all(torch.equal(locked[t], locked[0]) for t in range(1, T))
    assert within((locked[0] == 0).float().mean().item(), 0.6, locked[0].numel())
    assert_close("kept elements", locked[locked != 0], torch.full_like(locked[locked != 0], 2.5))


def test_only_the_members_that_a_state_passes_through_lose_weights():
    @cell
    def mixed(x, h, *, M, b):
        z = sigmoid(M.a @ x + M.b @ h + b)
        return z * x + M.c @ x + M.d @ (z * h)

    torch.manual_seed(2)
    layer = Recurrent(mixed, H, H, weight_dropout=0.5)
    ((weights,),) = layer.layers(noisy=True)
    stacked = [p.name for p in layer.program.parameters].index("M")
    names = layer.program.parameters[stacked].members
    found = dict(zip(names, weights.parameters[stacked].chunk(4), strict=True))
    own = dict(zip(names, layer.M_l0.chunk(4), strict=True))
    for name in ("M.a", "M.c"):
        assert torch.equal(found[name], own[name])
    for name in ("M.b", "M.d"):
        assert 0 < torch.count_nonzero(found[name]) < H * H
    assert not torch.equal(found["M.b"] == 0, found["M.d"] == 0)


def test_zoneout_keeps_exactly_the_old_value_where_its_mask_says_so():
    layer = build("gru", zoneout=0.5)
    x, h = torch.randn(T, B, I, dtype=torch.float64), torch.randn(1, B, H, dtype=torch.float64)
    torch.manual_seed(13)
    output, _ = layer(x, h)
    torch.manual_seed(13)
    keep = torch.empty(T, B, H, dtype=torch.float64).bernoulli_(0.5) == 1
    before = torch.cat([h, output[:-1]])
    assert torch.equal(output[keep], before[keep])
    assert (output[~keep] != before[~keep]).all()


def test_zoneout_is_the_mix_of_old_and_new_by_its_rate_in_evaluation():
    layer = build("lstm", zoneout={"h": 0.1, "c": 0.6}).eval()
    plain = build("lstm")
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(T, B, I, dtype=torch.float64)
    h, c = (torch.randn(1, B, H, dtype=torch.float64) for _ in range(2))
    output, _ = layer(x, (h, c))
    for t in range(T):
        _, (new_h, new_c) = plain(x[t : t + 1], (h, c))
        h, c = 0.1 * h + 0.9 * new_h, 0.6 * c + 0.4 * new_c
        assert_close(f"step {t}", output[t].detach(), h[0].detach())


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_no_state_and_no_gradient_whatever_its_masks_say(bidirectional):
    layer = build("lstm", 2, bidirectional=bidirectional, zoneout=0.5, recurrent_dropout=0.3, weight_dropout=0.2)
    x, lengths = torch.randn(T, B, I, dtype=torch.float64), [3, 0, 5]
    results = []
    for filler in (0.0, float("nan")):
        padded = x.clone()
        padded[3:, 0], padded[:, 1] = filler, filler
        torch.manual_seed(17)
        layer.zero_grad()
        output, (h, c) = layer(padded, None, lengths)
        (output.sum() + h.sum() + c.square().sum()).backward()
        results.append([output, h, c, *(p.grad.clone() for p in layer.parameters())])
        assert torch.count_nonzero(output[3:, 0]) == torch.count_nonzero(h[:, 1]) == torch.count_nonzero(c[:, 1]) == 0
        if not bidirectional:
            assert torch.equal(h[-1, 0], output[2, 0])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_packed_sequences_are_regularised_like_padded_ones():
    layer = build("gru", 2, bidirectional=True, dropout=0.3, locked=True, recurrent_dropout=0.3, zoneout=0.2)
    x, lengths = torch.randn(T, B, I, dtype=torch.float64), [5, 3, 1]
    torch.manual_seed(19)
    output, final = layer(x, None, lengths)
    torch.manual_seed(19)
    packed, end = layer(torch.nn.utils.rnn.pack_padded_sequence(x, lengths))
    unpacked, _ = torch.nn.utils.rnn.pad_packed_sequence(packed)
    assert torch.equal(unpacked, output)
    assert torch.equal(end, final)


ALL = {"dropout": 0.3, "locked": True, "recurrent_dropout": 0.4, "weight_dropout": 0.3}


@pytest.mark.parametrize("name", STEPS)
def test_in_evaluation_and_in_streams_dropout_is_off_bit_for_bit_and_draws_nothing(name):
    layer, plain = build(name, 2, **ALL), build(name, 2)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(T, B, I, dtype=torch.float64)
    stream, own = layer.stream(B), plain.stream(B)
    before = torch.get_rng_state()
    assert all(torch.equal(stream.step(x[t]), own.step(x[t])) for t in range(T))
    assert torch.equal(layer.eval()(x)[0], plain(x)[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(layer.train()(x)[0], plain(x)[0])


@pytest.mark.parametrize("name", STEPS)
def test_streams_of_a_layer_with_zoneout_equal_its_evaluation(name):
    layer, x = build(name, 2, zoneout=0.3, recurrent_dropout=0.3), torch.randn(T, B, I, dtype=torch.float64)
    stream = layer.stream(B)
    whole, _ = copy.deepcopy(layer).eval()(x)
    for t in range(T):
        assert_close(f"step {t}", stream.step(x[t]), whole[t].detach())


def test_a_layer_whose_rates_are_zero_is_the_plain_one_and_draws_nothing():
    layer = build("lstm", 2, recurrent_dropout=0.0, weight_dropout=0.0, zoneout={"h": 0.0, "c": 0}, locked=True)
    assert layer.noisy_program is layer.program is derive(cells.lstm)
    ours = [t for row in layer.layers(noisy=True) for one in row for t in one.parameters]
    assert all(one is other for one, other in zip(ours, layer.parameters(), strict=True))
    before = torch.get_rng_state()
    layer(torch.randn(T, B, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    LockedDropout(0.0)(torch.ones(T, B, I))
    LockedDropout(0.5).eval()(torch.ones(T, B, I))
    assert torch.equal(torch.get_rng_state(), before)


def test_regularised_layers_can_be_copied_and_pickled():
    layer = build("lstm", 2, zoneout={"h": 0.1, "c": 0.5}, **ALL)
    x = torch.randn(T, B, I, dtype=torch.float64)
    torch.manual_seed(23)
    expected = layer(x)[0]
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.manual_seed(23)
        assert torch.equal(other(x)[0], expected)
        assert repr(other) == repr(layer)


def test_second_derivatives_and_function_transforms_see_the_masks():
    layer = build("mgu", zoneout=0.3, recurrent_dropout=0.3, weight_dropout=0.3)
    x = torch.randn(2, 2, I, dtype=torch.float64, requires_grad=True)

    def run(x):
        torch.manual_seed(29)
        return layer(x, None, [2, 1])[0]

    assert torch.autograd.gradgradcheck(run, (x,))
    (expected,) = torch.autograd.grad(run(x).square().sum(), x)
    assert_close("d_x", torch.func.grad(lambda v: run(v).square().sum())(x.detach()), expected)


def test_masks_fit_lower_precision_and_autocast():
    layer = Recurrent(cells.lstm, I, H, 2, zoneout=0.2, **ALL)
    x = torch.randn(T, B, I)
    for dtype in (torch.bfloat16, torch.float16):
        output, _ = copy.deepcopy(layer).to(dtype)(x.to(dtype))
        output.sum().backward()
        assert output.dtype == dtype
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x)[0].dtype == torch.bfloat16
    assert Recurrent(cells.lstm, I, H, 2, device="meta", **ALL)(x.to("meta"))[0].shape == (T, B, H)


def test_everything_dropped_is_zero_and_not_nan():
    layer = build("gru", 2, dropout=1.0, locked=True, recurrent_dropout=1.0, weight_dropout=1.0)
    output, _ = layer(torch.randn(T, B, I, dtype=torch.float64))
    output.sum().backward()
    assert output.isfinite().all()
    assert all(p.grad.isfinite().all() for p in layer.parameters())
    still = build("gru", zoneout=1.0)
    assert torch.count_nonzero(still(torch.randn(T, B, I, dtype=torch.float64))[0]) == 0


def test_the_representation_shows_what_regularises():
    text = repr(Recurrent(cells.gru, 3, 5, zoneout=0.1, recurrent_dropout=0.2))
    assert text == "Recurrent(gru, 3, 5, recurrent_dropout=0.2, zoneout=0.1)"
    text = repr(Recurrent(cells.lstm, 3, 5, 2, dropout=0.5, locked=True, weight_dropout=0.3, zoneout={"c": 0.1}))
    assert text == (
        "Recurrent(lstm, 3, 5, num_layers=2, dropout=0.5, locked=True, weight_dropout=0.3, zoneout={'c': 0.1})"
    )
    assert repr(LockedDropout(0.3)) == "LockedDropout(p=0.3)"


@pytest.mark.parametrize("rate", ["recurrent_dropout", "zoneout"])
def test_a_rate_that_is_part_of_the_equations_cannot_be_set_later(rate):
    layer = Recurrent(cells.lstm, I, H, recurrent_dropout=0.2, zoneout={"c": 0.1})
    with pytest.raises(AttributeError, match=rate):
        setattr(layer, rate, 0.0)
    layer.zoneout["c"] = 0.0
    assert (layer.recurrent_dropout, layer.zoneout) == (0.2, {"c": 0.1})


memoryless = cell(lambda x, h, *, W, p: sigmoid(W @ x + p * h))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recurrent_dropout": 1.5}, r"recurrent_dropout is 1\.5\.[\s\S]*from 0 to 1"),
        ({"weight_dropout": -0.1}, r"weight_dropout is -0\.1"),
        ({"weight_dropout": True}, "weight_dropout is True"),
        ({"zoneout": "h"}, "zoneout is 'h'"),
        ({"zoneout": {"h": 2}}, "zoneout of h is 2"),
        ({"zoneout": {"q": 0.1}}, r"zoneout names 'q'[\s\S]*The states of gru are h"),
        ({"zoneout": {"q": 0}}, "zoneout names 'q'"),
        ({"locked": 0.3}, r"locked is 0\.3"),
        ({"cell": memoryless, "recurrent_dropout": 0.1}, r"recurrent_dropout is 0\.1, and no matrix[\s\S]*Use zoneout"),
        ({"cell": memoryless, "weight_dropout": 0.1}, r"weight_dropout is 0\.1, and no matrix of <lambda>"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Recurrent(**{"cell": cells.gru, "input_size": I, "hidden_size": H} | options)


def test_locked_dropout_refuses_what_it_cannot_drop():
    with pytest.raises(ConfigError, match="p is 2"):
        LockedDropout(2)
    with pytest.raises(ShapeError, match=r"x\.unsqueeze\(1\)"):
        LockedDropout(0.5)(torch.ones(T, H))
