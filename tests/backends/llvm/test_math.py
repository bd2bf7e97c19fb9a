"""Compare the emitted elementary functions with the true values, for every kind of processor that this one can run.

For many arguments the truth is numpy's: float64 for float32, and `longdouble` (80 bits on x86) for float64; for some it
is mpmath's, in 60 digits.
"""

import ctypes
import functools
import itertools
import re
from collections.abc import Callable

import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest
import torch
from llvmlite import ir

from elman.backends.llvm.emit.math import VectorMath

llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()

HOST_FEATURES = llvm.get_host_cpu_features()
TARGETS = {"host": (llvm.get_host_cpu_name(), HOST_FEATURES.flatten())}
"""Processor and features by name; those of this machine's family that it can run."""
if llvm.get_process_triple().startswith("x86_64"):
    TARGETS["sse2"] = ("x86-64", "")
if HOST_FEATURES.get("avx2") and HOST_FEATURES.get("fma"):
    TARGETS["avx2"] = ("x86-64", "+avx2,+fma")
BITS = {"float32": 32, "float64": 64}


def features_of(target: str) -> frozenset[str]:
    return frozenset(feature[1:] for feature in TARGETS[target][1].split(",") if feature.startswith("+"))


def natural_lanes(target: str, dtype: str) -> int:
    features = features_of(target)
    width = 512 if "avx512f" in features else 256 if "avx2" in features else 128
    return width // BITS[dtype]


def softplus(math: VectorMath, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
    negative = builder.select(builder.fcmp_ordered(">", v, math.constant(0.0)), builder.fneg(v), v)
    rest = math.log1p(builder, math.exp(builder, negative))
    return builder.fadd(math.maximum(builder, v, math.constant(0.0)), rest)


def maximum_with_reverse(math: VectorMath, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
    order = ir.Constant(ir.VectorType(ir.IntType(32), math.vector.count), list(reversed(range(math.vector.count))))
    return math.maximum(builder, v, builder.shuffle_vector(v, v, order))


COMPOSED = {"softplus": softplus, "maximum": maximum_with_reverse}

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    # Divided by 1 + e^x on the left, where 1 + e^-x would overflow.
    "sigmoid": lambda x: np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
}


def emit(function: str, dtype: str, lanes: int, features: frozenset[str]) -> str:
    """Write a module with `apply(in, out, n)`, a loop over n vectors."""
    module = ir.Module()
    math = VectorMath(module, dtype, lanes, features)
    pointer, count = ir.PointerType(), ir.IntType(64)
    apply = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer, pointer, count]), "apply")
    source, target, n = apply.args
    entry, loop, end = (apply.append_basic_block(name) for name in ("entry", "loop", "end"))
    ir.IRBuilder(entry).branch(loop)
    builder = ir.IRBuilder(loop)
    i = builder.phi(count)
    i.add_incoming(count(0), entry)
    align = BITS[dtype] // 8
    v = builder.load(builder.gep(source, [i], source_etype=math.vector), align=align, typ=math.vector)
    result = COMPOSED[function](math, builder, v) if function in COMPOSED else getattr(math, function)(builder, v)
    builder.store(result, builder.gep(target, [i], source_etype=math.vector), align=align)
    following = builder.add(i, count(1))
    i.add_incoming(following, loop)
    builder.cbranch(builder.icmp_unsigned("<", following, n), loop, end)
    ir.IRBuilder(end).ret_void()
    return str(module)


def optimise(text: str, triple: str, cpu: str, features: str) -> tuple[llvm.ModuleRef, llvm.TargetMachine]:
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features, opt=3, jit=True)
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = triple, str(machine.target_data)
    module.verify()
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    return module, machine


