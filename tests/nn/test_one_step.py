"""Modules of one time step: torch's cells on our kernels, and any cell."""

import copy
from typing import Any

import pytest
import torch
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

import elman
from elman.errors import CellError, ShapeError
from open_sizes import OPEN_SIZES
from tolerances import assert_close, assert_identical

INFOS = {info.module_cls.__name__: info for info in module_db if info.module_cls.__module__ == "torch.nn.modules.rnn"}
KINDS = ("RNNCell", "LSTMCell", "GRUCell")
B, I, H = 3, 7, 11


def pair(kind: str, dtype: torch.dtype = torch.float64, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(3)
    ours = getattr(elman.nn, kind)(I, H, dtype=dtype, **options)
    theirs = getattr(torch.nn, kind)(I, H, dtype=dtype, **options)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def states_of(kind: str, *shape: int, dtype: torch.dtype = torch.float64) -> Any:
    h, c = (torch.randn(*shape, dtype=dtype, requires_grad=True) for _ in range(2))
    return (h, c) if kind == "LSTMCell" else h


def listed(value: Any) -> list[torch.Tensor]:
    return list(value) if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"nonlinearity": "relu"}])
@pytest.mark.parametrize("shape", [(B,), ()])
@pytest.mark.parametrize("kind", KINDS)
def test_states_and_every_gradient_are_those_of_torchs_cell(kind, shape, options):
    if "nonlinearity" in options and kind != "RNNCell":
        options = {}
    results = []
    for module in pair(kind, **options):
        torch.manual_seed(5)
        x, state = torch.randn(*shape, I, dtype=torch.float64, requires_grad=True), states_of(kind, *shape, H)
        new = listed(module(x, state))
        upstream = [torch.randn_like(s) for s in new]
        wanted = [x, *listed(state), *module.parameters()]
        results.append([*new, *torch.autograd.grad(new, wanted, upstream), *listed(module(x))])
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        assert_close("state or gradient", ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_torchs_weights_and_the_same_text(kind):
    made = []
    for classes in (elman.nn, torch.nn):
        torch.manual_seed(7)
        made.append(getattr(classes, kind)(I, H))
    assert repr(made[0]) == repr(made[1])
    for (name, mine), (other, theirs) in zip(made[0].named_parameters(), made[1].named_parameters(), strict=True):
        assert name == other
        assert_identical(name, mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_inputs_raise_what_torch_expects(kind):
    info = INFOS[kind]
    found = info.module_error_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=False)
    assert len(found) >= 4
    for error in found:
        assert error.error_on == ModuleErrorEnum.FORWARD_ERROR
        made, given = error.module_error_input.constructor_input, error.module_error_input.forward_input
        with pytest.raises(error.error_type, match=error.error_regex):
            getattr(elman.nn, kind)(*made.args, **made.kwargs)(*given.args, **given.kwargs)


@pytest.mark.parametrize("kind", KINDS)
def test_under_autocast_states_have_the_dtypes_of_torchs(kind):
    ours, theirs = pair(kind, torch.float32)
    x, state = torch.randn(B, I), states_of(kind, B, H, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert [s.dtype for s in listed(ours(x, state))] == [s.dtype for s in listed(theirs(x, state))]


@pytest.mark.parametrize("name", elman.cells.names())
def test_a_loop_over_one_step_is_the_layer_of_any_cell(name):
    cell = elman.cells.find(name)
    sizes = OPEN_SIZES.get(name, {})
    layer = elman.nn.Recurrent(cell, I, H, sizes=sizes, dtype=torch.float64)
    step = elman.nn.Cell(cell, I, H, sizes=sizes, dtype=torch.float64)
    assert step.state_sizes == layer.state_sizes
    step.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    x = torch.randn(5, B, I, dtype=torch.float64)
    sides = {side: torch.rand(5, B, dtype=torch.float64) for side in cell.sides}
    state = None
    for t, x_t in enumerate(x):
        state = step(x_t, state, **{side: value[t] for side, value in sides.items()})
    for mine, theirs in zip(listed(state), listed(layer(x, **sides)[1]), strict=True):
        assert_identical("state", mine, theirs[0])


def test_a_cell_is_initialised_copied_and_shown_like_a_layer():
    step = elman.nn.Cell(elman.cells.gru, I, H, bias=False)
    elman.nn.init.orthogonal_(step)
    for member in step.U.split(H):
        assert_close("U Uᵀ", member @ member.T, torch.eye(H))
    x = torch.randn(I)
    assert_identical("copy", copy.deepcopy(step)(x), step(x))
    assert repr(step) == f"Cell(gru, {I}, {H}, bias=False)"


def test_what_does_not_fit_a_cell_is_refused():
    step = elman.nn.Cell(elman.cells.lstm, I, H)
    with pytest.raises(ShapeError, match=rf"x has shape \(3, 11\)\.\n.*\n  Give I = {I}"):
        step(torch.zeros(B, H))
    with pytest.raises(ShapeError, match="x is a list"):
        step([1.0])
    with pytest.raises(ShapeError, match=r"one for each of h, c"):
        step(torch.zeros(B, I), torch.zeros(B, H))
    with pytest.raises(ShapeError, match="there is no side input dt"):
        step(torch.zeros(B, I), dt=torch.ones(B))
    with pytest.raises(CellError, match="the cell is a str"):
        elman.nn.Cell("gru", I, H)
    with pytest.raises(ValueError, match="Unknown nonlinearity"):
        elman.nn.RNNCell(I, H, nonlinearity="sine")
    with pytest.raises(RuntimeError, match="expects 2 hidden states"):
        elman.nn.LSTMCell(I, H)(torch.zeros(B, I), torch.zeros(B, H))
