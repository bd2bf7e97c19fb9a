"""Time training updates on sequences of unequal lengths beside torch's packed ones, and layers in two directions.

The lengths are uniform in 1..T and in no order. Torch packs within the call, as its users do:
`pack_padded_sequence(x, lengths, enforce_sorted=False)`, the layer, `pad_packed_sequence`. Ours is `layer(x,
lengths=lengths)`. What is bidirectional has two layers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target, means
from bench.speed.torch_peer import KINDS, Case, Size, make_input, make_pair, make_row, make_update, take_turns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RAGGED, BOTH_WAYS, RAGGED_BOTH_WAYS = "ragged", "two directions", "ragged, two directions"
TWO_LAYERS = {"num_layers": 2, "bidirectional": True}
WANTED = 3.0


@dataclass(frozen=True)
class Batch(Case):
    """Name a layer, its size, and what is particular about the batch or the layer."""

    form: str

    def __str__(self) -> str:
        return f"{super().__str__()}, {self.form}"


CASES = tuple(
    Batch(kind, Size(100, 32, hidden, hidden), form)
    for kind in KINDS
    for form, sizes in ((RAGGED, (32, 128, 256)), (BOTH_WAYS, (32, 128)), (RAGGED_BOTH_WAYS, (128,)))
    for hidden in sizes
)


def run(pace: Pace = FULL) -> Result:
    """Measure every case; `ratio` says how many times as fast as torch ours is."""
    rows: list[Row] = []
    for case in track("ragged", CASES):
        ours, theirs = make_pair(case, **(TWO_LAYERS if case.form != RAGGED else {}))
        x = make_input(case.size)
        if case.form == BOTH_WAYS:
            calls = make_update(ours, x), make_update(theirs, x)
        else:
            calls = _ragged_updates(ours, theirs, x)
        row = make_row(case, take_turns(calls[0], {"torch": calls[1]}, pace))
        rows.append({"kind": case.kind, "form": case.form, **row})
    average = means([row for row in rows if row["form"] == RAGGED], "kind")
    targets = [Target(f"{kind}, ragged, geometric mean", average[kind], WANTED) for kind in KINDS]
    return Result(rows, targets)


def _ragged_updates(ours: Any, theirs: Any, x: torch.Tensor) -> tuple[Callable[[], object], Callable[[], object]]:
    steps, batch, _ = x.shape
    lengths = torch.randint(1, steps + 1, (batch,))
    lengths[batch // 2] = steps  # otherwise torch's padded output would be shorter than ours
    upstream = torch.randn(steps, batch, (2 if ours.bidirectional else 1) * ours.hidden_size)

    def our_update() -> None:
        ours.zero_grad()
        ours(x, lengths=lengths)[0].backward(upstream)

    def their_update() -> None:
        theirs.zero_grad()
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        pad_packed_sequence(theirs(packed)[0])[0].backward(upstream)

    return our_update, their_update


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each kind."""
    labelled = [{**row, "size": f"{row['form']}  {row['size']}"} for row in rows]
    title = "Training update on unequal lengths, and in two directions with two layers, beside torch.nn (CPU, float32)"
    return draw_ratios(labelled, title, "form and size T·B·I·H")
