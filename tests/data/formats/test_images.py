"""Images become bytes of one or three channels, or are refused in one line."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from elman.data.formats import images
from elman.data.formats.images import read_image
from elman.errors import DataError

GREY = np.random.default_rng(2).integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_formats_give_their_pixels(tmp_path, suffix, pixels):
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    read = read_image(tmp_path / f"a.{suffix}")
    assert (read.dtype, read.ndim) == (np.uint8, 3)
    np.testing.assert_array_equal(read, pixels.reshape(5, 7, -1))


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("CMYK", 3)])
def test_a_photograph_is_near_what_was_saved(tmp_path, mode, channels):
    Image.new("RGB", (7, 5), (200, 100, 50)).convert(mode).save(tmp_path / "a.jpg", quality=95)
    read = read_image(tmp_path / "a.jpg").astype(int)
    assert read.shape == (5, 7, channels)
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert np.abs(read - ([luma] if mode == "L" else [200, 100, 50])).max() <= 4


def test_of_an_animation_the_first_frame_counts(tmp_path):
    frames = [Image.new("RGB", (7, 5), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif"), np.full((5, 7, 3), [255, 0, 0]))


def test_a_palette_is_looked_up(tmp_path):
    image = Image.new("P", (7, 5), 2)
    image.putpalette([0, 0, 0, 10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.full((5, 7, 3), [40, 50, 60]))


@pytest.mark.parametrize(("mode", "channels"), [("LA", 1), ("RGBA", 3)])
def test_what_is_transparent_is_laid_on_white(tmp_path, mode, channels):
    rows = [[(0,) * channels + (alpha,) for alpha in (0, 51, 255)]]
    Image.fromarray(np.array(rows, np.uint8), mode).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(read, np.repeat([[[255], [204], [0]]], channels, axis=2))


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    image = Image.new("P", (7, 5), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.gif", transparency=1)
    assert (read_image(tmp_path / "a.gif") == 255).all()


def test_sixteen_bits_of_grey_are_scaled_to_eight(tmp_path):
    Image.fromarray(np.array([[0, 257, 300, 33000, 65535]], np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[:, :, 0], [[0, 1, 1, 128, 255]])


def test_black_and_white_is_grey(tmp_path):
    Image.fromarray(GREY > 100).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[:, :, 0], (GREY > 100) * 255)


def test_a_picture_on_its_side_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[:, :, 0], np.rot90(GREY, -1))


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8193, 10_000, 60_000], ids=["over our limit", "Pillow warns", "Pillow refuses"])
def test_a_decompression_bomb_is_refused_before_it_unfolds(tmp_path, side):
    (tmp_path / "a.png").write_bytes(png_header(side, side))
    with pytest.raises(DataError, match=r"a\.png has more than 67,108,864 pixels"):
        read_image(tmp_path / "a.png")


def test_an_image_at_the_limit_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 35)
    Image.fromarray(GREY).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (5, 7, 1)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
def test_an_image_that_was_cut_off_is_refused_in_one_line(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (97, 89, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"a\.{suffix} cannot be decoded: .*Copy it again, or remove it\.$"):
        read_image(path)


@pytest.mark.parametrize(
    ("raw", "message"), [(b"", "a.png is empty"), (b"these are words", "is no image: it begins like none of")]
)
def test_what_is_no_image_is_refused(tmp_path, raw, message):
    (tmp_path / "a.png").write_bytes(raw)
    with pytest.raises(DataError, match=message):
        read_image(tmp_path / "a.png")
