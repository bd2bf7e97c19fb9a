"""Side inputs of a layer: gaps that matter, in every form of a batch, and what is refused."""

import copy
import pickle
from itertools import pairwise

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from elman import cell, cells, log, ops, sigmoid, tanh
from elman.autodiff import derive
from elman.errors import ConfigError, ShapeError
from elman.flow import glance
from elman.nn import LSTM, Recurrent
from tolerances import assert_close
from unusual_cells import two_sided

T, B, I, H = 5, 3, 7, 11


EVERY_BACKEND = pytest.mark.parametrize("backend", ["llvm", "reference"])
EVERY = pytest.mark.parametrize("chosen", [cells.cfc, two_sided], ids=lambda c: c.name)


def build(chosen, *args, **options):
    layer = Recurrent(chosen, I, H, *args, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer


def gaps(chosen, *shape):
    return {name: 0.1 + 2 * torch.rand(shape, dtype=torch.float64) for name in chosen.sides}


def listed(states):
    return [states] if isinstance(states, torch.Tensor) else list(states)


def start(layer):
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    states = [torch.randn(rows, B, n, dtype=torch.float64, requires_grad=True) for n in layer.state_sizes]
    return states[0] if len(states) == 1 else tuple(states)


def cut(states, b):
    found = [s[:, b] for s in listed(states)]
    return found[0] if isinstance(states, torch.Tensor) else tuple(found)


def test_a_layer_equals_a_loop_in_torch_that_reads_each_side_input_by_its_name():
    layer, sides = build(two_sided), gaps(two_sided, T, B)
    x, (h, c) = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True), start(layer)
    output, (final_h, final_c) = layer(x, (h, c), age=sides["age"], dt=sides["dt"])
    # members are stacked in the order in which the equations name them: c before h
    (w_c, w_h), u, rate = layer.W_l0.chunk(2), layer.U_l0, layer.rate_l0
    by_hand, a, b = [], h[0], c[0]
    for t in range(T):
        dt, age = (sides[name][t][:, None] for name in ("dt", "age"))
        b = torch.sigmoid(-rate * dt) * b + torch.tanh(x[t] @ w_c.T + a @ u.T) * age
        a = torch.tanh(x[t] @ w_h.T + b) - a / (1 + age * age)
        by_hand.append(a)
    expected = torch.stack(by_hand)
    upstream = [torch.randn_like(v) for v in (output, final_h, final_c)]
    wrt = [x, h, c, *layer.parameters()]
    ours = torch.autograd.grad([output, final_h, final_c], wrt, upstream)
    theirs = torch.autograd.grad([expected, a[None], b[None]], wrt, upstream)
    assert_close("output", output.detach(), expected.detach())
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(f"gradient {index}", one, other)


@EVERY
@pytest.mark.parametrize("bidirectional", [False, True])
def test_lengths_equal_running_every_example_alone_gradients_included(chosen, bidirectional):
    layer = build(chosen, 2, bidirectional=bidirectional)
    lengths, sides = [3, 5, 0], gaps(chosen, T, B)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    initial = start(layer)
    output, final = layer(x, initial, lengths, **sides)
    upstream = [torch.randn_like(v) for v in (output, *listed(final))]
    wrt = [x, *listed(initial), *layer.parameters()]
    together = torch.autograd.grad([output, *listed(final)], wrt, upstream)
    values, directions = [], []
    for b, n in enumerate(lengths):
        alone, end = layer(x[:n, b], cut(initial, b), **{name: s[:n, b] for name, s in sides.items()})
        assert_close(f"output {b}", output[:n, b].detach(), alone.detach())
        for found, right in zip(listed(final), listed(end), strict=True):
            assert_close(f"final state {b}", found[:, b].detach(), right.detach())
        values += [alone, *listed(end)]
        directions += [upstream[0][:n, b], *(d[:, b] for d in upstream[1:])]
    apart = torch.autograd.grad(values, wrt, directions)
    for index, (one, other) in enumerate(zip(together, apart, strict=True)):
        assert_close(f"gradient {index}", one, other)


