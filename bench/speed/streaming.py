"""Time one step of one example, the state kept: our stream beside torch's layer on one step and ONNX Runtime.

A stream that reads the layer's present weights, and frozen ones, with weights in float32, bfloat16 and int8.

What is timed is the call from Python, in microseconds; of ONNX Runtime's two ways to be called the better one counts.
The error of narrow weights is that of the outputs, ‖narrow − float32‖ / ‖float32‖ over the second half of 100 steps,
with weights as torch draws them and inputs of a standard normal distribution.
"""

import ctypes
import timeit
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch

from bench.speed.drawing import COLOURS, MARKERS, make_figure
from bench.speed.measure import FULL, Pace, Timing, on_threads, times_as_fast
from bench.speed.onnx_step import make_steps
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from bench.speed.torch_peer import OURS, Case, Size, best, make_pair, take_turns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("LSTM", "GRU")
CASES = tuple(Case(kind, Size(1, 1, hidden, hidden)) for kind in KINDS for hidden in (8, 32, 64, 128, 256, 512))
BESIDE_TORCH, BESIDE_ONNX = 4.0, 1.0
STEPS_COMPARED, FARTHEST = 5, 1e-5
NARROW = {"bfloat16": 0.02, "int8": 0.05}
"""The narrow forms of weights, and the largest errors that are not a mistake."""
STEPS_OF_ERRORS = 100


def run(pace: Pace = FULL) -> Result:
    """Measure both layers at every size; ratios say how many times as fast ours is."""
    rows = [_measure(case, pace) for case in track("streaming", CASES)]
    notes = ["the time inside the kernel is not measured"] if rows[0]["kernel µs"] is None else []
    if not _has_onnx():
        notes.append("ONNX Runtime was not measured: it is missing; pip install '.[bench]' brings it")
    targets = []
    for kind in KINDS:
        own = [row for row in rows if row["kind"] == kind]
        beside_onnx = min(row["frozen times onnx"] for row in own) if _has_onnx() else None
        targets.append(Target(f"{kind} beside torch, least", min(row["times torch"] for row in own), BESIDE_TORCH))
        targets.append(Target(f"{kind}, frozen, beside ONNX Runtime, least", beside_onnx, BESIDE_ONNX))
    return Result(rows, targets, notes)


def kernel_microseconds(stream: Any, x: torch.Tensor) -> float | None:
    """Return what a step takes inside the compiled code; None where none runs. The stream goes on by many steps.

    That is what a call of the kernel takes beyond a call that finds nothing to do, its parts being drawn already.
    """
    stream.step(x)
    steps = stream._steps
    if steps is None:
        return None
    return sum(map(_beyond_a_call, steps.frames, steps.between, steps.between[1:])) if x.numel() else 0.0


def _beyond_a_call(frames: Any, x: torch.Tensor, output: torch.Tensor) -> float:
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)
    step, worker = (kind(frames.kernel.library.address(name)) for name in ("step", "worker"))
    frames.arena.flat[0] = frames.layout.parts
    call = (frames.arena.address, x.data_ptr(), output.data_ptr())
    idle, working = (min(timeit.repeat(lambda f=f: f(*call), number=50, repeat=100)) for f in (worker, step))
    return 1e6 * (working - idle) / 50


