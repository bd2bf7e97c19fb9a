"""Train in one process and in two, and project what many machines would do: what one update computes and exchanges.

An update of W workers on a batch of B rows takes t(W) = c + w · ⌈B / W⌉ / B + e(W). w, the work of the rows, is divided
among them, by whole rows; c, what every process does for itself, such as the step of the optimiser, is not; e(W) is the
exchange of all gradients, of G bytes: by a ring each process sends and receives 2 (W − 1) / W · G bytes, in 2 (W − 1)
messages, so e(W) = 2 (W − 1) / W · G / N + 2 (W − 1) · L, on a network of N bytes a second and a latency of L. c and w
come from the whole batch and from half of it, which take turns in one process: c + w and c + w / 2. Reading a batch
depends on the data, and is not measured. Two workers are measured, between processes of this machine. N and L are those
of a network of 10 Gbit/s and 50 µs, which was not measured: the figures of 8 workers and more are what the formula
says, and nothing else.
"""

import json
import math
import os
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import torch

from bench.speed.drawing import make_figure
from bench.speed.measure import FULL, QUICK, Pace
from bench.speed.report import Result, Row
from bench.speed.worker import ROOT
from elman.nn import LSTM
from elman.training import ranks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS, BATCH, INPUT = 50, 256, 64
SIZES = (128, 512)
PROJECTED = (8, 32, 128, 1024)
BYTES_A_SECOND, LATENCY = 1.25e9, 50e-6


def run(pace: Pace = FULL) -> Result:
    """Measure updates of one worker and two, and project those of more."""
    updates = 5 if pace is QUICK else 40
    rows: list[Row] = []
    network = f"{BYTES_A_SECOND * 8 / 1e9:.0f} Gbit/s and {LATENCY * 1e6:.0f} µs"
    notes = [f"an LSTM, T={STEPS}, B={BATCH} in all, float32; projected for {network}"]
    for hidden in SIZES:
        whole, half = _measure(1, hidden, updates, BATCH, BATCH // 2)
        (two,) = _measure(2, hidden, updates, BATCH)
        if 2 * half < whole:
            notes.append(f"H={hidden}: half of the batch took less than half of the time, so c is taken as 0")
        own, size = max(0.0, 2 * half - whole), _gradient_bytes(hidden)
        rows += [_row(hidden, 1, whole, whole, size, "measured"), _row(hidden, 2, two, whole, size, "measured")]
        rows += [
            _row(hidden, workers, update_seconds(workers, own, whole - own, size), whole, size, "projected")
            for workers in PROJECTED
        ]
    return Result(rows, notes=notes)


def update_seconds(workers: int, own: float, work: float, size: int) -> float:
    """Return the seconds of an update by the formula of this script.

    Args:
        workers: W.
        own: c, in seconds.
        work: w, in seconds.
        size: G, in bytes.
    """
    return own + work * math.ceil(BATCH / workers) / BATCH + exchange_seconds(workers, size)


def exchange_seconds(workers: int, size: int) -> float:
    """Return the seconds of adding up gradients of some bytes by a ring of workers, by the formula of this script."""
    return 2 * (workers - 1) * (size / workers / BYTES_A_SECOND + LATENCY)


def _gradient_bytes(hidden: int) -> int:
    return 4 * sum(parameter.numel() for parameter in LSTM(INPUT, hidden).parameters())


def _row(hidden: int, workers: int, seconds: float, alone: float, size: int, how: str) -> Row:
    return {
        "H": hidden,
        "workers": workers,
        "ms an update": round(1e3 * seconds, 2),
        "times as fast": round(alone / seconds, 2),
        "MB exchanged": round(2 * (workers - 1) / workers * size / 1e6, 2),
        "how": how,
    }


def _measure(workers: int, hidden: int, updates: int, *batches: int) -> list[float]:
    """Return the median seconds of an update on each of some batches, in so many processes of one thread."""
    shared = {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(20000 + os.getpid() % 20000)}
    command = [sys.executable, "-m", "bench.speed.cluster", *map(str, (hidden, updates, *batches))]
    started = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | shared | {"RANK": str(rank), "WORLD_SIZE": str(workers), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(workers)
    ]
    printed = [process.communicate()[0] for process in started]
    medians: list[float] = json.loads(printed[0])
    return medians


def work(hidden: int, updates: int, *batches: int) -> None:
    """Make updates as one of the workers, on one batch after the other, and print how long one takes on each."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    layer = LSTM(INPUT, hidden)
    optimizer = torch.optim.AdamW(layer.parameters())
    x = torch.randn(STEPS, max(batches), INPUT)
    times: dict[int, list[float]] = {batch: [] for batch in batches}
    with ranks.joined() as together:
        for _ in range(updates + 3):
            for batch in batches:
                whole = x[:, :batch].contiguous()
                begun = time.perf_counter()
                optimizer.zero_grad()
                part = whole if together is None else together.share(batch).take(whole, 1)
                (layer(part)[0].square().sum() / batch).backward()
                if together is not None:
                    together.add_gradients(layer)
                    together.exchange(0.0, 0.0, False, 0, False)
                optimizer.step()
                times[batch].append(time.perf_counter() - begun)
    print(json.dumps([median(times[batch][3:]) for batch in batches]))


def draw(rows: list[Row]) -> "Figure":
    """Draw how many times as fast some workers are."""
    figure, axes = make_figure(1, "Updates of several workers beside one (more is better)")
    axis = axes[0, 0]
    for hidden in SIZES:
        those = [row for row in rows if row["H"] == hidden]
        axis.plot([row["workers"] for row in those], [row["times as fast"] for row in those], "o-", label=f"H={hidden}")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log", base=2)
    axis.set_xlabel("workers; from 8 on projected")
    axis.set_ylabel("times as fast as one")
    axis.legend()
    return figure


if __name__ == "__main__":
    work(*map(int, sys.argv[1:]))
