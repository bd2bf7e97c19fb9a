"""What a model of music must beat: notes by their frequency, the last frame again, and the same without recurrence.

The first two give each pitch a probability of its own, counted in the training pieces with half a count more of each
outcome: by how often it sounds; or by whether it sounded in the frame before, which says how likely it goes on, or
starts again, or stops. Their likeliest frames are the pitches that sound in more than half of the frames, and the last
frame. The third is the network with a feed-forward layer in place of the recurrent one, so that it sees two frames.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.cells import lstm
from elman.data.music.piece import HELD, PITCHES, Piece
from elman.nn.rowwise import Linear
from elman.nn.states import States
from elman.tasks.compose.batches import EncodedMusic
from elman.tasks.compose.module import MusicModel, build_module
from elman.tasks.compose.scores import MusicScores, measure_music
from elman.training.allowance import Allowance

_SIZES = {"hidden": 96, "embedding": 64, "note_hidden": 64, "layers": 1}
_SMALL: dict[str, object] = {**_SIZES, "sizes": {}, "recurrent_dropout": 0.0, "zoneout": 0.0}
_RATE, _BATCH, _EPOCHS = 4e-3, 8, 12
_HALF = 0.5
_LONGEST = 128  # frames of a window


@dataclass(frozen=True)
class MusicBaselines:
    """The scores of what needs no recurrence over frames, on the pieces held out.

    Attributes:
        frequency: of notes by their frequency.
        repeated: of the last frame again.
        network: of the network without recurrence over frames.
        parameters: how many numbers that has learnt.
        finished: whether it was trained to its end.
    """

    frequency: MusicScores
    repeated: MusicScores
    network: MusicScores
    parameters: int
    finished: bool

    @property
    def what(self) -> str:
        """Name the network."""
        return f"the same without recurrence over frames{'' if self.finished else ' (cut short)'}"


class NoMemory(nn.Module):
    """A feed-forward layer in place of a recurrent one.

    Args:
        size: of the input.
        output_size: of the output.
    """

    def __init__(self, size: int, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.layer = Linear(size, output_size)

    def forward(
        self,
        steps: Tensor,
        state: States | None = None,  # noqa: ARG002 - as a recurrent layer
        lengths: Tensor | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, None]:
        """Read each step (T, B, ·) alone."""
        return torch.tanh(self.layer(steps)), None


def train_baselines(
    training: EncodedMusic,
    held_out: EncodedMusic,
    configuration: dict[str, object],
    *,
    transpose: int,
    seed: int,
    seconds: float,
) -> MusicBaselines:
    """Learn from the training pieces, and score those held out; the same seed gives the same.

    Args:
        training: to learn from.
        held_out: to score.
        configuration: of the model, of which the network has smaller sizes.
        transpose: semitones that pieces are transposed by, at most.
        seed: of the first weights, and of the order.
        seconds: stop after the work of about so many.
    """
    counts = count_notes(training.pieces)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build_module(lstm, {**configuration, **_SMALL})
        module.recurrent = NoMemory(_SIZES["embedding"], _SIZES["hidden"])  # type: ignore[assignment]
        parameters = sum(parameter.numel() for parameter in module.parameters())
        finished = _fit(module, training, Allowance(seconds), transpose, torch.Generator().manual_seed(seed))
    return MusicBaselines(
        MusicScores.of([_score_piece(piece, counts.alone, counts, repeat=False) for piece in held_out.pieces]),
        MusicScores.of([_score_piece(piece, counts.alone, counts, repeat=True) for piece in held_out.pieces]),
        measure_music(module, held_out),
        parameters,
        finished,
    )


def _fit(
    module: MusicModel, music: EncodedMusic, allowance: Allowance, transpose: int, chance: torch.Generator
) -> bool:
    """Train; say whether the allowance was enough."""
    optimizer = torch.optim.AdamW(module.parameters(), lr=_RATE)
    parameters = sum(parameter.numel() for parameter in module.notes.parameters())
    for epoch in range(_EPOCHS):
        optimizer.param_groups[0]["lr"] = _RATE * (1 - epoch / _EPOCHS)
        for chosen in music.draw(_LONGEST, _BATCH, chance):
            batch = music.batch(chosen, music.draw_shifts(chosen, transpose, chance))
            symbols = int((batch.notes < music.end).sum()) + int(batch.lengths.sum())
            allowance.spend(3 * parameters * symbols, updates=1)
            if allowance.is_over:
                return False
            loss = -module(*batch).sum() / batch.lengths.sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
    return True


@dataclass(frozen=True)
class NoteCounts:
    """Probabilities of single pitches.

    Attributes:
        alone: (128, 3), that each is off, starts, or goes on: of any frame.
        silent: (128,) that it starts where it did not sound before.
        sounded: (3,) that any is off, starts, or goes on where it sounded before.
    """

    alone: NDArray[np.float64]
    silent: NDArray[np.float64]
    sounded: NDArray[np.float64]


def count_notes(pieces: Sequence[Piece]) -> NoteCounts:
    """Count how often pitches start and go on.

    Args:
        pieces: to count in; in piano rolls no note goes on, and has no probability for it.
    """
    kinds = 1 + pieces[0].onsets
    silent, sounded = np.full((PITCHES, 2), _HALF), np.full(3, _HALF)
    alone = np.full((PITCHES, 3), _HALF)
    for piece in pieces:
        states = _states_of(piece)
        before = np.vstack([np.zeros((1, PITCHES), int), states[:-1]]) > 0
        for state in range(1 + kinds):
            alone[:, state] += (states == state).sum(0)
            sounded[state] += (before & (states == state)).sum()
        for state in range(2):
            silent[:, state] += (~before & (states == state)).sum(0)
    if kinds == 1:
        alone[:, 2] = sounded[2] = 0.0
    return NoteCounts(
        alone / alone.sum(1, keepdims=True), silent[:, 1] / silent.sum(1), sounded / max(sounded.sum(), 1e-9)
    )


def _states_of(piece: Piece) -> NDArray[np.int64]:
    """Return (T, 128): 0 for off, 1 for a start, 2 for a note that goes on."""
    states = np.zeros((len(piece), PITCHES), np.int64)
    for number, frame in enumerate(piece.frames):
        for note in frame:
            states[number, note % HELD] = 1 + note // HELD
    return states


def _score_piece(piece: Piece, alone: NDArray[np.float64], counts: NoteCounts, *, repeat: bool) -> list[float]:
    """Return the counts of a piece, for :meth:`MusicScores.of`."""
    states = _states_of(piece)
    before = np.vstack([np.zeros((1, PITCHES), int), states[:-1]]) > 0
    if repeat:
        off = np.stack([1 - counts.silent, counts.silent, np.zeros(PITCHES)], 1)
        shares = np.where(before[..., None], counts.sounded, off)
        written = before
    else:
        # Where a note cannot go on, because it did not sound, its share is one of starting.
        never = np.stack([alone[:, 0], alone[:, 1] + alone[:, 2], np.zeros(PITCHES)], 1)
        shares = np.where(before[..., None], alone, never)
        written = np.broadcast_to(alone[:, 0] < _HALF, before.shape)
    chosen = np.take_along_axis(shares, states[..., None], 2)
    there = states > 0
    hits = ((written & there).sum(), (written & ~there).sum(), (there & ~written).sum())
    return [-float(np.log(chosen).sum()), float(len(piece)), *map(float, hits)]


def describe(baselines: MusicBaselines) -> list[str]:
    """Describe the scores, in lines for the progress of a training."""
    named = (
        (baselines.what, baselines.network),
        ("the last frame again", baselines.repeated),
        ("notes by their frequency", baselines.frequency),
    )
    return [f"{name}: {scores.said()}" for name, scores in named if math.isfinite(scores.nats)]
