"""The drop-ins as modules, used like torch's: state_dict, copies, pickles, dtypes, modes."""

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

import elman
from tolerances import RELATIVE, assert_close, assert_identical

T, B, I, H = 5, 3, 7, 11

LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "RNN": ("RNN", {}),
    "RNN relu": ("RNN", {"nonlinearity": "relu", "num_layers": 2, "bias": False}),
    "LSTM": ("LSTM", {"bidirectional": True}),
    "LSTM projected": ("LSTM", {"proj_size": 5, "num_layers": 2, "dropout": 0.25}),
    "LSTM no bias": ("LSTM", {"proj_size": 5, "bias": False, "batch_first": True}),
    "GRU": ("GRU", {"num_layers": 2, "bidirectional": True, "batch_first": True}),
}
pytestmark = pytest.mark.parametrize("which", LAYERS)


def build(classes: Any, which: str, **more: Any) -> Any:
    kind, options = LAYERS[which]
    return getattr(classes, kind)(I, H, **options, **more)


def assert_same_output(ours: Any, other: Any, x: Tensor, *, exactly: bool = False) -> None:
    """Compare the results of two layers in evaluation mode, the states included."""
    results = []
    for layer in (ours, other):
        layer.eval()
        output, final = layer(x)
        results.append((output, *(final if isinstance(final, tuple) else (final,))))
    for name, mine, theirs in zip(("output", "final h", "final c"), *results, strict=False):
        (assert_identical if exactly else assert_close)(name, mine, theirs)


def test_state_dict_loads_both_ways(which: str) -> None:
    ours, torchs, ours_again = (build(classes, which) for classes in (elman.nn, torch.nn, elman.nn))
    assert list(ours.state_dict()) == list(torchs.state_dict())
    x = torch.randn(T, B, I)
    torchs.load_state_dict(ours.state_dict())
    assert_same_output(ours, torchs, x)
    torch.nn.init.uniform_(next(torchs.parameters()))
    ours_again.load_state_dict(torchs.state_dict())
    assert_same_output(ours_again, torchs, x)


def test_a_torch_layer_may_stand_where_ours_stood_in_a_checkpoint(which: str) -> None:
    model = torch.nn.Sequential()
    model.add_module("recurrent", build(torch.nn, which))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = torch.nn.Sequential()
    other.add_module("recurrent", build(elman.nn, which))
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert_same_output(other.recurrent, model.recurrent, torch.randn(T, B, I))


def test_printing_says_what_torchs_says(which: str) -> None:
    ours, torchs = build(elman.nn, which), build(torch.nn, which)
    assert ours.extra_repr() == torchs.extra_repr()
    assert repr(ours) == repr(torchs)


def test_the_attributes_are_torchs(which: str) -> None:
    ours, torchs = build(elman.nn, which), build(torch.nn, which)
    names = (
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
        "proj_size", "training", "_flat_weights_names",
    )  # fmt: skip
    for name in names:
        assert getattr(ours, name) == getattr(torchs, name), name
    assert isinstance(ours, torch.nn.RNNBase)
    assert type(ours).__mro__[-2:] == type(torchs).__mro__[-2:]


def test_all_weights_and_flat_weights_are_the_parameters_in_torchs_order(which: str) -> None:
    ours = build(elman.nn, which)
    torchs = build(torch.nn, which)
    ours.flatten_parameters()
    by_name = dict(ours.named_parameters())
    names_of = {id(parameter): name for name, parameter in torchs.named_parameters()}
    expected = [[names_of[id(parameter)] for parameter in group] for group in torchs.all_weights]
    assert [[id(p) for p in group] for group in ours.all_weights] == [[id(by_name[n]) for n in g] for g in expected]
    assert [id(p) for p in ours._flat_weights] == [id(by_name[names_of[id(p)]]) for p in torchs._flat_weights]


def test_positional_arguments_come_in_torchs_order(which: str) -> None:
    kind, _ = LAYERS[which]
    rest = (False, True, 0.5, True)
    args = (I, H, 2, "relu", *rest) if kind == "RNN" else (I, H, 2, *rest, 3) if kind == "LSTM" else (I, H, 2, *rest)
    assert repr(getattr(elman.nn, kind)(*args)) == repr(getattr(torch.nn, kind)(*args))


def test_a_copy_computes_the_same_and_shares_nothing(which: str) -> None:
    layer = build(elman.nn, which)
    twin = copy.deepcopy(layer)
    x = torch.randn(T, B, I)
    assert_same_output(twin, layer, x, exactly=True)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert not twin(x)[0].any()
    for name, value in layer.state_dict().items():
        assert_identical(name, value, before[name])


@pytest.mark.parametrize("how", ["pickle", "torch.save"])
def test_a_pickled_module_computes_the_same(which: str, how: str) -> None:
    layer = build(elman.nn, which)
    layer(torch.randn(T, B, I))
    if how == "pickle":
        again = pickle.loads(pickle.dumps(layer))
    else:
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        again = torch.load(file, weights_only=False)
    assert type(again) is type(layer)
    assert_same_output(again, layer, torch.randn(T, B, I), exactly=True)


