"""Make every test start from the same place: one thread, one seed, no state left by the test before."""

from collections.abc import Iterator

import hypothesis
import pytest
import torch

# Examples are drawn from a fixed seed, so that a red run is red again; a slow machine is no failure.
hypothesis.settings.register_profile("elman", derandomize=True, deadline=None, print_blob=False)
hypothesis.settings.load_profile("elman")


def pytest_configure(config: pytest.Config) -> None:
    del config
    # Two processes share two cores (`pytest -n 2`): more threads would only wait for each other.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fixed_seed() -> Iterator[None]:
    """Seed torch, and give the default dtype back as it was."""
    dtype = torch.get_default_dtype()
    torch.manual_seed(20)
    yield
    torch.set_default_dtype(dtype)
