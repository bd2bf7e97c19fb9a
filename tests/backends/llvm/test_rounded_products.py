"""Products of operands in bfloat16: the same bits on AMX and on vectors of float32, and as NumPy computes them."""

import copy
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import elman
from elman import cells
from elman.backends.llvm import target as llvm_target
from elman.backends.llvm.products import PLAIN, ROUNDED, SPLIT, TILED
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.backends.llvm.run import matrix_unit
from elman.backends.llvm.run import rounded_sums as llvm_sums
from elman.backends.llvm.run.rounded_sums import RoundedSums
from elman.backends.llvm.target import Target
from elman.errors import BackendError
from kernels import Given, build, compute, draw, evaluate, only, step_through
from tolerances import assert_close, assert_identical
from unusual_cells import chained_products

ZOO = [cells.find(name) for name in cells.names()]
SOME = [cells.lstm, cells.gru_reset_before, cells.lstm_layer_norm, cells.lem]

needs_matrix_unit = pytest.mark.skipif(
    not matrix_unit.has_matrix_unit(llvm_target.host()), reason="this processor has no AMX, or does not grant it"
)


@pytest.fixture
def masked(monkeypatch):
    """Compute as on a processor without the matrix unit."""
    monkeypatch.setattr(llvm_kernel, "has_matrix_unit", lambda target: False)


def without(*names: str) -> Target:
    """Describe this processor without some instruction sets."""
    host = llvm_target.host()
    return Target(host.triple, host.cpu, tuple(f for f in host.features if not f.startswith(names)))


def awkward(rows, columns, seed):
    """Draw numbers of every kind: of all sizes, subnormal, zeros of both signs, infinities and NaN."""
    source = np.random.default_rng(seed)
    bits = source.integers(0, 1 << 32, (rows, columns), dtype=np.uint32)
    values = bits.view(np.float32).copy()
    plain = source.random((rows, columns)) < 0.9
    values[plain] = source.normal(size=plain.sum())
    small = source.random((rows, columns)) < 0.1
    with np.errstate(invalid="ignore"):  # of a NaN that signals
        values[small] *= np.float32(2.0**-70)
    for value in (0.0, -0.0, 1e-40, -1e-42, 1.17549435e-38, 3.4e38, np.inf, -np.inf):
        values[source.random((rows, columns)) < 0.003] = value
    return torch.from_numpy(values)