@EVERY
def test_streaming_equals_the_whole(chosen):
    layer, sides = build(chosen, 2), gaps(chosen, T, B)
    x = torch.randn(T, B, I, dtype=torch.float64)
    whole, final = layer(x, **sides)
    stream = layer.stream(batch_size=B)
    for t in range(T):
        assert_close(f"step {t}", stream.step(x[t], **{n: s[t] for n, s in sides.items()}), whole[t].detach())
    for found, right in zip(listed(stream.state), listed(final), strict=True):
        assert_close("state", found, right.detach())


@EVERY
def test_batch_first_and_unbatched_inputs_give_the_same_numbers(chosen):
    layer, sides = build(chosen, 2, bidirectional=True), gaps(chosen, T, B)
    x, initial = torch.randn(T, B, I, dtype=torch.float64), start(layer)
    output, _ = layer(x, initial, **sides)
    layer.batch_first = True
    swapped, _ = layer(x.transpose(0, 1), initial, **{n: s.T for n, s in sides.items()})
    assert_close("batch-first output", swapped.transpose(0, 1).detach(), output.detach())
    alone, _ = layer(x[:, 1], cut(initial, 1), **{n: s[:, 1] for n, s in sides.items()})
    assert_close("unbatched output", alone.detach(), output[:, 1].detach())


def test_a_stack_reads_the_same_gaps_in_every_layer():
    layer, sides = build(cells.cfc, 2), gaps(cells.cfc, T, B)
    x = torch.randn(T, B, I, dtype=torch.float64)
    read = x
    for k, size in enumerate((I, H)):
        single = Recurrent(cells.cfc, size, H, dtype=torch.float64)
        single.load_state_dict({f"{n}_l0": getattr(layer, f"{n}_l{k}") for n in "WUb"})
        read, _ = single(read, **sides)
    assert_close("output", layer(x, **sides)[0].detach(), read.detach())


def test_irregular_gaps_matter_from_the_step_on_at_which_they_differ():
    layer, x = build(cells.cfc), torch.randn(T, B, I, dtype=torch.float64)
    regular = torch.ones(T, B, dtype=torch.float64)
    irregular = regular.clone()
    irregular[2] = 3.0
    one, other = layer(x, dt=regular)[0], layer(x, dt=irregular)[0]
    assert torch.equal(one[:2], other[:2])
    assert all((one[t] - other[t]).abs().min() > 0 for t in range(2, T))


@EVERY_BACKEND
@pytest.mark.parametrize("bidirectional", [False, True])
def test_nan_in_the_padding_of_a_gap_reaches_no_value_and_no_gradient(bidirectional, backend):
    layer = build(two_sided, 2, bidirectional=bidirectional, backend=backend)
    lengths, sides = [3, 0, 5], gaps(two_sided, T, B)
    x = torch.randn(T, B, I, dtype=torch.float64)
    results = []
    for filler in (0.25, float("nan"), float("inf")):
        padding = torch.arange(T)[:, None] >= torch.tensor(lengths)
        filled = {n: s.masked_fill(padding, filler) for n, s in sides.items()}
        layer.zero_grad()
        output, (h, c) = layer(x, None, lengths, **filled)
        (output.sum() + h.sum() + c.square().sum()).backward()
        results.append([output, h, c, *(p.grad.clone() for p in layer.parameters())])
    for one, other in pairwise(results):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@EVERY_BACKEND
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_batch_of_padding_alone_leaves_gradients_of_zero_where_no_number_would_do_for_the_gap(bidirectional, backend):
    @cell
    def logarithmic(x, dt, /, h, *, W, U, v):
        return tanh(W @ x + U @ h) * sigmoid(v * log(dt)) + v / dt

    layer = build(logarithmic, 2, bidirectional=bidirectional, backend=backend)
    x, h = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True), start(layer)
    output, final = layer(x, h, [0] * B, dt=torch.full((T, B), float("nan"), dtype=torch.float64))
    assert torch.count_nonzero(output) == 0
    assert output.shape == (T, B, layer.output_size)
    assert torch.equal(final, h)
    (output.sum() + final.square().sum()).backward()
    assert torch.count_nonzero(x.grad) == 0
    assert torch.equal(h.grad, 2 * h)
    assert all(torch.count_nonzero(p.grad) == 0 for p in layer.parameters())


