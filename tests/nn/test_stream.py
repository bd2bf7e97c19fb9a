"""Streams equal the whole run, bit for bit, also if the parameters or the state change between two steps."""

import copy
import pickle
import threading

import pytest
import torch

import elman
from elman import cells
from elman.backends import llvm
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.backends.llvm.run import stream as llvm_stream
from elman.errors import ShapeError, TensorError
from elman.nn import GRU, LSTM, RNN, Recurrent
from tolerances import assert_close, assert_identical

MANY_ROWS = max(llvm_kernel.FEW_ROWS.values()) + 1
T, B, I, H = 5, 3, 7, 11

LAYERS = {
    "lstm": lambda **how: LSTM(I, H, **how),
    "two projected lstms": lambda **how: LSTM(I, H, 2, proj_size=5, **how),
    "three grus": lambda **how: GRU(I, H, 3, **how),
    "rnn without biases": lambda **how: RNN(I, H, bias=False, **how),
    "layer norm": lambda **how: Recurrent(cells.lstm_layer_norm, I, H, 2, **how),
    "side input": lambda **how: Recurrent(cells.cfc, I, H, 2, **how),
}
every_layer = pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS.keys())
every_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def listed(state):
    return [state] if isinstance(state, torch.Tensor) else list(state)


def draw(layer, batch=B):
    """Draw an input, side inputs, and an initial state that is not zero."""
    dtype = next(layer.parameters()).dtype
    sides = layer.program.cell.sides
    state = [torch.randn(s.shape, dtype=dtype) for s in listed(layer.stream(batch).state)]
    given = {name: 0.1 + torch.rand(T, batch, dtype=dtype) for name in sides}
    return torch.randn(T, batch, I, dtype=dtype), given, state[0] if len(state) == 1 else tuple(state)


def advance(stream, x, sides, steps=range(T)):
    return [stream.step(x[t], **{name: side[t] for name, side in sides.items()}) for t in steps]


def assert_goes_on(layer, stream, x, state):
    """Compare the next step of a stream with that of a fresh layer that starts from its state."""
    fresh = layer.stream(B)
    fresh.state = state
    assert_identical("step", stream.step(x), fresh.step(x))


@every_layer
@every_type
@pytest.mark.parametrize("batch", [1, B])
def test_a_stream_is_the_whole_run_bit_for_bit(build, dtype, batch):
    layer = build(dtype=dtype).eval()
    x, sides, state = draw(layer, batch)
    with torch.no_grad():
        whole, final = layer(x, state, **sides)
    stream = layer.stream(batch)
    stream.state = state
    for t, output in enumerate(advance(stream, x, sides)):
        assert_identical(f"step {t}", output, whole[t])
    for found, right in zip(listed(stream.state), listed(final), strict=True):
        assert_identical("state", found, right)


@every_layer
def test_a_stream_on_the_reference_is_the_whole_run(build):
    layer = build(dtype=torch.float64).eval()
    x, sides, state = draw(layer)
    whole = layer(x, state, **sides)[0].detach()
    stream = layer.stream(B)
    stream.state = state
    with elman.backend("reference"):
        assert_close("outputs", torch.stack(advance(stream, x, sides)), whole)