def test_a_layer_moves_to_another_dtype_and_back(which: str) -> None:
    ours, torchs = build(elman.nn, which), build(torch.nn, which)
    torchs.load_state_dict(ours.state_dict())
    x = torch.randn(T, B, I)
    ours(x)
    assert_same_output(ours.double(), torchs.double(), x.double())
    assert_same_output(ours.to(torch.float32), torchs.to(torch.float32), x)
    assert {parameter.dtype for parameter in ours._flat_weights} == {torch.float32}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precisions_follow_torchs(which: str, dtype: torch.dtype) -> None:
    ours, torchs = build(elman.nn, which, dtype=dtype), build(torch.nn, which, dtype=dtype)
    torchs.load_state_dict(ours.state_dict())
    assert_same_output(ours, torchs, torch.randn(T, B, I, dtype=dtype))


def test_autocast_takes_float32_weights_with_a_bfloat16_input(which: str) -> None:
    ours, torchs = build(elman.nn, which).eval(), build(torch.nn, which).eval()
    torchs.load_state_dict(ours.state_dict())
    x = torch.randn(T, B, I)
    expected = torchs(x)[0]
    for given in (x, x.bfloat16()):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = ours(given)[0]
        # Torch's own classes disagree about the dtype of the results, so only the values are compared.
        assert_close("output", output.float(), expected, allowed=RELATIVE[torch.bfloat16])


def test_dropout_acts_in_training_only_and_as_torchs(which: str) -> None:
    ours, torchs = build(elman.nn, which), build(torch.nn, which)
    torchs.load_state_dict(ours.state_dict())
    x = torch.randn(T, B, I)
    for mode in (True, False):
        ours.train(mode)
        torchs.train(mode)
        torch.manual_seed(3)
        mine = ours(x)[0]
        torch.manual_seed(3)
        assert_close("output", mine, torchs(x)[0])
    ours.train()
    first, second = ours(x)[0], ours(x)[0]
    assert first.equal(second) == (ours.dropout == 0)


def test_a_replaced_parameter_is_used(which: str) -> None:
    ours, torchs = build(elman.nn, which), build(torch.nn, which)
    torchs.load_state_dict(ours.state_dict())
    ours(torch.randn(T, B, I))
    weight = torch.randn_like(ours.weight_hh_l0)
    ours.weight_hh_l0 = torch.nn.Parameter(weight)
    torchs.weight_hh_l0 = torch.nn.Parameter(weight)
    assert_same_output(ours, torchs, torch.randn(T, B, I))


def test_functional_call_uses_the_given_parameters_and_differentiates_them(which: str) -> None:
    ours, torchs = build(elman.nn, which).double().eval(), build(torch.nn, which).double().eval()
    x = torch.randn(T, B, I, dtype=torch.float64)
    gradients = []
    for layer in (ours, torchs):
        torch.manual_seed(5)
        given = {n: torch.randn_like(p).mul(0.3).requires_grad_() for n, p in layer.named_parameters()}
        output = torch.func.functional_call(layer, given, (x,))[0]
        gradients.append(dict(zip(given, torch.autograd.grad(output.square().sum(), given.values()), strict=True)))
    for name, expected in gradients[1].items():
        assert_close(name, gradients[0][name], expected)


def test_a_frozen_parameter_gets_no_gradient_and_the_others_keep_theirs(which: str) -> None:
    ours, torchs = build(elman.nn, which).double().eval(), build(torch.nn, which).double().eval()
    torchs.load_state_dict(ours.state_dict())
    x = torch.randn(T, B, I, dtype=torch.float64)
    upstream = None
    for layer in (ours, torchs):
        layer.weight_hh_l0.requires_grad_(False)
        output = layer(x)[0]
        upstream = torch.randn_like(output) if upstream is None else upstream
        output.backward(upstream)
    assert ours.weight_hh_l0.grad is None
    for name, expected in torchs.named_parameters():
        assert_close(name, ours.get_parameter(name).grad, expected.grad)


def test_gradients_accumulate_over_two_backward_passes(which: str) -> None:
    layer = build(elman.nn, which).double().eval()
    output = layer(torch.randn(T, B, I, dtype=torch.float64))[0]
    upstream = torch.randn_like(output)
    output.backward(upstream, retain_graph=True)
    once = {name: parameter.grad.clone() for name, parameter in layer.named_parameters()}
    output.backward(upstream)
    for name, parameter in layer.named_parameters():
        assert_close(name, parameter.grad, 2 * once[name])


def test_the_shape_of_memory_does_not_matter(which: str) -> None:
    layer = build(elman.nn, which).eval()
    x = torch.randn(B, I, 2, T)
    strided = x.permute(3, 0, 1, 2)[..., 1]
    assert not strided.is_contiguous()
    assert_identical("output", layer(strided)[0], layer(strided.contiguous())[0])


def test_without_gradients_the_values_are_the_same(which: str) -> None:
    layer = build(elman.nn, which).eval()
    x = torch.randn(T, B, I)
    expected = layer(x)[0]
    with torch.no_grad():
        silent = layer(x)[0]
    with torch.inference_mode():
        inferred = layer(x)[0]
    assert not silent.requires_grad
    assert_identical("no_grad", silent, expected)
    assert_identical("inference_mode", inferred.clone(), expected)


def test_the_callers_tensors_are_left_as_they_were(which: str) -> None:
    layer = build(elman.nn, which).eval()
    x = torch.randn(T, B, I, requires_grad=True)
    final = layer(x)[1]
    given = [x, *layer.parameters(), *(final if isinstance(final, tuple) else (final,))]
    before = [tensor.detach().clone() for tensor in given]
    layer(x, final)[0].sum().backward()
    for tensor, value in zip(given, before, strict=True):
        assert_identical("a tensor of the caller", tensor, value)
