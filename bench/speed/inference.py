"""Time our LSTM, GRU and RNN without gradients beside torch's, at the sizes of `training`."""

from typing import TYPE_CHECKING

from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target, means
from bench.speed.torch_peer import CASES, Size, make_forward, make_input, make_pair, make_row, take_turns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ONE_EXAMPLE = Size(100, 1, 32, 32)
WANTED = {"LSTM": (1.4, 3.0), "GRU": (4.0, 8.0), "RNN": (3.0, 8.0)}
"""By kind: the geometric mean, and one example in a small layer."""


def run(pace: Pace = FULL) -> Result:
    """Measure every layer at every size; `ratio` says how many times as fast as torch's ours is."""
    rows: list[Row] = []
    for case in track("inference", CASES):
        ours, theirs = make_pair(case)
        x = make_input(case.size)
        timings = take_turns(make_forward(ours, x), {"torch": make_forward(theirs, x)}, pace)
        rows.append(make_row(case, timings))
    targets = []
    average = means(rows, "kind")
    for kind, (mean, one) in WANTED.items():
        small = next(row["ratio"] for row in rows if row["kind"] == kind and row["size"] == str(ONE_EXAMPLE))
        targets.append(Target(f"{kind}, geometric mean", average[kind], mean))
        targets.append(Target(f"{kind} at {ONE_EXAMPLE}", small, one))
    return Result(rows, targets)


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each kind."""
    return draw_ratios(rows, "Inference beside torch.nn (CPU, float32, no gradients)", "size T·B·I·H")