@functools.cache
def compiled(function: str, dtype: str, target: str, lanes: int | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Compile one function over arrays, whose length the lanes divide."""
    lanes = lanes or natural_lanes(target, dtype)
    text = emit(function, dtype, lanes, features_of(target))
    module, machine = optimise(text, llvm.get_process_triple(), *TARGETS[target])
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    address = engine.get_function_address("apply")
    entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(address)

    def run(x: np.ndarray) -> np.ndarray:
        assert (x.dtype, x.flags.c_contiguous, x.size % lanes) == (dtype, True, 0)
        y = np.empty_like(x)
        entry(x.ctypes.data, y.ctypes.data, x.size // lanes)
        assert engine is not None
        return y

    return run


def distance(y: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Measure |y − true| in units in the last place of y's format, infinite where one of them alone is NaN.

    Below the smallest normal number the unit is half that number, so that one bound serves both. Infinity lies a unit
    beyond the largest number.
    """
    info = np.finfo(y.dtype)
    with np.errstate(invalid="ignore"):
        wide = y.astype(true.dtype)
    apart = np.where((wide == true) | (np.isnan(wide) & np.isnan(true)), 0, np.inf)
    counted = (apart > 0) & ~(np.isnan(wide) | np.isnan(true))
    infinity = np.ldexp(true.dtype.type(1), int(info.maxexp))
    a, b = (np.clip(side[counted], -infinity, infinity) for side in (wide, true))
    unit = np.ldexp(np.ones_like(b), np.frexp(b)[1] - 1 - info.nmant)
    apart[counted] = np.minimum(np.abs(a - b) / np.where(np.abs(b) < info.tiny, info.tiny / 2, unit), 2**62)
    return apart


def truth(function: str, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return FUNCTIONS[function](x.astype(np.float64 if x.dtype == np.float32 else np.longdouble))


def bit_patterns(dtype: str, count: int) -> np.ndarray:
    """Step through all bit patterns by an odd stride: every exponent, both signs, NaNs."""
    steps = np.arange(count, dtype=np.uint64) * np.uint64(2 ** BITS[dtype] // count + 1)
    return steps.astype(f"uint{BITS[dtype]}").view(dtype)


def usual(dtype: str, count: int, seed: int = 0) -> np.ndarray:
    """Draw 4 count arguments: where the exponential is normal, around 0, many small magnitudes, around 1."""
    rng = np.random.default_rng(seed)
    end = -np.log(np.finfo(dtype).tiny)
    ranges = (rng.uniform(-end, end, count), rng.uniform(-3, 3, count), np.exp(rng.uniform(-40, 5, count)))
    return np.concatenate([*ranges, 1 + 0.5 * rng.uniform(-1, 1, count)]).astype(dtype)


def around_thresholds(dtype: str) -> np.ndarray:
    """List the arguments at which the functions change their method, each with 32 neighbours on either side."""
    info = np.finfo(dtype)
    ends = [np.log(info.max), np.log(info.tiny), np.log(info.tiny) - info.nmant * np.log(2)]
    points = np.array([*ends, 0.5 * np.log(2), 20, 40, 2**-0.5, 2**0.5, 1, 2 - 2**0.5, 2**0.5 - 1, info.tiny])
    turns = np.pi / 4 * np.array([1, 2, 3, 4, 8, 1000, 2**17, 2**20])
    points = np.concatenate([points, -points, turns, [2.0**20], np.log(2) * np.arange(-31.5, 32)]).astype(dtype)
    integers = points.view(f"int{BITS[dtype]}")[:, None] + np.arange(-32, 32)
    return integers.astype(f"int{BITS[dtype]}").view(dtype).ravel()


ALL = list(itertools.product(FUNCTIONS, BITS, TARGETS))


@pytest.mark.parametrize(("function", "dtype", "target"), ALL)
def test_a_sample_of_all_arguments_is_within_two_units(function: str, dtype: str, target: str) -> None:
    x = np.concatenate([bit_patterns(dtype, 2**15), usual(dtype, 2**13), around_thresholds(dtype)])
    assert distance(compiled(function, dtype, target)(x), truth(function, x)).max() <= 2


@pytest.mark.parametrize(("function", "dtype"), list(itertools.product(("exp", "log1p"), BITS)))
def test_what_softplus_is_made_of_is_within_little_more_than_one_unit(function: str, dtype: str) -> None:
    x = np.concatenate([usual(dtype, 2**14), around_thresholds(dtype)])
    assert distance(compiled(function, dtype, "host")(x), truth(function, x)).max() <= 1.1


MPMATH: dict[str, Callable[[mpmath.mpf], mpmath.mpf]] = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "tanh": mpmath.tanh,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}


@pytest.mark.parametrize(("function", "dtype", "target"), ALL)
def test_arguments_are_within_two_units_of_sixty_digits(function: str, dtype: str, target: str) -> None:
    x = usual(dtype, 64, seed=7)
    x = np.abs(x) if function in ("log", "log1p", "sqrt") else x
    y = compiled(function, dtype, target)(x)
    with mpmath.workdps(60):
        for argument, result in zip(x.tolist(), y.tolist(), strict=True):
            true = MPMATH[function](mpmath.mpf(argument))
            unit = mpmath.mpf(2) ** (int(mpmath.floor(mpmath.log(abs(true), 2))) - np.finfo(dtype).nmant)
            assert abs(result - true) <= 2 * max(unit, np.finfo(dtype).tiny / 2), argument


INFINITY, NAN = np.inf, np.nan
EXACT: dict[str, list[tuple[float, float]]] = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INFINITY, INFINITY), (-INFINITY, 0.0), (NAN, NAN), (1e4, INFINITY), (-1e4, 0.0)],
    "log": [
        (1.0, 0.0), (0.0, -INFINITY), (-0.0, -INFINITY), (-1.0, NAN), (-INFINITY, NAN), (INFINITY, INFINITY),
        (NAN, NAN),
    ],
    "log1p": [
        (0.0, 0.0), (-0.0, -0.0), (-1.0, -INFINITY), (-1.5, NAN), (INFINITY, INFINITY), (-INFINITY, NAN), (NAN, NAN),
        (1e-30, 1e-30), (-1e-30, -1e-30),
    ],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (4.0, 2.0), (-1.0, NAN), (INFINITY, INFINITY), (NAN, NAN)],
    "tanh": [
        (0.0, 0.0), (-0.0, -0.0), (INFINITY, 1.0), (-INFINITY, -1.0), (NAN, NAN), (1e4, 1.0), (-1e4, -1.0),
        (1e-20, 1e-20), (-1e-20, -1e-20), (1e-40, 1e-40),
    ],
    "sin": [
        (0.0, 0.0), (-0.0, -0.0), (INFINITY, NAN), (-INFINITY, NAN), (NAN, NAN), (1e-20, 1e-20), (-1e-40, -1e-40),
    ],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INFINITY, NAN), (-INFINITY, NAN), (NAN, NAN), (1e-20, 1.0), (-1e-5, 1.0 - 5e-11)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INFINITY, 1.0), (-INFINITY, 0.0), (NAN, NAN), (1e4, 1.0), (-1e4, 0.0)],
    "softplus": [(INFINITY, INFINITY), (-INFINITY, 0.0), (NAN, NAN), (1e4, 1e4), (-1e4, 0.0)],
}  # fmt: skip


