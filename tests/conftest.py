"""Make every test start from the same place: one thread, one seed, no state left by the test before."""

import os
from collections.abc import Iterator

# Two processes share two cores (`pytest -n 2`). More threads would wait for each other, busily: with both cores taken,
# an update on two threads was seen to take twelve times as long as on one. Programs that a test starts inherit this.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import pytest
import torch

from faults.sample import describe_sample

# Examples are drawn from a fixed seed, so that a red run is red again; a slow machine is no failure.
hypothesis.settings.register_profile("elman", derandomize=True, deadline=None, print_blob=False)
hypothesis.settings.load_profile("elman")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which faults are planted where not all are."""
    return describe_sample() if config.getoption("markexpr") == "not slow" else None


@pytest.fixture(autouse=True)
def fixed_seed() -> Iterator[None]:
    """Seed torch, and give the default dtype back as it was."""
    dtype = torch.get_default_dtype()
    torch.manual_seed(20)
    yield
    torch.set_default_dtype(dtype)