@pytest.mark.parametrize("steps", [0, T])
def test_results_of_no_step_have_the_type_of_all_others_under_autocast(steps):
    layer = Recurrent(cells.lstm, I, H, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, (h, c) = layer(torch.randn(steps, B, I), lengths=[0] * B)
    assert {output.dtype, h.dtype, c.dtype} == {torch.bfloat16}
    (output.sum() + h.sum() + c.sum()).backward()
    assert all(torch.count_nonzero(p.grad) == 0 for p in layer.parameters())


def test_second_derivatives_flow_around_a_gap():
    layer = build(cells.cfc, bidirectional=True)
    x = torch.randn(2, 2, I, dtype=torch.float64, requires_grad=True)
    dt = torch.rand(2, 2, dtype=torch.float64)
    assert torch.autograd.gradgradcheck(lambda v: layer(v, None, [2, 1], dt=dt)[0], (x,))


def test_a_side_input_may_change_no_value_after_the_forward_pass():
    layer, dt = build(cells.cfc), torch.rand(T, B, dtype=torch.float64)
    output, _ = layer(torch.randn(T, B, I, dtype=torch.float64), dt=dt)
    dt.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_a_gap_runs_under_autocast_and_in_lower_precision():
    layer, x, dt = Recurrent(cells.cfc, I, H), torch.randn(T, B, I), torch.rand(T, B)
    expected = layer(x, dt=dt)[0].detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = layer(x, dt=dt)
        mixed, _ = layer(x.bfloat16(), dt=dt)
    assert output.dtype == mixed.dtype == torch.bfloat16
    assert_close("output", output.float().detach(), expected, allowed=3e-2)
    assert_close("output", mixed.float().detach(), expected, allowed=3e-2)


def test_a_layer_with_side_inputs_can_be_copied_and_pickled():
    layer, x, sides = build(two_sided, 2), torch.randn(T, B, I, dtype=torch.float64), gaps(two_sided, T, B)
    expected = layer(x, **sides)[0]
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(x, **sides)[0], expected)


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        (lambda dt: {}, r"side input dt is missing[\s\S]*Give dt=…, of shape \(5, 3\)"),
        (lambda dt: {"dt": dt, "gap": dt}, r"there is no side input gap[\s\S]*The cell reads dt"),
        (lambda dt: {"dt": dt.T}, r"dt has shape \(3, 5\)[\s\S]*Give shape \(5, 3\)"),
        (lambda dt: {"dt": dt[..., None]}, r"dt has shape \(5, 3, 1\)"),
        (lambda dt: {"dt": 0.5}, "dt is a float"),
        (lambda dt: {"dt": dt.float()}, r"Give dt\.to\(x\)"),
        (lambda dt: {"dt": dt.to("meta")}, "dt is torch.float64 on meta"),
        (lambda dt: {"dt": dt.requires_grad_()}, r"Side inputs receive none[\s\S]*dt\.detach\(\)"),
    ],
)
def test_side_inputs_that_do_not_fit_are_refused(sides, message):
    layer = build(cells.cfc)
    x, dt = torch.randn(T, B, I, dtype=torch.float64), torch.rand(T, B, dtype=torch.float64)
    with pytest.raises(ShapeError, match=message):
        layer(x, **sides(dt))


