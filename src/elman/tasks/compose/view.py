"""Run a model of music on some pieces to inspect its layers over frames.

How much context a frame needs is measured by reading only the last frames before it.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from elman.data.music.opening import open_music
from elman.errors import DataError
from elman.flow import attribute_in_model
from elman.flow.page.mattered import Mattered
from elman.models.view import EXPLAINED, POINTS, View, choose_examples, how_many, mattered
from elman.tasks.compose.batches import EncodedMusic, MusicBatch, PieceWindow
from elman.tasks.compose.model import TrainedComposer
from elman.tasks.compose.module import MusicModel
from elman.tasks.compose.planning import name_pitch

_MOST_FRAMES = 256
_EXPLAINED_FRAMES = 64


def view(model: TrainedComposer, data: Sequence[str]) -> View:
    """Inspect a model of music on pieces.

    Raises:
        DataError: a file cannot be read, or the pieces are of another kind than those of the training.
    """
    music = read_again(model, data)
    module = copy.deepcopy(model.module).double().eval()
    longest = min(int(music.lengths.max()), _MOST_FRAMES)
    few, many = (
        music.batch([_begin(music, piece) for piece in choose_examples(len(music), most)]) for most in how_many(longest)
    )

    def loss() -> Tensor:
        return -module(*few).sum() / few.lengths.sum() * len(few.lengths)

    return View(
        module,
        module.recurrent,
        loss,
        lambda n: _loss_of_last(module, many, n),
        lambda: _explain(module, few),
        f"{len(few.lengths)} pieces of up to {int(few.lengths.max())} frames",
        model.metrics,
    )


def read_again(model: TrainedComposer, data: Sequence[str]) -> EncodedMusic:
    """Read pieces as those of the training were read; of a data set with parts, those to test with.

    Raises:
        DataError: a file cannot be read, or the pieces are of another kind.
    """
    layout = model.music
    read = open_music(list(data), layout.choice, classes=bool(layout.classes))
    if read.onsets != layout.onsets:
        kinds = ("MIDI", "piano rolls") if layout.onsets else ("piano rolls", "MIDI")
        raise DataError(f"{read.name} holds {kinds[1]}, and the model was trained on {kinds[0]}. Give {kinds[0]}.")
    pieces = read.parts.get("test", next(iter(read.parts.values())))
    foreign = next((piece for piece in pieces if layout.classes and piece.given not in layout.classes), None)
    if foreign is not None:
        raise DataError(
            f"{foreign.where} is of the class {foreign.given!r}, and the model knows {', '.join(layout.classes)}. "
            "Give a folder with just these."
        )
    return EncodedMusic(pieces, layout.classes, layout.onsets)


def _begin(music: EncodedMusic, piece: int) -> PieceWindow:
    return PieceWindow(piece, 0, min(len(music.pieces[piece]), _MOST_FRAMES))


@torch.no_grad()
def _loss_of_last(module: MusicModel, batch: MusicBatch, n: int) -> float:
    """Return the loss of the last frame of every window, where only the n frames before it are read."""
    ends = batch.lengths
    starts = (ends - n).clamp(min=0)
    longest = int((ends - starts).max())
    at = (starts + torch.arange(longest)[:, None]).clamp(max=len(batch.notes) - 1)
    columns = torch.arange(len(ends))
    parts = [part[at, columns] for part in batch[:5]]
    cut = MusicBatch._make([*parts, ends - starts, batch.given])
    log_p, _, _ = module.read(cut)
    return -float(log_p[cut.lengths - 1, columns].mean())


def _explain(module: MusicModel, few: MusicBatch) -> list[Mattered]:
    """Explain the last frame of the beginning of some pieces."""
    explained = []
    for b in choose_examples(len(few.lengths), EXPLAINED):
        length = min(int(few.lengths[b]), _EXPLAINED_FRAMES)
        parts = [part[:length, b : b + 1] for part in few[:5]]
        one = MusicBatch._make([*parts, torch.tensor([length]), few.given[b : b + 1]])

        def score(one: MusicBatch = one) -> Tensor:
            return module.read(one)[0][-1]

        with torch.no_grad():
            log_p = float(score()[0])
        attribution = attribute_in_model(module.recurrent, score, points=POINTS)
        end = module.notes.end
        shown = [f"{_name(frame, end)} " for frame in one.before[:, 0].tolist()]
        answer = f"{_name(one.notes[-1, 0].tolist(), end)} comes next, with ln P = {log_p:.2f}"
        explained.append(mattered(attribution, 0, length, answer, words=shown))
    return explained


def _name(frame: Sequence[int], end: int) -> str:
    return "+".join(name_pitch(note % 128) for note in frame if note < end) or "–"
