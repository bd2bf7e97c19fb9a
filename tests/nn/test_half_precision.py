"""Half precision and autocast run on compiled kernels: computed in float32, and in torch's dtypes at the border."""

import warnings

import pytest
import torch
from torch import nn

import elman
from elman import cells
from elman.errors import SlowWarning, TensorError
from elman.nn import Recurrent
from tolerances import RELATIVE, assert_close, assert_identical

T, B, I, H = 5, 3, 7, 11
HALVES = [torch.bfloat16, torch.float16]


def kernels(monkeypatch):
    """Count the runs of the compiled backend, and the dtypes in which they run."""
    from elman.backends import llvm

    ran, run = [], llvm.run_forward

    def counted(program, inputs, save=True):
        ran.append(inputs.x.dtype)
        return run(program, inputs, save)

    monkeypatch.setattr(llvm, "run_forward", counted)
    return ran


@pytest.mark.parametrize("dtype", HALVES)
def test_a_layer_in_half_precision_computes_in_float32(dtype, monkeypatch):
    ran = kernels(monkeypatch)
    layer = Recurrent(cells.lstm, I, H).to(dtype)
    x, upstream = torch.randn(T, B, I, dtype=dtype, requires_grad=True), torch.randn(T, B, H, dtype=dtype)
    state = (torch.randn(1, B, H, dtype=dtype), torch.randn(1, B, H, dtype=dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("error", SlowWarning)
        output, (h, c) = layer(x, state)
    assert ran == [torch.float32]
    assert {output.dtype, h.dtype, c.dtype} == {dtype}
    inputs = [x, *layer.parameters()]
    found = torch.autograd.grad(output, inputs, upstream)
    wide = Recurrent(cells.lstm, I, H, backend="reference", dtype=torch.float64)
    wide.load_state_dict(layer.state_dict())
    wide_x = x.detach().double().requires_grad_()
    expected, _ = wide(wide_x, tuple(s.double() for s in state))
    half_an_ulp = torch.finfo(dtype).eps / 2
    assert_close("output", output.double(), expected, allowed=half_an_ulp)
    gradients = torch.autograd.grad(expected, [wide_x, *wide.parameters()], upstream.double())
    for a, b in zip(found, gradients, strict=True):
        assert a.dtype == dtype
        assert_close("gradient", a.double(), b, allowed=2 * half_an_ulp)


def run_torch(layer, x):
    """Run a layer of torch, which has no LSTM in bfloat16 on processors without such instructions."""
    try:
        return layer(x)
    except RuntimeError as error:
        if "primitive descriptor" in str(error):
            pytest.skip("torch has no LSTM in bfloat16 on this processor")
        raise


@pytest.mark.parametrize("mode", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("given", [torch.float32, torch.float64, torch.bfloat16])
def test_dtypes_under_autocast_are_those_of_torch(mode, given, monkeypatch):
    ran = kernels(monkeypatch)
    own = torch.float64 if given is torch.float64 else torch.float32
    ours, right = (getattr(library, mode)(I, H, 2, dtype=own) for library in (elman.nn, nn))
    ours.load_state_dict(right.state_dict())
    x = torch.randn(T, B, I, dtype=given)
    found = []
    for layer in (ours, right):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output, final = layer(x) if layer is ours else run_torch(layer, x)
        parts = [output, *(final if mode == "LSTM" else (final,))]
        found.append(parts + list(torch.autograd.grad(output.float().square().sum(), list(layer.parameters()))))
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype
        assert_close("a result", a.double(), b.double(), allowed=RELATIVE[torch.bfloat16])
    assert set(ran) == {own}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("lengths", [None, [5, 5, 5], [2, 5, 3]])
@pytest.mark.parametrize("projection", [0, 4])
def test_dtypes_of_an_lstm_under_autocast_are_those_of_torch(projection, lengths, given):
    ours, right = (library.LSTM(I, H, 2, bidirectional=True, proj_size=projection) for library in (elman.nn, nn))
    ours.load_state_dict(right.state_dict())
    x = torch.randn(T, B, I, dtype=given)
    x = x if lengths is None else nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, expected = ours(x), run_torch(right, x)
    (output, state), (its, other) = found, expected
    for a, b in ((output, its) if lengths is None else (output.data, its.data), *zip(state, other, strict=True)):
        assert a.dtype == b.dtype
        assert_close("a result", a.double(), b.double(), allowed=RELATIVE[torch.bfloat16])


def test_gradients_under_autocast_are_those_of_float32():
    """Parameters are not rounded: that would save nothing if sums are in float32."""
    layer, x = Recurrent(cells.mgu, I, H), torch.randn(T, B, I)
    found = []
    for enabled in (True, False):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            output, _ = layer(x)
        found.append(torch.autograd.grad(output, list(layer.parameters()), torch.ones_like(output)))
    for a, b in zip(*found, strict=True):
        assert_close("gradient", a, b)


def test_autocast_leaves_float64_beside_float32_refused():
    layer = elman.nn.LSTM(I, H)
    layer.bias_hh_l0 = nn.Parameter(layer.bias_hh_l0.detach().double())
    with torch.autocast("cpu", dtype=torch.bfloat16), pytest.raises(TensorError, match="float64"):
        layer(torch.randn(T, B, I))


@pytest.mark.parametrize("dtype", HALVES)
def test_a_stream_in_half_precision_carries_its_state_in_float32(dtype):
    layer = Recurrent(cells.lstm, I, H, 2).to(dtype)
    x = torch.randn(T, B, I, dtype=dtype)
    stream = layer.stream(B)
    found = torch.stack([stream.step(step) for step in x])
    assert found.dtype == dtype
    whole, final = layer(x)
    assert_close("outputs", found.double(), whole.detach().double(), allowed=torch.finfo(dtype).eps)
    h, c = stream.state
    assert h.dtype == torch.float32
    assert_close("state", h.double(), final[0].detach().double(), allowed=torch.finfo(dtype).eps)
    stream.state = (h, c)
    assert_identical("state", stream.state[1], c)
    for state in ((h, c), (h.to(dtype), c.to(dtype))):
        stream.state = state
        assert_close("step", stream.step(x[0]), layer(x[:1], (h.to(dtype), c.to(dtype)))[0][0], allowed=4e-2)
    with pytest.raises(TensorError, match=r"the state is torch\.float64"):
        stream.state = (h.double(), c.double())


def test_what_falls_to_the_reference_warns_once(monkeypatch):
    from elman import backends

    monkeypatch.setattr(backends, "_warned", set())
    layer, x = elman.nn.GRU(I, H), torch.randn(T, B, I, requires_grad=True)
    values = []
    for _ in range(2):
        (gradient,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
        values.append(gradient.square().sum())
    with pytest.warns(SlowWarning, match="torch_gru runs on the reference where a gradient is differentiated") as said:
        torch.autograd.backward(values)
    assert len(said) == 1
