"""Time exported layers beside the layers that they came from, and say how large the files are.

One example, one thread. C runs 100 steps at a call, so that what a call from Python costs is not counted; the stream
and ONNX Runtime's form of one step are called step by step. WebAssembly runs in Node, step by step from JavaScript,
where it is installed. Each file was compared with its layer while it was written.
"""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import elman
from bench.speed.drawing import COLOURS, make_figure
from bench.speed.measure import FULL, Pace, on_threads, side_by_side
from bench.speed.progress import track
from bench.speed.report import Result, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CASES = (("lstm", 8, 8), ("lstm", 64, 64), ("gru", 16, 32), ("mgu", 64, 64))
STEPS = 100
_USE = """
#include "net.c"
void use(net_state *state, const float *x, float *y, int steps);
void use(net_state *state, const float *x, float *y, int steps) { net_run(&net_trained, state, steps, x, y); }
unsigned long bytes(void);
unsigned long bytes(void) { return sizeof(net_state); }
"""
_ROUNDS = """
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(require("fs").readFileSync(process.argv[1])));
const round = (steps) => {
  const from = process.cpuUsage();
  for (let k = 0; k < steps; k++) exports.step();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / steps;
};
round(20000);
const found = Array.from({ length: 7 }, () => round(20000)).sort((a, b) => a - b);
console.log(found[3]);
"""


def run(pace: Pace = FULL) -> Result:
    """Measure every case."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [_measure(*case, Path(folder), pace) for case in track("exporting", CASES)]
    return Result(rows, [], ["C was compiled by gcc -O3 -march=native -ffp-contract=off"])


def _measure(kind: str, inputs: int, hidden: int, folder: Path, pace: Pace) -> Row:
    layer = elman.nn.Recurrent(elman.cells.find(kind), inputs, hidden)
    x, stream = torch.randn(STEPS, 1, inputs), layer.stream(freeze=True)
    whole, step = folder / "whole.onnx", folder / "step.onnx"
    elman.export.to_onnx(layer, whole, force=True)
    elman.export.to_onnx(layer, step, step=True, force=True)
    elman.export.to_c(layer, folder / "net.c", force=True)
    elman.export.to_wasm(layer, folder / "net.wasm", force=True)
    calls: dict[str, Callable[[], object]] = {
        "layer": torch.no_grad()(lambda: layer(x)),
        "onnx": _session(whole, x.numpy()),
        "onnx step": _session(step, x[0].numpy(), stateful=True),
        "stream": lambda: stream.step(x[0]),
        "C": _program(folder, f"{kind}{hidden}", x, hidden),
    }
    times = side_by_side({name: on_threads(call, 1) for name, call in calls.items()}, pace)
    return {
        "cell": kind,
        "I": inputs,
        "H": hidden,
        "C, kB": (folder / "net.c").stat().st_size / 1000,
        "onnx, kB": whole.stat().st_size / 1000,
        "wasm, kB": (folder / "net.wasm").stat().st_size / 1000,
        "wasm, µs a step": _time_in_node(folder / "net.wasm"),
        "C, µs a step": 1000 * times["C"].median / STEPS,
        "stream, µs a step": 1000 * times["stream"].median,
        "onnx step, µs": 1000 * times["onnx step"].median,
        "layer, ms for 100": times["layer"].median,
        "onnx, ms for 100": times["onnx"].median,
    }


def _time_in_node(path: Path) -> float | None:
    """Return microseconds of a step in Node, the median of seven rounds; None where it is not installed."""
    node = shutil.which("node")
    if node is None:
        return None
    done = subprocess.run([node, "--eval", _ROUNDS, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _session(path: Path, x: np.ndarray, stateful: bool = False) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_overridable_initializers() if port.name != "lengths"]
    state: dict[str, Any] = {}

    def call() -> object:
        output, *final = session.run(None, {"x": x, **state})
        if stateful:
            state.update(zip(names, final, strict=True))
        return output

    return call


def _program(folder: Path, name: str, x: torch.Tensor, hidden: int) -> Callable[[], object]:
    """Compile the file of C, and make a call that runs all steps."""
    (folder / "use.c").write_text(_USE)
    library = folder / f"{name}.so"
    options = ["-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([shutil.which("gcc") or "cc", *options, folder / "use.c", "-o", library, "-lm"], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.bytes.restype = ctypes.c_ulong
    state = ctypes.create_string_buffer(loaded.bytes())
    y = torch.empty(len(x), hidden)
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, y)]
    return lambda: loaded.use(state, *pointers, len(x)) or (state, y)


def draw(rows: list[Row]) -> "Figure":
    """Draw microseconds a step of each case."""
    figure, axes = make_figure(1, "One time step of one example, where it runs (one thread, float32)")
    axis, names = axes[0][0], ("C, µs a step", "wasm, µs a step", "stream, µs a step", "onnx step, µs")
    for number, name in enumerate(names):
        places = [place + 0.2 * number for place in range(len(rows))]
        axis.bar(places, [row[name] or 0 for row in rows], 0.18, color=COLOURS[number], label=name)
    axis.set_xticks([place + 0.3 for place in range(len(rows))], [f"{r['cell']} {r['I']}→{r['H']}" for r in rows])
    axis.set_yscale("log")
    axis.legend()
    return figure
