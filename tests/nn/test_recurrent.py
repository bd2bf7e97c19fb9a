"""`Recurrent`: any cell in stacks, directions, with lengths, packed and step by step; its parameters and refusals."""

import copy
import math
import pickle

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

import elman
from elman import cell, cells, layer_norm, tanh
from elman.errors import BackendError, CellError, ConfigError, ShapeError
from elman.nn import Recurrent
from open_sizes import sizes_of
from tolerances import assert_close

T, B, I, H, P = 5, 3, 7, 11, 2


@cell
def normalised(x, h, *, W, U, gain, b):
    """Simple network with layer normalisation, for its gain."""
    return tanh(gain * layer_norm(W @ x + U @ h) + b)


def build(chosen, *args, **options):
    """Build a float64 layer with large random parameters, so that nothing is near a fixed point."""
    options.setdefault("sizes", sizes_of(chosen.name))
    layer = Recurrent(chosen, I, H, *args, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer


def listed(states):
    return [states] if isinstance(states, torch.Tensor) else list(states)


def start(layer, batch=B):
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    states = [torch.randn(rows, batch, n, dtype=torch.float64, requires_grad=True) for n in layer.state_sizes]
    return states[0] if len(states) == 1 else tuple(states)


def example(states, b):
    """Cut one example out of the states of a batch."""
    cut = [s[:, b] for s in listed(states)]
    return cut[0] if isinstance(states, torch.Tensor) else tuple(cut)


# cells with side inputs are called otherwise: test_side_inputs.py
ALL = [c for c in map(cells.find, cells.names()) if not c.sides] + [normalised]
every_cell = pytest.mark.parametrize("chosen", ALL, ids=lambda c: c.name)


@every_cell
@pytest.mark.parametrize("bidirectional", [False, True])
def test_lengths_equal_running_every_example_alone_gradients_included(chosen, bidirectional):
    layer = build(chosen, 2, bidirectional=bidirectional)
    lengths = [3, 5, 0]
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    initial = start(layer)
    output, final = layer(x, initial, lengths=lengths)
    upstream = [torch.randn_like(v) for v in (output, *listed(final))]
    wrt = [x, *listed(initial), *layer.parameters()]
    together = torch.autograd.grad([output, *listed(final)], wrt, upstream)

    values, directions = [], []
    for b, n in enumerate(lengths):
        alone, end = layer(x[:n, b], example(initial, b))
        assert_close(f"output {b}", output[:n, b].detach(), alone.detach())
        assert torch.count_nonzero(output[n:, b]) == 0
        for found, right in zip(listed(final), listed(end), strict=True):
            assert_close(f"final state {b}", found[:, b].detach(), right.detach())
        values += [alone, *listed(end)]
        directions += [upstream[0][:n, b], *(u[:, b] for u in upstream[1:])]
    apart = torch.autograd.grad(values, wrt, directions, allow_unused=True)
    for i, (found, right) in enumerate(zip(together, apart, strict=True)):
        assert_close(f"gradient {i}", found, right)


@every_cell
def test_packed_in_means_packed_out_and_equals_lengths(chosen):
    layer = build(chosen, 2, bidirectional=True)
    x = torch.randn(T, B, I, dtype=torch.float64)
    # Sorting by length permutes the examples in a cycle: an order that is its own inverse would hide mistakes.
    initial, lengths = start(layer), [3, 1, 5]
    output, final = layer(x, initial, lengths=lengths)
    packed, packed_final = layer(pack_padded_sequence(x, lengths, enforce_sorted=False), initial)
    assert isinstance(packed, PackedSequence)
    unpacked, found = pad_packed_sequence(packed)
    assert found.tolist() == lengths
    assert_close("output", unpacked.detach(), output.detach())
    for one, other in zip(listed(packed_final), listed(final), strict=True):
        assert_close("final state", one.detach(), other.detach())


@every_cell
def test_streaming_equals_the_whole(chosen):
    layer = build(chosen, 2, dropout=0.5)
    x = torch.randn(T, B, I, dtype=torch.float64)
    initial = start(layer)
    whole, final = layer.eval()(x, initial)
    layer.train()  # a stream runs in evaluation, also if the layer is in training mode
    stream = layer.stream(batch_size=B)
    stream.state = initial
    for t in range(T):
        assert_close(f"step {t}", stream.step(x[t]), whole[t].detach())
    for found, right in zip(listed(stream.state), listed(final), strict=True):
        assert_close("state", found, right.detach())
    stream.reset()
    assert all(torch.count_nonzero(s) == 0 for s in listed(stream.state))
    assert not stream.step(x[0]).requires_grad


@every_cell
def test_batch_first_and_unbatched_inputs_give_the_same_numbers(chosen):
    layer = build(chosen, 2, bidirectional=True)
    x, initial = torch.randn(T, B, I, dtype=torch.float64), start(layer)
    output, final = layer(x, initial)
    layer.batch_first = True
    swapped, same = layer(x.transpose(0, 1), initial)
    assert_close("batch-first output", swapped.transpose(0, 1).detach(), output.detach())
    assert [s.shape for s in listed(same)] == [s.shape for s in listed(final)]
    alone, end = layer(x[:, 1], example(initial, 1))
    assert_close("unbatched output", alone.detach(), output[:, 1].detach())
    assert_close("unbatched state", listed(end)[0].detach(), listed(final)[0][:, 1].detach())


@every_cell
def test_a_reverse_direction_is_a_layer_of_its_own_on_the_flipped_sequence(chosen):
    layer = build(chosen, bidirectional=True)
    x, initial = torch.randn(T, B, I, dtype=torch.float64), start(layer)
    output, final = layer(x, initial)
    single = build(chosen)
    for name, parameter in single.named_parameters():
        parameter.data = getattr(layer, f"{name}_reverse").data
    second = [s[1:] for s in listed(initial)]
    flipped, end = single(x.flip(0), second[0] if isinstance(initial, torch.Tensor) else tuple(second))
    assert_close("reverse output", output[..., output.shape[-1] // 2 :].detach(), flipped.flip(0).detach())
    for found, right in zip(listed(final), listed(end), strict=True):
        assert_close("reverse final state", found[1].detach(), right[0].detach())


@every_cell
def test_a_stack_is_one_layer_on_the_output_of_another(chosen):
    stack = build(chosen, 2)
    x, initial = torch.randn(T, B, I, dtype=torch.float64), start(stack)
    output, final = stack(x, initial)
    for k, inputs in enumerate((I, stack.output_size)):
        single = Recurrent(chosen, inputs, H, sizes=sizes_of(chosen.name), dtype=torch.float64)
        for name, parameter in single.named_parameters():
            parameter.data = getattr(stack, name.replace("_l0", f"_l{k}")).data
        own = [s[k : k + 1] for s in listed(initial)]
        x, end = single(x, own[0] if isinstance(initial, torch.Tensor) else tuple(own))
        for found, right in zip(listed(final), listed(end), strict=True):
            assert_close(f"final state of layer {k}", found[k].detach(), right[0].detach())
    assert_close("output", output.detach(), x.detach())


@every_cell
@pytest.mark.parametrize("shape", [(0, B), (T, 0), (1, 1), (0, 0)])
def test_empty_and_single_axes_work_and_no_step_leaves_the_initial_state(chosen, shape):
    layer = build(chosen, 2, bidirectional=True)
    steps, batch = shape
    initial = start(layer, batch)
    output, final = layer(torch.randn(steps, batch, I, dtype=torch.float64), initial, lengths=[steps] * batch)
    assert output.shape == (steps, batch, layer.output_size)
    if steps == 0:
        assert all(torch.equal(f, i) for f, i in zip(listed(final), listed(initial), strict=True))
    total = output.sum() + sum(f.sum() for f in listed(final))
    torch.autograd.grad(total, [*listed(initial), *layer.parameters()])


def test_whatever_stands_in_the_padding_reaches_no_value_and_no_gradient():
    @cell
    def delicate(x, h, *, W, U):
        return tanh(W @ elman.log(x) + U @ h)

    layer = build(delicate, bidirectional=True)
    lengths = torch.tensor([3, 0, 5])
    clean = torch.rand(T, B, I, dtype=torch.float64) + 0.5
    results = []
    for filling in (1.0, 0.0, math.nan, math.inf, -1.0):
        x = clean.clone()
        for b, n in enumerate(lengths):
            x[n:, b] = filling
        x.requires_grad_()
        output, final = layer(x, lengths=lengths)
        gradients = torch.autograd.grad(output.sum() + final.sum(), [x, *layer.parameters()])
        results.append([output.detach(), final.detach(), *gradients])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.equal(a, b)


def test_a_family_is_one_parameter_and_its_members_are_stacked():
    layer = Recurrent(cells.lstm_projected, I, H, 2, sizes={"h": P}, bidirectional=True)
    assert {n: tuple(p.shape) for n, p in layer.named_parameters() if n.endswith("l1_reverse")} == {
        "W_l1_reverse": (4 * H, 2 * P),
        "U_l1_reverse": (4 * H, P),
        "b_l1_reverse": (4 * H,),
        "R_l1_reverse": (P, H),
    }
    assert len(list(layer.parameters())) == 16
    assert layer.output_size == 2 * P


def test_parameters_start_uniform_and_gains_at_one():
    torch.manual_seed(5)
    layer = Recurrent(normalised, 64, 100)
    bound = 1 / math.sqrt(100)
    assert torch.equal(layer.gain_l0, torch.ones(100))
    for name in ("W_l0", "U_l0", "b_l0"):
        values = getattr(layer, name)
        assert values.abs().max() <= bound
        assert values.abs().max() > 0.9 * bound
    assert layer.W_l0.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    torch.manual_seed(5)
    assert all(
        torch.equal(a, b) for a, b in zip(layer.parameters(), Recurrent(normalised, 64, 100).parameters(), strict=True)
    )


def test_without_bias_the_biases_are_gone_and_count_as_zero():
    layer = build(cells.gru)
    bare = build(cells.gru, bias=False)
    assert [n for n, _ in bare.named_parameters()] == ["W_l0", "U_l0"]
    for name, parameter in layer.named_parameters():
        parameter.data = getattr(bare, name).data if hasattr(bare, name) else torch.zeros_like(parameter)
    x = torch.randn(T, B, I, dtype=torch.float64)
    assert_close("output", bare(x)[0].detach(), layer(x)[0].detach())


def test_dropout_acts_between_layers_in_training_only():
    layer = build(cells.gru, 3, dropout=1.0)
    x = torch.randn(T, B, I, dtype=torch.float64)
    silent = build(cells.gru, 3)
    silent.load_state_dict(layer.state_dict())
    output, _ = layer(x)
    # with everything dropped, the last layer reads zeros; its own output is not dropped
    alone = Recurrent(cells.gru, H, H, dtype=torch.float64)
    for name, parameter in alone.named_parameters():
        parameter.data = getattr(layer, name.replace("_l0", "_l2")).data
    assert_close("trained", output.detach(), alone(torch.zeros(T, B, H, dtype=torch.float64))[0].detach())
    assert_close("evaluated", layer.eval()(x)[0].detach(), silent(x)[0].detach())
    assert torch.count_nonzero(output) > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_any_floating_dtype_runs_forward_and_back(dtype):
    layer = Recurrent(cells.lstm, I, H, dtype=dtype)
    x = torch.randn(T, B, I, dtype=dtype)
    output, (h, _) = layer(x)
    (output.sum() + h.sum()).backward()
    truth = copy.deepcopy(layer).double()
    expected, _ = truth(x.double())
    assert output.dtype == h.dtype == layer.W_l0.grad.dtype == dtype
    assert_close("output", output.detach(), expected.detach().to(dtype))


def test_under_autocast_a_layer_runs_in_the_lower_precision():
    layer = Recurrent(cells.gru, I, H)
    x = torch.randn(T, B, I)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = layer(x)
    output.float().sum().backward()
    assert output.dtype == torch.bfloat16
    assert layer.W_l0.grad.dtype == torch.float32
    assert_close("output", output.float().detach(), layer(x)[0].detach(), allowed=3e-2)


def test_a_layer_can_be_copied_pickled_saved_and_moved():
    layer = build(cells.lstm_peephole, 2, bidirectional=True)
    x = torch.randn(T, B, I, dtype=torch.float64)
    expected = layer(x)[0]
    fresh = build(cells.lstm_peephole, 2, bidirectional=True)
    fresh.load_state_dict(layer.state_dict())
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), fresh, layer.float().double()):
        assert_close("output", other(x)[0].detach(), expected.detach(), allowed=1e-6)


def test_functional_call_uses_the_given_parameters():
    layer = build(cells.mgu)
    x = torch.randn(T, B, I, dtype=torch.float64)
    zeros = {n: torch.zeros_like(p) for n, p in layer.named_parameters()}
    output, _ = torch.func.functional_call(layer, zeros, (x,))
    assert torch.count_nonzero(output) == 0
    assert torch.count_nonzero(layer(x)[0]) > 0


def test_activation_checkpointing_and_function_transforms_give_the_same_gradients():
    layer = build(cells.gru, 2)
    x = torch.randn(T, B, I, dtype=torch.float64)
    parameters = dict(layer.named_parameters())
    expected = torch.autograd.grad(layer(x)[0].square().sum(), list(parameters.values()))
    again = checkpoint(lambda v: layer(v)[0], x, use_reentrant=False).square().sum()
    transformed = torch.func.grad(lambda p: torch.func.functional_call(layer, p, (x,))[0].square().sum())(parameters)
    for name, right, one, two in zip(
        parameters, expected, torch.autograd.grad(again, list(parameters.values())), transformed.values(), strict=True
    ):
        assert_close(f"checkpointed {name}", one, right)
        assert_close(f"transformed {name}", two.detach(), right)


def test_a_layer_without_memory_has_shapes():
    layer = Recurrent(cells.lstm, I, H, 2, device="meta")
    output, (h, _) = layer(torch.empty(T, B, I, device="meta"))
    assert (output.shape, h.shape) == ((T, B, H), (2, B, H))


def test_second_derivatives_flow_through_a_stack():
    layer = build(cells.gru, 2, bidirectional=True)
    x = torch.randn(2, 2, I, dtype=torch.float64, requires_grad=True)

    def run(x):
        return layer(x, lengths=[2, 1])[0]

    assert torch.autograd.gradgradcheck(run, (x,))


def test_the_representation_shows_what_differs_from_the_defaults():
    assert repr(Recurrent(cells.gru, 3, 5)) == "Recurrent(gru, 3, 5)"
    text = repr(Recurrent(cells.lstm_projected, 3, 5, 2, bias=False, dropout=0.5, sizes={"h": 2}))
    assert text == "Recurrent(lstm_projected, 3, 5, num_layers=2, bias=False, dropout=0.5, sizes={'h': 2})"


def test_backends_are_chosen_by_name():
    with elman.backend("reference"):
        Recurrent(cells.gru, I, H, backend="reference")(torch.randn(T, B, I))
    with pytest.raises(BackendError, match="'cuda' is unknown"):
        Recurrent(cells.gru, I, H, backend="cuda")
    with pytest.raises(BackendError, match="There are: auto, llvm, reference"), elman.backend("fast"):
        pass


def test_a_state_that_is_as_long_as_the_input_must_be_so_in_every_layer():
    @cell
    def remembering(x, h, before, *, W):
        return tanh(W.a @ before + h), x

    assert Recurrent(remembering, I, H)(torch.randn(T, B, I))[1][1].shape == (1, B, I)
    assert Recurrent(remembering, H, H, 3)(torch.randn(T, B, H))[0].shape == (T, B, H)
    with pytest.raises(ShapeError, match="state before of remembering is as long as its input, 7 in layer 0 and 11"):
        Recurrent(remembering, I, H, 2)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cell": "gru"}, ConfigError, "the cell is a str"),
        ({"num_layers": 0}, ConfigError, "num_layers is 0"),
        ({"num_layers": True}, ConfigError, "num_layers is True"),
        ({"dropout": 1.5}, ConfigError, "dropout is 1.5"),
        ({"hidden_size": 0}, ShapeError, "the size of hidden is 0"),
        ({"input_size": 2.0}, ShapeError, r"the size of input is 2\.0"),
        ({"cell": cells.lstm_projected}, CellError, "sizes="),
        ({"sizes": {"q": 1}}, ShapeError, "sizes has `q`"),
        ({"cell": cell(lambda x, h: 0.5 * h + x)}, CellError, "has no parameters"),
    ],
)
def test_options_that_cannot_work_are_refused(options, error, message):
    given = {"cell": cells.gru, "input_size": I, "hidden_size": H} | options
    with pytest.raises(error, match=message):
        Recurrent(**given)


