"""Time training updates of cells that torch lacks beside a good torch loop and JAX, and what their first call costs.

`per operation` is the time for a floating-point operation of the matrix products, over that of our own LSTM. A first
call is that of an update in a fresh process, less the second: with an empty cache folder, and with what it left there.
JAX runs in a process of its own for each number of cores; its better one counts.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch

import elman
from bench.speed.cells import CELLS, make_layer
from bench.speed.drawing import draw_ratios
from bench.speed.first_call import measure_first_call
from bench.speed.measure import FULL, Pace, Turn, on_threads, times_as_fast
from bench.speed.operations import count_cell_update
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target, means
from bench.speed.torch_loops import LOOPS
from bench.speed.torch_peer import OURS, Case, Size, best, make_input, make_update, take_turns
from bench.speed.worker import Worker

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN = (32, 128)
BESIDE_TORCH = {32: 30.0, 128: 20.0}
BESIDE_JAX, PER_OPERATION = 3.0, 1.3
FIRST_CALL_MS, FROM_CACHE_MS = 1000.0, 50.0
STEPS_COMPARED, FARTHEST = 10, 1e-3
"""How far two float32 results may lie apart, as a share of their length. After 100 steps the gradients of the
layer-normalised LSTM would be 0.5 % apart: each implementation is as far from float64 there."""
CASES = tuple(Case(name, Size(100, 32, hidden, hidden)) for hidden in HIDDEN for name in CELLS)


def run(pace: Pace = FULL) -> Result:
    """Measure every cell at both sizes; ratios say how many times as fast ours is."""
    rows = [_measure(case, pace) for case in track("custom_cells", CASES)]
    notes = [] if find_spec("jax") else ["JAX was not measured: it is missing; pip install '.[bench]' brings it"]
    return Result(rows, _targets(rows), notes)


def _measure(case: Case, pace: Pace) -> Row:
    layer, x = make_layer(case.kind, case.size), make_input(case.size)
    lstm = make_layer("lstm", case.size)
    upstream = torch.randn(*x.shape[:2], case.size.hidden)
    loop = make_loop(case.kind, layer, x, upstream)
    with _jax(case.kind, layer, x, upstream) as jax:
        others: dict[str, Turn] = {"our lstm, 2 threads": on_threads(make_update(lstm, x), 2), **jax}
        timings = take_turns(make_update(layer, x), {"torch": loop}, pace, others)
    ours, torchs = timings[OURS], best(timings, "torch")[1]
    beside_torch = times_as_fast(ours, torchs)
    beside_jax = times_as_fast(ours, best(timings, "jax")[1]) if jax else None
    operations = [count_cell_update(one, case.size.steps, case.size.batch) for one in (layer, lstm)]
    lstms = timings["our lstm, 2 threads"].median
    return {
        "cell": case.kind,
        "size": str(case.size),
        "elman ms": ours.median,
        "torch loop ms": torchs.median,
        "ratio": beside_torch.value,
        "jax ms": best(timings, "jax")[1].median if jax else None,
        "ratio to jax": beside_jax and beside_jax.value,
        "per operation": ours.median / operations[0] / (lstms / operations[1]),
        **(_first_calls(case, pace.repeats) if case.size.hidden == HIDDEN[-1] else dict.fromkeys(FIRST_CALLS)),
        "quartiles": vars(beside_torch),
        "quartiles to jax": beside_jax and vars(beside_jax),
        "timings": {name: vars(timing) for name, timing in timings.items()},
    }


def make_loop(name: str, layer: "elman.nn.Recurrent", x: torch.Tensor, upstream: torch.Tensor) -> Callable[[], object]:
    """Make an update of the torch loop with the layer's parameters, and make sure that it computes the same."""
    parameters = {key: value.detach().clone().requires_grad_() for key, value in _named(layer).items()}

    def apply(x: torch.Tensor) -> torch.Tensor:
        return LOOPS[name](x, **parameters)

    theirs = _update(apply, parameters, x[:STEPS_COMPARED], upstream[:STEPS_COMPARED])
    require_equal(f"the torch loop of {name}", _start(layer, x, upstream), theirs)
    return lambda: _update(apply, parameters, x, upstream)


