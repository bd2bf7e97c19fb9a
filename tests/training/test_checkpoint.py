"""Checkpoints are read as they were written, and a damaged or forged one is refused before anything is restored."""

import contextlib
import math
import random

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from elman.errors import DataError, ElmanError
from elman.models.bytes import pack
from elman.training import checkpoint
from elman.training.checkpoint import read_checkpoint, write_checkpoint

STATE = {
    "numbers": [1, -(2**53), 2**70, 0.1, -0.0, math.inf, -math.inf, True, None, "é\n", ()],
    "random": [np.random.default_rng(3).bit_generator.state, list(random.Random(3).getstate())],
    "numpy": np.random.RandomState(3).get_state(legacy=False),
    "tensors": {
        str(kind): torch.arange(7).to(kind).reshape(7, 1)
        for kind in (torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
    },
    "empty": torch.zeros(0, 5),
    "scalar": torch.tensor(math.inf),
    "turned": torch.arange(6.0).reshape(2, 3).T,
    3: {"a": (1.5, [torch.ones(2)])},
}


def same(one, other):
    """Return whether two values are equal, with their types, also deep inside."""
    if type(one) is not type(other):
        return False
    match one:
        case torch.Tensor() | np.ndarray():
            return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
        case dict():
            return list(one) == list(other) and all(same(value, other[name]) for name, value in one.items())
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case float():
            return one.hex() == other.hex()
    return one == other


def test_a_state_is_read_as_it_was_written(tmp_path):
    write_checkpoint(tmp_path / "c", STATE)
    assert same(read_checkpoint(tmp_path / "c"), STATE)
    write_checkpoint(tmp_path / "c", {"nan": math.nan})
    assert math.isnan(read_checkpoint(tmp_path / "c")["nan"])


def test_what_is_no_plain_data_has_no_place(tmp_path):
    with pytest.raises(TypeError, match="a set has no place in a checkpoint"):
        write_checkpoint(tmp_path / "c", {"a": {1}})
    assert list(tmp_path.iterdir()) == []


def test_every_change_of_a_byte_is_noticed(tmp_path):
    path, drawn = tmp_path / "c", random.Random(1)
    write_checkpoint(path, STATE)
    raw = path.read_bytes()
    for _ in range(200):
        changed = bytearray(raw)
        changed[drawn.randrange(len(raw))] ^= 1 << drawn.randrange(8)
        path.write_bytes(changed)
        refused_or_same(path)
    for length in (0, 7, 100, len(raw) - 1):
        path.write_bytes(raw[:length])
        with pytest.raises(DataError, match="Remove it, or begin anew with --force"):
            read_checkpoint(path)


def refused_or_same(path):
    """Read a damaged file: a change that JSON does not see, such as of a space, changes nothing."""
    with contextlib.suppress(DataError):
        assert same(read_checkpoint(path), STATE)


@pytest.mark.parametrize(
    "state",
    [
        5,
        {"tensor": ["float32", [2, 2], 0, 16], "dict": []},
        {"strange": []},
        {"dict": ["a"]},
        {"dict": [[1], 2]},
        {"dict": ["a", {"tensor": ["float32", [10**9], 0, 4 * 10**9]}]},
        {"dict": ["a", {"tensor": ["float32", [-2, -2], 0, 16]}]},
        {"dict": ["a", {"tensor": ["float32", [2], -8, 8]}]},
        {"dict": ["a", {"tensor": ["float32", [2], 12, 8]}]},
        {"dict": ["a", {"tensor": ["object", [2], 0, 8]}]},
        {"dict": ["a", {"tensor": 3}]},
        {"dict": ["a", {"int": "9" * 10_000}]},
        {"dict": ["a", {"float": "x"}]},
    ],
)
def test_a_forged_state_is_refused(state, tmp_path):
    entry = {"format": checkpoint.FORMAT, "task": checkpoint.TASK, "state": state}
    (tmp_path / "c").write_bytes(pack(entry, {"bytes": torch.zeros(17, dtype=torch.uint8)}))
    with pytest.raises(DataError, match="is damaged"):
        read_checkpoint(tmp_path / "c")


def test_another_file_is_no_checkpoint(tmp_path):
    for entry in ({"format": 9, "task": "checkpoint", "state": {}}, {"format": 1, "task": "classify", "state": {}}):
        (tmp_path / "c").write_bytes(pack(entry, {"bytes": torch.zeros(1, dtype=torch.uint8)}))
        with pytest.raises(DataError, match="is no checkpoint of this version"):
            read_checkpoint(tmp_path / "c")
    (tmp_path / "c").write_bytes(save({"a": torch.ones(1)}))
    assert load((tmp_path / "c").read_bytes())
    for name in ("c", "missing", "."):
        with pytest.raises(DataError, match="Remove it, or begin anew with --force"):
            read_checkpoint(tmp_path / name)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "c", {"a": 1})

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_whole", fail)
    with pytest.raises(ElmanError, match="cannot be written: No space left on device"):
        write_checkpoint(tmp_path / "c", {"a": 2})
    assert read_checkpoint(tmp_path / "c") == {"a": 1}
