"""Time exported layers beside the layers that they came from, and say how large the files are.

One example, one thread. C runs 100 steps at a call, so that what a call from Python costs is not counted; the stream
and ONNX Runtime's form of one step are called step by step. WebAssembly runs in Node and in Chromium, step by step from
JavaScript, where they are installed. Each file was compared with its layer while it was written. What runs in this
process is timed by the clock of its thread, which stands still while others have the processor.
"""

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import elman
from bench.speed import web_steps
from bench.speed.drawing import COLOURS, make_figure
from bench.speed.measure import FULL, Pace, Turn, side_by_side
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from elman.models.layers import Layers
from elman.tasks.generate.model import TrainedModel
from elman.tasks.generate.module import LanguageModel
from elman.vocabulary.vocabulary import learn_vocabulary

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
# Microseconds of a sample, one layer as wide as its input, by RTNeural with sizes known to the compiler (Eigen): the
# factors of real time at 48 kHz that its own comparison publishes (github.com/jatinchowdhury18/RTNeural-compare, on an
# Intel i7-8700B), 20.83 divided by them.
RTNEURAL = {("lstm", 8, 8): 20.83 / 140, ("lstm", 64, 64): 20.83 / 6.46}
CHARACTERS, WIDTH, MOST_KB = 65, 128, 30.0


def run(pace: Pace = FULL) -> Result:
    """Measure every case."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [_measure(*case, Path(folder), pace) for case in track("exporting", CASES)]
        code, notes = _measure_writer(Path(folder))
    notes += [
        "C was compiled by gcc -O3 -march=native -ffp-contract=off, the object file is for any processor of its kind",
        "RTNeural's figures are those that it publishes, of another machine",
    ]
    targets = [Target("code of a character model's .wasm without weights, kB", code, MOST_KB, at_most=True)]
    return Result(rows, targets, notes)


def _measure(kind: str, inputs: int, hidden: int, folder: Path, pace: Pace) -> Row:
    layer = elman.nn.Recurrent(elman.cells.find(kind), inputs, hidden)
    x, stream = torch.randn(STEPS, 1, inputs), layer.stream(freeze=True)
    whole, step = folder / "whole.onnx", folder / "step.onnx"
    elman.export.to_onnx(layer, whole, force=True)
    elman.export.to_onnx(layer, step, step=True, force=True)
    elman.export.to_c(layer, folder / "net.c", force=True)
    elman.export.to_object(layer, folder / "net.o", force=True)
    elman.export.to_wasm(layer, folder / "net.wasm", force=True)
    calls: dict[str, Callable[[], object]] = {
        "layer": torch.no_grad()(lambda: layer(x)),
        "onnx": _session(whole, x.numpy()),
        "onnx step": _session(step, x[0].numpy(), stateful=True),
        "stream": lambda: stream.step(x[0]),
        "C": _program(folder, f"{kind}{hidden}", x, hidden, ["use.c"]),
        ".o": _program(folder, f"{kind}{hidden}_linked", x, hidden, ["linked.c", "net.o"]),
    }
    torch.set_num_threads(1)
    times = side_by_side({name: _on_one_core(call) for name, call in calls.items()}, pace)
    return {
        "cell": kind,
        "I": inputs,
        "H": hidden,
        "C, kB": (folder / "net.c").stat().st_size / 1000,
        "onnx, kB": whole.stat().st_size / 1000,
        "wasm, kB": (folder / "net.wasm").stat().st_size / 1000,
        "Node, µs a step": web_steps.in_node(folder / "net.wasm", "exports.step()"),
        "Chromium, µs a step": web_steps.in_chromium(folder / "net.wasm", "exports.step()"),
        "C, µs a step": 1000 * times["C"].median / STEPS,
        ".o, µs a step": 1000 * times[".o"].median / STEPS,
        "RTNeural, published": RTNEURAL.get((kind, inputs, hidden)),
        "stream, µs a step": 1000 * times["stream"].median,
        "onnx step, µs": 1000 * times["onnx step"].median,
        "layer, ms for 100": times["layer"].median,
        "onnx, ms for 100": times["onnx"].median,
    }


def _on_one_core(call: Callable[[], object]) -> Turn:
    """Make a candidate of a function that computes in this thread: what the processor spends on it counts."""

    def turn(calls: int) -> float:
        start = time.thread_time()
        for _ in range(calls):
            call()
        return time.thread_time() - start

    return turn


def _measure_writer(folder: Path) -> tuple[float, list[str]]:
    """Write a language model of characters as functions; return the kB of their code, and how fast it writes."""
    from elman.export.pages.page import put_module
    from elman.export.target import TargetFile
    from elman.tasks.generate.page import web_model

    vocabulary = learn_vocabulary("".join(map(chr, range(40, 40 + CHARACTERS))), "character")
    units = len(vocabulary)
    module = LanguageModel(elman.cells.lstm, units, Layers(hidden=WIDTH), embedding=WIDTH).eval()
    model = web_model(TrainedModel(module=module, vocabulary=vocabulary, configuration={"classes": []}))
    path = folder / "writer.wasm"
    put_module(TargetFile(path, "wasm"), model, {})
    code = path.stat().st_size - sum(map(len, model.writer.memory.contents.values()))
    notes = []
    for name, measure in (("Node", web_steps.in_node), ("Chromium", web_steps.in_chromium)):
        micros = measure(path, f"exports.read(k % {units})")
        if micros is not None:
            notes.append(
                f"an LSTM of {WIDTH} that reads and scores {units} characters: {1e6 / micros:,.0f} a second in {name}"
            )
    return code / 1000, notes


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


def _program(folder: Path, name: str, x: torch.Tensor, hidden: int, files: list[str]) -> Callable[[], object]:
    """Compile the file of C, or link the object file, and make a call that runs all steps."""
    (folder / "use.c").write_text(_USE)
    (folder / "linked.c").write_text(_USE.replace("net.c", "net.h"))
    library = folder / f"{name}.so"
    options = ["-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([shutil.which("gcc") or "cc", *options, *files, "-o", library, "-lm"], check=True, cwd=folder)
    loaded = ctypes.CDLL(str(library))
    loaded.bytes.restype = ctypes.c_ulong
    state = ctypes.create_string_buffer(loaded.bytes())
    y = torch.empty(len(x), hidden)
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, y)]
    return lambda: loaded.use(state, *pointers, len(x)) or (state, y)


def draw(rows: list[Row]) -> "Figure":
    """Draw microseconds a step of each case."""
    figure, axes = make_figure(1, "One time step of one example, where it runs (one thread, float32)")
    axis, names = axes[0][0], ("C, µs a step", "Node, µs a step", "stream, µs a step", "onnx step, µs")
    for number, name in enumerate(names):
        places = [place + 0.2 * number for place in range(len(rows))]
        axis.bar(places, [row[name] or 0 for row in rows], 0.18, color=COLOURS[number], label=name)
    axis.set_xticks([place + 0.3 for place in range(len(rows))], [f"{r['cell']} {r['I']}→{r['H']}" for r in rows])
    axis.set_yscale("log")
    axis.legend()
    return figure
