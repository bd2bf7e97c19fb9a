"""`layer.stream(freeze=True, weights=…)`: rounded weights until it thaws, and a clear refusal where there are none."""

import copy
import pickle

import pytest
import torch

import elman
from elman import cells
from elman.errors import ConfigError
from elman.nn import GRU, LSTM, RNN, Recurrent
from narrowed import FORMS, rounded
from tolerances import assert_close, assert_identical

T, B, I, H = 5, 3, 7, 11

LAYERS = {
    "lstm": lambda: LSTM(I, H),
    "two projected lstms": lambda: LSTM(I, H, 2, proj_size=5),
    "three grus": lambda: GRU(I, H, 3),
    "rnn without biases": lambda: RNN(I, H, bias=False),
    "side input": lambda: Recurrent(cells.cfc, I, H, 2),
}
every_layer = pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS.keys())
every_form = pytest.mark.parametrize("form", FORMS)


def listed(state):
    return [state] if isinstance(state, torch.Tensor) else list(state)


def start(layer, batch=B, **how):
    """Start a stream from a state that is not zero, the same for every stream of a test."""
    stream = layer.stream(batch, **how)
    source = torch.Generator().manual_seed(5)
    state = [torch.randn(s.shape, generator=source, dtype=s.dtype) for s in listed(stream.state)]
    stream.state = state[0] if len(state) == 1 else tuple(state)
    return stream


def advance(stream, x, sides):
    return torch.stack([stream.step(x[t], **{name: side[t] for name, side in sides.items()}) for t in range(T)])


def draw(layer, batch=B):
    return torch.randn(T, batch, I), {name: 0.1 + torch.rand(T, batch) for name in layer.program.cell.sides}


@every_form
@every_layer
@pytest.mark.parametrize("batch", [1, B, 19])
def test_a_stream_is_that_of_rounded_weights_on_the_reference(build, form, batch):
    layer = build()
    x, sides = draw(layer, batch)
    stream = start(layer, batch, freeze=True, weights=form)
    found = advance(stream, x, sides)
    with elman.backend("reference"):
        other = start(rounded(layer, form), batch)
        assert_close("outputs", found, advance(other, x, sides))
        for mine, right in zip(listed(stream.state), listed(other.state), strict=True):
            assert_close("state", mine, right)
    assert not torch.equal(found, advance(start(layer, batch), x, sides)), "nothing was rounded"


@every_form
def test_a_thawed_stream_reads_the_weights_of_the_layer_and_keeps_its_state(form):
    layer = LSTM(I, H, 2)
    x = torch.randn(T, B, I)
    with start(layer, freeze=True, weights=form) as stream:
        stream.step(x[0])
        with torch.no_grad():
            layer.weight_hh_l1.mul_(0.5)
        stream.step(x[1])
    state = tuple(s.clone() for s in stream.state)
    fresh = layer.stream(B)
    fresh.state = state
    assert_identical("step", stream.step(x[2]), fresh.step(x[2]))
    assert not stream.is_frozen


@every_form
@every_layer
def test_a_stream_sees_no_later_change_and_is_copied_with_its_weights(build, form):
    layer = build()
    x, sides = draw(layer)
    expected = advance(start(layer, freeze=True, weights=form), x, sides)
    stream = start(layer, freeze=True, weights=form)
    again = [copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))]
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.data.mul_(0.5)
    for one in (stream, *again):
        assert_identical("outputs", advance(one, x, sides), expected)
    stream.reset()
    zero = advance(stream, x, sides)
    stream.reset()
    assert_identical("after a reset", advance(stream, x, sides), zero)


def test_float32_is_the_default_and_rounds_nothing():
    layer, x = GRU(I, H, 2), torch.randn(T, B, I)
    expected = advance(start(layer), x, {})
    for how in ({"freeze": True}, {"freeze": True, "weights": "float32"}, {"weights": "float32"}):
        assert_identical("outputs", advance(start(layer, **how), x, {}), expected)


def test_weights_that_are_computed_or_strided_are_rounded_as_they_are():
    layer = RNN(I, I)
    layer.weight_hh_l0 = torch.nn.Parameter(torch.randn(I, 2 * I)[:, ::2] / I)
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_ih_l0")
    plain = RNN(I, I)
    plain.load_state_dict({name: getattr(layer, name).detach() for name in plain.state_dict()})
    x = torch.randn(T, B, I)
    for form in FORMS:
        found = advance(start(layer, freeze=True, weights=form), x, {})
        assert_identical(form, found, advance(start(plain, freeze=True, weights=form), x, {}))


def test_no_examples_are_no_error():
    assert LSTM(I, H).stream(0, freeze=True, weights="int8").step(torch.zeros(0, I)).shape == (0, H)


def not_finite():
    layer = LSTM(I, H)
    torch.nn.init.constant_(layer.weight_hh_l0[3, :2], float("nan"))
    return layer


REFUSED = {
    "an unknown form": (lambda: LSTM(I, H), {"freeze": True, "weights": "int4"}, r"weights is 'int4'.*\n.*\n.*int8"),
    "no name": (lambda: LSTM(I, H), {"freeze": True, "weights": torch.int8}, r"weights is torch.int8"),
    "a stream that is not frozen": (lambda: LSTM(I, H), {"weights": "int8"}, r"without freeze=True.*\n.*\n.*freeze"),
    "float64": (lambda: GRU(I, H).double(), {"freeze": True, "weights": "int8"}, r"torch.float64.*\n.*\n.*\.float\(\)"),
    "a layer in bfloat16": (lambda: GRU(I, H).bfloat16(), {"freeze": True, "weights": "bfloat16"}, r"\.float\(\)"),
    "another backend": (
        lambda: Recurrent(cells.gru, I, H, backend="reference"),
        {"freeze": True, "weights": "bfloat16"},
        r"on cpu runs on backend reference.*\n.*\n.*backend='auto'",
    ),
    "NaN in int8": (not_finite, {"freeze": True, "weights": "int8"}, r"weight_hh_l0 contains .* NaN.*\n.*\n.*bfloat16"),
    "two directions": (lambda: GRU(I, H, bidirectional=True), {"freeze": True, "weights": "int8"}, "bidirectional"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_narrow_weights_is_refused(case):
    build, how, message = REFUSED[case]
    with pytest.raises(ConfigError, match=message):
        build().stream(**how)


@pytest.mark.filterwarnings("ignore:.*does not run on backend llvm")
def test_a_layer_on_another_device_is_refused():
    with pytest.raises(ConfigError, match=r"on meta runs on backend reference.*\n.*\n.*to the CPU"):
        LSTM(I, H, device="meta").stream(freeze=True, weights="int8")


def test_a_copy_on_another_backend_is_refused_too():
    stream = pickle.loads(pickle.dumps(LSTM(I, H).stream(freeze=True, weights="int8")))
    with elman.backend("reference"), pytest.raises(ConfigError, match="backend reference"):
        stream.step(torch.zeros(1, I))
    assert stream.step(torch.zeros(1, I)).shape == (1, H)


def test_nan_and_infinity_in_bfloat16_stay_what_they_are():
    layer = LSTM(I, H)
    with torch.no_grad():
        layer.weight_ih_l0[0, 0] = float("nan")
    assert layer.stream(freeze=True, weights="bfloat16").step(torch.ones(1, I))[0, 0].isnan()
