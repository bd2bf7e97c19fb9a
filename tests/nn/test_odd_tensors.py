"""A tensor of any kind, as any argument: a layer and a stream equal torch, or refuse it; they never crash."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import elman
from elman.errors import ShapeError, TensorError
from tolerances import assert_close

PROGRAM = Path(__file__).parent / "odd_tensors.py"

T, B, I, H = 5, 3, 7, 11


@pytest.mark.parametrize(("first", "count"), [(1, 250), pytest.param(1000, 2000, marks=pytest.mark.slow)])
def test_tensors_of_odd_kinds_are_read_right_or_refused(first, count):
    command = [sys.executable, PROGRAM, str(first), str(count)]
    tested = {**os.environ, "PYTHONPATH": str(Path(elman.__file__).parents[1])}  # the package that is loaded here
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=tested)
    said = (done.stdout[-1500:], done.stderr[-3000:])
    assert done.returncode == 0, said
    assert done.stdout.count("case") == count
    refused = done.stdout.count("refused")
    assert count / 3 < refused < 3 * count / 4, "neither kind of outcome is rare"


def test_a_parameter_of_another_dtype_is_refused_as_torch_refuses_it():
    bias = nn.Parameter(torch.from_numpy(np.linspace(-1, 1, 3 * H)))
    for layer in (elman.nn.GRU(I, H), nn.GRU(I, H)):
        layer.bias_hh_l0 = bias
        with pytest.raises(RuntimeError, match=r"dtype|Float"):
            layer(torch.randn(T, B, I))
    own = elman.nn.Recurrent(elman.cells.gru, I, H)
    own.U_l0 = nn.Parameter(own.U_l0.detach().half())
    with pytest.raises(
        TensorError, match=r"gru: parameter U has dtype torch\.float16 on cpu, and must have torch\.flo"
    ):
        own(torch.randn(T, B, I))


def test_a_layer_without_memory_is_refused_until_its_parameters_are_loaded():
    right = nn.GRU(I, H)
    layer = elman.nn.GRU(I, H, device="meta")
    x = torch.randn(T, B, I)
    with pytest.raises(TensorError, match="on meta"):
        layer(x)
    some = {name: value for name, value in right.state_dict().items() if "bias" not in name}
    layer.load_state_dict(some, strict=False, assign=True)
    with pytest.raises(TensorError, match=r"parameter bias_ih has dtype torch\.float32 on meta"):
        layer(x)
    with pytest.raises(TensorError, match="on meta"):
        layer.stream(B).step(x[0])
    layer.load_state_dict(right.state_dict(), assign=True)
    assert_close("output", layer(x)[0], right(x)[0])


def test_an_input_of_integers_is_told_of_real_numbers_and_of_embeddings():
    with pytest.raises(
        elman.errors.ShapeError, match=r"x is torch\.int64(.|\n)*x\.to\(torch\.float32\)(.|\n)*Embedding"
    ):
        elman.nn.Recurrent(elman.cells.mgu, 3, 5)(torch.ones(4, 2, 3, dtype=torch.int64))


def test_integers_and_complex_numbers_are_refused():
    for dtype in (torch.int64, torch.complex64):
        layer = elman.nn.Recurrent(elman.cells.elman, I, H).to(torch.float32)
        for name, value in list(layer.named_parameters()):
            setattr(layer, name, nn.Parameter(value.detach().to(dtype), requires_grad=False))
        with pytest.raises(elman.errors.BackendError, match="computes with real numbers"):
            layer(torch.ones(T, B, I, dtype=dtype))


VIEWS = {
    "one example for all": lambda: torch.randn(T, 1, I).expand(T, B, I),
    "one step for all": lambda: torch.randn(1, B, I).expand(T, B, I),
    "one number for all": lambda: torch.randn(()).expand(T, B, I),
    "overlapping windows": lambda: torch.randn(T + 2 * B + I).as_strided((T, B, I), (1, 2, 1)),
    "the imaginary part of a conjugate": lambda: torch.randn(T, B, I, dtype=torch.complex64).conj().imag,
    "columns first": lambda: torch.randn(T, I, B).mT,
    "denormal": lambda: torch.randn(T, B, I) * 1e-40,
    "enormous": lambda: torch.randn(T, B, I) * 1e37,
}


@pytest.mark.parametrize("kind", VIEWS)
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_inputs_and_gradients_of_any_view_are_read_as_torch_reads_them(name, kind):
    right = getattr(nn, name)(I, H)
    ours = getattr(elman.nn, name)(I, H)
    ours.load_state_dict(right.state_dict())
    x, upstream = VIEWS[kind](), VIEWS[kind]()[..., :1].expand(T, B, H)
    upstream = upstream / upstream.abs().max()
    results = []
    for layer in (right, ours):
        output, _ = layer(x)
        results.append([output, *torch.autograd.grad(output, list(layer.parameters()), upstream)])
    for number, (expected, found) in enumerate(zip(*results, strict=True)):
        assert_close(f"result {number}", found, expected)
    state = x[0].new_zeros(1, B, H)
    stream = ours.stream(B)
    steps = torch.stack([stream.step(step) for step in x])
    assert_close("stream", steps, ours(x, (state, state) if name == "LSTM" else state)[0].detach())


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("changed", ["x", "state", "weight", "output"])
def test_what_was_changed_in_place_before_the_backward_pass_is_refused(changed, name):
    layer = getattr(elman.nn, name)(I, H)
    x, state = torch.randn(T, B, I), torch.randn(1, B, H)
    output, _ = layer(x, (state, state.clone()) if name == "LSTM" else state)
    with torch.no_grad():
        {"x": x, "state": state, "weight": layer.weight_hh_l0, "output": output}[changed].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.square().sum().backward()


def test_a_tensor_that_cannot_be_an_input_is_named():
    x = torch.randn(T, B, I)
    with pytest.raises(TensorError, match=r"gru: x has the layout torch\.sparse_coo"):
        elman.nn.GRU(I, H)(x.to_sparse())
    for given in (x.tolist(), x.numpy()):
        with pytest.raises(ShapeError, match=f"LSTM: the input is a {type(given).__name__}"):
            elman.nn.LSTM(I, H)(given)


def test_a_step_warns_that_it_records_no_gradient():
    layer, x = elman.nn.GRU(I, H), torch.randn(B, I, requires_grad=True)
    stream = layer.stream(B)
    with pytest.warns(UserWarning, match="a step records none"):
        found = stream.step(x)
    assert not found.requires_grad
    assert_close("output", found, layer(x[None])[0][0].detach())
    with torch.no_grad():
        stream.step(x)
    stream.step(x.detach())


def test_saved_tensors_that_a_hook_changed_are_refused():
    layer, x = elman.nn.LSTM(I, H), torch.randn(T, B, I)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.bfloat16(), lambda t: t):
        output, _ = layer(x)
    with pytest.raises(TensorError, match="bfloat16"):
        output.sum().backward()


def test_the_state_of_a_stream_is_whole_and_of_the_layers_type():
    stream = elman.nn.LSTM(I, H).stream(B)
    h, c = stream.state
    with pytest.raises(TensorError, match=r"the state is torch\.float64"):
        stream.state = (h, c.double())
    c.data = torch.zeros(1)
    with pytest.raises(ShapeError, match="the state has shapes"):
        stream.step(torch.randn(B, I))


def test_a_step_that_torch_traces_or_transforms_is_refused():
    layer, x = elman.nn.GRU(I, H), torch.randn(B, I)
    stream = copy.deepcopy(layer).stream(B)
    with pytest.raises(elman.errors.ConfigError, match="neither traced nor transformed"):
        torch.func.vmap(stream.step, in_dims=1)(torch.randn(B, 2, I))
    with (
        pytest.raises(elman.errors.ConfigError, match="neither traced nor transformed"),
        pytest.warns(DeprecationWarning, match="deprecated"),
    ):
        torch.jit.trace(stream.step, (x,))
    assert_close("step", stream.step(x), layer(x[None])[0][0])


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch uses it for its own derivatives
@pytest.mark.parametrize("seed", range(3))
def test_a_forward_mode_derivative_is_that_of_differences(seed):
    torch.manual_seed(seed)
    layer = elman.nn.GRU(I, H, dtype=torch.float64)
    x, d = torch.randn(2, T, B, I, dtype=torch.float64)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, d)
        found = torch.autograd.forward_ad.unpack_dual(layer(dual)[0]).tangent
    step = 1e-6
    expected = (layer(x + step * d)[0] - layer(x - step * d)[0]) / (2 * step)
    assert_close("tangent", found, expected, allowed=1e-8)
    exported = torch.export.export(layer, (x,)).module()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, d)
        found = torch.autograd.forward_ad.unpack_dual(exported(dual)[0]).tangent
    assert_close("tangent of what is exported", found, expected, allowed=1e-8)
