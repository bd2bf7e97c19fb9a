"""Time an update's forward and backward pass of our RNN, LSTM and GRU beside torch's, and one streamed step."""

from collections.abc import Callable
from typing import Any

import torch

import elman
from bench.measure import Row, side_by_side

SHAPES = ((100, 32, 128), (100, 1, 128), (20, 128, 256))
"""T, B and H; the input is as wide as the state."""


def run() -> list[Row]:
    """Measure every class at every shape, in milliseconds; `ratio` is ours over torch's."""
    rows: list[Row] = []
    for kind in ("RNN", "LSTM", "GRU"):
        for steps, batch, hidden in SHAPES:
            torchs = getattr(torch.nn, kind)(hidden, hidden)
            ours = getattr(elman.nn, kind)(hidden, hidden)
            ours.load_state_dict(torchs.state_dict())
            x = torch.randn(steps, batch, hidden)
            rows.append(_row(f"{kind} T={steps} B={batch} H={hidden}", _update(ours, x), _update(torchs, x)))
        rows.append(_row(f"{kind} one step B=1 H={hidden}", *_steps(ours, torchs, hidden)))
    return rows


def _row(case: str, ours: Callable[[], object], torchs: Callable[[], object]) -> Row:
    taken = side_by_side({"elman": ours, "torch": torchs})
    return {
        "case": case,
        "elman ms": taken["elman"],
        "torch ms": taken["torch"],
        "ratio": taken["elman"] / taken["torch"],
    }


def _update(layer: Any, x: torch.Tensor) -> Callable[[], object]:
    upstream = torch.randn(*x.shape[:2], layer.hidden_size)

    def update() -> None:
        layer.zero_grad()
        layer(x)[0].backward(upstream)

    return update


def _steps(ours: Any, torchs: Any, hidden: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """Read one step after another with a stream, and with torch's layer on sequences of length one."""
    x = torch.randn(1, 1, hidden)
    stream = ours.stream()
    state: list[Any] = [None]

    @torch.no_grad()
    def torchs_step() -> None:
        _, state[0] = torchs(x, state[0])

    return lambda: stream.step(x[0]), torchs_step
