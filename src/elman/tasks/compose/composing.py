"""Compose: draw the notes of one frame after the other, each frame from the top down.

A frame of a plan may have a given top note: the frame is then drawn below it, which is exact, because notes are written
from the top. Frames that are given whole (a primer) are only read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from elman.data.music.piece import PITCHES, Frame, Playing
from elman.decoding.sampling import Sampling
from elman.nn import Recurrent
from elman.tasks.compose.joint import FrameContext
from elman.tasks.compose.module import MusicModel


@dataclass(frozen=True)
class Playable:
    """What an instrument can play: pitches from the lowest to the highest, and so many at a time."""

    lowest: int = 0
    highest: int = PITCHES - 1
    most: int = PITCHES


@dataclass(frozen=True)
class PiecePlan:
    """A piece that is to be written.

    Attributes:
        given: the frames of the primer, which are only read.
        since: for each frame, given ones included, how many there are since its bar started.
        until: for each frame, how many there are until the next bar.
        tops: for each frame behind the primer, its highest note, and the pitch that all other notes must be below;
            None where they are free.
        playing: how it is played.
        grid: frames of a whole note.
    """

    given: tuple[Frame, ...]
    since: tuple[int, ...]
    until: tuple[int, ...]
    tops: Sequence[tuple[int | None, int]] | None
    playing: Playing
    grid: int


@dataclass(frozen=True)
class Composition:
    """A piece that was written.

    Attributes:
        plan: what it was written by.
        frames: all of it, the primer included.
        seed: by which it is written again.
        log_p: ln P of what was written, under the model at temperature 1.
    """

    plan: PiecePlan
    frames: tuple[Frame, ...]
    seed: int
    log_p: float

    @property
    def written(self) -> tuple[Frame, ...]:
        """The frames behind the primer."""
        return self.frames[len(self.plan.given) :]


def write_music(
    module: MusicModel, plan: PiecePlan, given: int, sampling: Sampling, seed: int, limits: Playable
) -> Composition:
    """Write a piece.

    Args:
        module: the model, in evaluation.
        plan: what is given.
        given: the number of the class.
        sampling: how notes are drawn.
        seed: of the draws.
        limits: what is never drawn.

    Raises:
        ElmanError: the model's outputs are not finite.
    """
    chance = torch.Generator().manual_seed(seed)
    performer = _Performer(module, plan, given)
    log_p = 0.0
    with torch.no_grad():
        for place in range(len(plan.since)):
            context = performer.read(place)
            if place < len(plan.given):
                performer.push(plan.given[place])
                continue
            top = None if plan.tops is None else plan.tops[place - len(plan.given)]
            frame, drawn = _write_frame(module, context, top, sampling, chance, limits)
            log_p += drawn
            performer.push(frame)
    return Composition(plan, tuple(performer.frames), seed, log_p)


class _Performer:
    """A model that reads a piece frame by frame, as a stream."""

    def __init__(self, module: MusicModel, plan: PiecePlan, given: int) -> None:
        self._module, self._plan = module, plan
        self._given = torch.tensor([given])
        assert isinstance(module.recurrent, Recurrent)
        self._stream = module.recurrent.stream(freeze=True)
        self.frames: list[Frame] = []

    def read(self, place: int) -> FrameContext:
        """Read the last frame, and return what the next is written from."""
        since, until = (torch.tensor([counts[place]]).clamp(max=63) for counts in (self._plan.since, self._plan.until))
        before, older = (self._row(place - back) for back in (1, 2))
        embedding = self._module.embedding
        output = self._stream.step(embedding(before, since, until, self._given))
        return FrameContext(output, embedding.place(since, until), before, older)

    def push(self, frame: Frame) -> None:
        """Add a frame."""
        self.frames.append(frame)

    def _row(self, place: int) -> Tensor:
        frame = self.frames[place] if place >= 0 else ()
        return torch.tensor([[*frame, self._module.notes.end]])


def _write_frame(
    module: MusicModel,
    context: FrameContext,
    top: tuple[int | None, int] | None,
    sampling: Sampling,
    chance: torch.Generator,
    limits: Playable,
) -> tuple[Frame, float]:
    """Draw the notes of a frame from the top down; return them, and ln P of those that were drawn."""
    writer, end = module.notes.open(context), module.notes.end
    frame: list[int] = []
    log_p = 0.0
    forced, bound = (None, PITCHES) if top is None else top
    while True:
        logits = writer.logits()[0]
        if forced is not None and not frame:
            symbol = forced
        else:
            fits = _fitting(end, min(bound, limits.highest + 1), limits.lowest)
            if len(frame) >= limits.most:
                fits = torch.zeros_like(fits)
                fits[end] = True
            symbol = sampling.draw(logits.masked_fill(~fits | (logits < -1e8), -torch.inf), chance)
            log_p += float(logits.double().log_softmax(0)[symbol])
        if symbol == end:
            return tuple(frame), log_p
        frame.append(symbol)
        writer.push(torch.tensor([symbol]))


def _fitting(end: int, bound: int, lowest: int) -> Tensor:
    """Return (S + 1), which symbols are below a pitch and not below another; the end always is."""
    pitches = torch.arange(end) % PITCHES
    return torch.cat([(pitches < bound) & (pitches >= lowest), torch.tensor([True])])
