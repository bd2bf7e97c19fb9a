"""Computed weights (weight_norm, prune, spectral_norm, parametrize) take effect in every way to run a layer."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import elman
from elman import flow
from elman.errors import ConfigError
from elman.nn import Recurrent
from elman.nn.weights import plain_state
from tolerances import assert_close, assert_identical

T, B, I, H = 5, 3, 7, 11
NAME = "weight_hh_l0"


def old_weight_norm(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and used
        return nn.utils.weight_norm(layer, NAME)


def two_masks(layer):
    prune.l1_unstructured(layer, NAME, 0.3)
    prune.random_unstructured(layer, NAME, 0.3)
    return layer


WAYS = {
    "weight_norm": old_weight_norm,
    "spectral_norm": lambda layer: nn.utils.spectral_norm(layer, NAME).eval(),
    "prune": lambda layer: prune.l1_unstructured(layer, NAME, 0.5),
    "prune twice": two_masks,
    "parametrized": lambda layer: parametrizations.weight_norm(layer, NAME),
}


@pytest.fixture(params=WAYS)
def pair(request):
    """Make two layers whose weights are computed; the second loads the parameters of the first."""
    first, second = (WAYS[request.param](elman.nn.LSTM(I, H)) for _ in range(2))
    second(torch.randn(T, B, I))
    second.load_state_dict(first.state_dict())
    return first, second


def test_a_stream_reads_what_was_loaded(pair):
    first, second = pair
    x = torch.randn(T, B, I)
    expected = first(x)[0].detach()
    stream = second.stream(B)  # before any call of the layer would compute its weights
    assert_close("outputs", torch.stack([stream.step(step) for step in x]), expected)


def test_a_stream_follows_a_change_between_two_steps(pair):
    layer, _ = pair
    x, stream = torch.randn(T, B, I), layer.stream(B)
    stream.step(x[0])
    state = tuple(s.clone() for s in stream.state)
    with torch.no_grad():
        for p in layer.parameters():
            p.mul_(1.5)
    found = stream.step(x[1])
    assert_close("output", found, layer(x[1:2], state)[0][0].detach())


def norms(layer, x):
    """Return the norm of the gradient at every step, as flow measures it."""
    return torch.as_tensor(flow.examine(layer, x, torch.ones(T, B, H)).gradient_norms["l0"].norms)


def test_what_is_seen_inside_is_what_was_loaded(pair):
    first, second = pair
    x = torch.randn(T, B, I)
    first(x)  # its weights are computed
    plain = elman.nn.LSTM(I, H)
    plain.load_state_dict({name: getattr(first, name) for name in plain.state_dict()})
    assert_close("norms", norms(second, x), norms(plain, x))


def test_weights_of_torchs_own_layer_are_read_as_it_computes_them():
    layer = old_weight_norm(nn.GRU(I, H))
    ours = elman.nn.GRU(I, H)
    x = torch.randn(T, B, I)
    layer(x)
    ours.load_state_dict({name: getattr(layer, name) for name in ours.state_dict()})
    assert_close("norms", norms(layer, x), norms(ours, x))


SPECTRAL = {"a hook": nn.utils.spectral_norm, "parametrized": parametrizations.spectral_norm}


@pytest.mark.parametrize("tool", SPECTRAL.values(), ids=SPECTRAL)
def test_a_stream_and_a_look_inside_are_evaluation_and_do_not_continue_spectral_normalisation(tool):
    layer, x = tool(elman.nn.GRU(I, H), NAME), torch.randn(T, B, I)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    stream = layer.stream(B)
    outputs = torch.stack([stream.step(step) for step in x])
    seen = norms(layer, x)
    assert layer.training
    for name, value in layer.state_dict().items():
        assert_identical(name, value, before[name])
    layer.eval()
    assert_close("outputs", outputs, layer(x)[0].detach())
    assert_close("norms", seen, norms(layer, x))


@pytest.mark.parametrize("name", WAYS)
def test_a_plain_state_has_the_values_of_computed_weights(name):
    layer, x = WAYS[name](elman.nn.LSTM(I, H)).eval(), torch.randn(T, B, I)
    model, plain = nn.Sequential(nn.Identity(), layer), nn.Sequential(nn.Identity(), elman.nn.LSTM(I, H))
    plain.load_state_dict(plain_state(model))
    assert_close("outputs", plain(x)[0], model(x)[0])


@pytest.mark.parametrize("register", ["register_forward_pre_hook", "register_forward_hook"])
@pytest.mark.parametrize(
    "make", [elman.nn.GRU, lambda i, h: Recurrent(elman.cells.mgu, i, h)], ids=["GRU", "Recurrent"]
)
def test_a_hook_that_a_step_would_pass_by_is_refused(make, register):
    layer, x = make(I, H), torch.randn(B, I)
    stream = layer.stream(B)
    handle = getattr(layer, register)(lambda *_: None)
    for run in (lambda: stream.step(x), lambda: copy.deepcopy(stream).step(x), layer.stream):
        with pytest.raises(ConfigError, match="A step does not call the layer"):
            run()
    handle.remove()
    assert stream.step(x).shape == (B, H)


def test_a_hook_of_all_modules_is_refused_too():
    stream = elman.nn.GRU(I, H).stream(B)
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        with pytest.raises(ConfigError, match="A step does not call the layer"):
            stream.step(torch.randn(B, I))
    finally:
        handle.remove()
    stream.step(torch.randn(B, I))


class Doubled(elman.nn.GRU):
    """A layer that reads twice its input."""

    def forward(self, x, state=None):
        return super().forward(2 * x, state)


def test_a_layer_with_a_forward_of_its_own_is_not_streamed():
    changed = elman.nn.GRU(I, H)
    changed.forward = lambda x: (x, x)
    for layer in (Doubled(I, H), changed):
        with pytest.raises(ConfigError, match="overrides forward"):
            layer.stream()
