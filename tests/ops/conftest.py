"""A second backend for the tests of the operators."""

import pytest

import lean_backend
from elman import backends


@pytest.fixture
def lean(monkeypatch):
    """Register the lean backend as the one that runs, without earlier calls and warnings."""
    monkeypatch.setattr(backends, "BACKENDS", {"lean": "lean_backend", **backends.BACKENDS})
    monkeypatch.setattr(backends, "_warned", set())
    monkeypatch.setattr(lean_backend, "asked", [])
    return lean_backend
