"""Count floating-point operations a second, of updates and of forward passes alone, beside large products of torch.

Operations are those of the matrix products that the pass needs (`bench.speed.operations`); the roof is `torch.mm` of
two matrices of 2048 × 2048 on as many threads, measured in the same turns. The slope of the roofline is the rate at
which torch copies a large tensor. The intensity of a pass is what it would be if the recurrent matrices came from
memory once a time step and everything else once: whoever lies above the slope keeps them in a cache.
"""

from itertools import product
from typing import TYPE_CHECKING, Any

import torch

from bench.speed.drawing import COLOURS, MARKERS, make_figure
from bench.speed.measure import FULL, Pace, on_threads, side_by_side
from bench.speed.operations import GATES, count_forward, count_update
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from bench.speed.torch_peer import KINDS, Case, Size, make_forward, make_input, make_pair, make_update

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN, BATCHES = (32, 64, 128, 256, 650), (1, 8, 32, 128)
SHORT, LONG = 35, 100
"""Time steps of the largest layer, and of the others."""
CASES = tuple(
    Case(kind, Size(LONG if hidden < HIDDEN[-1] else SHORT, batch, hidden, hidden))
    for kind, hidden, batch in product(KINDS, HIDDEN, BATCHES)
)
PRODUCT = 2048
COPIED = 2**25
"""Floats: 128 MiB, which no cache holds twice."""
THREADS = 2
WANTED, FROM_HIDDEN, FROM_BATCH = 0.75, 128, 32


def run(pace: Pace = FULL) -> Result:
    """Measure every layer at every size; `share` is that of the rate of large products."""
    torch.set_num_threads(THREADS)
    a, b, c = (torch.randn(PRODUCT, PRODUCT) for _ in range(3))
    source, target = torch.zeros(COPIED), torch.zeros(COPIED)
    bandwidth = side_by_side({"copy": on_threads(lambda: target.copy_(source), THREADS)}, pace)["copy"].median
    rows: list[Row] = []
    for case in track("roofline", CASES):
        trained, x = make_pair(case)[0], make_input(case.size)
        idle = make_pair(case)[0]
        calls = {
            "update": make_update(trained, x),
            "forward": make_forward(idle, x),
            "mm": lambda: torch.mm(a, b, out=c),
        }
        timings = side_by_side({name: on_threads(call, THREADS) for name, call in calls.items()}, pace)
        roof = 2 * PRODUCT**3 / timings["mm"].median / 1e6
        updates = count_update(case) / timings["update"].median / 1e6
        forwards = count_forward(case) / timings["forward"].median / 1e6
        rows.append(
            {
                "kind": case.kind,
                "T": case.size.steps,
                "B": case.size.batch,
                "H": case.size.hidden,
                "update GFLOP/s": updates,
                "forward GFLOP/s": forwards,
                "mm GFLOP/s": roof,
                "update share": updates / roof,
                "forward share": forwards / roof,
                "intensity": {"update": _intensity(case, going_back=True), "forward": _intensity(case)},
                "copy GB/s": {"median": 2 * 4 * COPIED / bandwidth / 1e6},
                "timings": {name: vars(timing) for name, timing in timings.items()},
            }
        )
    large = [row for row in rows if row["H"] >= FROM_HIDDEN and row["B"] >= FROM_BATCH]
    targets = [
        Target(
            f"{name}, least share of large products at H ≥ {FROM_HIDDEN}, B ≥ {FROM_BATCH}",
            min(row[f"{name} share"] for row in large),
            WANTED,
        )
        for name in ("update", "forward")
    ]
    return Result(rows, targets)


def _intensity(case: Case, going_back: bool = False) -> float:
    """Return operations a byte: recurrent matrices once a step, everything else once, four bytes a number.

    Going back, the matrices are read once more; the gates were written and are read, and so are their adjoints; the
    gradients of all matrices are written.
    """
    size, gates = case.size, GATES[case.kind]
    recurrent, ahead = gates * size.hidden**2, gates * size.hidden * size.inputs
    rows = size.steps * size.batch
    floats = size.steps * recurrent + ahead + rows * (size.inputs + size.hidden)
    if not going_back:
        return count_forward(case) / (4 * floats)
    floats += size.steps * recurrent + (recurrent + ahead) + rows * (size.inputs + size.hidden)
    return count_update(case) / (4 * (floats + 4 * rows * gates * size.hidden))


