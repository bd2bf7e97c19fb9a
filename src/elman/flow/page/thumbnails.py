"""Draw small pictures of what was read: an image, and a sound as its spectrogram.

>>> draw_image(np.zeros((300, 200, 1), np.uint8), "a <b>")[:29]
'<img alt="a &lt;b&gt;" width='
"""

import base64
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.flow.figures import Array
from elman.flow.page.charts import encode_png, paint

_SIDE = 96  # pixels of an image
_FRAMES, _HEIGHT = 320, 72  # pixels of a spectrogram
_RANGE = 5.0  # decades of energy


def draw_image(pixels: NDArray[np.uint8], title: str) -> str:
    """Draw an image (H, W, C), C 1 or 3, of at most 96 pixels a side; of a larger one every n-th pixel."""
    thin = _thin(_thin(pixels, 0, _SIDE), 1, _SIDE)
    grey = thin if thin.shape[2] == 3 else np.repeat(thin[:, :, :1], 3, axis=2)
    opaque = np.full((*grey.shape[:2], 1), 255, np.uint8)
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    return _embed(np.concatenate([grey, opaque], axis=2), title, max(1, width * scale), max(1, height * scale))


def draw_spectrogram(log_energies: Array, title: str) -> str:
    """Draw log energies (T, bands): time to the right, low bands at the bottom, brighter is louder."""
    values = np.exp(_thin(np.asarray(log_energies, dtype=float), 0, _FRAMES)).T[::-1]
    high = float(np.log10(max(values.max(), 1e-300)))
    return _embed(paint(values, high - _RANGE, high).astype(np.uint8), title, _FRAMES, _HEIGHT)


def _thin(values: Any, axis: int, most: int) -> Any:
    return values[(slice(None),) * axis + (slice(None, None, -(-values.shape[axis] // most)),)]


def _embed(pixels: NDArray[np.uint8], title: str, width: float, height: float) -> str:
    data = base64.b64encode(encode_png(np.ascontiguousarray(pixels))).decode()
    size = f'width="{width:.0f}" height="{height:.0f}"'
    style = "image-rendering:pixelated;max-width:100%"
    return f'<img alt="{escape(title)}" {size} style="{style}" src="data:image/png;base64,{data}">'
