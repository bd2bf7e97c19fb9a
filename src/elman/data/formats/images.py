"""Read images: PNG, JPEG, BMP and GIF become bytes, (H, W, 1) for grey and (H, W, 3) for colour.

Nothing is resized here. Transparent pixels are blended with white; a photo is rotated as its EXIF orientation says; of
an animated GIF the first frame is read; 16 bits of grey are scaled to 8.
"""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from elman.data.files import size_of
from elman.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")

MOST_PIXELS = 2**26
"""8192 × 8192: a file of some kilobytes can unpack to more than memory holds."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF")
_GREY = ("1", "L", "LA", "La")


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read one image.

    A grey image has one channel, also with transparency; an image with a palette or with colours has three.

    Returns:
        (H, W, C), C is 1 or 3.

    Raises:
        DataError: the file is missing, empty, no image, cut off or damaged, or has more than `MOST_PIXELS`.
    """
    size_of(path)
    # Pillow warns of transparency in a palette, unreadable EXIF and large images, which are all handled below.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=_FORMATS) as image:
                too_large = image.width * image.height > MOST_PIXELS
                if not too_large:
                    return _to_bytes(ImageOps.exif_transpose(image))
        except UnidentifiedImageError:
            raise DataError(
                f"{path} is no image: it begins like none of PNG, JPEG, BMP and GIF. Convert it, or remove it."
            ) from None
        except Image.DecompressionBombError:
            too_large = True
        except Exception as error:
            # The decoders raise a dozen unrelated classes on damaged files, SyntaxError among them.
            raise DataError(f"{path} cannot be decoded: {_reason(error)}. Copy it again, or remove it.") from error
    raise DataError(f"{path} has more than {MOST_PIXELS:,} pixels. Make it smaller, or remove it.")


def _to_bytes(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):
        grey = np.clip(np.asarray(image), 0, 2**16 - 1).astype(np.uint32)
        return ((grey + 128) // 257).astype(np.uint8)[:, :, None]
    mode = "L" if image.mode in _GREY else "RGB"
    if "A" in image.mode.upper() or "transparency" in image.info:
        with_alpha = image.convert("LA" if mode == "L" else "RGBA")
        white = Image.new(with_alpha.mode, with_alpha.size, "white")
        white.paste(with_alpha, mask=with_alpha.getchannel("A"))
        image = white
    pixels = np.asarray(image.convert(mode))
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _reason(error: Exception) -> str:
    reason = " ".join(str(error).split()).rstrip(".")
    return reason or type(error).__name__
