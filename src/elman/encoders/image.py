"""Turn an image into a sequence: row by row, or pixel by pixel, in their order or in a random permutation.

All images are brought to one size: the commonest of the first training examples, with a longest side of at most `side`.
Images of other sizes are resized without keeping their aspect ratio. Pixels are standardised for each channel.

>>> from elman.encoders.settings import InputSettings
>>> example = Example({"image": np.arange(12, dtype=np.uint8).reshape(4, 3, 1)}, "a", "a.png")
>>> learn_image(Columns({"image": "image"}), [example], InputSettings()).encode(example).shape
torch.Size([4, 3])
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from elman.data.dataset import Columns, Example
from elman.encoders.ahead import look_ahead
from elman.encoders.augmentation import move_image
from elman.encoders.fronts import ConvolutionFront, FramesFront, Front, Suggestions
from elman.encoders.scaling import Moments, Scaling
from elman.encoders.settings import IMAGE_READINGS, InputSettings
from elman.errors import ConfigError, DataError

_MOST_SIDE = 10_000  # pixels
# What red, green and blue add to the brightness (ITU-R BT.601).
_BRIGHTNESS = torch.tensor([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class ImageEncoder:
    """An encoder of images.

    Attributes:
        column: the column.
        size: height, width and channels of all images.
        read: `rows`, `pixels` or `permuted`.
        permutation: the order of the pixels for `permuted`; else empty.
        scaling: of the channels, from 0 to 1.
        convolution: whether a convolutional network reads the rows first.
        resized: training images that were of another size.
    """

    column: str
    size: tuple[int, int, int]
    read: str
    permutation: tuple[int, ...]
    scaling: Scaling
    convolution: bool
    resized: int
    kind: ClassVar[str] = "image"
    units: ClassVar[bool] = False

    def __post_init__(self) -> None:
        height, width, channels = self.size
        whole = (
            0 < min(self.size) <= max(self.size) <= _MOST_SIDE
            and self.read in IMAGE_READINGS
            and len(self.scaling.means) == channels
        )
        pixels = height * width if self.read == "permuted" else 0
        if not whole or sorted(self.permutation) != list(range(pixels)):
            raise DataError("The encoder of images in this model has no size or no order of pixels. Train it again.")

    @property
    def front(self) -> Front:
        """Describe the layers that can read the frames."""
        _, width, channels = self.size
        if self.convolution:
            return ConvolutionFront(width * channels, channels)
        return FramesFront(width * channels if self.read == "rows" else channels)

    @property
    def suggested(self) -> Suggestions:
        """Suggest one direction for pixels, which make long sequences."""
        if self.read == "permuted":
            # No part of the sequence is informative alone: the state of the last pixel is read (Le et al. 2015, 4.2).
            return Suggestions(direction="forward", pooling="last")
        if self.read == "pixels":
            # Neighbours are nearly equal: training is slow until gates have long memory (Tallec & Ollivier 2018).
            height, width, _ = self.size
            return Suggestions(direction="forward", memory=height * width, learning_rate=0.008, epochs=10)
        return Suggestions()

    @cached_property
    def _order(self) -> Tensor:
        return torch.tensor(self.permutation)

    def encode(self, example: Example) -> Tensor:
        """Return the steps of an image: rows (H, C · W), all of one channel first, or pixels (H · W, C)."""
        image = resize_image(example.values[self.column], self.size)
        _, _, channels = self.size
        flat = self.scaling.apply(image.flatten(1).t().numpy())
        return self._to_steps(flat.t().view(channels, *self.size[:2]))

    def _to_steps(self, image: Tensor) -> Tensor:
        if self.read == "rows":
            return image.transpose(0, 1).flatten(1)
        pixels = image.flatten(1).t()
        return pixels[self._order] if self.read == "permuted" else pixels.contiguous()

    def _to_image(self, steps: Tensor) -> Tensor:
        height, width, channels = self.size
        if self.read == "rows":
            return steps.view(height, channels, width).transpose(0, 1)
        pixels = steps[self._order.argsort()] if self.read == "permuted" else steps
        return pixels.t().reshape(channels, height, width)

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:
        """Shift and rotate an image a little."""
        return self._to_steps(move_image(self._to_image(steps), randomness))

    def describe(self) -> str:
        """Describe in one line what is read."""
        height, width, channels = self.size
        order = {"rows": "row by row", "pixels": "pixel by pixel", "permuted": "pixel by pixel in a drawn order"}
        resized = f"; {self.resized:,} were resized" if self.resized else ""
        colour = "in colour" if channels == 3 else "in grey"
        return f"images of {width} × {height} pixels {colour}, {order[self.read]}{resized}"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "kind": self.kind,
            "column": self.column,
            "size": list(self.size),
            "read": self.read,
            "permutation": list(self.permutation),
            "scaling": self.scaling.to_dict(),
            "convolution": self.convolution,
            "resized": self.resized,
        }


def learn_image(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> ImageEncoder:
    """Choose the size of the images, and measure the channels of the training images.

    Raises:
        ConfigError: `convolution` with pixels; it reads rows alone.
        DataError: there is no image.
    """
    (column,) = columns.inputs
    if settings.convolution and settings.read != "rows":
        raise ConfigError(f"convolution reads rows, and read is {settings.read}. Drop one of the two.")
    first, examples = look_ahead(examples, lambda example: int(example.values[column].size))
    if not first:
        raise DataError("There is no image to learn from. Give data with examples.")
    (height, width), _ = Counter(example.values[column].shape[:2] for example in first).most_common(1)[0]
    channels = max(example.values[column].shape[2] for example in first)
    shrink = min(1.0, settings.longest_side / max(height, width))
    size = (max(1, round(height * shrink)), max(1, round(width * shrink)), channels)
    moments, resized = Moments(channels), 0
    for example in examples:
        image = example.values[column]
        resized += image.shape[:2] != size[:2]
        moments.add(resize_image(image, size).flatten(1).t().numpy())
    randomness = torch.Generator().manual_seed(settings.seed)
    drawn = torch.randperm(size[0] * size[1], generator=randomness).tolist() if settings.read == "permuted" else ()
    return ImageEncoder(column, size, settings.read, tuple(drawn), moments.scaling(), settings.convolution, resized)


def resize_image(image: NDArray[np.uint8], size: tuple[int, int, int]) -> Tensor:
    """Bring an image (H, W, C) to a size (height, width, channels); the result is (C, H, W) from 0 to 1."""
    height, width, channels = size
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255
    if len(pixels) != channels:
        grey = channels == 1
        pixels = torch.einsum("chw,c->hw", pixels, _BRIGHTNESS)[None] if grey else pixels.expand(channels, -1, -1)
    if pixels.shape[1:] != (height, width):
        pixels = F.interpolate(pixels[None], (height, width), mode="bilinear", antialias=True)[0]
    return pixels
