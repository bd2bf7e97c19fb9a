"""Half precision and autocast run on compiled kernels: sums in float32, and torch's dtypes at the border."""

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


# Of the operands of products, float16 is widened and bfloat16 stays.
ERRORS = {torch.float16: torch.finfo(torch.float16).eps, torch.bfloat16: RELATIVE[torch.bfloat16] / 2}


@pytest.mark.parametrize("dtype", HALVES)
def test_a_layer_in_half_precision_sums_in_float32(dtype, monkeypatch):
    ran = kernels(monkeypatch)
    layer = Recurrent(cells.lstm, I, H).to(dtype)
    x, upstream = torch.randn(T, B, I, dtype=dtype, requires_grad=True), torch.randn(T, B, H, dtype=dtype)
    state = (torch.randn(1, B, H, dtype=dtype), torch.randn(1, B, H, dtype=dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("error", SlowWarning)
        output, (h, c) = layer(x, state)
    assert ran == [torch.float32 if dtype is torch.float16 else torch.bfloat16]
    assert {output.dtype, h.dtype, c.dtype} == {dtype}
    inputs = [x, *layer.parameters()]
    found = torch.autograd.grad(output, inputs, upstream)
    wide = Recurrent(cells.lstm, I, H, backend="reference", dtype=torch.float64)
    wide.load_state_dict(layer.state_dict())
    wide_x = x.detach().double().requires_grad_()
    expected, _ = wide(wide_x, tuple(s.double() for s in state))
    assert_close("output", output.double(), expected, allowed=ERRORS[dtype] / 2)
    gradients = torch.autograd.grad(expected, [wide_x, *wide.parameters()], upstream.double())
    for a, b in zip(found, gradients, strict=True):
        assert a.dtype == dtype
        assert_close("gradient", a.double(), b, allowed=ERRORS[dtype])


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
    assert set(ran) == {torch.float64 if own is torch.float64 else torch.bfloat16}


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


def test_gradients_under_autocast_are_summed_in_float32():
    """A sum of bfloat16 would lose a thousand small terms beside a large one."""
    layer = Recurrent(cells.mgu, 1, 1)
    x = torch.cat([torch.full((1, 1, 1), 256.0), torch.full((1, 1000, 1), 1.0)], 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = layer(x)
    (gradient,) = torch.autograd.grad(output, [layer.b_l0], torch.ones_like(output))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        alone = layer(x[:, 1:2])[0]
    (share,) = torch.autograd.grad(alone, [layer.b_l0], torch.ones_like(alone))
    assert gradient.dtype == torch.float32
    assert_close("gradient", gradient, 1000 * share, allowed=2e-2)


@pytest.mark.parametrize("batch", [1, 1031], ids=["small call", "general way"])
def test_biases_and_states_are_not_rounded_under_autocast(batch):
    """What is only added has the digits of float32: rounded, 1000 steps of 1 + 2^-12 would lose a quarter."""
    layer = Recurrent(counter, 1, 1)
    torch.nn.init.constant_(layer.b_l0, 1 + 2.0**-12)
    torch.nn.init.zeros_(layer.W_l0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, final = layer(torch.zeros(1024, batch, 1), torch.full((1, batch, 1), 2.0**-12 - 0.25))
    assert final.unique().tolist() == [2.0**-12]


@elman.cell
def counter(x, h, *, W, b):
    return h + W @ x + b - 1


@pytest.mark.parametrize("mode", ["LSTM", "GRU"])
def test_training_in_bfloat16_goes_on_from_a_state(mode):
    """Two halves of a sequence give the outputs of the whole, whatever dtype the state between them has."""
    layer, x = getattr(elman.nn, mode)(I, H), torch.randn(2 * T, B, I)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        whole, _ = layer(x)
        first, state = layer(x[:T])
        second, _ = layer(x[T:], state)
    assert_close("outputs", torch.cat([first, second]), whole, allowed=1e-2)


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
    assert_identical("outputs", found, whole) if dtype is torch.bfloat16 else assert_close(
        "outputs", found.double(), whole.detach().double(), allowed=torch.finfo(dtype).eps
    )
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