def test_dropout_with_one_layer_warns():
    with pytest.warns(UserWarning, match="there is one layer"):
        Recurrent(cells.gru, I, H, dropout=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda x: (x[..., :2],), "Give I = 7"),
        (lambda x: (x[None],), "x has shape"),
        (lambda x: (x.float(),), r"x\.to\(torch\.float64\)"),
        (lambda x: (x, x.new_zeros(1, B, H)), r"a tuple \(h, c\)"),
        (lambda x: (x, (x.new_zeros(1, B, H), x.new_zeros(1, B, P))), "the initial state has the shapes"),
        (lambda x: (x, (x.new_zeros(1, B, H),)), "the initial state has the shapes"),
        (lambda x: (x[:, 0], (x.new_zeros(1, B, H), x.new_zeros(1, B, H))), r"Give \[\(1, 11\), \(1, 11\)\]"),
        (lambda x: (x, (x.new_zeros(1, B, H).float(), x.new_zeros(1, B, H))), "the initial h is torch.float32"),
        (lambda x: (x, (0.0, 0.0)), "the initial h is a float"),
        (lambda x: (x.numpy(),), "x is a ndarray"),
        (lambda x: (x.to("meta"),), "x is on meta"),
        (lambda x: (x, None, [5, 5]), r"lengths have shape \(2,\)"),
        (lambda x: (x, None, [5, 6, 1]), r"lengths\[1\] is 6"),
        (lambda x: (x, None, [5, 1, -1]), r"lengths\[2\] is -1"),
        (lambda x: (x, None, [5.0, 1.0, 1.0]), "Give integers"),
        (lambda x: (x, None, [True, False, True]), r"lengths are of type torch\.bool"),
        (lambda x: (x, None, [5j, 1j, 1j]), r"lengths are of type torch\.complex64"),
        (lambda x: (x[:, 0], None, [5]), "unbatched"),
        (lambda x: (pack_padded_sequence(x, [5, 4, 1]), None, [5, 4, 1]), "given with a packed sequence"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(arguments, message):
    layer = build(cells.lstm)
    with pytest.raises(ShapeError, match=message):
        layer(*arguments(torch.randn(T, B, I, dtype=torch.float64)))


def test_a_stream_refuses_two_directions_and_wrong_shapes():
    with pytest.raises(ConfigError, match="bidirectional"):
        build(cells.gru, bidirectional=True).stream()
    stream = build(cells.gru).stream(batch_size=2)
    with pytest.raises(ShapeError, match=r"Give \(2, 7\)"):
        stream.step(torch.randn(3, I, dtype=torch.float64))
    with pytest.raises(ShapeError, match=r"x is torch\.float32 on cpu"):
        stream.step(torch.randn(2, I))
    with pytest.raises(ConfigError, match="batch_size is -1"):
        build(cells.gru).stream(-1)
    with pytest.raises(ShapeError, match=r"Give \[\(1, 2, 11\)\]"):
        stream.state = torch.zeros(1, 3, H)


def test_weights_that_are_plain_tensors_beside_no_parameter_are_read():
    layer, x = build(cells.lstm), torch.randn(T, B, I, dtype=torch.float64)
    expected = layer(x)[0].detach()
    for name, parameter in list(layer.named_parameters()):
        delattr(layer, name)
        setattr(layer, name, parameter.detach().clone())
    stream = layer.stream(B)
    assert_close("the output", layer(x)[0], expected)
    assert_close("the stream", torch.stack([stream.step(x_t) for x_t in x]), expected)
    with pytest.raises(ShapeError, match=r"x is torch\.float32"):
        layer(x.float())