def _start(layer: "elman.nn.Recurrent", x: torch.Tensor, upstream: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what an update of ours gives on the first steps."""
    return _update(lambda x: layer(x)[0], _named(layer), x[:STEPS_COMPARED], upstream[:STEPS_COMPARED])


def _named(layer: "elman.nn.Recurrent") -> dict[str, torch.Tensor]:
    return {key.removesuffix("_l0"): value for key, value in layer.named_parameters()}


def _update(
    apply: Callable[[torch.Tensor], torch.Tensor],
    parameters: dict[str, torch.Tensor],
    x: torch.Tensor,
    upstream: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Forget the gradients, run forward and backward, and return the output and the gradients."""
    for value in parameters.values():
        value.grad = None
    output = apply(x)
    output.backward(upstream)
    return {"output": output, **{f"d_{key}": value.grad for key, value in parameters.items() if value.grad is not None}}


def require_equal(peer: str, ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    """Refuse to compare the times of two things that do not compute the same.

    Raises:
        RuntimeError: a result is missing, or lies further apart than float32 explains.
    """
    for name in ours.keys() | theirs.keys():
        if name not in ours or name not in theirs:
            raise RuntimeError(f"{peer} and ours do not both have {name}.")
        apart = ((ours[name] - theirs[name]).norm() / ours[name].norm()).item()
        if not apart < FARTHEST:
            raise RuntimeError(f"{peer} computes another {name} than ours: {apart:.1e} of its length apart.")


@contextlib.contextmanager
def _jax(name: str, layer: "elman.nn.Recurrent", x: torch.Tensor, upstream: torch.Tensor) -> Iterator[dict[str, Turn]]:
    """Start JAX with one core and with two, check what it computes, and give both as candidates; none without JAX."""
    with contextlib.ExitStack() as stack:
        workers: dict[str, Turn] = {}
        if find_spec("jax"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            file = folder / "given.npz"
            given = {key: value.detach().numpy() for key, value in _named(layer).items()}
            np.savez(file, x=x.numpy(), upstream=upstream.numpy(), **given)
            for cores in (1, 2):
                worker = stack.enter_context(
                    Worker("bench.speed.jax_loops", name, str(file), str(STEPS_COMPARED), cores=cores)
                )
                worker.wait_until_ready()
                workers[f"jax, {cores} core{'s' if cores > 1 else ''}"] = worker
            with np.load(f"{file}.out.npz") as found:
                theirs = {key: torch.from_numpy(found[key]) for key in found.files}
            require_equal(f"JAX's {name}", _start(layer, x, upstream), theirs)
        yield workers


FIRST_CALLS = ("first call ms", "from cache ms", "import s")


def _first_calls(case: Case, repeats: int) -> Row:
    empty, filled, imported = [], [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            for times in (empty, filled):
                taken = measure_first_call(case.kind, case.size.hidden, Path(cache))
                times.append(1000 * (taken["first"] - taken["second"]))
                imported.append(taken["import"])
    return dict(zip(FIRST_CALLS, (median(empty), median(filled), median(imported)), strict=True))


def _targets(rows: list[Row]) -> list[Target]:
    targets = []
    for hidden in HIDDEN:
        own = [row for row in rows if row["size"] == str(Size(100, 32, hidden, hidden))]
        mean = means(own, "size")[own[0]["size"]]
        targets.append(Target(f"beside the torch loop, H={hidden}, geometric mean", mean, BESIDE_TORCH[hidden]))
        targets.append(Target(f"… least ({_least(own)})", min(row["ratio"] for row in own), BESIDE_TORCH[hidden]))
        beside_jax = None if own[0]["ratio to jax"] is None else means(own, "size", "ratio to jax")[own[0]["size"]]
        targets.append(Target(f"beside JAX, H={hidden}, geometric mean", beside_jax, BESIDE_JAX))
    plain = [row for row in rows if row["cell"] != "lstm_layer_norm"]
    most = max(row["per operation"] for row in plain)
    targets.append(Target("time for an operation over our LSTM's, most", most, PER_OPERATION, at_most=True))
    for column, wanted in zip(FIRST_CALLS, (FIRST_CALL_MS, FROM_CACHE_MS), strict=False):
        most = max(row[column] for row in rows if row[column] is not None)
        targets.append(Target(f"{column}, most", most, wanted, at_most=True))
    return targets


def _least(rows: list[Row]) -> str:
    return str(min(rows, key=lambda row: row["ratio"])["cell"])


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each peer."""
    panels = [{**row, "kind": "a torch loop, autograd", "size": _label(row)} for row in rows]
    panels += [
        {**panel, "kind": "JAX, lax.scan under jit", "ratio": row["ratio to jax"], "quartiles": row["quartiles to jax"]}
        for panel, row in zip(list(panels), rows, strict=True)
        if row["ratio to jax"] is not None
    ]
    title = "Training update of cells that torch lacks (CPU, float32, T=100, B=32, I=H)"
    return draw_ratios(panels, title, "cell", beside="the peer above")


def _label(row: Row) -> str:
    return f"{row['cell']}  H={row['size'].rpartition('·')[2]}"
