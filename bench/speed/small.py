"""Time calls that take no longer than the Python around them, beside torch's: one time step, and a short update.

Layers on one time step of one example, and cells, are called with a state, as in the loop of a decoder:

- `forward`: without gradients;
- `weights`: forgetting the gradients, forward and backward; input and state need no gradient;
- `all`: the same, where input and state need one too, as in the middle of such a loop.

An `update` is that of `training` for one example. Most calls are too small for a second thread, so both run on one, and
what is measured is that thread's time on the processor: other load of the machine counts little.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

import elman
from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace, Timing, Turn, side_by_side, times_as_fast
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from bench.speed.torch_peer import KINDS, Case, Size, make_input, make_pair, make_update

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN = 256
GRADIENTS = ("forward", "weights", "all")
SHORT = Size(100, 1, 32, 32)


@dataclass(frozen=True)
class Step:
    """One time step of a layer or a cell.

    Attributes:
        kind: LSTM, GRU or RNN.
        batch: B.
        is_cell: whether torch's *Cell is called, and not the layer.
        gradients: one of GRADIENTS.
    """

    kind: str
    batch: int
    is_cell: bool
    gradients: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def name(self) -> str:
        """What is called, without its kind."""
        return f"{'cell' if self.is_cell else 'layer'} 1·{self.batch}·{HIDDEN}·{HIDDEN}, {self.gradients}"


CALLS = ((False, 1), (True, 1), (True, 32))
STEPS = tuple(Step(kind, batch, is_cell, how) for kind in KINDS for is_cell, batch in CALLS for how in GRADIENTS)
UPDATES = tuple(Case(kind, SHORT) for kind in KINDS)


def run(pace: Pace = FULL) -> Result:
    """Measure every call; `ratio` says how many times as fast as torch's ours is."""
    rows = [_measure(case, pace) for case in track("small", (*STEPS, *UPDATES))]
    return Result(rows, [Target(f"{row['kind']} {row['size']}", row["ratio"], 1.0) for row in rows])


def _measure(case: Step | Case, pace: Pace) -> Row:
    if isinstance(case, Step):
        name, modules = case.name, make_modules(case)
        ours, theirs = (make_step(module, case) for module in modules)
    else:
        name, x = f"update {case.size}", make_input(case.size)
        ours, theirs = (make_update(layer, x) for layer in make_pair(case))
    timings = side_by_side({"elman": on_one_thread(ours), "torch": on_one_thread(theirs)}, pace)
    return make_row(case.kind, name, timings)


def make_row(kind: str, size: str, timings: Mapping[str, Timing]) -> Row:
    """Say how one thread of ours compares with one of torch's."""
    own, peer = timings["elman"], timings["torch"]
    ratio = times_as_fast(own, peer)
    return {
        "kind": kind,
        "size": size,
        "elman µs": 1000 * own.median,
        "torch µs": 1000 * peer.median,
        "ratio": ratio.value,
        "spread": f"{ratio.low:.2f}–{ratio.high:.2f}",
        "quartiles": {"low": ratio.low, "high": ratio.high},
        "timings": {which: vars(timing) for which, timing in timings.items()},
    }


def on_one_thread(call: Callable[[], object]) -> Turn:
    """Make a candidate whose time is that of the calling thread on the processor."""

    def turn(calls: int) -> float:
        torch.set_num_threads(1)
        start = time.thread_time()
        for _ in range(calls):
            call()
        return time.thread_time() - start

    return turn


def make_modules(step: Step) -> tuple[Any, Any]:
    """Make our module and torch's, with the same parameters."""
    if not step.is_cell:
        return make_pair(Case(step.kind, Size(1, step.batch, HIDDEN, HIDDEN)))
    ours, theirs = (getattr(nn, f"{step.kind}Cell")(HIDDEN, HIDDEN) for nn in (elman.nn, torch.nn))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def make_step(module: Any, step: Step) -> Callable[[], object]:
    """Make a call of a module on one time step, and what follows it."""
    shape = (step.batch, HIDDEN) if step.is_cell else (1, step.batch, HIDDEN)
    needs = step.gradients == "all"
    x, *states = [torch.randn(shape, requires_grad=needs) for _ in range(3 if step.kind == "LSTM" else 2)]
    state, upstream = tuple(states) if len(states) > 1 else states[0], torch.randn(shape)

    @torch.no_grad()
    def forward() -> object:
        return module(x, state)

    def update() -> None:
        module.zero_grad()
        if needs:
            for t in (x, *states):
                t.grad = None
        results = module(x, state)
        (results if isinstance(results, torch.Tensor) else results[0]).backward(upstream)

    return forward if step.gradients == "forward" else update


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each kind."""
    return draw_ratios(rows, "Small calls beside torch.nn (CPU, float32)", "call T·B·I·H")
