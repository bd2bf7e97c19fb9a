"""The choice of a backend: by name, by preference, and with a warning about one that refuses."""

import sys
from types import ModuleType

import pytest
import torch

import elman
from elman import backends, cells
from elman.autodiff import derive
from elman.backends import reference
from elman.errors import BackendError, SlowWarning

CPU = torch.device("cpu")


@pytest.fixture
def fast(monkeypatch):
    """Register a first backend, which runs only float32."""
    module = ModuleType("elman_test_fast")
    module.NAME = "fast"
    for name in ("run_forward", "run_mirror", "run_step", "saved_shapes", "computes_in"):
        setattr(module, name, getattr(reference, name))
    module.refuses = lambda program, dtype, device: None if dtype == torch.float32 else f"there is no {dtype}"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(backends, "BACKENDS", {"fast": module.__name__, "reference": reference.__name__})
    monkeypatch.setattr(backends, "_warned", set())
    return module


def x(dtype):
    return torch.zeros(5, 3, 7, dtype=dtype)


def test_the_first_that_does_not_refuse_runs(fast):
    program = derive(cells.gru)
    assert backends.select("auto", program, torch.float32, CPU) is fast
    assert backends.select("auto", program, torch.float64, CPU) is reference
    assert backends.select("reference", program, torch.float32, CPU) is reference
    with elman.backend("reference"):
        assert backends.select("fast", program, torch.float32, CPU) is reference


def test_a_refusal_warns_once_for_each_program_and_reason(fast):
    gru, lstm = derive(cells.gru), derive(cells.lstm)
    requested = [(gru, torch.float64), (lstm, torch.float64), (gru, torch.bfloat16), (gru, torch.float32)]
    with pytest.warns(SlowWarning) as said:
        found = [backends.select("auto", program, dtype, CPU).NAME for program, dtype in 3 * requested]
    assert found == 3 * ["reference", "reference", "reference", "fast"]
    assert [str(one.message) for one in said] == [
        "gru does not run on backend fast: there is no torch.float64",
        "lstm does not run on backend fast: there is no torch.float64",
        "gru does not run on backend fast: there is no torch.bfloat16",
    ]


def test_a_backend_that_was_named_and_refuses_is_an_error(fast):
    program = derive(cells.gru)
    with pytest.raises(BackendError, match=r"gru: backend fast cannot run it\.\n  there is no torch\.float64"):
        backends.select("fast", program, torch.float64, CPU)
    with elman.backend("fast"), pytest.raises(BackendError, match="there is no"):
        elman.nn.GRU(7, 11, dtype=torch.float64)(x(torch.float64))
    with pytest.raises(BackendError, match=r"'slow' is unknown\.\n  There are: auto, fast, reference"):
        backends.require("slow")


def test_a_backend_is_imported_when_it_is_first_asked(monkeypatch):
    monkeypatch.setattr(backends, "BACKENDS", {"absent": "elman_test_absent", **backends.BACKENDS})
    assert backends.select("reference", derive(cells.gru), torch.float32, CPU) is reference
    assert backends.require("absent") == "absent"
    with pytest.raises(ModuleNotFoundError, match="elman_test_absent"):
        backends.select("auto", derive(cells.gru), torch.float32, CPU)
