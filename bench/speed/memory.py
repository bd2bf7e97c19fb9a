"""Measure the peak of a training update's memory, ours beside torch's, each in a fresh process.

What counts is by how much the resident set grows above what it was before the update: saved values, workspaces and
gradients, but neither code nor parameters nor the input. An update of two time steps comes first, so that everything is
loaded, and its gradients and workspaces are let go. Linux alone says all this.

    python -m bench.speed.memory elman LSTM 100 32 128 128       one figure, in bytes
    python -m bench.speed.memory elman LSTM 100 32 128 128 10    with recompute_every=10, where our layer has it
"""

import ctypes
import inspect
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

import elman
from bench.speed.drawing import COLOURS, PLAIN, make_figure, three_digits
from bench.speed.measure import FULL, Pace
from bench.speed.progress import track
from bench.speed.report import Result, Row
from bench.speed.torch_peer import (
    KINDS,
    PIXELS,
    Case,
    Size,
    make_input,
    make_pair,
    make_rounded_update,
    make_update,
)
from bench.speed.worker import ROOT
from elman.backends.llvm.run import memory as llvm_memory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = (Size(100, 32, 128, 128), Size(100, 32, 256, 256), PIXELS)
CASES = tuple(Case(kind, size) for kind in KINDS for size in SIZES)
CELLS = {"LSTM": "lstm", "GRU": "gru", "RNN": "elman"}
MIB = 2**20
RESIDENT = Path("/proc/self/status")


def run(pace: Pace = FULL) -> Result:
    """Measure every case; `share` is ours over torch's."""
    rows: list[Row] = []
    for case in track("memory", CASES):
        every = round(case.size.steps**0.5)
        found = {
            "elman": [peak_mib("elman", case) for _ in range(pace.repeats)],
            "torch": [peak_mib("torch", case) for _ in range(pace.repeats)],
            "recomputing": [peak_mib("elman", case, every) for _ in range(pace.repeats if can_recompute() else 0)],
        }
        middle = {name: median(values) if values else None for name, values in found.items()}
        rows.append(
            {
                "kind": case.kind,
                "size": str(case.size),
                "elman MiB": middle["elman"],
                "torch MiB": middle["torch"],
                "share": median(found["elman"]) / median(found["torch"]),
                "recompute every": every if can_recompute() else None,
                "recomputing MiB": middle["recomputing"],
                "all": found,
            }
        )
    return Result(
        rows, notes=[] if can_recompute() else ["recompute_every was not measured: Recurrent has no such option"]
    )


def can_recompute() -> bool:
    """Say whether our layers can recompute what they would have saved."""
    return "recompute_every" in inspect.signature(elman.nn.Recurrent.__init__).parameters


def peak_mib(who: str, case: Case, every: int | None = None) -> float:
    """Start a process and return the peak of an update in it.

    Args:
        who: elman, elman bfloat16 or torch.
        case: the layer and its size.
        every: our `recompute_every`, for the cell of the zoo that is closest.

    Returns:
        In MiB.
    """
    size = case.size
    given = [size.steps, size.batch, size.inputs, size.hidden, *([every] if every else [])]
    command = [sys.executable, "-m", "bench.speed.memory", who, case.kind, *map(str, given)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return int(done.stdout) / MIB


def main(who: str, kind: str, *numbers: str) -> None:
    """Measure in this process, and print bytes."""
    steps, batch, inputs, hidden, *every = map(int, numbers)
    torch.set_num_threads(2)
    case = Case(kind, Size(steps, batch, inputs, hidden))
    layer: Any
    if every:
        cell = getattr(elman.cells, CELLS[kind])
        layer = elman.nn.Recurrent(cell, inputs, hidden, recompute_every=every[0])  # type: ignore[call-arg]
    else:
        layer = make_pair(case)[1 if who == "torch" else 0]
    make = make_rounded_update if who == "elman bfloat16" else make_update
    rows = max(batch, MIB // (8 * hidden))  # so many that small calls, whose code is other code, do not take them
    make(layer, make_input(Size(2, rows, inputs, hidden)))()
    layer.zero_grad()
    llvm_memory._pool.free.clear()
    update = make(layer, make_input(case.size))
    ctypes.CDLL(None).malloc_trim(0)
    # The highest mark so far is forgotten, which imports may have set.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _read("VmRSS")
    update()
    print(_read("VmHWM") - before)


def _read(name: str) -> int:
    lines = RESIDENT.read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def draw(rows: list[Row]) -> "Figure":
    """Draw bars, a panel for each size."""
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    figure, axes = make_figure(len(sizes), "Peak memory of a training update (CPU, float32; less is better)")
    names = {"elman MiB": "elman", "torch MiB": "torch.nn", "recomputing MiB": "elman, recomputing every √T steps"}
    names = {column: label for column, label in names.items() if rows[0][column] is not None}
    width = 0.8 / len(names)
    for axis, size in zip(axes[0], sizes, strict=True):
        own = [row for row in rows if row["size"] == size]
        for number, (column, label) in enumerate(names.items()):
            places = [place + (number - (len(names) - 1) / 2) * width for place in range(len(own))]
            values = [row[column] for row in own]
            axis.bar(places, values, 0.9 * width, color=COLOURS[number], label=label)
            for place, value in zip(places, values, strict=True):
                text = three_digits(value)
                axis.annotate(
                    text, (place, value), (0, 3), textcoords="offset points", ha="center", fontsize=8, bbox=PLAIN
                )
        axis.set_xticks(range(len(own)), [row["kind"] for row in own])
        axis.set_title(f"T·B·I·H = {size}", fontsize=11)
        axis.margins(y=0.12)
    axes[0, 0].set_ylabel("MiB above what stood before")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), frameon=False, ncols=3, loc="outside lower center")
    return figure


if __name__ == "__main__":
    main(*sys.argv[1:])
