"""Files that were damaged at random are read or refused; nothing else comes out of a reader, and no memory is taken.

Every reader meets noise, its own formats with bytes changed, lost and doubled, and the formats of the others.
"""

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from elman.data.examples.arrays import open_arrays
from elman.data.examples.genome import open_fasta
from elman.data.formats.features import read_features
from elman.data.formats.images import read_image
from elman.data.formats.sound import read_sound
from elman.errors import DataError

MUTATIONS = 60


def read_all_arrays(path: Path) -> None:
    arrays = open_arrays(path)
    for i in range(len(arrays)):
        arrays[i]


READERS: dict[str, Callable] = {
    **dict.fromkeys(("wav", "float.wav", "flac", "ogg", "mp3"), read_sound),
    **dict.fromkeys(("png", "jpg", "bmp", "gif"), read_image),
    **dict.fromkeys(("npy", "one.npz", "mfc", "csv"), read_features),
    **dict.fromkeys(("many.npz", "packed.npz"), read_all_arrays),
    **dict.fromkeys(("fa", "fa.gz"), lambda path: open_fasta([path])),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """Make one small file of each format."""
    folder = tmp_path_factory.mktemp("whole")
    random = np.random.default_rng(17)
    tone = 0.3 * np.sin(np.arange(1500) / 7)
    for suffix in ("wav", "flac", "ogg", "mp3"):
        soundfile.write(folder / f"a.{suffix}", tone, 8000)
    soundfile.write(folder / "a.float.wav", tone, 8000, subtype="FLOAT")
    for suffix in ("png", "jpg", "bmp", "gif"):
        Image.fromarray(random.integers(0, 256, (19, 17, 3), dtype=np.uint8)).save(folder / f"a.{suffix}")
    steps = random.normal(size=(13, 7, 3))
    np.save(folder / "a.npy", steps[0])
    np.savez(folder / "a.one.npz", x=steps[0])
    np.savez(folder / "a.many.npz", x=steps, y=np.arange(13), lengths=np.arange(13) % 7 + 1)
    np.savez_compressed(folder / "a.packed.npz", x=steps, y=[*"aabbccddeeffg"], classes=["a", "b"])
    (folder / "a.mfc").write_bytes(struct.pack(">i91f", 91, *range(91)))
    (folder / "a.csv").write_text("time,left\n" + "0.5,-1e3\n" * 40)
    fasta = b"".join(b">s%d label=%d\nACGTTGCA\nNNAC\n" % (i, i % 2) for i in range(40))
    (folder / "a.fa").write_bytes(fasta)
    (folder / "a.fa.gz").write_bytes(gzip.compress(fasta))
    return {suffix: (folder / f"a.{suffix}").read_bytes() for suffix in READERS}


def mutated(raw: bytes, random: np.random.Generator) -> bytes:
    """Change some bytes, most of them near the beginning; or cut, drop or double a part."""
    damaged = bytearray(raw)
    begin, end = sorted(random.integers(0, len(raw) + 1, 2))
    match random.integers(6):
        case 0:
            return raw[:end]
        case 1:
            return raw[:begin] + raw[end:]
        case 2:
            return raw[:end] + raw[begin:]
        case 3:
            for at in random.integers(0, len(raw), 5):
                damaged[at] = random.integers(256)
        case _:
            for at in random.integers(0, min(len(raw), 200), random.integers(1, 5)):
                damaged[at] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.integers(256)])
    return bytes(damaged)


def outcome(read: Callable, path: Path, raw: bytes) -> str | None:
    """Return what a reader refuses a file with; None if it reads it."""
    path.write_bytes(raw)
    try:
        read(path)
    except DataError as error:
        return str(error)
    return None


@pytest.mark.parametrize("suffix", READERS)
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path, whole, suffix):
    path = tmp_path / f"a.{suffix}"
    random = np.random.default_rng(23)
    read = READERS[suffix]
    assert outcome(read, path, whole[suffix]) is None
    tracemalloc.start()
    said = [outcome(read, path, mutated(whole[suffix], random)) for _ in range(MUTATIONS)]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    refused = [message for message in said if message is not None]
    assert len(refused) >= MUTATIONS // 5
    assert all(str(path) in message and "\n" not in message and len(message) < 400 for message in refused)
    assert most < 64 * 2**20


@pytest.mark.parametrize("suffix", READERS)
def test_noise_and_files_of_other_formats_are_refused(tmp_path, whole, suffix):
    path = tmp_path / f"a.{suffix}"
    random = np.random.default_rng(29)
    noise = [random.bytes(length) for length in (2, 3, 4, 8, 100, 5000)]
    same = {name for name in READERS if READERS[name] is READERS[suffix] and READERS[name] is not read_features}
    # Arrays of examples are also one array each where there is one, and the other way round.
    same |= {suffix} | ({"one.npz", "many.npz", "packed.npz"} if suffix.endswith("npz") else set())
    for raw in [*noise, *(whole[name] for name in READERS if name not in same)]:
        assert outcome(READERS[suffix], path, raw) is not None
