"""Time a training update of a translation model beside the same layers of torch, whole and with input feeding.

The layers are those of `elman train translate` by default, and the peers have the same weights. They must have the same
loss. Input feeding reads the last output of the decoder again, so that nobody can run it over a whole target at once.
"""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from bench.speed.torch_peer import Case, Size, make_row, take_turns
from bench.speed.torch_translator import TorchTranslator
from elman import cells
from elman.models.layers import Layers
from elman.tasks.translate.module import TranslationModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN, UNITS = 256, 8000
PAIRS, SHORTEST, LONGEST = 64, 12, 16
SMOOTHING = 0.1
WANTED = 1.5
CASES = {"fused layers": (False, False), "input feeding": (True, True), "fused beside input feeding": (False, True)}
"""Whether our model feeds its output back, and whether torch's does."""
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class TorchTrainee(TorchTranslator):
    """The same layers in torch with their loss."""

    def __init__(self, ours: TranslationModel) -> None:
        super().__init__(ours)
        self.feeds = ours.input_feeding

    def loss(self, source: Tensor, lengths: Tensor, read: Tensor, written: Tensor) -> Tensor:
        """Return the mean cross entropy of what is written, see :class:`TranslationModel`."""
        memory, padding, states = self.encode(source, lengths)
        embedded = self.embedding(read) * self.scale
        if self.feeds:
            joined, parts = embedded.new_zeros(1, *embedded.shape[1:]), []
            for one in embedded.split(1):
                joined, states = self._read(one, torch.cat([one, joined], 2), memory, padding, states)
                parts.append(joined)
            joined = torch.cat(parts)
        else:
            joined, _ = self._read(embedded, embedded, memory, padding, states)
        counted = written >= 0
        logits = F.linear(joined[counted], self.embedding.weight, self.bias)
        return F.cross_entropy(logits, written[counted], label_smoothing=SMOOTHING)

    def _read(self, embedded: Tensor, fed: Tensor, memory: Tensor, padding: Tensor, states: Any) -> Any:
        first, first_state = self.first(fed, states[0])
        context = self._attend(0, first, memory, padding)
        second, second_state = self.second(torch.cat([first, context], 2), states[1])
        context = self._attend(1, second, memory, padding)
        return torch.tanh(self.join(torch.cat([embedded, second, context], 2))), (first_state, second_state)


def make_model(*, feeds: bool, hidden: int = HIDDEN, units: int = UNITS) -> TranslationModel:
    """Make a model in training, without dropout."""
    layers = Layers(hidden=hidden, bidirectional=True)
    options = {"source_units": units, "target_units": units, "shared": True, "input_feeding": feeds}
    return TranslationModel(cells.gru, layers, **options).train()


def make_batch(units: int = UNITS) -> Batch:
    """Draw pairs of about one length, as a training puts them together."""
    lengths, ends = torch.randint(SHORTEST, LONGEST + 1, (2, PAIRS))
    source, read, written = torch.randint(units, (3, LONGEST, PAIRS))
    written[torch.arange(LONGEST)[:, None] >= ends] = -1
    return source[: int(lengths.max())], lengths, read, written


def run(pace: Pace = FULL) -> Result:
    """Measure every case; `ratio` says how many times as fast as torch's ours is."""
    batch = make_batch()
    rows = [_measure(kind, batch, pace) for kind in track("translation updates", CASES)]
    return Result(rows, [Target(rows[0]["kind"], rows[0]["ratio"], WANTED)])


def _measure(kind: str, batch: Batch, pace: Pace) -> Row:
    we_feed, they_feed = CASES[kind]
    ours, theirs = make_model(feeds=we_feed), TorchTrainee(make_model(feeds=they_feed))
    if we_feed == they_feed:
        theirs = TorchTrainee(ours)
        check_alike(ours, theirs, batch)
    source, lengths, read, written = batch

    def update_ours() -> None:
        ours.zero_grad()
        ours(source, lengths, read, written, SMOOTHING).backward()

    def update_theirs() -> None:
        theirs.zero_grad()
        theirs.loss(source, lengths, read, written).backward()

    timings = take_turns(update_ours, {"torch": update_theirs}, pace)
    return make_row(Case(kind, Size(LONGEST, PAIRS, HIDDEN, HIDDEN)), timings)


def check_alike(ours: TranslationModel, theirs: TorchTrainee, batch: Batch) -> None:
    """Compare the losses of both.

    Raises:
        RuntimeError: they are not the same.
    """
    one, other = ours(*batch, SMOOTHING).item(), theirs.loss(*batch).item()
    if not math.isclose(one, other, rel_tol=1e-4):
        raise RuntimeError(f"The peer's loss is {other:.6g}, ours {one:.6g}.")


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each peer."""
    return draw_ratios(rows, "Training update of a translation model beside torch.nn (CPU, float32)", "size T·B·I·H")
