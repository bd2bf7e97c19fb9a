"""Fingerprints of examples: eight bytes that are equal for equal inputs, whatever the target.

Texts are equal if they differ in capitals or in the amount of white space alone. Values of all other kinds are equal if
they are the same.

>>> read = Fingerprints({"text": "text"})
>>> read({"text": "So  good"}) == read({"text": "so good"}), read({"text": "so good"}) == read({"text": "so bad"})
(True, False)
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from struct import Struct
from typing import Any

import numpy as np

from elman.data.dataset import Sound

_BYTES_OF_A_LENGTH = 8
_FLOATS = ("number", "date")
_END = "\0"  # which files of text do not have
_MARKS = ("  ", "\n", "\t", "\r")
_SPACES = re.compile(r" [ \n\t\r]+|[\n\t\r][ \n\t\r]*")


class Fingerprints:
    """A function from the values of an example to their fingerprint.

    Args:
        kinds: the kind of each input column by its name; their order makes no difference to fingerprints.
    """

    def __init__(self, kinds: Mapping[str, str]) -> None:
        # Sorted, since the order of columns differs between files.
        self._numbers = sorted(name for name, kind in kinds.items() if kind in _FLOATS)
        self._texts = {name for name, kind in kinds.items() if kind == "text"}
        self._others = sorted(name for name, kind in kinds.items() if kind not in _FLOATS)
        self._names = list(kinds)
        self._pack = Struct(f"<{len(self._numbers)}d").pack

    def __call__(self, values: Mapping[str, Any]) -> bytes:
        """Return the fingerprint of the values of an example."""
        parts = [
            fold_texts([values[name]])[0] if name in self._texts else _as_bytes(values[name]) for name in self._others
        ]
        if not self._numbers and len(parts) == 1:
            return fingerprint(parts[0])
        # Adding 0 makes the two zeros equal.
        raw = self._pack(*[values[name] + 0.0 for name in self._numbers])
        return fingerprint(raw + b"".join(len(part).to_bytes(_BYTES_OF_A_LENGTH, "little") + part for part in parts))

    def of_texts(self, columns: Sequence[Sequence[str]]) -> bytes:
        """Return the fingerprints of examples, one after the other; their texts are given by columns."""
        if len(columns) == 1:
            return b"".join([blake2b(text, digest_size=8).digest() for text in fold_texts(columns[0])])
        rows = (dict(zip(self._names, texts, strict=True)) for texts in zip(*columns, strict=True))
        return b"".join(map(self, rows))


def fingerprint(raw: bytes) -> bytes:
    """Return eight bytes that are equal for equal input, and for other input with a probability of 10^-19.

    >>> fingerprint(b"so") == fingerprint(b"so"), fingerprint(b"so") == fingerprint(b"bad")
    (True, False)
    """
    return blake2b(raw, digest_size=8).digest()


def fold_texts(texts: Sequence[str]) -> list[bytes]:
    r"""Return texts without their capitals, with one space for each stretch of spaces, tabs and line ends.

    >>> fold_texts([" So\n good ", "SO BAD"])
    [b'so good', b'so bad']
    """
    # All at once: a call for each of a million texts takes longer than the work.
    joined = _END.join(texts).lower()
    if any(mark in joined for mark in _MARKS):
        joined = _SPACES.sub(" ", joined)
    joined = joined.replace(f"{_END} ", _END).replace(f" {_END}", _END).strip(" ")
    folded = joined.encode("utf-8", "surrogatepass").split(_END.encode())
    return folded if len(folded) == len(texts) else [fold_texts([text.replace(_END, " ")])[0] for text in texts]


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, Sound):
        return value.rate.to_bytes(_BYTES_OF_A_LENGTH, "little") + value.samples.tobytes()
    return str(value.shape).encode() + np.ascontiguousarray(value).tobytes()
