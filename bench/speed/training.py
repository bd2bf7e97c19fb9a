"""Time a training update of our LSTM, GRU and RNN beside torch's, at sizes T·B·I·H."""

from typing import TYPE_CHECKING

from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target, means
from bench.speed.torch_peer import CASES, PIXELS, make_input, make_pair, make_row, make_update, take_turns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WANTED = {"LSTM": (1.5, 1.0, 2.5), "GRU": (5.0, 1.8, 5.0), "RNN": (4.0, 1.5, None)}
"""By kind: the geometric mean, the least, and reading a picture pixel by pixel."""


def run(pace: Pace = FULL) -> Result:
    """Measure every layer at every size; `ratio` says how many times as fast as torch's ours is."""
    rows: list[Row] = []
    for case in track("training", CASES):
        ours, theirs = make_pair(case)
        x = make_input(case.size)
        timings = take_turns(make_update(ours, x), {"torch": make_update(theirs, x)}, pace)
        rows.append(make_row(case, timings))
    return Result(rows, _targets(rows))


def _targets(rows: list[Row]) -> list[Target]:
    targets = []
    average = means(rows, "kind")
    for kind, (mean, least, pixels) in WANTED.items():
        own = {row["size"]: row["ratio"] for row in rows if row["kind"] == kind}
        targets.append(Target(f"{kind}, geometric mean", average[kind], mean))
        targets.append(Target(f"{kind}, least", min(own.values()), least))
        if pixels:
            targets.append(Target(f"{kind} at {PIXELS}", own[str(PIXELS)], pixels))
    return targets


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each kind."""
    return draw_ratios(rows, "Training update beside torch.nn (CPU, float32)", "size T·B·I·H")
