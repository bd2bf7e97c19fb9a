"""Draw a confusion matrix: rows the true class, columns the predicted one, darker the larger the share of the row.

The colours are one hue that only gets darker, so that they mean the same to people who see colours differently and on
paper; up to 30 classes every cell says its count.

>>> import torch
>>> from elman.tasks.scores import score_classes
>>> scores = score_classes(torch.tensor([0, 1]), torch.tensor([[0.8, 0.2], [0.6, 0.4]]), ("no", "yes"))
>>> draw_confusion(scores, "confusion.png")   # doctest: +SKIP
"""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import ConfigError, ElmanError
from elman.tasks.progress import printable
from elman.tasks.score_tables import shorten
from elman.tasks.scores import ClassScores

# Without a date the same scores give the same file.
_UNDATED: dict[str, dict[str, None]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
FORMATS = tuple(_UNDATED)

_MOST_WITH_COUNTS = 30
_MOST_WITH_NAMES = 120
_INCHES_OF_A_CELL = (0.16, 0.55)  # of many classes, of few
_SMALLEST_SIDE = 2.2
_LARGEST_SIDE = 14.0
_SLANTED = 0.3  # inches of a cell above which the names below are slanted
_POINTS = 72  # of an inch
_DARK = 0.6  # share above which a count is written in white
_FONTS = (  # tried for each character in turn, those of them that are there
    "DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR", "Noto Sans Devanagari",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Hiragino Sans", "Apple SD Gothic Neo", "PingFang SC", "Yu Gothic",
    "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS",
)  # fmt: skip


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
    import matplotlib as mpl
    from matplotlib.figure import Figure

    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path} names no format for a picture. End it in one of {', '.join(FORMATS)}.")
    fonts = _installed_fonts()
    names = [_name(name, number, fonts) for number, name in enumerate(scores.classes, 1)]
    side = min(_LARGEST_SIDE, max(_SMALLEST_SIDE, len(names) * _cell_size(len(names))))
    # The caller's own settings of matplotlib, from a file of his, do not change the picture.
    with mpl.rc_context({**mpl.rcParamsDefault, "font.family": fonts, "svg.hashsalt": "elman"}):
        figure = Figure(figsize=(side + 2.4, side + 1.8), layout="constrained")
        _draw(figure.add_subplot(), scores, names, side / len(names))
        try:
            figure.savefig(path, dpi=150, metadata=_UNDATED[path.suffix.lower()])
        except OSError as error:
            raise ElmanError(f"{path} cannot be written: {error.strerror}. Check the folder.") from None


def _draw(axes: Any, scores: ClassScores, names: Sequence[str], cell: float) -> None:
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, shrink=0.6, label="share of the true class")
    axes.set_title(f"accuracy {scores.accuracy:.1%}, {scores.count:,} examples", fontsize=10)
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


def _write_counts(axes: Any, counts: NDArray[np.int64], shares: NDArray[np.float64], cell: float) -> None:
    longest = max(len(f"{count:,}") for count in counts.flat)
    size = min(10.0, cell * _POINTS / max(1.8, 0.75 * longest))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > _DARK else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=size)


def _cell_size(classes: int) -> float:
    """Return inches: cells get smaller from 8 to 40 classes."""
    small, large = _INCHES_OF_A_CELL
    return float(np.interp(classes, (8, 40), (large, small)))


def _installed_fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return [name for name in _FONTS if name in there]


def _name(name: str, number: int, fonts: Sequence[str]) -> str:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    # A dollar sign would begin mathematics.
    text = shorten(printable(name))
    faces = [get_font(findfont(FontProperties(family=family))) for family in fonts]
    drawable = all(any(face.get_char_index(ord(character)) for face in faces) for character in text if character != " ")
    return text.replace("$", r"\$") if drawable and text.strip() else f"class {number}"
