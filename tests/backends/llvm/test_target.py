"""Code is compiled for the features that the processor has, not for those that its name implies."""

import ctypes
import dataclasses
import platform

import numpy as np
import pytest
from llvmlite import binding

from elman.backends.llvm import target as llvm_target
from elman.backends.llvm.run import engine as llvm_engine
from elman.backends.llvm.target import Target, host, named
from elman.errors import BackendError

x86 = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"),
    reason="LLVM is made ready for this machine's processor alone",
)

LEVEL_4 = ("avx2", "avx512bw", "avx512dq", "avx512f", "avx512vl", "fma")


def add(lanes: int, dtype: str = "float") -> str:
    vector = f"<{lanes} x {dtype}>"
    sign = "" if dtype.startswith("i") else "f"
    return f"""
        define void @add(ptr %x, ptr %y) nounwind {{
            %a = load {vector}, ptr %x, align 4
            %b = load {vector}, ptr %y, align 4
            %c = {sign}add {vector} %a, %b
            store {vector} %c, ptr %y, align 4
            ret void
        }}"""


def level_4(*more: str) -> tuple[str, ...]:
    return tuple(sorted({*LEVEL_4, *named("avx2").features, *more}))


def assembly(text: str, target: Target) -> str:
    llvm_engine.compile_object(text, target)
    machine = llvm_engine._machine(target)
    module = binding.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    return machine.emit_assembly(module)


@pytest.mark.parametrize(
    ("triple", "features", "expected"),
    [
        pytest.param("x86_64-unknown-linux-gnu", LEVEL_4, (64, 32, True), id="AVX-512"),
        pytest.param("x86_64-unknown-linux-gnu", ("avx2", "avx512f", "fma"), (32, 16, True), id="half an AVX-512"),
        pytest.param("x86_64-unknown-linux-gnu", ("avx2",), (16, 16, False), id="AVX2 without FMA"),
        pytest.param("x86_64-unknown-linux-gnu", (), (16, 16, False), id="baseline"),
        pytest.param("aarch64-unknown-linux-gnu", (), (16, 32, True), id="Arm"),
        pytest.param("arm64-apple-darwin24.1.0", (), (16, 32, True), id="Apple"),
    ],
)
def test_vectors_and_registers_follow_from_the_features(
    triple: str, features: tuple[str, ...], expected: tuple[int, int, bool]
) -> None:
    target = Target(triple, "any", features)
    assert (target.vector_bytes, target.registers, target.has_fma) == expected
    assert (target.lanes("float32"), target.lanes("float64")) == (expected[0] // 4, expected[0] // 8)


def test_a_dtype_without_kernels_is_refused() -> None:
    with pytest.raises(BackendError, match="float16"):
        host().lanes("float16")


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(BackendError, match="pentium"):
        named("pentium")


@x86
def test_a_target_that_this_processor_cannot_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    poor = dataclasses.replace(host(), features=tuple(name for name in host().features if name != "fma"))
    monkeypatch.setattr(llvm_target, "host", lambda: poor)
    with pytest.raises(BackendError, match="lacks fma"):
        named.__wrapped__("avx2")


@x86
@pytest.mark.parametrize("cpu", ["skylake-avx512", "icelake-server", "emeraldrapids", "znver4"])
def test_a_vector_of_512_bits_stays_one_register(cpu: str) -> None:
    text = assembly(add(16), Target(host().triple, cpu, level_4()))
    assert "zmm" in text
    assert "ymm" not in text


@x86
def test_what_a_virtual_machine_hides_is_not_used_whatever_the_name_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    features = dict.fromkeys(llvm_target._host_features(), False) | dict.fromkeys(level_4(), True) | {"avx512f": False}
    monkeypatch.setattr(llvm_target, "_host_features", lambda: features)
    monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "emeraldrapids")
    target = host.__wrapped__()
    assert target.vector_bytes == 32
    text = assembly(add(16), target)
    assert "zmm" not in text
    assert "ymm" in text


@x86
def test_a_feature_that_is_on_does_not_bring_back_one_that_is_off() -> None:
    # avx512fp16 needs avx512bw, and stands behind it in the alphabet.
    features = level_4("avx512fp16")
    byte_sum = add(64, "i8")
    assert "zmm" in assembly(byte_sum, Target(host().triple, "emeraldrapids", features))
    less = tuple(name for name in features if name != "avx512bw")
    assert "zmm" not in assembly(byte_sum, Target(host().triple, "emeraldrapids", less))


@x86
@pytest.mark.parametrize(("name", "register"), [("avx2", "ymm"), ("baseline", "xmm")])
def test_code_for_a_narrower_processor_is_narrower_and_runs_here(name: str, register: str) -> None:
    target = named(name)
    text = assembly(add(target.lanes("float32")), target)
    assert {wide for wide in ("xmm", "ymm", "zmm") if wide in text} == {register}
    x, y = np.random.default_rng(3).standard_normal((2, target.lanes("float32")), dtype=np.float32)
    expected = x + y
    library = llvm_engine.load(f"add {name}", lambda: add(target.lanes("float32")), target)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(library.address("add"))(x.ctypes.data, y.ctypes.data)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("name", ["host", pytest.param("avx2", marks=x86), pytest.param("baseline", marks=x86)])
def test_llvm_knows_every_feature_that_it_is_told(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    llvm_engine.compile_object(add(4), named(name))
    assert capfd.readouterr().err == ""
