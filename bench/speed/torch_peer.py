"""Compare our LSTM, GRU and RNN with torch's: the sizes, the layers, the calls, and the row of results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

import elman
from bench.speed.measure import Pace, Timing, Turn, on_threads, side_by_side, times_as_fast
from bench.speed.report import Row

KINDS = ("LSTM", "GRU", "RNN")
OURS = "elman, 2 threads"


@dataclass(frozen=True)
class Size:
    """The sizes of a batch and a layer, written T·B·I·H."""

    steps: int
    batch: int
    inputs: int
    hidden: int

    def __str__(self) -> str:
        return f"{self.steps}·{self.batch}·{self.inputs}·{self.hidden}"


PIXELS = Size(784, 64, 1, 128)
"""A picture of 28 × 28 read pixel by pixel."""
SIZES = (
    Size(100, 1, 32, 32),
    Size(100, 32, 32, 32),
    *(Size(100, batch, 128, 128) for batch in (1, 4, 16, 32, 64, 128)),
    Size(100, 32, 256, 256),
    Size(35, 20, 650, 650),
    PIXELS,
)


@dataclass(frozen=True)
class Case:
    """Name a layer and its size."""

    kind: str
    size: Size

    def __str__(self) -> str:
        return f"{self.kind} {self.size}"


CASES = tuple(Case(kind, size) for kind in KINDS for size in SIZES)


def make_pair(case: Case, **options: Any) -> tuple[Any, Any]:
    """Make our layer and torch's, with the same parameters."""
    theirs = getattr(torch.nn, case.kind)(case.size.inputs, case.size.hidden, **options)
    ours = getattr(elman.nn, case.kind)(case.size.inputs, case.size.hidden, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def make_input(size: Size) -> torch.Tensor:
    """Draw an input of normal numbers, (T, B, I)."""
    return torch.randn(size.steps, size.batch, size.inputs)


def make_update(layer: Any, x: torch.Tensor) -> Callable[[], object]:
    """Make what an update costs without its optimiser: forget the gradients, forward, backward."""
    directions = 2 if layer.bidirectional else 1
    upstream = torch.randn(*x.shape[:2], directions * layer.hidden_size)

    def update() -> None:
        layer.zero_grad()
        layer(x)[0].backward(upstream)

    return update


def make_rounded_update(layer: Any, x: torch.Tensor) -> Callable[[], object]:
    """Make the same under autocast to bfloat16; the gradient that arrives has the dtype of the output."""
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        dtype = layer(x[:1])[0].dtype
    upstream = torch.randn(*x.shape[:2], layer.hidden_size).to(dtype)

    def update() -> None:
        layer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            output = layer(x)[0]
        output.backward(upstream)

    return update


def make_forward(layer: Any, x: torch.Tensor) -> Callable[[], object]:
    """Make a call that records no gradient."""
    layer.eval()

    @torch.no_grad()
    def forward() -> object:
        return layer(x)

    return forward


def take_turns(
    ours: Callable[[], object], peers: Mapping[str, Callable[[], object]], pace: Pace, others: Mapping[str, Turn] = {}
) -> dict[str, Timing]:
    """Time ours and its peers, each with one thread and with two.

    Args:
        ours: what is called `elman`.
        peers: what else runs on torch's threads.
        pace: how long that may take.
        others: candidates that choose their threads themselves.
    """
    turns = {
        f"{who}, {threads} thread{'s' if threads > 1 else ''}": on_threads(call, threads)
        for threads in (2, 1)
        for who, call in {"elman": ours, **peers}.items()
    }
    return side_by_side({**turns, **others}, pace)


def best(timings: Mapping[str, Timing], peer: str) -> tuple[str, Timing]:
    """Find what is best for a peer: how its name goes on (such as `2 threads`), and what it took."""
    found = {name.partition(", ")[2]: t for name, t in timings.items() if name.partition(", ")[0] == peer}
    how = min(found, key=lambda name: found[name].median)
    return how, found[how]


def make_row(case: Case, timings: Mapping[str, Timing]) -> Row:
    """Say how our two threads compare with the better of torch's one and two."""
    how, peer = best(timings, "torch")
    ratio = times_as_fast(timings[OURS], peer)
    return {
        "kind": case.kind,
        "size": str(case.size),
        "elman ms": timings[OURS].median,
        "torch ms": peer.median,
        "torch's": how,
        "ratio": ratio.value,
        "spread": f"{ratio.low:.2f}–{ratio.high:.2f}",
        "quartiles": {"low": ratio.low, "high": ratio.high},
        "timings": {name: vars(timing) for name, timing in timings.items()},
    }
