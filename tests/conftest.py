"""Start every test in the same state: one thread, one seed, nothing left by the test before."""

import os
from collections.abc import Iterator

# Two processes share two cores (`pytest -n 2`). More threads would busy-wait for each other: with both cores taken, an
# update on two threads took twelve times as long as on one. Programs that a test starts inherit this.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import pytest
import torch

from elman.training import folds
from faults.sample import describe_sample

# Examples are drawn from a fixed seed, so that a red run is red again; a slow machine is no failure.
hypothesis.settings.register_profile("elman", derandomize=True, deadline=None, print_blob=False)
hypothesis.settings.load_profile("elman")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run demand the browser, without which the tests of pages are skipped."""
    parser.addoption(
        "--require-browser", action="store_true", help="fail where a browser is missing, in place of a skip"
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    """List the faults that are planted, where not all are."""
    return describe_sample() if config.getoption("markexpr") == "not slow" else None


@pytest.fixture(scope="session", autouse=True)
def one_fold() -> Iterator[None]:
    """Let few examples be held out: five networks in place of each tiny one would take five times as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folds, "FEW_EXAMPLES", 0)
        patch.setattr(folds, "FEW_GROUPS", 0)
        yield


@pytest.fixture(autouse=True)
def fixed_seed() -> Iterator[None]:
    """Seed torch, and restore the default dtype."""
    dtype = torch.get_default_dtype()
    torch.manual_seed(20)
    yield
    torch.set_default_dtype(dtype)
