"""Draw what the units of translations looked at: the units of a source across, those of its translation down.

>>> import pathlib, tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     picture = pathlib.Path(folder) / "attention.png"
...     draw_attention([Looked(["ein", "Hund"], ["a", "dog"], [[0.9, 0.1], [0.2, 0.8]])], picture)
...     picture.read_bytes()[1:4]
b'PNG'
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.scores.picture_files import drawable_name, figure_file, installed_fonts

MOST_DRAWN = 6
"""Sentences of a picture."""
END = "end"
"""How the end of a text is named."""
_MOST_UNITS = 60  # of a side; what is behind them is left out
_UNIT = 0.27  # inches of a cell
_MARGIN = 0.9
_LEAST = 0.01  # a smaller weight has no number
_DARK = 0.6
_CAPTION = "weights of attention in percent: the source across, what is written down"


@dataclass(frozen=True)
class Looked:
    """What the units of a translation looked at.

    Attributes:
        source: S units.
        written: N units.
        weights: N rows of S numbers from 0 to 1.
    """

    source: list[str]
    written: list[str]
    weights: Sequence[Sequence[float]]


def draw_attention(sentences: Sequence[Looked], path: Path) -> None:
    """Write a picture of the first sentences, one below the other.

    Raises:
        ConfigError: the path has an ending that no picture has.
        ElmanError: the file cannot be written.
    """
    shown = sentences[:MOST_DRAWN]
    across = max(min(len(one.source), _MOST_UNITS) for one in shown)
    heights = [_MARGIN + _UNIT * min(len(one.written), _MOST_UNITS) for one in shown]
    with figure_file(path, (max(4.5, _MARGIN + _UNIT * across), sum(heights))) as figure:
        grid = figure.subplots(len(shown), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
        for (axes,), one in zip(grid, shown, strict=True):
            _draw_one(axes, one, across)
        figure.supxlabel(_CAPTION, fontsize=7)


def _draw_one(axes: Any, one: Looked, widest: int) -> None:
    source, written = one.source[:_MOST_UNITS], one.written[:_MOST_UNITS]
    weights = [list(row[: len(source)]) for row in one.weights[: len(written)]]
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    axes.set_xlim(-0.5, widest - 0.5)  # so that cells of all sentences have one size
    axes.set_frame_on(False)
    axes.set_anchor("NW")
    axes.set_xticks(range(len(source)), _name(source))
    axes.set_yticks(range(len(written)), _name(written))
    axes.tick_params(labelsize=8, length=0, labeltop=True, labelbottom=False)
    axes.tick_params(axis="x", rotation=90 if max(map(len, source)) > 1 else 0)
    down, across = len(written) - 0.5, len(source) - 0.5
    axes.hlines([row - 0.5 for row in range(len(written) + 1)], -0.5, across, color="0.85", linewidth=0.4)
    axes.vlines([column - 0.5 for column in range(len(source) + 1)], -0.5, down, color="0.85", linewidth=0.4)
    for row, line in enumerate(weights):
        for column, weight in enumerate(line):
            if weight >= _LEAST:
                colour = "white" if weight > _DARK else "black"
                axes.text(column, row, f"{100 * weight:.0f}", ha="center", va="center", fontsize=6, color=colour)


def _name(units: Sequence[str]) -> list[str]:
    fonts = installed_fonts()
    return [drawable_name(unit.replace(" ", "␣"), fonts, "?") for unit in units]
