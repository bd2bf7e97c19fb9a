"""Start every test in the same state: one thread, one seed, nothing left by the test before."""

import os
from collections.abc import Iterator
from typing import Any

# Two processes share two cores (`pytest -n 2`). More threads would busy-wait for each other: with both cores taken, an
# update on two threads took twelve times as long as on one. Programs that a test starts inherit this.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import pytest
import torch

from elman.training import folds
from faults.sample import describe_sample
from programs import OF_BROWSERS, demand, find

# Examples are drawn from a fixed seed, so that a red run is red again; a slow machine is no failure.
hypothesis.settings.register_profile("elman", derandomize=True, deadline=None, print_blob=False)
hypothesis.settings.load_profile("elman")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run demand the programs without which tests are skipped."""
    parser.addoption("--require-tools", action="store_true", help="fail where a program is missing, in place of a skip")
    parser.addoption("--require-browser", action="store_true", help="the same for the browser alone")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the programs that a test needs."""
    for mark in item.iter_markers("needs"):
        demand(item.config, *mark.args)


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


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Open a browser for the tests of a file, no longer: its loop of events would be in the way of others."""
    demand(request.config, *OF_BROWSERS)
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as program:
        browser = program.chromium.launch(executable_path=find("chromium"), args=options)
        yield browser
        browser.close()
