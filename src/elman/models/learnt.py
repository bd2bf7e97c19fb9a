"""Recognise the examples that a model was trained on, by a sample of their hashes in its file.

The hash of an example has 64 bits. Its upper half decides whether the hash is in the sample, its lower half is stored.
So the sample does not depend on chance: of any other examples, those whose upper half is small enough can be checked,
and the share of them that is in the sample estimates the share of all. Up to 8,192 hashes are stored without sampling,
and then the share is exact. From hashes no example can be computed; whoever has an example can check whether the model
was trained on it.

>>> learnt = LearntExamples.of(map(hash_example, ["so good", "so bad", "so good"]))
>>> overlap = learnt.compare(map(hash_example, ["so good", "never read"]))
>>> overlap.estimate, overlap.count
(1, 2)
>>> overlap.warn("sentences", "other sentences")
'1 of these 2 sentences is in the training data, so the scores are too good. Give other sentences.'
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from elman.data.plain import read_plain
from elman.errors import DataError

_MOST = 8192  # hashes; 44 kB of a model file
_HALF = 32  # bits


@dataclass(frozen=True)
class Overlap:
    """The overlap of some examples with the training data.

    Attributes:
        count: how many examples there are.
        checked: how many of them can be recognised.
        learnt: how many of these are in the training data.
    """

    count: int
    checked: int
    learnt: int

    @property
    def estimate(self) -> int:
        """How many of all examples are in the training data; exact where all can be recognised."""
        return round(self.count * self.learnt / self.checked) if self.checked else 0

    def warn(self, examples: str, remedy: str) -> str | None:
        """Warn of scores that are too good; None where no example is in the training data.

        Args:
            examples: their name, such as `sentences`.
            remedy: the data to give instead.
        """
        if not self.estimate:
            return None
        about = "" if self.checked == self.count else "about "
        number = "is" if self.estimate == 1 else "are"
        return (
            f"{about}{self.estimate:,} of these {self.count:,} {examples} {number} in the training data, "
            f"so the scores are too good. Give {remedy}."
        )


@dataclass(frozen=True)
class LearntExamples:
    """A sample of the hashes of the training examples.

    Attributes:
        limit: the largest upper half of the hashes in the sample.
        hashes: their lower halves, ascending, 4 bytes each, in base64.
    """

    limit: int
    hashes: str

    @classmethod
    def of(cls, hashes: Iterable[int]) -> Self:
        """Draw the sample.

        Args:
            hashes: of the training examples, by :func:`hash_example`.
        """
        ordered = np.sort(_as_hashes(hashes))  # np.unique takes ten times as long
        distinct = ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
        limit = 2**_HALF - 1 if len(distinct) <= _MOST else int(distinct[_MOST] >> _HALF)
        lower = np.unique(_lower_halves(distinct, limit))
        return cls(limit, base64.b64encode(lower.astype("<u4").tobytes()).decode("ascii"))

    def joined(self, other: Self) -> Self:
        """Return a sample of the examples of both.

        Of the sample that holds the larger share, also those hashes stay that the smaller share would leave out: no
        example that can be checked has one of them.
        """
        lower = np.union1d(self._sample, other._sample)
        return type(self)(min(self.limit, other.limit), base64.b64encode(lower.astype("<u4").tobytes()).decode("ascii"))

    @cached_property
    def _sample(self) -> NDArray[np.uint32]:
        return np.frombuffer(base64.b64decode(self.hashes, validate=True), "<u4")

    def compare(self, hashes: Iterable[int]) -> Overlap:
        """Count the examples that are in the training data.

        Args:
            hashes: of the examples, by :func:`hash_example`.
        """
        given = _as_hashes(hashes)
        lower = _lower_halves(given, self.limit)
        return Overlap(len(given), len(lower), int(np.isin(lower, self._sample).sum()))

    def find_new(self, hashes: Iterable[int]) -> NDArray[np.bool_]:
        """Return which examples are known not to be in the training data.

        Those that cannot be recognised count as new where none of the others is learnt.

        Args:
            hashes: (N,) of the examples, by :func:`hash_example`.
        """
        given = _as_hashes(hashes)
        checked = (given >> np.uint64(_HALF)) <= self.limit
        learnt = checked & np.isin(given.astype(np.uint32), self._sample)
        return checked & ~learnt if learnt.any() else np.ones(len(given), bool)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {"limit": self.limit, "hashes": self.hashes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: the data are no such sample.
        """
        learnt = read_plain(cls, data, "learnt")
        try:
            ascending = bool((np.diff(learnt._sample.astype(np.int64)) > 0).all())
        except (binascii.Error, ValueError):
            ascending = False
        if not ascending or not 0 <= learnt.limit < 2**_HALF:
            raise DataError("The learnt examples of this model are damaged. Train the model again.")
        return learnt


def hash_example(*values: str | bytes) -> int:
    """Hash the values of an example to 64 bits; the same on every machine.

    >>> hash_example("a", "b") == hash_example("ab"), hash_example("a") == hash_example(b"a")
    (False, True)
    """
    digest = hashlib.blake2b(digest_size=8)
    for value in values:
        raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        if len(values) > 1:
            digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return int.from_bytes(digest.digest(), "little")


def _as_hashes(hashes: Iterable[int]) -> NDArray[np.uint64]:
    return hashes.astype(np.uint64) if isinstance(hashes, np.ndarray) else np.fromiter(hashes, np.uint64)


def _lower_halves(hashes: NDArray[np.uint64], limit: int) -> NDArray[np.uint32]:
    """Return the lower halves of the hashes whose upper half is at most a limit."""
    return hashes[(hashes >> np.uint64(_HALF)) <= limit].astype(np.uint32)