def draw(rows: list[Row]) -> "Figure":
    """Draw the roofline of updates, and below it the share of large products against H."""
    from matplotlib.lines import Line2D

    title = "Matrix products in training updates (CPU, float32, 2 threads, I=H)"
    figure, axes = make_figure(3, title, rows=2, height=9)
    grid = axes[0, 0].get_gridspec()
    for axis in axes[0]:
        axis.remove()
    top = figure.add_subplot(grid[0, :])
    top.spines[["top", "right"]].set_visible(False)
    top.grid(alpha=0.3, linewidth=0.6)
    _draw_roof(top, rows)
    for axis, kind in zip(axes[1], KINDS, strict=True):
        _draw_shares(axis, [row for row in rows if row["kind"] == kind], kind)
    axes[1, 0].set_ylabel("share of torch.mm's rate")
    names = [
        Line2D([], [], color=COLOURS[number], marker=MARKERS[number], label=f"B={batch}")
        for number, batch in enumerate(BATCHES)
    ]
    names.append(Line2D([], [], color="grey", label="update"))
    names.append(
        Line2D([], [], color="grey", linestyle=":", marker="o", markerfacecolor="white", label="forward alone")
    )
    names.append(Line2D([], [], color="black", linestyle="--", linewidth=1, label="target"))
    figure.legend(handles=names, frameon=False, fontsize=9, ncols=len(names), loc="outside lower center")
    return figure


def _draw_roof(axis: Any, rows: list[Row]) -> None:
    from matplotlib.lines import Line2D

    roof = sorted(row["mm GFLOP/s"] for row in rows)[len(rows) // 2]
    slope = rows[0]["copy GB/s"]["median"]
    intensities = [row["intensity"]["update"] for row in rows]
    corner = roof / slope
    low, high = min(*intensities, corner / 2) / 1.5, max(*intensities, corner) * 1.5
    axis.plot([low, corner, high], [low * slope, roof, roof], color="black", linewidth=1.2)
    near = {"textcoords": "offset points", "ha": "right", "fontsize": 9}
    axis.annotate(f"torch.mm of {PRODUCT}²: {roof:.0f} GFLOP/s", (high, roof), (0, 5), **near)
    middle = (low * corner) ** 0.5
    axis.annotate(f"copy: {slope:.0f} GB/s", (middle, middle * slope), (-6, 6), **near)
    names = []
    for number, kind in enumerate(KINDS):
        names.append(Line2D([], [], marker=MARKERS[number], color="grey", linestyle="", label=kind))
        for batch, colour in zip(BATCHES, COLOURS, strict=False):
            own = [row for row in rows if row["kind"] == kind and row["B"] == batch]
            places = [row["intensity"]["update"] for row in own]
            rates, sizes = [row["update GFLOP/s"] for row in own], [12 + row["H"] / 6 for row in own]
            axis.scatter(places, rates, sizes, marker=MARKERS[number], color=colour, alpha=0.8, linewidths=0)
    for batch, colour in zip(BATCHES, COLOURS, strict=False):
        names.append(Line2D([], [], marker="s", color=colour, linestyle="", label=f"B={batch}"))
    axis.legend(handles=names, frameon=False, fontsize=9, ncols=2, loc="lower right", title="larger marks: larger H")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("operations a byte, if recurrent matrices were read from memory at every step")
    axis.set_ylabel("update, GFLOP/s")


def _draw_shares(axis: Any, rows: list[Row], kind: str) -> None:
    for batch, colour, marker in zip(BATCHES, COLOURS, MARKERS, strict=False):
        own = [row for row in rows if row["B"] == batch]
        hidden = [row["H"] for row in own]
        axis.plot(hidden, [row["update share"] for row in own], color=colour, marker=marker, label=f"B={batch}, update")
        shares = [row["forward share"] for row in own]
        axis.plot(
            hidden, shares, color=colour, marker=marker, markerfacecolor="white", linestyle=":", label="… forward"
        )
    axis.axhline(WANTED, color="black", linewidth=1, linestyle="--")
    axis.set_title(kind, fontsize=11)
    axis.set_xscale("log", base=2)
    axis.set_xticks(HIDDEN, [str(h) for h in HIDDEN])
    axis.minorticks_off()
    axis.set_ylim(0, max(1.0, *(row[f"{name} share"] for row in rows for name in ("update", "forward"))) * 1.02)
    axis.set_xlabel("hidden size H")
