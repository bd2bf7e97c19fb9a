"""Draw what was measured. Only here is matplotlib imported, and only when something is drawn."""

import math
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.speed.report import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's, which the colour-blind tell apart."""
PLAIN = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
"""Behind a figure, so that no line runs through it."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def save(draw: "Callable[[list[Row]], Figure]", rows: list[Row], path: Path) -> str:
    """Draw rows to `path` with the endings `.png` and `.svg`; return what is to be said about it."""
    if find_spec("matplotlib") is None:
        return "not drawn: matplotlib is missing; pip install '.[bench]' brings it"
    figure = draw(rows)
    for ending in (".png", ".svg"):
        figure.savefig(f"{path}{ending}", dpi=150)
    return f"drawn to {os.path.relpath(path)}.png and .svg"


def make_figure(
    columns: int, title: str, *, rows: int = 1, width: float = 11.0, height: float = 4.5, **shared: Any
) -> Any:
    """Make a figure with a title and a grid of axes; return both."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=12)
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3, linewidth=0.6)
        axis.set_axisbelow(True)
    return figure, axes


def draw_ratios(rows: Sequence[Row], title: str, label: str, beside: str = "torch") -> "Figure":
    """Draw how many times as fast ours is: a panel for each `kind`, a line for each `size`, quartiles as whiskers.

    Args:
        rows: with the columns kind, size, ratio and quartiles.
        title: of the figure.
        label: what the lines are.
        beside: what it is compared with.
    """
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    height = 1.6 + 0.34 * len(sizes)
    figure, axes = make_figure(len(kinds), title, height=height, sharey=True, sharex=True)
    for number, kind in enumerate(kinds):
        axis = axes[0, number]
        for row in (row for row in rows if row["kind"] == kind):
            place, ratio, spread = sizes.index(row["size"]), row["ratio"], row["quartiles"]
            whisker = [[max(0.0, ratio - spread["low"])], [max(0.0, spread["high"] - ratio)]]
            axis.errorbar(ratio, place, xerr=whisker, fmt=MARKERS[number], color=COLOURS[number], capsize=3, zorder=3)
            axis.annotate(
                three_digits(ratio),
                (ratio, place),
                (0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                bbox=PLAIN,
            )
        axis.axvline(1, color="black", linewidth=1, linestyle="--")
        axis.set_title(kind, fontsize=11)
        axis.set_xscale("log")
        _name_ratios(axis, rows)
    axes[0, 0].set_yticks(range(len(sizes)), sizes, fontsize=9)
    axes[0, 0].set_ylim(len(sizes) - 0.4, -0.8)
    axes[0, 0].set_ylabel(label)
    figure.supxlabel(f"times as fast as {beside} (log scale; right of the dashed line ours is faster)", fontsize=10)
    return figure


def three_digits(value: float) -> str:
    """Write a number with three digits.

    >>> three_digits(1.1), three_digits(0.0123), three_digits(123.4)
    ('1.10', '0.0123', '123')
    """
    return f"{value:#.3g}".rstrip(".")


def _name_ratios(axis: Any, rows: Sequence[Row]) -> None:
    """Tick a logarithmic axis at 1, 2, 5, 10, …, with plain numbers."""
    low = min(0.8, *(row["quartiles"]["low"] for row in rows)) / 1.15
    high = max(1.25, *(row["quartiles"]["high"] for row in rows)) * 1.15
    ticks = [
        m * 10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for m in (1, 2, 5)
    ]
    # the outermost labels would touch those of the next panel
    inside = [tick for tick in ticks if 1.1 * low <= tick <= high / 1.1]
    if len(inside) > 7:
        inside = [tick for tick in inside if math.log10(tick).is_integer()]
    axis.set_xlim(low, high)
    axis.set_xticks(inside, [f"{tick:g}" for tick in inside])
    axis.minorticks_off()
