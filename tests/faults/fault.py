"""Describe a change to plant: in which file, which text becomes which, and which tests must notice.

The text must occur exactly once, so that a change cannot quietly stop being planted.
"""

from dataclasses import dataclass

AGAINST_TORCH = "tests/nn/test_against_torch.py"


@dataclass(frozen=True)
class Change:
    """One mistake.

    Attributes:
        name: what is wrong with the package once it is planted.
        file: below `src/elman`.
        text: stands there exactly once.
        instead: what takes its place.
    """

    name: str
    file: str
    text: str
    instead: str


@dataclass(frozen=True)
class Fault(Change):
    """A mistake of which it is known which tests notice it.

    Attributes:
        tests: a test file.
        only: pytest's `-k` expression; of these tests at least one must fail.
    """

    tests: str = AGAINST_TORCH
    only: str = "every_gradient"
