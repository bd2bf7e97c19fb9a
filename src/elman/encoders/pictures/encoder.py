"""What becomes of a picture: a map (C, H, W) of standardised numbers.

>>> import numpy as np
>>> from elman.data.captions.pictures import GivenPictures
>>> features = GivenPictures([np.random.default_rng(n).normal(3, 2, (5, 2, 2)) for n in range(7)])
>>> encoder = learn_pictures(features, range(7), reader="features", side=64)
>>> encoder.size, encoder.describe()
((5, 2, 2), 'features of 2 × 2 cells, 5 each')
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.captions.pictures import FEATURES, Pictures
from elman.encoders.image import resize_image
from elman.encoders.pictures import efficientnet
from elman.encoders.pictures.kept import keep_features
from elman.encoders.scaling import Moments, Scaling
from elman.errors import ConfigError, DataError

CONVOLUTION = "convolution"
READERS = (FEATURES, efficientnet.NAME, CONVOLUTION)

OnProgress = Callable[[int, int], None]

_COLOURS = 3
_MOST_SIDE = 10_000
_MOST_NUMBERS = 2**27


@dataclass(frozen=True)
class PictureEncoder:
    """An encoder of pictures.

    Attributes:
        reader: what turns a picture into features of cells: `features` are brought by the user, `efficientnet-lite0` is
            a trained network, `convolution` is trained with the model and reads the photo itself.
        size: C, H and W of a map.
        side: pixels of the sides of a photo; 0 for features.
        scaling: of the C numbers.
    """

    ordered: ClassVar[tuple[str, ...]] = ()

    reader: str
    size: tuple[int, int, int]
    side: int
    scaling: Scaling

    def __post_init__(self) -> None:
        channels, height, width = self.size
        shapes = {
            efficientnet.NAME: (efficientnet.CHANNELS, *[-(-self.side // efficientnet.STRIDE)] * 2),
            CONVOLUTION: (_COLOURS, self.side, self.side),
        }
        fits = self.reader in READERS and min(self.size) > 0 and 0 <= self.side <= _MOST_SIDE
        fits = fits and channels * height * width <= _MOST_NUMBERS and shapes.get(self.reader, self.size) == self.size
        if not fits or self.scaling.indicated or len(self.scaling.means) != channels:
            raise DataError("The encoder of pictures in this model fits no pictures. Train it again.")

    @property
    def reads_photos(self) -> bool:
        """Whether it reads photos, and not features."""
        return self.reader != FEATURES

    def check(self, pictures: Pictures) -> None:
        """Refuse pictures of another kind.

        Raises:
            DataError: they are photos and features are read, or the reverse.
        """
        if pictures.kind == FEATURES and self.reads_photos:
            raise DataError(f"{pictures.name}: these are features, and this model reads photos. Give it photos.")
        if pictures.kind != FEATURES and not self.reads_photos:
            channels, height, width = self.size
            raise DataError(
                f"{pictures.name}: these are photos, and this model reads features ({channels}, {height}, {width}) "
                "that another program computed. Give it an .npz with the array features."
            )

    def scale(self, maps: Tensor) -> Tensor:
        """Standardise maps (B, C, H, W)."""
        means, deviations = (
            torch.tensor(numbers, dtype=torch.float32)[:, None, None]
            for numbers in (self.scaling.means, self.scaling.deviations)
        )
        return (maps.float() - means) / deviations

    def describe(self) -> str:
        """Describe in words what is read."""
        channels, height, width = self.size
        if self.reader == FEATURES:
            return f"features of {height} × {width} cells, {channels:,} each"
        if self.reader == CONVOLUTION:
            return f"photos of {width} × {height} pixels, read by a convolution"
        return f"{channels:,} features of {self.reader} for each of {height} × {width} cells"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "reader": self.reader,
            "size": list(self.size),
            "side": self.side,
            "scaling": self.scaling.to_dict(),
        }


class PictureMaps:
    """The maps of some pictures, in batches.

    Args:
        pictures: to read.
        indices: which of them.
        reader: see :class:`PictureEncoder`.
        side: pixels of the sides of a photo.
        on_progress: called with (pictures that are read, all of them).

    Attributes:
        size: C, H and W.

    Raises:
        DataError: a picture cannot be read, or has another shape than the first.
    """

    def __init__(
        self,
        pictures: Pictures,
        indices: Sequence[int],
        reader: str,
        side: int,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._pictures, self._indices = pictures, list(indices)
        self._maps: Sequence[NDArray[Any]] | None = None
        if reader == FEATURES:
            self.size = self._check_shapes(on_progress)
        elif reader == CONVOLUTION:
            self.size = (_COLOURS, side, side)
            maps = np.empty((len(self._indices), *self.size), np.uint8)
            for place in range(len(maps)):
                maps[place] = (255 * self._photo(place, side)).round().to(torch.uint8).numpy()
                if on_progress is not None:
                    on_progress(place + 1, len(maps))
            self._maps = list(maps)
        else:
            cells = -(-side // efficientnet.STRIDE)
            self.size = (efficientnet.CHANNELS, cells, cells)
            self._maps = self._compute(side, on_progress)

    def __len__(self) -> int:
        return len(self._indices)

    def batch(self, places: Sequence[int]) -> Tensor:
        """Return the maps of some pictures before they are standardised, (B, C, H, W)."""
        read = self._read if self._maps is None else self._maps.__getitem__
        return torch.from_numpy(np.stack([read(place) for place in places]))

    def _check_shapes(self, on_progress: OnProgress | None) -> tuple[int, int, int]:
        first: tuple[int, ...] = ()
        for place in range(len(self)):
            shape = self._pictures.read(self._indices[place]).shape
            first = first or shape
            if shape != first:
                where = self._pictures.where(self._indices[place])
                raise DataError(f"{where} has features {shape}, and the first picture has {first}. Give equal shapes.")
            if on_progress is not None:
                on_progress(place + 1, len(self))
        channels, height, width = first or (1, 1, 1)
        return channels, height, width

    def _read(self, place: int) -> NDArray[Any]:
        return self._pictures.read(self._indices[place])

    def _photo(self, place: int, side: int) -> Tensor:
        """Return a photo of this size in colour, from 0 to 1."""
        return resize_image(self._read(place), (side, side, _COLOURS))

    def _compute(self, side: int, on_progress: OnProgress | None) -> Sequence[NDArray[Any]]:
        network = efficientnet.load_efficientnet()
        prints = [self._pictures.fingerprint(index) for index in self._indices]

        def compute(place: int) -> NDArray[np.float16]:
            # One at a time: the last bits of a convolution depend on the batch.
            features = network.features(self._photo(place, side)[None])[0]
            return features.numpy().astype(np.float16)

        return keep_features([efficientnet.SUM, side], prints, self.size, compute, on_progress)


def learn_pictures(
    pictures: Pictures,
    indices: Sequence[int],
    *,
    reader: str,
    side: int,
    on_progress: OnProgress | None = None,
) -> PictureEncoder:
    """Measure the numbers of the pictures to learn from, and return their encoder.

    Raises:
        ConfigError: photos are to be read as features, or the reverse.
        DataError: see :class:`PictureMaps`.
    """
    return learn_from_maps(
        PictureMaps(pictures, indices, check_reader(pictures, reader), side, on_progress), reader, side
    )


def check_reader(pictures: Pictures, reader: str) -> str:
    """Return a reader, if it can read the pictures.

    Raises:
        ConfigError: it cannot.
    """
    if (pictures.kind == FEATURES) != (reader == FEATURES):
        have = "features already" if pictures.kind == FEATURES else "photos"
        raise ConfigError(f"{pictures.name}: these are {have}, which {reader} does not read. Drop --backbone.")
    return reader


def learn_from_maps(maps: PictureMaps, reader: str, side: int) -> PictureEncoder:
    """Measure maps, and return the encoder that standardises them."""
    moments = Moments(maps.size[0])
    for place in range(len(maps)):
        moments.add(maps.batch([place])[0].flatten(1).t().numpy().astype(np.float64))
    return PictureEncoder(reader, maps.size, 0 if reader == FEATURES else side, moments.scaling())
