"""Fixtures for the compiled backend: kernels that are compiled anew, and quickly."""

from collections.abc import Iterator

import pytest

from elman.backends import llvm_cache, llvm_engine, llvm_kernel, llvm_tiles


@pytest.fixture
def fresh_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compile every kernel anew, and keep none: for tests that change how they are made."""
    monkeypatch.setattr(llvm_cache, "_folder", lambda: None)
    monkeypatch.setattr(llvm_engine, "_libraries", {})
    llvm_kernel._find.cache_clear()
    yield
    llvm_kernel._find.cache_clear()


@pytest.fixture
def small_kernels(monkeypatch: pytest.MonkeyPatch, fresh_kernels: None) -> None:
    """Compile ten times as fast: with the smallest tiles and without optimisation, where a plan is what is tested."""
    monkeypatch.setattr(llvm_tiles, "most_rows", lambda module, chains, width: 1)
    monkeypatch.setattr(llvm_tiles, "widths", lambda chains: (2, 1))
    monkeypatch.setattr(llvm_engine, "_optimise", lambda module, machine: None)
    monkeypatch.setattr(llvm_engine, "_machine", _unoptimising)


def _unoptimising(target):
    from llvmlite import binding

    return binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.feature_string, opt=0, reloc="static", codemodel="jitdefault", jit=True
    )
