"""Run PyTorch's own module tests for RNN, LSTM and GRU on our classes.

The cases are torch's: the entries of `torch.testing._internal.common_modules`, made to build our class instead. The
checks are those of torch's `test/test_modules.py`, which torch does not install: forward against the reference
function, factory arguments, pickling, copying, printing, non-contiguous tensors, first and second derivatives, moving,
wrong inputs.
"""

import copy
import io
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db
from torch.utils._pytree import tree_leaves, tree_map

import elman
from tolerances import assert_close, assert_identical

INFOS = {info.module_cls.__name__: info for info in module_db if info.module_cls.__module__ == "torch.nn.modules.rnn"}
KINDS = ("RNN", "LSTM", "GRU")
pytestmark = pytest.mark.parametrize("kind", KINDS)


def cases(kind: str, dtype: torch.dtype, *, gradients: bool = False, training: bool = False) -> Iterator[Any]:
    """Yield torch's inputs for one class; for RNN and GRU the packed ones, which torch keeps for the GPU, as well."""
    info = INFOS[kind]
    packed = {} if kind == "LSTM" else {"with_packed_sequence": True}
    found = info.module_inputs_func(
        info, device="cpu", dtype=dtype, requires_grad=gradients, training=training, **packed
    )
    assert len(found) >= 16
    yield from found


def build(kind: str, case: Any, dtype: torch.dtype, *, training: bool = False, classes: Any = None) -> Any:
    made = case.constructor_input
    layer = getattr(classes or elman.nn, kind)(*made.args, **made.kwargs, device="cpu", dtype=dtype)
    return layer.train(training)


def forward(layer: Any, case: Any) -> list[torch.Tensor]:
    given = case.forward_input
    return tensors_in(layer(*given.args, **given.kwargs))


def tensors_in(result: Any) -> list[torch.Tensor]:
    """Flatten what a layer takes or returns, without the batch sizes and orders of a PackedSequence."""
    leaves = tree_leaves(tuple(result))
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]


def by_torchs_tolerance(name: str, ours: torch.Tensor, torchs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, torchs, msg=lambda said: f"{name}: {said}")


def test_the_three_classes_are_in_torchs_list(kind: str) -> None:
    assert INFOS[kind].module_cls is getattr(torch.nn, kind)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forward_equals_torchs_class_and_torchs_reference_function(
    kind: str, dtype: torch.dtype, training: bool
) -> None:
    for case in cases(kind, dtype, training=training):
        layer = build(kind, case, dtype, training=training)
        torchs = build(kind, case, dtype, training=training, classes=torch.nn)
        torchs.load_state_dict(layer.state_dict())
        ours = forward(layer, case)
        # Two units and inputs up to 9: sums cancel, and float32 is held to the tolerance of torch's own module tests.
        compare = assert_close if dtype == torch.float64 else by_torchs_tolerance
        for mine, theirs in zip(ours, forward(torchs, case), strict=True):
            compare("output", mine, theirs)
        given = case.forward_input
        if isinstance(given.args[0], torch.Tensor):
            expected = case.reference_fn(layer, *given.args, **given.kwargs)
            for mine, theirs in zip(ours, tensors_in(expected), strict=True):
                compare("output without a batch axis", mine, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_factory_arguments_decide_device_and_dtype(kind: str, dtype: torch.dtype) -> None:
    for case in cases(kind, dtype):
        made = case.constructor_input
        layer = getattr(elman.nn, kind)(*made.args, **made.kwargs, device="meta", dtype=dtype)
        assert {(p.device.type, p.dtype) for p in layer.parameters()} == {("meta", dtype)}
        with torch.device("meta"):
            assert {p.device.type for p in getattr(elman.nn, kind)(*made.args, **made.kwargs).parameters()} == {"meta"}
        torch.set_default_dtype(torch.float64)
        plain = getattr(elman.nn, kind)(*made.args, **made.kwargs)
        torch.set_default_dtype(torch.float32)
        assert {p.dtype for p in plain.parameters()} == {torch.float64}


def test_a_layer_made_without_memory_can_be_filled(kind: str) -> None:
    for case in cases(kind, torch.float32):
        full = build(kind, case, torch.float32)
        made = case.constructor_input
        empty = getattr(elman.nn, kind)(*made.args, **made.kwargs, device="meta").eval().to_empty(device="cpu")
        empty.load_state_dict(full.state_dict())
        for mine, theirs in zip(forward(empty, case), forward(full, case), strict=True):
            assert_identical("output", mine, theirs)


def test_pickled_copied_and_saved_modules_compute_the_same(kind: str) -> None:
    for case in cases(kind, torch.float32):
        layer = build(kind, case, torch.float32)
        expected = forward(layer, case)
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        made_again = (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer), torch.load(file, weights_only=False))
        for again in made_again:
            for mine, theirs in zip(forward(again, case), expected, strict=True):
                assert_identical("output", mine, theirs)


