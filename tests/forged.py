"""Take model files apart and write them again with other contents, and with the checksum of these.

What is written here says nothing of the writer under test: it knows the format alone.
"""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import load, save
from torch import Tensor


class Parts(NamedTuple):
    """The contents of a model file: its entry without the checksum, the rows of its tensors, and their bytes."""

    entry: dict[str, Any]
    rows: dict[str, Any]
    data: bytes


def take_apart(path: Path) -> Parts:
    """Read a file of format 3."""
    raw = path.read_bytes()
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    rows = json.loads(raw[8:start])
    entry = json.loads(rows.pop("__metadata__")["elman"])
    del entry["sha256"]
    return Parts(entry, rows, raw[start:])


def seal(parts: Parts) -> bytes:
    """Write a file with a right checksum."""
    plain = json.dumps({"elman": parts.entry, "tensors": parts.rows}, sort_keys=True).encode()
    return assemble({**parts.entry, "sha256": hashlib.sha256(parts.data + plain).hexdigest()}, parts.rows, parts.data)


def assemble(entry: Any, rows: dict[str, Any], data: bytes) -> bytes:
    """Write a file without changing its checksum."""
    text = entry if isinstance(entry, str) else json.dumps(entry, sort_keys=True)
    header = json.dumps({"__metadata__": {"elman": text}, **rows}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def forge(path: Path, change: Callable[[dict[str, Any], dict[str, Tensor]], object]) -> None:
    """Change the entry and the weights of a model file; afterwards its sum fits."""
    entry, weights = take_apart(path).entry, load(path.read_bytes())
    change(entry, weights)
    path.write_bytes(seal_weights(entry, weights))


def seal_weights(entry: dict[str, Any], weights: dict[str, Tensor]) -> bytes:
    """Write a file of weights with a right checksum."""
    raw = save(weights)
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    return seal(Parts(entry, json.loads(raw[8:start]), raw[start:]))
