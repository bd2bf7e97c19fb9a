"""Draw how far probabilities can be believed: a reliability diagram (Niculescu-Mizil & Caruana 2005).

Above, a dot is a bin of answers: how sure they are, and how many of them are right. On the diagonal both are the same;
below it the model is too sure. Beneath, how many answers each bin has.

>>> from elman.scores.calibration import Bin, Reliability
>>> draw_calibration(Reliability((Bin(40, 0.7, 0.6), Bin(60, 0.95, 0.9))), "reliability.png")   # doctest: +SKIP
"""

import math
from os import PathLike
from typing import Any

from elman.scores.calibration import BINS, Reliability
from elman.scores.classes import write_count
from elman.scores.picture_files import figure_file
from elman.scores.share import wilson_interval

_INCHES = (4.6, 5.2)
_BLUE = "#2166ac"


def draw_calibration(found: Reliability, path: str | PathLike[str]) -> None:
    """Draw the diagram into a file; an existing file is replaced.

    Args:
        found: the bins.
        path: ends in .png, .svg or .pdf.

    Raises:
        ConfigError: `path` ends otherwise.
        ElmanError: the file cannot be written.
    """
    with figure_file(path, _INCHES) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        _draw_bins(above, found)
        _draw_counts(below, found)


def _draw_bins(axes: Any, found: Reliability) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--", zorder=1)
    for one in found.bins:
        low, high = wilson_interval(one.right, one.count)
        axes.plot([one.probability] * 2, [low, high], color=_BLUE, linewidth=1.2, zorder=2)
    sure, right = [one.probability for one in found.bins], [one.right for one in found.bins]
    axes.plot(sure, right, color=_BLUE, linewidth=0.8, alpha=0.5, zorder=2)
    axes.scatter(sure, right, s=28, color=_BLUE, zorder=3)
    answers = "answer" if found.count == 1 else "answers"
    axes.set_title(f"calibration error {found.error:.1%}, {_write(found.count)} {answers}", fontsize=10)
    axes.set_ylabel("share that is right, with 95 % interval")
    axes.set_ylim(-0.02, 1.02)
    axes.text(0.03, 0.95, "less sure than right", color="0.4", fontsize=8, va="top")
    axes.text(0.97, 0.03, "surer than right", color="0.4", fontsize=8, ha="right")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_counts(axes: Any, found: Reliability) -> None:
    for one in found.bins:
        left = min(math.floor(one.probability * BINS), BINS - 1) / BINS
        axes.bar(left, one.count, width=1 / BINS, align="edge", color=_BLUE, alpha=0.6, edgecolor="white")
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("probability of the answer")
    axes.set_ylabel("answers")
    axes.spines[["top", "right"]].set_visible(False)


def _write(count: float) -> str:
    return write_count(int(count) if count == int(count) else count)
