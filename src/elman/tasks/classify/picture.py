"""Draw a confusion matrix: a row is a true class, a column a predicted one, and dark cells hold most of their row.

The colours are shades of one hue, which the colour-blind can read, and which print well; up to 30 classes every cell
shows its count.

>>> import torch
>>> from elman.scores.classes import score_classes
>>> scores = score_classes(torch.tensor([0, 1]), torch.tensor([[0.8, 0.2], [0.6, 0.4]]), ("no", "yes"))
>>> draw_confusion(scores, "confusion.png")   # doctest: +SKIP
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.scores.classes import ClassScores, write_count
from elman.scores.picture_files import FORMATS, check_format, drawable_name, figure_file, installed_fonts

__all__ = ["FORMATS", "draw_confusion"]

_MOST_WITH_COUNTS = 30
_MOST_WITH_NAMES = 120
_INCHES_OF_A_CELL = (0.16, 0.55)  # of many classes, of few
_SMALLEST_SIDE = 2.2
_LARGEST_SIDE = 14.0
_SLANTED = 0.3  # inches of a cell above which the names below are slanted
_POINTS = 72  # of an inch
_DARK = 0.6  # share above which a count is written in white


def draw_confusion(scores: ClassScores, path: str | PathLike[str]) -> None:
    """Draw the confusion matrix into a file; an existing file is replaced.

    A class whose name has characters that no installed font can draw is called `class 3`, by its place.

    Args:
        scores: of classes.
        path: ends in .png, .svg or .pdf.

    Raises:
        ConfigError: `path` ends otherwise.
        ElmanError: the file cannot be written.
    """
    path = check_format(path)
    fonts = installed_fonts()
    names = [drawable_name(name, fonts, f"class {number}") for number, name in enumerate(scores.classes, 1)]
    side = min(_LARGEST_SIDE, max(_SMALLEST_SIDE, len(names) * _cell_size(len(names))))
    with figure_file(path, (side + 2.4, side + 1.8)) as figure:
        _draw(figure.add_subplot(), scores, names, side / len(names))


def _draw(axes: Any, scores: ClassScores, names: Sequence[str], cell: float) -> None:
    counts = np.array(scores.confusion)
    totals = counts.sum(1, keepdims=True)
    shares = counts / np.where(totals > 0, totals, 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, shrink=0.6, label="share of the true class")
    axes.set_title(f"accuracy {scores.accuracy:.1%}, {write_count(scores.count)} examples", fontsize=10)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(names) <= _MOST_WITH_NAMES:
        size = min(9.0, max(3.5, cell * _POINTS * 0.6))
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        upright = {"rotation": 90, "ha": "center"}
        axes.set_xticks(range(len(names)), names, fontsize=size, **(slanted if cell > _SLANTED else upright))
        axes.set_yticks(range(len(names)), names, fontsize=size)
        edges = np.arange(len(names) + 1) - 0.5
        axes.set_xticks(edges, minor=True)
        axes.set_yticks(edges, minor=True)
        axes.grid(which="minor", color="0.85", linewidth=0.5)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    if len(names) <= _MOST_WITH_COUNTS:
        _write_counts(axes, counts, shares, cell)


def _write_counts(axes: Any, counts: NDArray[Any], shares: NDArray[np.float64], cell: float) -> None:
    longest = max(len(write_count(count.item())) for count in counts.flat)
    size = min(10.0, cell * _POINTS / max(1.8, 0.75 * longest))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > _DARK else "black"
            axes.text(column, row, write_count(count.item()), ha="center", va="center", color=colour, fontsize=size)


def _cell_size(classes: int) -> float:
    """Return inches: cells get smaller from 8 to 40 classes."""
    small, large = _INCHES_OF_A_CELL
    return float(np.interp(classes, (8, 40), (large, small)))
