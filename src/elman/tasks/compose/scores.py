"""Scores of a model of music: nats a frame, and how well the likeliest frame fits.

Nats a frame are −ln P of all frames of a piece, from the first on, divided by their number, over all pieces (Boulanger-
Lewandowski et al. 2012, table 1). The accuracy is that of Bay et al. (2009): of the notes that sound or are predicted,
the share that does both; the prediction of a frame is written greedily after the true frames before it.

>>> scores = MusicScores.of([[5.0, 10.0, 6, 2, 2], [9.0, 10.0, 6, 2, 2]])
>>> scores.nats, scores.accuracy
(0.7, 0.6)
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from elman.data.music.piece import PITCHES
from elman.models.learnt import Overlap
from elman.nn.evaluation import evaluating
from elman.nn.states import States
from elman.scores.resampling import interval_of, resample
from elman.tasks.compose.batches import EncodedMusic, MusicBatch, PieceWindow
from elman.tasks.compose.joint import sounding_symbols
from elman.tasks.compose.module import MusicModel

OnProgress = Callable[[int, int], None]

_AT_ONCE = 256  # frames of a piece
_PIECES = 32


@dataclass(frozen=True)
class MusicScores:
    """How good a model of music is.

    Attributes:
        nats: a frame.
        interval: the 95 % interval of that, by bootstrap over the pieces.
        accuracy: of the likeliest frames.
        frames: how many there are.
        pieces: how many there are.
        overlap: with the pieces that were learnt from; None where that is not known.
    """

    nats: float
    interval: tuple[float, float]
    accuracy: float
    frames: int
    pieces: int
    overlap: Overlap | None = None

    @classmethod
    def of(cls, counts: Sequence[Sequence[float]], seed: int = 1) -> Self:
        """Add up the counts of pieces.

        Args:
            counts: for each piece −ln P, frames, and the notes that are rightly predicted, wrongly predicted, and
                missed.
            seed: of the bootstrap.
        """
        rows = np.array(counts, np.float64)
        loss, frames, right, wrong, missed = rows.sum(0)
        drawn = resample(rows[:, :2], seed)
        interval = interval_of(drawn[:, 0] / drawn[:, 1])
        notes = right + wrong + missed
        return cls(float(loss / frames), interval, float(right / notes) if notes else 1.0, int(frames), len(rows))

    def said(self) -> str:
        """Write the scores."""
        low, high = self.interval
        nats = f"{self.nats:.3f} nats a frame (95 % interval {low:.3f} to {high:.3f})"
        return f"{nats}, accuracy {self.accuracy:.1%} of notes"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        facts = {name: value for name, value in asdict(self).items() if name != "overlap"}
        learnt = {} if self.overlap is None else {"learnt_from": self.overlap.estimate}
        return {**facts, "interval": list(self.interval), **learnt}


def measure_music(
    module: MusicModel, music: EncodedMusic, *, predict: bool = True, on_progress: OnProgress | None = None
) -> MusicScores:
    """Score a module on whole pieces, with the state carried from their start to their end.

    Args:
        module: the module.
        music: the pieces.
        predict: also write the likeliest frames; else the accuracy is that of empty frames.
        on_progress: called with (frames done, all of them).
    """
    device = next(module.parameters()).device
    counts = np.zeros((len(music), 5))
    order = music.lengths.argsort(stable=True).tolist()
    done, total = 0, int(music.lengths.sum())
    with evaluating(module), torch.no_grad():
        for chosen in (order[start : start + _PIECES] for start in range(0, len(order), _PIECES)):
            state: States | None = None
            for start in range(0, int(music.lengths[chosen[-1]]), _AT_ONCE):
                windows = [
                    PieceWindow(
                        piece, min(start, len(music.pieces[piece])), min(start + _AT_ONCE, len(music.pieces[piece]))
                    )
                    for piece in chosen
                ]
                batch = MusicBatch(*(part.to(device) for part in music.batch(windows)))
                log_p, state, context = module.read(batch, state)
                counts[chosen, 0] -= log_p.double().sum(0).cpu().numpy()
                counts[chosen, 1] += batch.lengths.cpu().numpy()
                written = module.likeliest(context) if predict else context.before[:, :0]
                owners = batch.real.nonzero()[:, 1]
                hits = _count_notes(written, batch.notes[batch.real], music.end)
                for column, hit in enumerate(hits, start=2):
                    np.add.at(counts[:, column], np.array(chosen)[owners.cpu().numpy()], hit.cpu().numpy())
                done += int(batch.lengths.sum())
                if on_progress is not None:
                    on_progress(done, total)
    return MusicScores.of(counts.tolist())


def _count_notes(written: Tensor, right: Tensor, end: int) -> tuple[Tensor, Tensor, Tensor]:
    """Count for each frame the pitches that are rightly predicted, wrongly predicted, and missed."""
    ours, theirs = (sounding_symbols(frames, end).unflatten(1, (-1, PITCHES)).any(1) for frames in (written, right))
    return (ours & theirs).sum(1), (ours & ~theirs).sum(1), (theirs & ~ours).sum(1)
