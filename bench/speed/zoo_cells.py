"""Time an update of cells with a transpose and with a softmax over units beside good torch loops."""

from typing import TYPE_CHECKING

import torch

import elman
from bench.speed.custom_cells import make_loop
from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace, times_as_fast
from bench.speed.progress import track
from bench.speed.report import Result, Row
from bench.speed.torch_peer import OURS, Case, Size, best, make_input, make_update, take_turns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES: dict[str, dict[str, int]] = {"antisymmetric": {}, "state_regularised": {"S": 10}}
CASES = tuple(Case(name, Size(100, 32, hidden, hidden)) for hidden in (32, 128) for name in SIZES)


def run(pace: Pace = FULL) -> Result:
    """Measure both cells at both sizes; ratios say how many times as fast ours is."""
    return Result([_measure(case, pace) for case in track("zoo_cells", CASES)], [])


def _measure(case: Case, pace: Pace) -> Row:
    size = case.size
    layer = elman.nn.Recurrent(elman.cells.find(case.kind), size.inputs, size.hidden, sizes=SIZES[case.kind])
    x = make_input(size)
    loop = make_loop(case.kind, layer, x, torch.randn(*x.shape[:2], size.hidden))
    timings = take_turns(make_update(layer, x), {"torch": loop}, pace)
    ours, theirs = timings[OURS], best(timings, "torch")[1]
    ratio = times_as_fast(ours, theirs)
    return {
        "kind": case.kind,
        "size": str(size),
        "elman ms": ours.median,
        "torch loop ms": theirs.median,
        "ratio": ratio.value,
        "quartiles": vars(ratio),
        "timings": {name: vars(timing) for name, timing in timings.items()},
    }


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each cell."""
    return draw_ratios(rows, "Cells of the zoo beside torch loops (CPU, float32)", "size T·B·I·H")