def test_side_inputs_where_none_can_be_are_refused():
    x, dt = torch.randn(T, B, I, dtype=torch.float64), torch.rand(T, B, dtype=torch.float64)
    with pytest.raises(ShapeError, match=r"there is no side input dt[\s\S]*reads none"):
        build(cells.gru)(x, dt=dt)
    packed = pack_padded_sequence(x, [5, 4, 1])
    for layer, sides in ((build(cells.cfc), {"dt": dt}), (build(cells.cfc), {}), (build(cells.gru), {"dt": dt})):
        with pytest.raises(ShapeError, match=r"side inputs \(dt\) are given with a packed sequence[\s\S]*lengths="):
            layer(packed, **sides)
    stream = build(cells.cfc).stream(B)
    with pytest.raises(ShapeError, match=r"Give dt=…, of shape \(3,\)"):
        stream.step(x[0])
    with pytest.raises(ShapeError, match="there is no side input dt"):
        LSTM(I, H).double().stream(B).step(x[0], dt=dt[0])


def test_a_side_input_that_is_called_as_an_argument_of_forward_is_refused():
    named = cell(lambda u, lengths, /, h, *, W: tanh(W @ u) * lengths + h)
    with pytest.raises(ConfigError, match="a side input of <lambda> is called lengths"):
        Recurrent(named, I, H)


def test_an_operation_is_given_every_side_input():
    program = derive(cells.cfc)
    with pytest.raises(ValueError, match="zip"):
        ops.run(program, "reference", torch.randn(T, B, I), [torch.randn(B, H)], [])


@EVERY
@EVERY_BACKEND
def test_a_pair_gives_each_direction_its_own_side_inputs(chosen, backend):
    layer = build(chosen, 2, bidirectional=True, backend=backend)
    forward, backward = gaps(chosen, T, B), gaps(chosen, T, B)
    x, state, lengths = torch.randn(T, B, I, dtype=torch.float64), start(layer), torch.tensor([5, 2, 4])
    output, final = layer(x, state, lengths, **{name: (forward[name], backward[name]) for name in forward})
    finals = listed(final)
    below = x
    for k in range(2):
        halves = []
        for d, sides in enumerate((forward, backward)):
            alone = build(chosen) if k == 0 else Recurrent(chosen, 2 * H, H, dtype=torch.float64)
            ending = f"_l{k}{'_reverse' * d}"
            alone.load_state_dict(
                {f"{n.removesuffix(ending)}_l0": p for n, p in layer.named_parameters() if n.endswith(ending)}
            )
            begin = [s[2 * k + d][None] for s in listed(state)]
            rows, ends = [], []
            for b, length in enumerate(lengths.tolist()):
                order = range(length) if d == 0 else range(length - 1, -1, -1)
                own = {name: side[list(order), b] for name, side in sides.items()}
                first = [s[:, b] for s in begin]
                one, end = alone(below[list(order), b], first[0] if len(first) == 1 else tuple(first), **own)
                rows.append(torch.cat([one if d == 0 else one.flip(0), one.new_zeros(T - length, H)]))
                ends.append(listed(end))
            halves.append(torch.stack(rows, 1))
            for number, found in enumerate(finals):
                assert_close(f"final {number}", found[2 * k + d], torch.cat([e[number] for e in ends]))
        below = torch.cat(halves, -1)
    assert_close("output", output.detach(), below.detach())


def test_a_pair_for_a_layer_of_one_direction_is_refused():
    layer, dt = build(cells.cfc), torch.rand(T, B, dtype=torch.float64)
    with pytest.raises(ShapeError, match="side input dt is a tuple"):
        layer(torch.randn(T, B, I, dtype=torch.float64), dt=(dt, dt))


def test_what_is_seen_inside_a_layer_reads_for_each_direction_its_own_gaps():
    layer = build(cells.cfc, bidirectional=True)
    x, (dt, other) = torch.randn(T, B, I, dtype=torch.float64), torch.rand(2, T, B, dtype=torch.float64)
    output, _ = layer(x, dt=(dt, other))
    upstream = torch.randn_like(output)
    seen = glance(layer, x, upstream, sides={"dt": (dt, other)}, examples=B)
    (output * upstream).sum().backward()
    for ending, one in seen.items():
        gradients = [p.grad.flatten() for name, p in layer.named_parameters() if name.endswith(f"_{ending}")]
        assert_close(ending, torch.tensor(one.norm, dtype=torch.float64), torch.cat(gradients).norm())
