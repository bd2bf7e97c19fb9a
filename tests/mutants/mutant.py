"""Describe a mutant."""

from dataclasses import dataclass

from faults.fault import Change


@dataclass(frozen=True)
class Mutant(Change):
    """A mistake of which it is not known whether any test notices it.

    Attributes:
        alike: why no test can tell it apart from what is right; empty where one can.
    """

    alike: str = ""
