"""A change to plant: in which file, which text is replaced by which, and which tests must notice.

The text must occur exactly once, so that a change cannot quietly stop being planted.
"""

from dataclasses import dataclass

AGAINST_TORCH = "tests/nn/test_against_torch.py"


@dataclass(frozen=True)
class Change:
    """A mistake to plant.

    Attributes:
        name: what is wrong with the package then.
        file: its path below `src/elman`.
        text: a text that occurs there exactly once.
        instead: the text that replaces it.
    """

    name: str
    file: str
    text: str
    instead: str


@dataclass(frozen=True)
class Fault(Change):
    """A mistake with the tests that notice it.

    Attributes:
        tests: a test file.
        only: pytest's `-k` expression; at least one of these tests must fail.
        needs: the programs that they run.
    """

    tests: str = AGAINST_TORCH
    only: str = "every_gradient"
    needs: tuple[str, ...] = ()
