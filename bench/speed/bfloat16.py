"""Time a training update in bfloat16 beside torch's, in bfloat16 and in float32, and beside ours in float32.

`on vectors` is ours as on a processor without AMX, with one thread, beside our float32; `memory` the peak of an update
as a share of that in float32.
"""

from collections.abc import Callable
from statistics import geometric_mean
from typing import TYPE_CHECKING

from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace, Timing, on_threads, side_by_side, times_as_fast
from bench.speed.memory import peak_mib
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from bench.speed.torch_peer import (
    KINDS,
    PIXELS,
    Case,
    Size,
    best,
    make_input,
    make_pair,
    make_rounded_update,
    make_update,
)
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.backends.llvm.run.matrix_unit import has_matrix_unit
from elman.backends.llvm.target import host

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = (
    Size(100, 1, 32, 32),
    Size(100, 32, 32, 32),
    Size(100, 32, 128, 128),
    Size(100, 32, 256, 256),
    Size(35, 20, 650, 650),
    PIXELS,
)
LARGE = Size(50, 256, 512, 512)
"""Not in the means."""
MEASURED = Size(100, 32, 256, 256)
"""The size whose memory is measured."""
CASES = tuple(Case(kind, size) for kind in KINDS for size in (*SIZES, LARGE))
WANTED = {"LSTM": (2.4, 1.35), "GRU": (5.0, 4.0), "RNN": (3.5, 3.5)}
"""By kind: the geometric means beside torch in float32 and in bfloat16."""


def run(pace: Pace = FULL) -> Result:
    """Measure every layer at every size; `ratio` is beside torch in float32."""
    rows = [_measure(case, pace) for case in track("bfloat16", CASES)]
    return Result(rows, _targets(rows, has_matrix_unit(host())))


def _measure(case: Case, pace: Pace) -> Row:
    ours, theirs = make_pair(case)
    x = make_input(case.size)
    rounded = {"elman": make_rounded_update(ours, x), "torch bfloat16": make_rounded_update(theirs, x)}
    exact = {"torch": make_update(theirs, x), "elman float32": make_update(ours, x)}
    turns = {
        f"{who}, {threads} thread{'s' if threads > 1 else ''}": on_threads(call, threads)
        for threads in (2, 1)
        for who, call in {**rounded, **exact}.items()
    }
    turns["elman masked, 1 thread"] = on_threads(masked(rounded["elman"]), 1)
    found = side_by_side(turns, pace)
    (_, own), (how, peer), (_, half) = (best(found, who) for who in ("elman", "torch", "torch bfloat16"))
    ratio = times_as_fast(own, peer)
    return {
        "kind": case.kind,
        "size": str(case.size),
        "elman ms": own.median,
        "torch ms": peer.median,
        "torch's": how,
        "ratio": ratio.value,
        "spread": f"{ratio.low:.2f}–{ratio.high:.2f}",
        "quartiles": {"low": ratio.low, "high": ratio.high},
        "beside torch bfloat16": half.median / own.median,
        "beside elman float32": best(found, "elman float32")[1].median / own.median,
        "on vectors": _on_vectors(found),
        "memory": _memory(case, pace),
        "timings": {name: vars(timing) for name, timing in found.items()},
    }


def _on_vectors(found: dict[str, Timing]) -> float:
    return found["elman float32, 1 thread"].median / found["elman masked, 1 thread"].median


def _memory(case: Case, pace: Pace) -> float | None:
    """Return the peak of an update, as a share of that in float32; every figure takes a new process."""
    if pace.repeats == 1 or case.size != MEASURED:
        return None
    return peak_mib("elman bfloat16", case) / peak_mib("elman", case)


def masked(update: Callable[[], object]) -> Callable[[], object]:
    """Make an update that runs as on a processor without AMX."""

    def run_masked() -> None:
        llvm_kernel.has_matrix_unit = lambda target: False
        try:
            update()
        finally:
            llvm_kernel.has_matrix_unit = has_matrix_unit

    return run_masked


def _targets(rows: list[Row], has_unit: bool) -> list[Target]:
    targets = []
    for kind, wanted in WANTED.items():
        own = [row for row in rows if row["kind"] == kind and row["size"] != str(LARGE)]
        for column, what, least in zip(
            ("ratio", "beside torch bfloat16"), ("float32", "bfloat16"), wanted, strict=True
        ):
            mean = geometric_mean([row[column] for row in own]) if has_unit else None
            targets.append(Target(f"{kind} on AMX beside torch in {what}, geometric mean", mean, least))
    lstm = [row["beside torch bfloat16"] for row in rows if row["kind"] == "LSTM"]
    targets.append(Target("LSTM on AMX beside torch in bfloat16, least", min(lstm) if has_unit else None, 0.95))
    targets.append(Target("on vectors beside ours in float32, least", min(row["on vectors"] for row in rows), 0.83))
    shares = [row["memory"] for row in rows if row["memory"] is not None]
    return [*targets, Target("memory, a share of float32's, most", max(shares, default=None), 0.7, at_most=True)]


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each kind."""
    return draw_ratios(rows, "Training update in bfloat16 beside torch.nn in float32 (CPU)", "size T·B·I·H")
