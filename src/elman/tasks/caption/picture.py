"""Draw where the words of a caption looked: the picture once for each word, bright where attention was.

>>> import pathlib, tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     picture = pathlib.Path(folder) / "map.png"
...     draw_attention(["a", "dog"], np.full((3, 4), 1 / 4), (2, 2), np.zeros((6, 8, 3), np.uint8), picture)
...     picture.read_bytes()[1:4]
b'PNG'
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.scores.picture_files import drawable_name, figure_file, installed_fonts

_ACROSS = 5
_PANEL = 1.7  # inches
_TITLE = 0.3
_MOST_WORDS = 39
_DIM = 0.25  # of a cell that was not looked at


def draw_attention(
    words: Sequence[str],
    weights: NDArray[Any],
    cells: tuple[int, int],
    photo: NDArray[np.uint8] | None,
    path: Path,
) -> None:
    """Write a picture of what each word looked at.

    Args:
        words: N of a caption.
        weights: (N or more, H · W), the attention of each word over the cells.
        cells: H and W.
        photo: (height, width, 1 or 3); None where the model reads features, and the cells are drawn alone.
        path: of the picture.

    Raises:
        ConfigError: the path has an ending that no picture has.
        ElmanError: the file cannot be written.
    """
    shown = list(words)[:_MOST_WORDS]
    down, fonts = -(-(len(shown) + 1) // _ACROSS), installed_fonts()
    height, width = cells if photo is None else photo.shape[:2]
    panel = _PANEL * min(2.0, max(0.5, height / width)) + _TITLE
    with figure_file(path, (_PANEL * _ACROSS, panel * down)) as figure:
        panels = figure.subplots(down, _ACROSS, squeeze=False).flatten()
        for axes in panels:
            axes.set_axis_off()
        if photo is not None:
            panels[0].imshow(_as_colours(photo))
        for axes, word, looked in zip(panels[1:], shown, weights, strict=False):
            _draw_word(axes, looked.reshape(cells), photo)
            axes.set_title(drawable_name(word, fonts, "?"), fontsize=9)


def _draw_word(axes: Any, looked: NDArray[Any], photo: NDArray[np.uint8] | None) -> None:
    height, width = looked.shape
    if photo is None:
        axes.imshow(looked, cmap="Blues", vmin=0, vmax=max(looked.max(), 1e-9), interpolation="nearest")
        return
    bright = _DIM + (1 - _DIM) * looked / max(looked.max(), 1e-9)
    whole = (0, width, height, 0)
    axes.imshow(_as_colours(photo), extent=whole, aspect="auto")
    axes.imshow(np.zeros((*looked.shape, 3)), extent=whole, aspect="auto", alpha=1 - bright, interpolation="bilinear")
    axes.set_box_aspect(photo.shape[0] / photo.shape[1])


def _as_colours(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(photo, 3, axis=2) if photo.shape[2] == 1 else photo
