"""Hold the emitted elementary functions to exact values, on every kind of processor that this machine can be.

The oracle of float32 is numpy's float64, that of float64 is numpy's `longdouble`, and both are held to mpmath.
"""

import ctypes
import functools
import itertools
from collections.abc import Callable

import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest
from llvmlite import ir

from elman.backends.llvm_math import VectorMath

llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()

HOST_FEATURES = llvm.get_host_cpu_features()
AVX2 = "+avx2,+fma"
X86 = "x86_64" in llvm.get_process_triple()

TARGETS = {"host": (llvm.get_host_cpu_name(), HOST_FEATURES.flatten())}
if X86:
    TARGETS["sse2"] = ("x86-64", "")
if HOST_FEATURES.get("avx2") and HOST_FEATURES.get("fma"):
    TARGETS["avx2"] = ("x86-64", AVX2)
BITS = {"float32": 32, "float64": 64}


def features_of(target: str) -> frozenset[str]:
    return frozenset(feature[1:] for feature in TARGETS[target][1].split(",") if feature.startswith("+"))


def natural_lanes(target: str, dtype: str) -> int:
    features = features_of(target)
    width = 512 if "avx512f" in features else 256 if "avx2" in features else 128
    return width // BITS[dtype]


def softplus(math: VectorMath, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
    negative = builder.select(builder.fcmp_ordered(">", v, math.constant(0.0)), builder.fneg(v), v)
    return builder.fadd(math.maximum(builder, v, math.constant(0.0)), math.log1p(builder, math.exp(builder, negative)))


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
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
    result = softplus(math, builder, v) if function == "softplus" else getattr(math, function)(builder, v)
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
    """Measure |y − true| in units in the last place of y's format; 0 where both are the same infinity or NaN.

    Below the smallest normal number the unit is half that number, so that one bound serves both.
    """
    info = np.finfo(y.dtype)
    with np.errstate(all="ignore"):
        wide = y.astype(true.dtype)
        exponent = np.frexp(np.abs(true))[1] - 1
        unit = np.ldexp(np.ones_like(true), exponent - info.nmant)
        unit = np.where(np.abs(true) < info.tiny, info.tiny / 2, unit)
        apart = np.abs(wide - true) / unit
        # A result that rounds to infinity is a unit from the largest number, as infinity is.
        over = np.ldexp(true.dtype.type(1), int(info.maxexp))
        limited = np.abs(np.clip(wide, -over, over) - np.clip(true, -over, over)) / unit
    apart = np.where(np.isinf(wide) & (np.abs(true) > info.max), 0, np.where(np.isinf(wide), limited, apart))
    apart = np.where((wide == true) | (np.isnan(wide) & np.isnan(true)), 0, apart)
    return np.where(np.isnan(apart), np.inf, apart)


def truth(function: str, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return FUNCTIONS[function](x.astype(np.float64 if x.dtype == np.float32 else np.longdouble))


def same(y: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.all((y == expected) & (np.signbit(y) == np.signbit(expected)) | (np.isnan(y) & np.isnan(expected))))


def bit_patterns(dtype: str, count: int) -> np.ndarray:
    """Cover all bit patterns with a prime stride, so that no bit of the mantissa is the same in all samples."""
    bits = BITS[dtype]
    stride = int(mpmath.mpf(2) ** bits / count) // 2 * 2 + 1
    steps = np.arange(count // 16 * 16, dtype=np.uint64) * np.uint64(stride)
    return steps.astype(f"uint{bits}").view(dtype)


def usual(dtype: str, count: int, seed: int = 0) -> np.ndarray:
    """Draw arguments as networks and tests have them: around 0, down to where results vanish, and around 1."""
    rng = np.random.default_rng(seed)
    end = -np.log(np.finfo(dtype).tiny)
    ranges = (rng.uniform(-end, end, count), rng.uniform(-3, 3, count), np.exp(rng.uniform(-40, 5, count)))
    return np.concatenate([*ranges, 1 + 0.5 * rng.uniform(-1, 1, count)]).astype(dtype)


ALL = [(f, d, t) for f, d, t in itertools.product(FUNCTIONS, BITS, TARGETS)]


@pytest.mark.parametrize(("function", "dtype", "target"), ALL)
def test_a_sample_of_all_arguments_is_within_two_units(function: str, dtype: str, target: str) -> None:
    x = np.concatenate([bit_patterns(dtype, 2**15), usual(dtype, 2**13)])
    assert distance(compiled(function, dtype, target)(x), truth(function, x)).max() <= 2
