"""Limit how much of a sequence is read, and report what was cut off.

>>> Limit(500, longest=2113).describe()
'; of sequences of up to 2,113 steps the first 500 are read'
>>> Limit(None, longest=2113).describe()
''
"""

from dataclasses import dataclass
from typing import Any

from elman.errors import DataError


@dataclass(frozen=True)
class Limit:
    """The most steps that are read of a sequence.

    Attributes:
        most: steps that are read, at most; None for all.
        longest: steps of the longest sequence in training.
    """

    most: int | None
    longest: int

    def __post_init__(self) -> None:
        if self.longest < 1 or (self.most is not None and (not isinstance(self.most, int) or self.most < 1)):
            raise DataError("The most steps that a model reads are at least 1. Train the model again.")

    def describe(self) -> str:
        """Return the part of a report that says that sequences are cut; empty if none was in training."""
        if self.most is None or self.longest <= self.most:
            return ""
        return f"; of sequences of up to {self.longest:,} steps the first {self.most:,} are read"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {"most": self.most, "longest": self.longest}