def test_printing_works_and_equals_torchs(kind: str) -> None:
    for case in cases(kind, torch.float32):
        layer, torchs = build(kind, case, torch.float32), build(kind, case, torch.float32, classes=torch.nn)
        assert repr(layer) == str(layer) == repr(torchs)


def test_non_contiguous_tensors_give_the_same_values_and_gradients(kind: str) -> None:
    def spread(value: Any) -> Any:
        """Copy into every second place of a tensor twice as wide, as torch's noncontiguous_like does."""
        if not isinstance(value, torch.Tensor) or value.dim() < 2:
            return value
        wide = torch.full((*value.shape, 2), float("nan"), dtype=value.dtype)
        wide[..., 1] = value.detach()
        return wide[..., 1].requires_grad_(value.requires_grad)

    for case in cases(kind, torch.float64, gradients=True):
        if not isinstance(case.forward_input.args[0], torch.Tensor):
            continue
        layer = build(kind, case, torch.float64)
        results = []
        for args in (case.forward_input.args, tree_map(spread, case.forward_input.args)):
            outputs = tensors_in(layer(*args, **case.forward_input.kwargs))
            torch.manual_seed(11)
            upstream = [torch.randn_like(output) for output in outputs]
            inputs = tensors_in(args)
            results.append((*outputs, *torch.autograd.grad(outputs, [*inputs, *layer.parameters()], upstream)))
        for mine, theirs in zip(*results, strict=True):
            assert_close("value or gradient", theirs, mine)


@pytest.mark.parametrize("order", ["first", pytest.param("second", marks=pytest.mark.slow)])
def test_derivatives_equal_differences(kind: str, order: str) -> None:
    check = torch.autograd.gradcheck if order == "first" else torch.autograd.gradgradcheck
    # Along random directions (fast_mode), as torch does; one case of each kind is checked element by element.
    for number, case in enumerate(cases(kind, torch.float64, gradients=True)):
        given = case.forward_input.args
        if not isinstance(given[0], torch.Tensor):
            continue
        layer = build(kind, case, torch.float64)
        names = [name for name, _ in layer.named_parameters()]
        states = given[1] if len(given) > 1 else ()
        inputs = [given[0], *(states if isinstance(states, tuple) else (states,))]

        def apply(*tensors: torch.Tensor, layer: Any = layer, names: Any = names, count: int = len(inputs)) -> Any:
            x, *hx = tensors[:count]
            state = () if not hx else (tuple(hx),) if len(hx) > 1 else (hx[0],)
            parameters = dict(zip(names, tensors[count:], strict=True))
            return tuple(tree_leaves(torch.func.functional_call(layer, parameters, (x, *state))))

        tensors = [tensor.detach().clone().requires_grad_() for tensor in (*inputs, *layer.parameters())]
        assert check(apply, tensors, fast_mode=number != 1)


def test_moving_to_another_dtype_equals_building_in_it(kind: str) -> None:
    for single, double in zip(cases(kind, torch.float32), cases(kind, torch.float64), strict=True):
        layer = build(kind, single, torch.float32)
        built = build(kind, single, torch.float64)
        built.load_state_dict(layer.state_dict())
        for mine, theirs in zip(forward(layer.to(torch.float64), double), forward(built, double), strict=True):
            assert_identical("output", mine, theirs)


def test_state_dict_goes_to_torchs_class_and_back(kind: str) -> None:
    for case in cases(kind, torch.float32):
        layer, torchs = build(kind, case, torch.float32), build(kind, case, torch.float32, classes=torch.nn)
        torchs.load_state_dict(layer.state_dict())
        again = build(kind, case, torch.float32)
        again.load_state_dict(torchs.state_dict())
        for mine, theirs in zip(forward(again, case), forward(layer, case), strict=True):
            assert_identical("output", mine, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wrong_inputs_raise_what_torch_expects(kind: str, dtype: torch.dtype) -> None:
    info = INFOS[kind]
    found = info.module_error_inputs_func(info, device="cpu", dtype=dtype, requires_grad=False, training=False)
    assert len(found) >= 13
    for error in found:
        made, given = error.module_error_input.constructor_input, error.module_error_input.forward_input
        if error.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(error.error_type, match=error.error_regex):
                getattr(elman.nn, kind)(*made.args, **made.kwargs)
        else:
            layer = getattr(elman.nn, kind)(*made.args, **made.kwargs)
            with pytest.raises(error.error_type, match=error.error_regex):
                layer(*given.args, **given.kwargs)
