"""Lend a second backend to the tests of the operators."""

import pytest

import lean_backend
from elman import backends


@pytest.fixture
def lean(monkeypatch):
    """Register the lean backend as the one that runs; nothing was asked of it, and nothing said of it."""
    monkeypatch.setattr(backends, "BACKENDS", {"lean": "lean_backend", **backends.BACKENDS})
    monkeypatch.setattr(backends, "_warned", set())
    monkeypatch.setattr(lean_backend, "asked", [])
    return lean_backend
