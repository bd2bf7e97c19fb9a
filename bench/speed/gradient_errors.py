"""Measure how exact the gradients of every cell are, in bfloat16 and in float32, beside float64."""

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import elman
from bench.speed.drawing import COLOURS, make_figure
from bench.speed.measure import FULL, Pace
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS, BATCH, INPUTS, HIDDEN = 60, 20, 64, 128
PEERS = {"elman": "RNN", "lstm": "LSTM", "gru": "GRU"}
"""The layers of torch that have a cell's equations, or those nearest to them."""
HARD = frozenset({"lstm_layer_norm"})
"""Cells whose gradient depends on the small differences of large numbers when they are new."""


def run(pace: Pace = FULL) -> Result:  # noqa: ARG001 - nothing is timed
    """Measure every cell of the zoo: ‖g − g₆₄‖ / ‖g₆₄‖ of all weights."""
    rows: list[Row] = []
    for name in track("gradient_errors", elman.cells.names()):
        errors = _measure(_make(name))
        peer = _measure(getattr(nn, PEERS[name])(INPUTS, HIDDEN))["bfloat16"] if name in PEERS else None
        rows.append({"cell": name, **errors, "torch bfloat16": peer})
    worst = max(row["bfloat16"] for row in rows if row["cell"] not in HARD)
    return Result(rows, [Target("error in bfloat16, most", worst, 0.06, at_most=True)])


def _make(name: str) -> Any:
    cell = elman.cells.find(name)
    return elman.nn.Recurrent(
        cell, HIDDEN if cell.ties else INPUTS, HIDDEN, sizes=dict.fromkeys(cell.open_sizes, HIDDEN)
    )


def _measure(layer: Any) -> dict[str, float]:
    torch.manual_seed(1)
    x, upstream = torch.randn(STEPS, BATCH, layer.input_size), torch.randn(STEPS, BATCH, HIDDEN) / 50
    names = layer.cell.sides if isinstance(layer, elman.nn.Recurrent) else ()
    sides = {name: 0.5 + torch.rand(STEPS, BATCH) for name in names}
    wide = copy.deepcopy(layer).double()
    exact = _gradient(wide, x.double(), {n: side.double() for n, side in sides.items()}, upstream)
    found = {}
    for kind, enabled in (("bfloat16", True), ("float32", False)):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            gradient = _gradient(layer, x, sides, upstream)
        found[kind] = float((gradient - exact).norm() / exact.norm())
    return found


def _gradient(layer: Any, x: Tensor, sides: dict[str, Tensor], upstream: Tensor) -> Tensor:
    output = layer(x, **sides)[0]
    with torch.autocast("cpu", enabled=False):
        gradients = torch.autograd.grad(output, list(layer.parameters()), upstream.to(output.dtype))
    return torch.cat([gradient.double().flatten() for gradient in gradients])


def draw(rows: list[Row]) -> "Figure":
    """Draw the errors, a line for each cell."""
    title = "Error of the gradient of all weights beside float64"
    figure, axes = make_figure(1, title, height=1.6 + 0.25 * len(rows))
    axis = axes[0, 0]
    for number, column in enumerate(("bfloat16", "torch bfloat16", "float32")):
        own = [(row[column], place) for place, row in enumerate(rows) if row[column] is not None]
        axis.scatter(*zip(*own, strict=True), color=COLOURS[number], label=column)
    axis.set_xscale("log")
    axis.set_yticks(range(len(rows)), [row["cell"] for row in rows])
    figure.legend(*axis.get_legend_handles_labels(), frameon=False, ncols=3, loc="outside lower center")
    return figure