@pytest.mark.parametrize(("function", "dtype", "target"), ALL)
def test_zeros_infinities_nan_and_saturation_are_exact(function: str, dtype: str, target: str) -> None:
    x, expected = np.repeat(np.array(EXACT[function], dtype), 16, axis=0).T.copy()
    y = compiled(function, dtype, target)(x)
    assert np.array_equal(y, expected, equal_nan=True)
    assert np.array_equal(np.signbit(y[~np.isnan(y)]), np.signbit(expected[~np.isnan(y)]))


@pytest.mark.parametrize("target", TARGETS)
def test_the_sigmoid_is_normal_down_to_the_smallest_normal_number(target: str) -> None:
    for dtype, low in (("float32", -87.0), ("float64", -708.0)):
        y = compiled("sigmoid", dtype, target)(np.full(16, low, dtype))
        assert (y > np.finfo(dtype).tiny).all()


@pytest.mark.parametrize(("dtype", "lanes", "target"), list(itertools.product(BITS, (1, 2, 4, 8, 16, 32), TARGETS)))
def test_any_number_of_lanes_is_as_accurate(dtype: str, lanes: int, target: str) -> None:
    x = np.concatenate([usual(dtype, 2**8), bit_patterns(dtype, 2**9)])
    for function in ("exp", "sigmoid", "tanh", "sin"):
        assert distance(compiled(function, dtype, target, lanes)(x), truth(function, x)).max() <= 2


