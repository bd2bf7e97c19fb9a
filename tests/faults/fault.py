"""Describe a fault to plant: in which file, which text becomes which, and which tests must notice.

The text must occur exactly once, so that a fault cannot quietly stop being planted.
"""

from dataclasses import dataclass

AGAINST_TORCH = "tests/nn/test_against_torch.py"


@dataclass(frozen=True)
class Fault:
    """One mistake.

    Attributes:
        name: what is wrong with the package once it is planted.
        file: below `src/elman`.
        text: stands there exactly once.
        instead: what takes its place.
        tests: a test file.
        only: pytest's `-k` expression; of these tests at least one must fail.
    """

    name: str
    file: str
    text: str
    instead: str
    tests: str = AGAINST_TORCH
    only: str = "every_gradient"
