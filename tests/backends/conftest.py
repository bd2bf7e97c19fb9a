"""Fixtures for the compiled backend: kernels that are compiled again, and fast."""

from collections.abc import Iterator
from typing import Any

import pytest

from elman.backends.llvm import target as llvm_target
from elman.backends.llvm.plan import MOST_CHAINS
from elman.backends.llvm.products import PAIRED, ROUNDED, SCALED, TILED
from elman.backends.llvm.run import attention, likeliest, matrix_unit, rounded_sums, small_sums
from elman.backends.llvm.run import cache as llvm_cache
from elman.backends.llvm.run import engine as llvm_engine
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.ops import small

DTYPES = ("float32", "float64")


@pytest.fixture(autouse=True)
def fresh_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare small calls again: tests change the processor and the limits for which they were prepared."""
    monkeypatch.setattr(small, "_forms", {})


@pytest.fixture
def fresh_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compile every kernel again, and keep none: for tests that change the compilation."""
    monkeypatch.setattr(llvm_cache, "_folder", lambda: None)
    monkeypatch.setattr(llvm_engine, "_libraries", {})
    # What is found are addresses of code, which goes with the libraries of this test.
    found = [llvm_kernel._find, attention._find, likeliest._find, rounded_sums._find, small_sums._find]
    for one in found:
        one.cache_clear()
    yield
    for one in found:
        one.cache_clear()


@pytest.fixture(scope="session")
def tiles() -> dict[Any, Any]:
    """Compile the code that all kernels share, with optimisation."""
    host = llvm_target.host()
    for dtype in DTYPES:
        chains = range(1, MOST_CHAINS + 1)
        llvm_engine.load_all(llvm_kernel.shared_code(dtype, host, chains), host)
        llvm_engine.load_all(llvm_kernel.unpacked_code(dtype, host), host)
    for products in (ROUNDED, PAIRED, SCALED, *([TILED] if matrix_unit.has_matrix_unit(host) else [])):
        llvm_engine.load_all(llvm_kernel.shared_code("float32", host, chains, products), host)
    shared = ("tiles", "unpacked", "packing")
    return {key: value for key, value in llvm_engine._libraries.items() if key[0].startswith(shared)}


@pytest.fixture
def quick_kernels(monkeypatch: pytest.MonkeyPatch, tiles: dict[Any, Any], fresh_kernels: None) -> None:
    """Compile several times as fast, without optimisation, for tests of plans and passes."""
    monkeypatch.setattr(llvm_engine, "_libraries", dict(tiles))
    monkeypatch.setattr(llvm_engine, "_optimise", lambda module, machine, level: None)
    monkeypatch.setattr(llvm_engine, "_machine", _unoptimising)


def _unoptimising(target: llvm_target.Target) -> Any:
    from llvmlite import binding

    return binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.feature_string, opt=0, reloc="static", codemodel="jitdefault", jit=True
    )
