"""Draw a comparison: the score of each training, and for each cell the mean and the standard deviation.

>>> draw_comparison(result, "cells.png")   # doctest: +SKIP
"""

from os import PathLike

from elman.scores.picture_files import drawable_name, figure_file, installed_fonts
from elman.tasks.compare.result import Comparison

_BLUE, _ORANGE = "#0072B2", "#D55E00"  # of Okabe and Ito, which the colour-blind can distinguish


def draw_comparison(result: Comparison, path: str | PathLike[str]) -> None:
    """Draw a comparison into a file; an existing file is replaced.

    Raises:
        ConfigError: `path` ends in none of .png, .svg, .pdf.
        ElmanError: the file cannot be written.
    """
    rows, fonts = result.rows(), installed_fonts()
    with figure_file(path, (7, 1.6 + 0.5 * max(1, len(rows)))) as figure:
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", alpha=0.3, linewidth=0.6)
        axes.set_axisbelow(True)
        for place, row in enumerate(rows):
            scores = list(result.scores(row.cell).values())
            axes.plot(scores, [place] * len(scores), "o", color=_BLUE, alpha=0.6, label="one training")
            if row.mean is not None:
                axes.errorbar(
                    row.mean,
                    place + 0.2,
                    xerr=row.deviation,
                    fmt="D",
                    color=_ORANGE,
                    capsize=4,
                    label="mean ± deviation",
                )
        labels = [drawable_name(row.cell, fonts, f"cell {place + 1}") for place, row in enumerate(rows)]
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        better = "lower" if result.lower else "higher"
        axes.set_xlabel(f"{result.measure or 'score'} ({better} is better)")
        shown = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        if shown:
            figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
