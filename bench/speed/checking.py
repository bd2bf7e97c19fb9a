"""Measure what it costs to check every tensor of a run before a kernel is given its address.

    python -m bench.speed.checking

Each line is an update (forward and backward), a forward run or a streamed step, with the checks and with functions in
their place that do nothing; both take turns. The share is the difference of the medians over the checked one. The last
lines are steps of streams whose weights `weight_norm` computes: with the old hook, and with a parametrisation.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.nn.utils import parametrizations

import elman
from bench.speed.measure import FULL, Pace, Turn, on_threads, side_by_side

SIZES = ((100, 1, 32, 32), (100, 32, 128, 128))
PLACES = {
    "elman.ops.check_inputs": lambda program, inputs: inputs,
    "elman.ops.operators.check_inputs": lambda program, inputs: inputs,
    "elman.ops.operators.check_others": lambda program, tensors, x: tensors,
    "elman.ops.operators._check_shapes": lambda *_: None,
    "elman.nn.stream.are_plain_memory": lambda *_: True,
}


@contextmanager
def unchecked() -> Iterator[None]:
    """Put functions that do nothing in the place of the checks."""
    patches = [patch(name, function) for name, function in PLACES.items()]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


def without(turn: Turn) -> Turn:
    """Make a candidate that takes its turns without the checks."""

    def run(calls: int) -> float:
        with unchecked():
            return turn(calls)

    return run


def compare(name: str, call: Callable[[], Any], pace: Pace) -> str:
    """Time a call with and without the checks, and say their share."""
    turn = on_threads(call, 1)
    taken = side_by_side({"with": turn, "without": without(turn)}, pace)
    checked, bare = taken["with"].median, taken["without"].median
    return f"{name}: {1000 * checked:.1f} µs, {1000 * bare:.1f} without the checks, a share of {1 - bare / checked:.1%}"


def updates(size: tuple[int, int, int, int], layer: nn.Module) -> tuple[Callable[[], None], Callable[[], None]]:
    """Give an update and a forward run of a layer."""
    x = torch.randn(*size[:3])

    def update() -> None:
        layer.zero_grad()
        layer(x)[0].sum().backward()

    @torch.no_grad()
    def forward() -> None:
        layer(x)

    return update, forward


def computed_weights(hidden: int) -> Iterator[tuple[str, nn.Module]]:
    """Give layers whose weights are computed anew in each run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the old function says that it is old
        yield "weight_norm by a hook", nn.utils.weight_norm(elman.nn.LSTM(hidden, hidden), "weight_hh_l0")
    yield (
        "weight_norm by a parametrisation",
        parametrizations.weight_norm(elman.nn.LSTM(hidden, hidden), "weight_hh_l0"),
    )


def main(pace: Pace = FULL) -> None:
    """Run as a program."""
    torch.manual_seed(1)
    for size in SIZES:
        said = "·".join(map(str, size))
        for mode in ("LSTM", "GRU"):
            layer = getattr(elman.nn, mode)(size[2], size[3])
            for name, call in zip(("update", "forward run"), updates(size, layer), strict=True):
                print(compare(f"{mode} {said}, {name}", call, pace), flush=True)
    for hidden in (32, 128):
        x, stream = torch.randn(1, hidden), elman.nn.LSTM(hidden, hidden).stream()
        print(compare(f"LSTM {hidden}, streamed step", lambda x=x, s=stream: s.step(x), pace), flush=True)
        for name, layer in computed_weights(hidden):
            own = layer.stream()
            taken = side_by_side({"step": on_threads(lambda x=x, s=own: s.step(x), 1)}, pace)["step"]
            print(f"LSTM {hidden}, streamed step, {name}: {1000 * taken.median:.1f} µs", flush=True)


if __name__ == "__main__":
    main()
