"""Small calls, which are prepared once for their shapes: nothing that changes between two calls may be missed."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.nn.utils import prune

import elman
from elman.backends import llvm
from elman.backends.llvm.run import kernel
from elman.errors import TensorError
from elman.ops import small
from tolerances import assert_close, assert_identical

B, I, H = 3, 7, 11

MODULES = {
    "lstm": lambda **how: elman.nn.LSTM(H, H, **how),
    "gru of five steps": lambda **how: elman.nn.GRU(H, H, **how),
    "rnn cell": lambda **how: elman.nn.RNNCell(H, H, **how),
    "gru cell": lambda **how: elman.nn.GRUCell(H, H, **how),
    "lstm cell": lambda **how: elman.nn.LSTMCell(H, H, **how),
    "peephole": lambda **how: elman.nn.Recurrent(elman.cells.lstm_peephole, H, H, **how),
    "layer norm": lambda **how: elman.nn.Cell(elman.cells.lstm_layer_norm, H, H, **how),
}


def listed(value: Any) -> list[torch.Tensor]:
    return [value] if isinstance(value, torch.Tensor) else [t for part in value for t in listed(part)]


def draw(name: str, module: Any) -> tuple[torch.Tensor, Any]:
    dtype = next(iter(module.parameters())).dtype
    x = torch.randn(*((B, H) if "Cell" in module._get_name() else (5 if "five" in name else 1, B, H)), dtype=dtype)
    shape = (B, H) if x.dim() == 2 else (1, B, H)
    states = [torch.randn(shape, dtype=dtype, requires_grad=True) for _ in module.program.states]
    return x.requires_grad_(), tuple(states) if len(states) > 1 else states[0]


def compute(module: Any, x: torch.Tensor, state: Any) -> list[torch.Tensor]:
    """Return the results of a call, and every gradient for a random upstream one."""
    results = listed(module(x, state))
    torch.manual_seed(11)
    upstream = [torch.randn_like(t) for t in results]
    states = [] if state is None else listed(state)
    wanted = [t for t in (x, *states, *module.parameters()) if t.requires_grad]
    return [*results, *torch.autograd.grad(results, wanted, upstream)]


def compute_plainly(module: Any, x: torch.Tensor, state: Any) -> list[torch.Tensor]:
    with elman.backend("reference"):
        return compute(module, x, state)


@pytest.mark.parametrize(("name", "dtype"), [*((name, torch.float64) for name in MODULES), ("lstm", torch.float32)])
def test_a_small_call_has_the_bits_of_the_general_one(name, dtype, monkeypatch):
    module = MODULES[name](dtype=dtype)
    x, state = draw(name, module)
    ran = count_general_runs(monkeypatch)
    found = compute(module, x, state)
    assert ran == []
    with torch.no_grad():
        for t, other in zip(listed(module(x, state)), found, strict=False):
            assert_identical("without a gradient", t, other)
    monkeypatch.setattr(small, "_HELD", lambda: ())
    for number, (t, right) in enumerate(zip(found, compute(module, x, state), strict=True)):
        assert_identical(f"result or gradient {number}", t, right)


CELLS = ["elman", "lstm", "gru", "gru_reset_before", "lstm_peephole", "lstm_layer_norm", "antisymmetric"]
FORMS = [(1, 1), (1, 3), (1, 37), (5, 1), (7, 3), (11, 17)]  # T, B


ROUNDED = ["elman", "lstm", "gru_reset_before", "lstm_layer_norm"]


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Iterator[None]:
    """Multiply rounded operands, in one of three ways."""
    if request.param == "vectors":
        kernels = pytest.MonkeyPatch()
        kernels.setattr(kernel, "has_matrix_unit", lambda target: False)
        small._forms.clear()
    if request.param == "high":
        torch.set_float32_matmul_precision("high")
    try:
        with torch.autocast("cpu", torch.bfloat16, enabled=request.param != "high"):
            yield
    finally:
        torch.set_float32_matmul_precision("highest")
        if request.param == "vectors":
            kernels.undo()
            small._forms.clear()


@pytest.mark.parametrize("rounds", ["bfloat16", "vectors", "high"], indirect=True)
@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_sums_have_one_order_whatever_way_a_call_takes(name, rounds, monkeypatch):
    check_orders(name, torch.float32, True, monkeypatch, rounds=True)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_sums_over_steps_and_examples_have_one_order_whatever_way_a_call_takes(name, dtype, bias, monkeypatch):
    check_orders(name, dtype, bias, monkeypatch)


def check_orders(name, dtype, bias, monkeypatch, rounds=False):
    """Compare the bits of small calls, of the general way and, if operands are rounded, of sums window by window."""
    ran = count_general_runs(monkeypatch)
    layer = elman.nn.Recurrent(elman.cells.find(name), 13, H, bias=bias, dtype=dtype)
    for steps, batch in FORMS:
        x = torch.randn(steps, batch, 13, dtype=dtype)
        drawn = [torch.randn(1, batch, size, dtype=dtype) for size in layer.state_sizes]
        for state, needed in ((None, []), (None, [x]), (drawn, []), (drawn, drawn), (drawn, [x, *drawn])):
            for t in (x, *drawn):
                t.requires_grad_(any(t is other for other in needed))
            given = None if state is None else tuple(state) if len(state) > 1 else state[0]
            strided = torch.empty(steps, batch, 26, dtype=dtype)[..., ::2].copy_(x.detach())
            strided.requires_grad_(x.requires_grad)
            found, copied = (compute(layer, t, given) for t in (x, strided))
            assert ran == (2 * ["run_mirror"] if name == "antisymmetric" else [])  # U in U − Uᵀ is no small sum
            ran.clear()
            with monkeypatch.context() as patch:
                patch.setattr(small, "_HELD", lambda: ())
                general = [compute(layer, t, given) for t in (x, strided)]
                patch.setattr(llvm, "are_small", lambda layout, inputs: False)
                windows = compute(layer, x, given) if rounds else found
            assert ran == (3 if rounds else 2) * ["run_forward", "run_mirror"]
            ran.clear()
            ways = {"windows": windows, "copied": copied, "general": general[0], "general, strides": general[1]}
            for way, again in ways.items():
                for number, (t, right) in enumerate(zip(again, found, strict=True)):
                    assert_identical(f"{steps}·{batch}, {way}: result or gradient {number}", t, right)


def count_general_runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    ran: list[str] = []
    for name in ("run_forward", "run_mirror"):
        run = getattr(llvm, name)
        monkeypatch.setattr(llvm, name, lambda *a, run=run, name=name, **how: ran.append(name) or run(*a, **how))
    return ran


def give_state(module):
    module.load_state_dict({key: 0.5 * value for key, value in module.state_dict().items()})


def weight(module):
    return next(name for name, p in module.named_parameters() if p.dim() == 2)


def set_data(module, change):
    parameter = getattr(module, weight(module))
    parameter.data = change(parameter.data)


def replace(module):
    setattr(module, weight(module), torch.nn.Parameter(torch.randn_like(getattr(module, weight(module)))))


CHANGES = {
    "in place": lambda m: getattr(m, weight(m)).data.mul_(0.5),
    "through numpy": lambda m: getattr(m, weight(m)).detach().numpy().__imul__(0.5),
    "a state_dict": give_state,
    "other data": lambda m: set_data(m, lambda data: 0.5 * data),
    "strides": lambda m: set_data(m, lambda data: (0.5 * data.T.contiguous()).T),
    "one block of a larger tensor": lambda m: set_data(m, lambda data: torch.cat([data, 2 * data], 1)[:, 1 : H + 1]),
    "a new parameter": replace,
    "float32 and back": lambda m: m.to(torch.float32).to(torch.float64),
    "no gradient": lambda m: m.requires_grad_(False),
    "some without a gradient": lambda m: getattr(m, weight(m)).requires_grad_(False),
    "weight_norm": lambda m: torch.nn.utils.parametrizations.weight_norm(m, weight(m)),
    "weight_norm by a hook": lambda m: torch.nn.utils.spectral_norm(m, weight(m)).eval(),
    "pruning": lambda m: prune.l1_unstructured(m, weight(m), 0.5),
    "evaluation": lambda m: m.eval(),
    "two threads": lambda m: torch.set_num_threads(2),
    "a precision": lambda m: torch.set_float32_matmul_precision("medium"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("name", ["lstm", "gru cell"])
def test_a_call_after_a_change_sees_it(name, change):
    module, threads = MODULES[name](dtype=torch.float64), torch.get_num_threads()
    x, state = draw(name, module)
    compute(module, x, state)
    try:
        change(module)
        found = compute(module, x, state)
        for number, (t, right) in enumerate(zip(found, compute_plainly(module, x, state), strict=True)):
            assert_close(f"result or gradient {number}", t, right)
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("highest")


def test_a_square_weight_that_is_transposed_where_it_lies_is_seen():
    module = MODULES["rnn cell"](dtype=torch.float64)
    x, state = draw("rnn cell", module)
    compute(module, x, state)
    place = module.weight_hh.data_ptr()
    module.weight_hh.data = module.weight_hh.data.T
    assert module.weight_hh.data_ptr() == place
    for t, right in zip(compute(module, x, state), compute_plainly(module, x, state), strict=True):
        assert_close("result or gradient", t, right)


@pytest.mark.parametrize("name", ["gru of five steps", "lstm cell"])
def test_inputs_of_other_sizes_strides_and_dtypes_follow_each_other(name):
    module = MODULES[name](dtype=torch.float64)
    x, state = draw(name, module)
    compute(module, x, state)
    for batch in (2, B):
        wide = torch.randn(*x.shape[:-2], batch, 2 * H, dtype=torch.float64)
        inputs = wide[..., ::2].requires_grad_()
        states = [torch.randn(H, batch, dtype=torch.float64).T for _ in listed(state)]
        states = [(s if x.dim() == 2 else s[None]).requires_grad_() for s in states]
        given = tuple(states) if len(states) > 1 else states[0]
        for t, right in zip(compute(module, inputs, given), compute_plainly(module, inputs, given), strict=True):
            assert_close("result or gradient", t, right)
    with pytest.raises((RuntimeError, ValueError, elman.errors.ElmanError), match="dtype"):
        module(x.float(), state)


@pytest.mark.parametrize("name", ["lstm", "gru cell"])
def test_memory_that_was_freed_is_refused(name):
    module = MODULES[name]()
    x, state = draw(name, module)
    compute(module, x, state)
    getattr(module, weight(module)).untyped_storage().resize_(0)
    with pytest.raises(TensorError, match="freed"):
        module(x, state)


@pytest.mark.parametrize("name", ["lstm", "gru of five steps", "lstm cell"])
def test_second_derivatives_and_batches_of_adjoints_are_those_of_the_reference(name):
    module = MODULES[name](dtype=torch.float64)
    x, state = draw(name, module)
    found = []
    for backend in ("auto", "reference"):
        with elman.backend(backend):
            results = listed(module(x, state))
            (first,) = torch.autograd.grad(sum(t.sin().sum() for t in results), x, create_graph=True)
            second = torch.autograd.grad(first.square().sum(), [x, *module.parameters()])
            torch.manual_seed(2)
            batch = torch.randn(2, *results[0].shape, dtype=torch.float64)
            each = torch.autograd.grad(listed(module(x, state))[0], [x], batch, is_grads_batched=True)
            found.append([first, *second, *each])
    for t, right in zip(*found, strict=True):
        assert_close("derivative", t, right)


def test_results_and_gradients_have_memory_of_their_own():
    module, x = elman.nn.GRU(I, H), torch.randn(1, B, I)
    first = [t.clone() for t in listed(module(x))]
    output, h = module(x)
    output.detach().fill_(7.0)
    h.detach().fill_(8.0)
    for t, right in zip(listed(module(x)), first, strict=True):
        assert_identical("result", t, right)
    gradients = [torch.autograd.grad(module(x)[0].sum(), module.parameters()) for _ in range(2)]
    places = {g.data_ptr() for each in gradients for g in each}
    assert len(places) == 2 * len(list(module.parameters()))


def test_what_stands_around_a_call_is_seen():
    module, x = elman.nn.LSTM(I, H), torch.randn(1, B, I)
    right = module(x)[0].detach()
    with torch.autocast("cpu", torch.bfloat16):
        assert module(x)[0].dtype is torch.bfloat16
    with torch.inference_mode():
        assert module(x)[0].is_inference()
    assert_identical("after inference mode", module(x)[0], right)
    jacobian = torch.func.jacrev(lambda y: module(y)[0])(x)
    assert jacobian.shape == (*right.shape, *x.shape)


@pytest.mark.parametrize("name", ["lstm", "gru of five steps", "rnn cell"])
def test_second_derivatives_under_autocast_are_those_of_the_general_way(name, monkeypatch):
    module = MODULES[name]()
    x, state = draw(name, module)
    found = []
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            results = listed(module(x, state))
        (first,) = torch.autograd.grad(sum(t.sin().sum() for t in results), x, create_graph=True)
        second = torch.autograd.grad(first.square().sum(), [x, *module.parameters()])
        found.append([first, *second])
        monkeypatch.setattr(small, "_HELD", lambda: ())
    for number, (t, right) in enumerate(zip(*found, strict=True)):
        assert_identical(f"derivative {number}", t, right)


@pytest.mark.parametrize("state_dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", ["lstm", "gru of five steps", "rnn cell"])
def test_autocast_converts_what_a_small_call_reads_and_gives(name, dtype, state_dtype, monkeypatch):
    module = MODULES[name]()
    x, state = draw(name, module)
    x = x.detach().to(dtype).requires_grad_()
    states = [s.detach().to(state_dtype).requires_grad_() for s in listed(state)]
    given, ran, found = tuple(states) if len(states) > 1 else states[0], count_general_runs(monkeypatch), []
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            found.append(compute(module, x, given))
        assert ran == [] or len(found) == 2
        monkeypatch.setattr(small, "_HELD", lambda: ())
    for number, (t, right) in enumerate(zip(*found, strict=True)):
        assert t.dtype is right.dtype
        assert_identical(f"result or gradient {number}", t, right)
