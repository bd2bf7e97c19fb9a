"""Images: rows, pixels and drawn orders, sizes and colours brought together, and their small movements."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from elman.data.dataset import Columns, Example
from elman.encoders.encoder import learn_encoder, read_encoder
from elman.encoders.fronts import ConvolutionFront, FramesFront, Suggestions
from elman.encoders.settings import InputSettings
from elman.errors import ConfigError, DataError
from tolerances import assert_close

IMAGE = Columns({"picture": "image"})
H, W = 5, 7


def picture(height: int = H, width: int = W, channels: int = 1, seed: int = 1) -> Example:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Example({"picture": pixels}, "a", f"{seed}.png")


def learn(*examples: Example, **options):
    return learn_encoder(IMAGE, iter(examples), InputSettings(**options))


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_and_pixels_are_standardised_channel_by_channel(channels):
    data = [picture(channels=channels, seed=seed) for seed in (1, 2, 3)]
    every = np.stack([example.values["picture"] for example in data]).astype(np.float64) / 255
    scaled = (every - every.mean((0, 1, 2))) / every.std((0, 1, 2))
    for read in ("rows", "pixels", "permuted"):
        encoder = learn(*data, read=read)
        for found, expected in zip(map(encoder.encode, data), scaled, strict=True):
            rows = expected.transpose(0, 2, 1).reshape(H, channels * W)  # one channel of a row behind the other
            pixels = expected.reshape(H * W, channels)
            wanted = {"rows": rows, "pixels": pixels, "permuted": pixels[list(encoder.permutation)]}[read]
            assert_close(read, found, torch.from_numpy(wanted.astype(np.float32)))
        suggested = Suggestions(direction="forward", pooling="last") if read == "permuted" else Suggestions()
        if read == "pixels":
            suggested = Suggestions(direction="forward", memory=H * W, learning_rate=0.008, epochs=10)
        assert (encoder.front, encoder.suggested) == (FramesFront(wanted.shape[1]), suggested)


def test_the_drawn_order_follows_from_the_seed_and_stays_in_the_model():
    first, same, other = (learn(picture(), read="permuted", seed=seed) for seed in (1, 1, 2))
    assert first.permutation == same.permutation != other.permutation
    assert sorted(first.permutation) == list(range(H * W)) != list(first.permutation)
    again = read_encoder(json.loads(json.dumps(first.to_dict())))
    assert again == first
    assert again.encode(picture(seed=9)).equal(first.encode(picture(seed=9)))


def test_all_images_get_the_commonest_size_and_the_report_counts_those_resized():
    encoder = learn(picture(9, 4, seed=1), picture(seed=2), picture(seed=3), picture(10, 14, seed=4))
    assert encoder.encode(picture(31, 2)).shape == (H, W)
    assert encoder.describe() == "images of 7 × 5 pixels in grey, row by row; 2 were resized"


def test_an_image_is_shrunk_and_enlarged_as_pillow_does_it():
    encoder = learn(picture())
    for one in (picture(19, 23, seed=2), picture(3, 2, seed=3)):
        image = Image.fromarray(one.values["picture"][..., 0].astype(np.float32))
        expected = torch.from_numpy(np.array(image.resize((W, H), Image.Resampling.BILINEAR))) / 255
        found = encoder.encode(one) * encoder.scaling.deviations[0] + encoder.scaling.means[0]
        assert_close("pixels", found, expected)


@pytest.mark.parametrize(("size", "expected"), [((130, 65), (64, 32)), ((20, 64), (20, 64)), ((1000, 3), (64, 1))])
def test_large_images_are_made_smaller(size, expected):
    assert learn(picture(*size)).size == (*expected, 1)
    assert max(learn(picture(*size), longest_side=10).size) == 10


def test_grey_and_coloured_images_are_read_together():
    encoder = learn(picture(), picture(channels=3, seed=2))
    assert encoder.size == (H, W, 3)
    grey = encoder.encode(picture()).view(H, 3, W).double()
    means, deviations = torch.tensor(encoder.scaling.means), torch.tensor(encoder.scaling.deviations)
    plain = grey * deviations[:, None] + means[:, None]
    assert (plain - plain[:, :1]).abs().max() < 1e-6
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    only_grey = learn(picture(1, 3))
    found = only_grey.encode(Example({"picture": colours}, None, "rgb.png")) * only_grey.scaling.deviations[0]
    expected = torch.tensor([[0.299, 0.587, 0.114]]) - only_grey.scaling.means[0]
    assert_close("brightness", found, expected)


@pytest.mark.parametrize("read", ["rows", "pixels", "permuted"])
def test_augmenting_moves_the_picture_and_not_its_reading(read):
    encoder = learn(*(picture(17, 19, 3, seed) for seed in range(4)), read=read)
    steps = encoder.encode(picture(17, 19, 3, 9))
    one, same, other = (encoder.augment(steps, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert one.shape == steps.shape
    assert one.equal(same)
    assert not one.equal(other)
    rows = learn(*(picture(17, 19, 3, seed) for seed in range(4)))
    expected = rows.augment(rows.encode(picture(17, 19, 3, 9)), torch.Generator().manual_seed(1))
    assert_close("moved", encoder._to_image(one), rows._to_image(expected))


def test_arrays_that_may_not_be_written_to_are_read():
    example = picture()
    example.values["picture"].flags.writeable = False
    upside_down = Example({"picture": example.values["picture"][::-1]}, None, "down.png")
    encoder = learn(example)
    assert encoder.encode(upside_down).equal(encoder.encode(example).flip(0))


def test_pixels_and_a_convolution_do_not_go_together():
    with pytest.raises(ConfigError, match="convolution reads rows, and read is pixels"):
        learn(picture(), read="pixels", convolution=True)
    assert learn(picture(channels=3), convolution=True).front == ConvolutionFront(3 * W, 3)
    with pytest.raises(DataError, match="no image to learn from"):
        learn()


@pytest.mark.parametrize(
    "change", [{"size": [0, 7, 1]}, {"size": [5, 7, 2]}, {"permutation": [0]}, {"read": "spiral"}, {"size": 5}], ids=str
)
def test_a_damaged_encoder_is_refused(change):
    with pytest.raises(DataError, match="Train"):
        read_encoder({**learn(picture()).to_dict(), **change})