def product(products, d, v):
    """Return the sums of d, and dᵀ v, added twice."""
    d = d.bfloat16() if products.parts == 1 else d
    sums, total = torch.zeros(d.shape[1]), torch.full((d.shape[1], v.shape[1]), 7.0)
    turned = RoundedSums(products, d, sums, starts=(0, d.shape[1] // 2))
    turned.turn()
    packed = turned.pack(v)
    for is_new in (True, False):
        turned.add_product(total, slice(0, d.shape[1]), packed, is_new)
    return sums, total


def rounded(values):
    """Round to bfloat16 in integers, as the instruction does; what is below 2^-126 counts as 0."""
    bits = values.numpy().view(np.uint32).astype(np.uint64)
    upper = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
    upper[bits & 0x7F800000 == 0] &= 0x80000000
    return upper.astype(np.uint32).view(np.float32).astype(np.float64)


def simulate(d, v):
    """Compute dᵀ v in the order of TDPBF16PS, one number after the other."""
    a, b = rounded(d), rounded(v)
    total = np.zeros((a.shape[1], b.shape[1]), np.float32)
    for begin in range(0, len(a), 32):
        halves = []
        for parity in range(2):
            part = np.zeros_like(total)
            for k in range(begin + parity, min(begin + 32, len(a)), 2):
                # The product of two such numbers is exact in float64, and so is all but the last bit of the sum.
                part = (np.outer(a[k], b[k]) + part.astype(np.float64)).astype(np.float32)
            halves.append(part)
        total = total + (halves[0] + halves[1])
    return torch.from_numpy(total)


@pytest.mark.parametrize(("rows", "columns", "size"), [(1, 1, 1), (31, 5, 3), (67, 17, 33), (128, 48, 16)])
def test_sums_have_the_order_of_the_instruction(rows, columns, size):
    d, v = torch.randn(rows, columns), torch.randn(rows, size)
    _, total = product(ROUNDED, d, v)
    assert_identical("product", total, simulate(d, v) * 2)


def test_subnormal_operands_count_as_zero(monkeypatch):
    monkeypatch.setattr(llvm_sums, "target", lambda: without("amx", "avx512bf16"))
    below = np.float32(2.0**-126 * (1 - 2.0**-10))  # the nearest number in bfloat16 is 2^-126
    d, v = torch.full((3, 2), 2.0**100), torch.full((3, 2), float(below))
    assert product(ROUNDED, d, v)[1].eq(0).all()
    assert product(ROUNDED, d, 2 * v)[1].gt(0).all()
    assert product(ROUNDED, v.clone().fill_(2.0**-127), d)[1].eq(0).all()


@needs_matrix_unit
@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_any_numbers_give_the_same_bits(seed, halves):
    source = np.random.default_rng(seed)
    rows, columns, size = (int(n) for n in source.integers(1, (300, 90, 70)))
    d, v = awkward(rows, columns, seed), awkward(rows, size, seed + 100)
    v = v.bfloat16() if halves else v
    for name, a, b in zip(("sums", "product"), product(ROUNDED, d, v), product(TILED, d, v), strict=True):
        assert_identical(name, a, b)


@needs_matrix_unit
def test_processors_without_the_rounding_instruction_give_the_same_bits(monkeypatch):
    d, v = awkward(131, 37, 5), awkward(131, 19, 6)
    expected = product(TILED, d, v)[1]
    for lacking in (("amx", "avx512bf16"), ("amx", "avx512")):
        monkeypatch.setattr(llvm_sums, "target", lambda lacking=lacking: without(*lacking))
        assert_identical(str(lacking), product(ROUNDED, d, v)[1], expected)


@needs_matrix_unit
def test_three_products_keep_most_digits_of_float32():
    d, v = torch.randn(257, 33), torch.randn(257, 21)
    exact = 2 * d.double().T @ v.double()
    assert_close("split", product(SPLIT, d, v)[1].double(), exact, allowed=1e-5)
    assert (product(TILED, d, v)[1].double() - exact).norm() / exact.norm() > 1e-3


def autocast(layer, given, backend="llvm"):
    """Compute values and gradients under autocast."""
    with torch.autocast("cpu", torch.bfloat16):
        return compute(layer, given, backend)


@pytest.mark.parametrize("chosen", ZOO, ids=lambda c: c.name)
def test_every_cell_is_the_reference_and_the_same_without_the_matrix_unit(chosen, quick_kernels, request):
    layer = build(chosen, 19, 37, dtype=torch.float32, bidirectional=True)
    given = draw(layer, 7, 5, [7, 3, 0, 5, 1])
    found, expected = autocast(layer, given), autocast(layer, given, "reference")
    for name, value in expected.items():
        assert_close(name, found[name], value, allowed=2e-2)
    request.getfixturevalue("masked")
    for name, value in autocast(layer, given).items():
        assert_identical(name, value, found[name])


def test_an_adjoint_that_is_a_product_and_is_multiplied_itself(quick_kernels, request):
    layer = build(chained_products, 19, 37, dtype=torch.float32)
    given = draw(layer, 7, 5)
    found = autocast(layer, given)
    for name, value in autocast(layer, given, "reference").items():
        assert_close(name, found[name], value, allowed=2e-2)
    request.getfixturevalue("masked")
    for name, value in autocast(layer, given).items():
        assert_identical(name, value, found[name])


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize("chosen", SOME, ids=lambda c: c.name)
def test_alone_or_in_a_batch_whole_or_streamed(chosen, is_masked, request):
    if is_masked:
        request.getfixturevalue("masked")
    layer = build(chosen, 19, 37, 2, dtype=torch.float32).bfloat16()
    given = draw(layer, 5, 13)
    expected, trained = evaluate(layer, given), compute(layer, given)
    streamed = step_through(layer, given)
    assert_identical("streamed output", streamed["output"], expected["output"])
    for name, value in expected.items():
        assert_identical(f"trained {name}", trained[name], value)
        if name != "output":
            assert_identical(f"streamed {name}", streamed[name].bfloat16(), value)
    for examples in ([5], [0, 12], [3, 3, 7, 1]):
        for name, value in evaluate(layer, only(given, examples)).items():
            assert_identical(name, value, expected[name][:, examples])


def test_padding_and_threads_change_nothing(monkeypatch):
    layer = build(cells.gru, 19, 40, dtype=torch.float32, bidirectional=True)
    given = draw(layer, 6, 11, torch.randint(1, 7, (11,)).tolist())
    monkeypatch.setattr(llvm_kernel, "LEAST_WORK", 0)
    monkeypatch.setattr(llvm_sums, "LEAST_WORK", 0)
    before, found = torch.get_num_threads(), []
    for count in (1, 2):
        llvm_kernel.lay_out.cache_clear()
        torch.set_num_threads(count)
        found.append(autocast(layer, given))
    torch.set_num_threads(before)
    llvm_kernel.lay_out.cache_clear()
    for name in ("output", "gradient of x", "gradient of h"):
        assert_identical(name, found[1][name], found[0][name])
    for name, value in found[0].items():
        assert_close(name, found[1][name], value, allowed=1e-4)
    alone = only(given, [4])
    cut = Given(alone.x[: given.lengths[4]], alone.states)
    with torch.autocast("cpu", torch.bfloat16):
        assert_identical("alone", evaluate(layer, cut)["output"], found[0]["output"][: given.lengths[4], [4]])


def test_recomputing_gives_the_same_values():
    layer = build(cells.lstm, 7, 11, dtype=torch.float32)
    given = draw(layer, 9, 3)
    expected = autocast(layer, given)
    layer.recompute_every = 4
    found = autocast(layer, given)
    assert_identical("output", found["output"], expected["output"])
    for name, value in expected.items():
        assert_close(name, found[name], value, allowed=1e-2)


@needs_matrix_unit
def test_torchs_switch_allows_three_products_for_float32():
    layer = build(cells.lstm, 35, 40, dtype=torch.float32)
    given = draw(layer, 9, 5)
    truth = compute(copy.deepcopy(layer).double(), given.to(torch.float64), "reference")
    plain, errors = compute(layer, given), {}
    for allowed in ("high", "medium"):
        torch.set_float32_matmul_precision(allowed)
        try:
            found, streamed = compute(layer, given), step_through(layer, given)
        finally:
            torch.set_float32_matmul_precision("highest")
        assert_identical("streamed", streamed["output"], found["output"])
        names = [name for name in truth if name.startswith("gradient")]
        errors[allowed] = max(float((found[n] - truth[n]).norm() / truth[n].norm()) for n in names)
    assert 1e-7 < errors["high"] < 3e-5
    assert 1e-3 < errors["medium"] < 3e-2
    assert_identical("highest again", compute(layer, given)["output"], plain["output"])


def test_without_the_matrix_unit_float32_stays_as_it_is(masked):
    for allowed in ("high", "medium"):
        torch.set_float32_matmul_precision(allowed)
        try:
            assert llvm_kernel.choose_products(torch.float32, llvm_target.host()) is PLAIN
        finally:
            torch.set_float32_matmul_precision("highest")
    assert llvm_kernel.choose_products(torch.bfloat16, llvm_target.host()) is ROUNDED


def test_older_processors_run_bfloat16(monkeypatch, quick_kernels):
    layer = build(cells.gru, 7, 21, dtype=torch.float32)
    given = draw(layer, 4, 3)
    expected = autocast(layer, given, "reference")
    for name in ("avx2", "baseline"):
        try:
            target = llvm_target.named(name)
        except BackendError as error:
            pytest.skip(f"not an x86-64 processor with these instructions: {error}")
        monkeypatch.setattr(llvm_kernel, "target", lambda target=target: target)
        monkeypatch.setattr(llvm_sums, "target", lambda target=target: target)
        monkeypatch.setattr(elman.backends.llvm, "kernel_target", lambda target=target: target)
        for what, value in autocast(layer, given).items():
            assert_close(f"{name}: {what}", value, expected[what], allowed=1e-2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_asks_for_the_matrix_unit_again():
    script = """
import os, torch, elman
from elman.backends.llvm.run import matrix_unit
layer, x = elman.nn.LSTM(7, 11).bfloat16(), torch.randn(5, 3, 7).bfloat16()
expected, granted = layer(x)[0], matrix_unit.is_granted()
assert matrix_unit.is_granted.cache_info().currsize == 1
child = os.fork()
if child == 0:
    asks = matrix_unit.is_granted.cache_info().currsize == 0
    os._exit(0 if asks and matrix_unit.is_granted() == granted and torch.equal(layer(x)[0], expected) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def test_memory_that_training_saves_is_half():
    layer = build(cells.lstm, 7, 32, dtype=torch.float32)
    given = draw(layer, 401, 3)
    held = {t.data_ptr() for t in (*layer.parameters(), *given.states)}
    sums = []
    for run in (compute, autocast):
        kept: list[torch.Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.append(t) or t, lambda t: t):
            run(layer, given)
        sums.append(sum(t.nbytes for t in kept if t.data_ptr() not in held))
    count = 401 * 3 * (7 + 7 * 32)  # x; i, f, g, o, c, tanh(c), h
    assert sums == [4 * count, 2 * count]