def _measure(case: Case, pace: Pace) -> Row:
    ours, theirs = make_pair(case)
    x = torch.randn(1, case.size.inputs)
    stream = ours.stream()
    steps = make_steps(case.kind, theirs, x) if _has_onnx() else {}
    for name, step in steps.items():
        _require_equal(f"ONNX Runtime ({name})", ours.stream(), x, step)
    others = {f"onnx, {name}": on_threads(step, 1) for name, step in steps.items()}
    streams = {"frozen": ours.stream(freeze=True), **{w: ours.stream(freeze=True, weights=w) for w in NARROW}}
    others |= {name: on_threads(lambda s=frozen: s.step(x), 1) for name, frozen in streams.items()}
    timings = take_turns(lambda: stream.step(x), {"torch": _torch_step(theirs, x)}, pace, others)
    elmans, torchs = timings[OURS], best(timings, "torch")[1]
    onnxs = best(timings, "onnx")[1] if steps else None
    return {
        "kind": case.kind,
        "H": case.size.hidden,
        "elman µs": 1000 * elmans.median,
        "frozen µs": 1000 * timings["frozen"].median,
        **{f"{name} µs": 1000 * timings[name].median for name in NARROW},
        **{f"{name} error": _error(ours, name) for name in NARROW},
        "kernel µs": kernel_microseconds(stream, x),
        "torch µs": 1000 * torchs.median,
        "onnx µs": onnxs and 1000 * onnxs.median,
        "times torch": times_as_fast(elmans, torchs).value,
        "times onnx": onnxs and times_as_fast(elmans, onnxs).value,
        "frozen times onnx": onnxs and times_as_fast(timings["frozen"], onnxs).value,
        "spread": {"elman": _spread(elmans), "torch": _spread(torchs), "onnx": onnxs and _spread(onnxs)},
        "timings": {name: vars(timing) for name, timing in timings.items()},
    }


def _error(layer: Any, weights: str) -> float:
    """Measure how far the outputs with narrow weights are from those with weights in float32."""
    inputs = torch.randn(STEPS_OF_ERRORS, 1, layer.input_size)
    streams = [layer.stream(freeze=True), layer.stream(freeze=True, weights=weights)]
    wide, narrow = (torch.stack([s.step(x) for x in inputs])[STEPS_OF_ERRORS // 2 :] for s in streams)
    error = ((narrow - wide).norm() / wide.norm()).item()
    if not error < NARROW[weights]:
        raise RuntimeError(f"weights in {weights} change the outputs by {error:.1e}.")
    return error


def _has_onnx() -> bool:
    return bool(find_spec("onnx") and find_spec("onnxruntime"))


def _spread(timing: Timing) -> list[float]:
    """Give the distances from the median to the quartiles, in microseconds."""
    return [1000 * (timing.median - timing.low), 1000 * (timing.high - timing.median)]


def _torch_step(layer: Any, x: torch.Tensor) -> Callable[[], object]:
    state: list[Any] = [None]
    one_step = x.unsqueeze(0)

    @torch.no_grad()
    def step() -> object:
        output, state[0] = layer(one_step, state[0])
        return output

    return step


def _require_equal(peer: str, stream: Any, x: torch.Tensor, step: Callable[[], Any]) -> None:
    """Refuse to compare the times of two things that do not compute the same."""
    for _ in range(STEPS_COMPARED):
        apart = (stream.step(x) - torch.as_tensor(step()).view(1, -1)).abs().max().item()
        if not apart < FARTHEST:
            raise RuntimeError(f"{peer} computes another step than ours: {apart:.1e} apart.")


def draw(rows: list[Row]) -> "Figure":
    """Draw microseconds a step against H, a panel for each kind."""
    figure, axes = make_figure(2, "One time step of one example, called from Python (CPU, float32, I=H)", sharey=True)
    names = {"elman": "elman, stream.step", "torch": "torch.nn, T=1", "onnx": "ONNX Runtime, 1 thread"}
    for axis, kind in zip(axes[0], KINDS, strict=True):
        own = [row for row in rows if row["kind"] == kind]
        for number, (name, label) in enumerate(names.items()):
            measured = [row for row in own if row[f"{name} µs"] is not None]
            axis.errorbar(
                [row["H"] for row in measured],
                [row[f"{name} µs"] for row in measured],
                yerr=list(zip(*(row["spread"][name] for row in measured), strict=True)) or None,
                marker=MARKERS[number],
                color=COLOURS[number],
                capsize=3,
                label=label,
            )
        axis.set_title(kind, fontsize=11)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        hidden = [row["H"] for row in own]
        axis.set_xticks(hidden, [str(h) for h in hidden])
        axis.set_xlabel("hidden size H")
    axes[0, 0].set_ylabel("µs a step (median, quartiles)")
    axes[0, 0].legend(frameon=False, fontsize=9)
    return figure