@pytest.mark.parametrize(("dtype", "target"), list(itertools.product(BITS, TARGETS)))
def test_the_maximum_is_that_of_torch(dtype: str, target: str) -> None:
    values = np.array([0.0, 1.0, -2.5, INFINITY, -INFINITY, NAN, 1e-30, 3.0], dtype)
    x = np.random.default_rng(3).choice(values, (64, natural_lanes(target, dtype)))
    y = compiled("maximum", dtype, target)(x)
    expected = torch.maximum(torch.from_numpy(x), torch.from_numpy(x).flip(1)).numpy()
    assert np.isnan(expected).any()
    assert np.array_equal(y, expected, equal_nan=True)


CALL = {"x86_64": r"\tcall", "aarch64": r"\tblr?\t"}
KINDS = {name: (llvm.get_process_triple(), *processor, features_of(name)) for name, processor in TARGETS.items()} | {
    "neon": ("aarch64-unknown-linux-gnu", "generic", "+neon", frozenset({"neon"})),
}


@pytest.mark.parametrize(("function", "dtype", "kind"), list(itertools.product(FUNCTIONS, BITS, KINDS)))
def test_the_code_calls_nothing(function: str, dtype: str, kind: str) -> None:
    triple, cpu, flags, features = KINDS[kind]
    lanes = (128 if kind == "neon" else 32 * natural_lanes(kind, "float32")) // BITS[dtype]
    module, machine = optimise(emit(function, dtype, lanes, features), triple, cpu, flags)
    code = machine.emit_assembly(module)
    assert "apply:" in code
    assert not re.search(CALL[triple.split("-")[0]], code)


def test_a_function_is_defined_once_a_module() -> None:
    module = ir.Module()
    math = VectorMath(module, "float32", 4, frozenset())
    builder = ir.IRBuilder(ir.Function(module, ir.FunctionType(math.vector, [math.vector]), "f").append_basic_block())
    builder.ret(math.exp(builder, math.exp(builder, module.get_global("f").args[0])))
    assert str(module).count("define internal") == 1
    assert VectorMath(module, "float32", 4, frozenset()).exp(builder, math.constant(1.0)).type == math.vector
    assert str(module).count("define internal") == 1


@pytest.mark.parametrize("dtype", BITS)
def test_the_measure_counts_units(dtype: str) -> None:
    y = usual(dtype, 100)
    wide = np.float64 if dtype == "float32" else np.longdouble
    true, away = y.astype(wide), np.copysign(np.inf, y).astype(dtype)
    unit = np.abs(np.nextafter(y, away).astype(wide) - true)
    for count in (0.0, 0.5, 2.25):
        assert np.allclose(distance(y, true + np.copysign(count * unit, y)), count, atol=1e-3)
    wrong = distance(np.array([NAN, 1.0, INFINITY, 0.0], dtype), np.array([1.0, NAN, 1.0, INFINITY], wide))
    assert (wrong > 1e6).all()


@pytest.mark.slow
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_float32_is_within_two_units(function: str) -> None:
    base = np.arange(2**14, dtype=np.uint32)
    for start in range(0, 2**32, 2**14):
        x = (base + np.uint32(start)).view(np.float32)
        true = truth(function, x)
        for target in TARGETS:
            y = compiled(function, "float32", target)(x)
            with np.errstate(all="ignore"):
                # A unit is at least 2^-24 of the value, so few are left for the exact measure.
                left = ~((np.abs(y - true) <= np.abs(true) * 2.0**-23) | (np.isnan(y) & np.isnan(true)))
            assert not left.any() or distance(y[left], true[left]).max() <= 2, (target, hex(start))


@pytest.mark.slow
@pytest.mark.parametrize("function", FUNCTIONS)
def test_millions_of_float64_are_within_two_units(function: str) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        patterns = rng.integers(0, 2**64, 2**17, dtype=np.uint64).view(np.float64)
        x = np.concatenate([patterns, usual("float64", 2**15, seed)])
        true = truth(function, x)
        for target in TARGETS:
            assert distance(compiled(function, "float64", target)(x), true).max() <= 2, (target, seed)