CHANGES = {
    "in place": lambda p: p.mul_(0.5),
    "through data": lambda p: p.data.mul_(0.5),
    "one element through data": lambda p: p.data.view(-1)[-1].add_(1e-3),
    "other data": lambda p: setattr(p, "data", p.data * 0.5),
    "transposed data": lambda p: setattr(
        p, "data", p.data.T if p.dim() == 2 and len(p) == len(p.T) else p.data.clone()
    ),
    "through numpy": lambda p: p.detach().numpy().__imul__(0.5),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("layers", [1, 2])
def test_a_stream_follows_changes_of_its_parameters(change, number, layers):
    layer = RNN(I, I, layers)
    stream = layer.stream(B)
    x = torch.randn(2, B, I)
    stream.step(x[0])
    state = stream.state.clone()
    with torch.no_grad():
        change(list(layer.parameters())[-1 - number])
    assert_goes_on(layer, stream, x[1], state)


def update(layer, x):
    layer(x)[0].sum().backward()
    torch.optim.Adam(layer.parameters()).step()


REPLACEMENTS = {
    "an optimiser": update,
    "a state_dict": lambda layer, x: layer.load_state_dict(LSTM(I, H, 2).state_dict()),
    "a new parameter": lambda layer, x: setattr(layer, "weight_hh_l1", torch.nn.Parameter(torch.randn(4 * H, H))),
    "drawing anew": lambda layer, x: layer.reset_parameters(),
    "one vector for all": lambda layer, x: torch.nn.utils.vector_to_parameters(
        torch.randn(sum(p.numel() for p in layer.parameters())), layer.parameters()
    ),
}


@pytest.mark.parametrize("replace", REPLACEMENTS.values(), ids=REPLACEMENTS.keys())
def test_a_stream_follows_what_gives_a_layer_other_parameters(replace):
    layer = LSTM(I, H, 2)
    stream, x = layer.stream(B), torch.randn(T, B, I)
    stream.step(x[1])
    state = tuple(s.clone() for s in stream.state)
    replace(layer, x)
    assert_goes_on(layer, stream, x[0], state)


@pytest.mark.parametrize(
    "cut", [lambda p: p[: H // 2], lambda p: p.view(-1), lambda p: p.view(1, -1), lambda p: p[:1, :1]], ids=range(4)
)
def test_a_parameter_of_another_shape_at_the_same_place_is_refused(cut):
    layer = RNN(I, H)
    stream, x = layer.stream(1), torch.randn(2, 1, I)
    stream.step(x[0])
    state, whole = stream.state.clone(), layer.weight_hh_l0.data
    layer.weight_hh_l0.data = cut(whole)
    for _ in range(2):
        with pytest.raises(ShapeError, match=r"weight_hh has shape .*\n.*\n.*\(11, 11\)"):
            stream.step(x[1])
    with pytest.raises(ShapeError, match="weight_hh"):
        layer(x)
    layer.weight_hh_l0.data = whole
    fresh = layer.stream(1)
    fresh.state = state
    assert_identical("mended", stream.step(x[1]), fresh.step(x[1]))


@pytest.mark.parametrize("batch", [1, MANY_ROWS])
@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l1", "bias_ih_l0", "bias_hh_l1"])
def test_every_parameter_is_read_anew_in_every_step(name, batch):
    layer = LSTM(I, H, 2)
    stream, x = layer.stream(batch), torch.randn(3, batch, I)
    assert_identical("first step", stream.step(x[0]), layer(x[:1])[0][0].detach())
    for k in (1, 2):
        state = tuple(s.clone() for s in stream.state)
        getattr(layer, name).data.mul_(0.5)
        assert_identical(f"step {k}", stream.step(x[k]), layer(x[k : k + 1], state)[0][0].detach())


def test_parameters_of_any_strides_and_computed_ones_are_followed():
    layer = RNN(I, I)
    layer.weight_hh_l0 = torch.nn.Parameter(torch.randn(I, 2 * I)[:, ::2])
    x = torch.randn(T, B, I)
    assert_close("strided", torch.stack(advance(layer.stream(B), x, {})), layer(x)[0].detach())
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_ih_l0")
    stream = layer.stream(B)
    stream.step(x[0])
    with torch.no_grad():
        layer.parametrizations.weight_ih_l0.original0.mul_(0.5)
    stream.reset()
    assert_close("computed", torch.stack(advance(stream, x, {})), layer(x)[0].detach())


def test_states_are_given_away_and_taken_by_value():
    layer, x = LSTM(I, H), torch.randn(T, B, I)
    stream = layer.stream(B)
    stream.step(x[0])
    held = stream.state
    before = tuple(s.clone() for s in held)
    stream.step(x[1])
    assert all(torch.equal(a, b) for a, b in zip(held, before, strict=True))
    given = tuple(torch.randn(1, B, H) for _ in range(2))
    copies = tuple(s.clone() for s in given)
    stream.state = given
    for s in given:
        s.zero_()
    assert_goes_on(layer, stream, x[2], copies)
    stream.reset()
    assert_goes_on(layer, stream, x[3], (torch.zeros(1, B, H), torch.zeros(1, B, H)))
    for s in stream.state:  # changing it in place changes the state
        s.fill_(0.25)
    assert_goes_on(layer, stream, x[4], (torch.full((1, B, H), 0.25), torch.full((1, B, H), 0.25)))


def test_outputs_are_new_tensors_and_inputs_of_any_strides_are_read():
    layer, x = GRU(I, H), torch.randn(B, T, 2 * I)[..., ::2]
    stream = layer.stream(B)
    outputs = [stream.step(x[:, t]) for t in range(T)]
    copies = [y.clone() for y in outputs]
    outputs[2].zero_()
    stream.step(x[:, 0])
    whole = layer(x.transpose(0, 1).contiguous())[0].detach()
    assert_identical("outputs", torch.stack(copies), whole)
    assert_identical("an output that was kept", outputs[1], whole[1])


def test_streams_of_one_layer_do_not_meet():
    layer, x = LSTM(I, H, 2), torch.randn(2, T, B, I)
    streams = [layer.stream(B) for _ in range(2)]
    found = [[stream.step(x[k, t]) for k, stream in enumerate(streams)] for t in range(T)]
    for k in range(2):
        whole = layer(x[k])[0].detach()
        assert_identical(f"stream {k}", torch.stack([row[k] for row in found]), whole)


@pytest.mark.parametrize("limit", [0, 1 << 30])  # with the interpreter's lock released, and held
def test_streams_in_two_threads_do_not_meet(limit, monkeypatch):
    monkeypatch.setattr(llvm_stream, "LONG_STEP", limit)
    layer, x = GRU(I, 64), torch.randn(2, 300, B, I)
    found = {}

    def read(k):
        stream = layer.stream(B)
        found[k] = torch.stack([stream.step(v) for v in x[k]])

    threads = [threading.Thread(target=read, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(2):
        assert_identical(f"thread {k}", found[k], layer(x[k])[0].detach())


def test_copies_of_layers_and_streams_go_their_own_ways():
    layer, x = LSTM(I, H), torch.randn(T, B, I)
    stream = layer.stream(B)
    stream.step(x[0])
    twin = copy.deepcopy(layer)
    state = tuple(s.clone() for s in stream.state)
    for other in (copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))):
        assert_goes_on(layer, other, x[1], state)
    with torch.no_grad():
        layer.weight_hh_l0.mul_(0.5)
    own = twin.stream(B)
    own.state = state
    assert not torch.equal(own.step(x[1]), stream.step(x[1]))


def test_after_a_change_of_type_a_new_stream_works_and_an_old_one_says_so():
    layer, x = LSTM(I, H), torch.randn(T, B, I)
    old = layer.stream(B)
    old.step(x[0])
    layer.double()
    with pytest.raises(ShapeError, match="start a new stream"):
        old.step(x[1].double())
    with pytest.raises(RuntimeError, match="dtype"):  # torch's own, of a product of two types
        old.step(x[1])
    assert_identical("new", layer.stream(B).step(x[0].double()), layer(x[:1].double())[0][0].detach())
    old.reset()
    assert_identical("reset", old.step(x[0].double()), layer(x[:1].double())[0][0].detach())


def test_a_stream_changes_its_backend_from_one_step_to_the_next():
    layer, x = LSTM(I, H, dtype=torch.float64), torch.randn(T, B, I, dtype=torch.float64)
    stream, found = layer.stream(B), []
    for t in range(T):
        with elman.backend("reference" if t % 2 else "llvm"):
            found.append(stream.step(x[t]))
    assert_close("outputs", torch.stack(found), layer(x)[0].detach())


def test_a_batch_of_no_examples_streams():
    stream = LSTM(I, H).stream(0)
    assert stream.step(torch.zeros(0, I)).shape == (0, H)


def test_large_batches_stream_as_well(monkeypatch):
    monkeypatch.setattr(llvm, "LEAST_WORK", 1)
    layer, x = GRU(I, H), torch.randn(T, B, I)
    assert_identical("outputs", torch.stack(advance(layer.stream(B), x, {})), layer(x)[0].detach())


@every_layer
@every_type
@pytest.mark.parametrize("batch", [1, B, MANY_ROWS])
def test_a_frozen_stream_has_the_values_of_one_that_reads_the_weights(build, dtype, batch):
    layer = build(dtype=dtype).eval()
    x, sides, state = draw(layer, batch)
    found = []
    for stream in (layer.stream(batch), layer.stream(batch, freeze=True)):
        stream.state = state
        found.append([*advance(stream, x, sides), *listed(stream.state)])
    for live, frozen in zip(*found, strict=True):
        assert_identical("step or state", frozen, live)


@every_layer
@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_a_frozen_stream_keeps_the_weights_that_it_was_made_with_until_it_thaws(build, backend):
    layer = build()
    layer.backend = backend
    x, sides, state = draw(layer)
    before, frozen, with_block = layer.stream(B), layer.stream(B, freeze=True), layer.stream(B, freeze=True)
    before.state = frozen.state = with_block.state = state
    expected = advance(before, x, sides, range(2))
    with torch.no_grad():
        for p in layer.parameters():
            p.data.mul_(0.5)
    with with_block:
        for stream in (frozen, with_block):
            for mine, right in zip(advance(stream, x, sides, range(2)), expected, strict=True):
                assert_identical("step", mine, right)
    assert frozen.is_frozen
    assert not with_block.is_frozen
    for stream in (frozen.thaw(), with_block):
        kept = listed(stream.state)
        fresh = layer.stream(B)
        fresh.state = tuple(kept) if len(kept) > 1 else kept[0]
        assert_identical("thawed", advance(stream, x, sides, [2])[0], advance(fresh, x, sides, [2])[0])


def test_a_frozen_stream_is_copied_and_pickled_with_its_weights():
    layer = LSTM(I, H)
    stream = layer.stream(freeze=True)
    x = torch.randn(T, 1, I)
    stream.step(x[0])
    again = (copy.deepcopy(stream), pickle.loads(pickle.dumps(stream)))
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
    expected = stream.step(x[1])
    for one in again:
        assert one.is_frozen
        assert_identical("step", one.step(x[1]), expected)


def test_a_frozen_stream_still_refuses_what_does_not_fit():
    stream = GRU(I, H).stream(freeze=True)
    with pytest.raises(ShapeError, match="x has shape"):
        stream.step(torch.zeros(1, H))
    emptied = torch.zeros(1, I)
    emptied.untyped_storage().resize_(0)
    with pytest.raises(TensorError, match="memory"):
        stream.step(emptied)
    with pytest.raises(TensorError, match="float64"):
        stream.step(torch.zeros(1, I, dtype=torch.float64))


@pytest.mark.parametrize("batch", [1, 2, MANY_ROWS])
@every_layer
def test_a_call_of_one_step_is_the_first_step_of_a_longer_call(build, batch):
    layer = build().eval()
    x, sides, state = draw(layer, batch)
    whole = layer(x, state, **sides)[0]
    one = layer(x[:1], state, **{name: side[:1] for name, side in sides.items()})[0]
    assert_identical("output", one[0], whole[0])
    with torch.no_grad():
        assert_identical("without gradient", layer(x[:1], state, **{n: s[:1] for n, s in sides.items()})[0], one)
