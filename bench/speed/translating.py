"""Time the beam search of a translation model beside the same layers of torch, alone and in batches.

Weights are random, of the size that `elman train translate` has by default. The end is so unlikely that both searches
write as many units for every source, so that neither gains by ending earlier; they must write the same.
"""

from typing import TYPE_CHECKING, Any

import torch

from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace, times_as_fast
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from bench.speed.torch_peer import OURS, best, take_turns
from bench.speed.torch_translator import TorchTranslator
from elman import cells
from elman.backends.held import held
from elman.decoding.search import Beam, search
from elman.models.layers import Layers
from elman.tasks.translate.module import TranslationModel
from elman.tasks.translate.writer import TranslationWriter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN, UNITS = 256, 8000
SOURCES, SHORTEST, LONGEST, WRITTEN = 64, 8, 20, 14
WANTED = 3.0
CASES = tuple((width, batch) for width in (5, 1) for batch in (1, SOURCES))
"""The width of the beam, and how many sources are translated at once."""


def make_model(hidden: int = HIDDEN, units: int = UNITS) -> TranslationModel:
    """Make a model of random weights that never writes the end, its last unit, by itself."""
    layers = Layers(hidden=hidden, bidirectional=True)
    model = TranslationModel(cells.gru, layers, source_units=units, target_units=units, shared=True).eval()
    with torch.no_grad():
        model.target_embedding.weight *= 3  # so that some units are likelier than others
        model.bias[-1] = -1e3
    return model


def run(pace: Pace = FULL) -> Result:
    """Measure every case; `ratio` says how many times as fast ours is."""
    model = make_model()
    peer = TorchTranslator(model)
    lengths = torch.randint(SHORTEST, LONGEST + 1, (SOURCES,))
    source = torch.randint(UNITS - 2, (LONGEST, SOURCES))
    rows = [
        _measure(model, peer, source[:, :batch], lengths[:batch], width, pace)
        for width, batch in track("translating", CASES)
    ]
    targets = [Target(f"{row['kind']}, {row['size']} at once", row["ratio"], WANTED) for row in rows[:2]]
    return Result(rows, targets)


def _measure(
    model: TranslationModel, peer: TorchTranslator, source: torch.Tensor, lengths: torch.Tensor, width: int, pace: Pace
) -> Row:
    batch = len(lengths)
    source = source[: int(lengths.max())]

    def ours() -> list[list[int]]:
        with held(model.parameters()):
            writer = TranslationWriter(model, source, lengths, UNITS - 1)
            longest, beam = [WRITTEN] * batch, Beam(width, length_penalty=0.0)
            found = search(writer, batch, end=UNITS - 1, longest=longest, beam=beam)
        return [best[0].units for best in found]

    def theirs() -> Any:
        return peer.translate(source, lengths, width=width, steps=WRITTEN, end=UNITS - 1)

    same = sum(one == other for one, other in zip(ours(), theirs().tolist(), strict=True))
    if same < 0.9 * batch:  # sums in another order may decide between two that are all but equal
        raise RuntimeError(f"The peer writes something else for {batch - same} of {batch} sources.")
    timings = take_turns(ours, {"torch": theirs}, pace)
    how, torchs = best(timings, "torch")
    ratio = times_as_fast(timings[OURS], torchs)
    return {
        "kind": f"beam {width}",
        "size": str(batch),
        "elman a second": 1000 * batch / timings[OURS].median,
        "torch a second": 1000 * batch / torchs.median,
        "torch's": how,
        "ratio": ratio.value,
        "quartiles": {"low": ratio.low, "high": ratio.high},
        "spread": f"{ratio.low:.2f}–{ratio.high:.2f}",
        "timings": {name: vars(timing) for name, timing in timings.items()},
    }


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each width of the beam."""
    return draw_ratios(rows, "Beam search of a translation model beside torch.nn (CPU, float32)", "sources at once")
