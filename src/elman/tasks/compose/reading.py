"""Read the music of a training, hold pieces out, and encode both parts.

A file of piano rolls may have the parts of a data set: `train` is learnt from, `valid` validates, and `test` is not
looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elman.data.music.opening import open_music
from elman.data.music.piece import HELD, PITCHES, MusicSet, Piece
from elman.errors import ConfigError, DataError
from elman.models.learnt import hash_example
from elman.tasks.compose.batches import EncodedMusic
from elman.tasks.compose.layout import MusicLayout, learn_playing
from elman.tasks.compose.settings import ComposeSettings
from elman.training.pretrained import Pretrained
from elman.training.splits import default_share, split

if TYPE_CHECKING:
    from elman.tasks.compose.model import TrainedComposer


@dataclass(frozen=True)
class Split:
    """Pieces, divided into those to learn from and those held out.

    Attributes:
        data: all that was read.
        learn: to learn from.
        hold: held out.
        layout: what the model keeps.
        left_out: copies of the first among the second, which are left out.
    """

    data: MusicSet
    learn: list[Piece]
    hold: list[Piece]
    layout: MusicLayout
    left_out: int = 0


@dataclass(frozen=True)
class Parts:
    """The encoded music of a training."""

    split: Split
    training: EncodedMusic
    held_out: EncodedMusic

    @property
    def layout(self) -> MusicLayout:
        """What the model keeps of its data."""
        return self.split.layout


def read_music(data: Any, settings: ComposeSettings, pretrained: "Pretrained[TrainedComposer] | None" = None) -> Split:
    """Read pieces, and divide them.

    Raises:
        DataError: a file cannot be read, there are too few pieces, or those held out are of another kind.
        ConfigError: options contradict the data.
    """
    choice = MusicLayout(settings.grid, True, settings.track, settings.drums).choice
    classes = settings.given is not None
    read = open_music(data, choice, classes=classes)
    if settings.validation_data is not None:
        learn, hold = _to_learn(read), read_held_out(settings.validation_data, read, settings, classes)
        left_out = 0
    elif "valid" in read.parts:
        if settings.validation is not None:
            raise ConfigError(f"validation is given, and {read.name} has a part to validate on. Drop validation.")
        learn, hold, left_out = _to_learn(read), read.parts["valid"], 0
    else:
        learn, hold, left_out = _divide(_to_learn(read), settings)
    if not any(map(len, learn)) or not any(map(len, hold)):
        raise DataError(f"{read.name} has no frames to learn from, or to validate on. Give more music.")
    names = tuple(sorted({piece.given for piece in learn if piece.given is not None}))
    playing = {name: learn_playing([one for one in learn if one.given == name or not names]) for name in names or ("",)}
    pitches = {note % HELD for piece in learn for frame in piece.frames for note in frame}
    layout = MusicLayout(
        settings.grid,
        read.onsets,
        settings.track,
        settings.drums,
        settings.given or "",
        names,
        playing,
        lowest=max(0, min(pitches, default=0) - settings.moved),
        highest=min(PITCHES - 1, max(pitches, default=PITCHES - 1) + settings.moved),
    )
    if pretrained is not None:
        layout = pretrained.model.music.grown(layout, pretrained.growth)
    return Split(read, learn, hold, layout, left_out)


def _to_learn(read: MusicSet) -> list[Piece]:
    if "" not in read.parts and "train" not in read.parts:
        raise DataError(f"{read.name} has no part to learn from, whose name begins with train. Give one.")
    return read.parts.get("train", read.parts.get("", []))


def read_held_out(path: str, read: MusicSet, settings: ComposeSettings, classes: bool) -> list[Piece]:
    """Read validation data."""
    choice = MusicLayout(settings.grid, True, settings.track, settings.drums).choice
    other = open_music(path, choice, classes=classes)
    if other.onsets != read.onsets:
        raise DataError(f"{path} and {read.name} are not both piano rolls or both MIDI. Give one kind.")
    hold = other.parts.get("valid", other.parts.get("", []))
    if not hold:
        raise DataError(f"{path} has no part to validate on, whose name begins with valid. Give one.")
    known = {piece.given for piece in _to_learn(read)}
    foreign = next((piece for piece in hold if piece.given not in known), None)
    if foreign is not None:
        raise DataError(f"{foreign.where} is of a class that is not learnt, {foreign.given!r}. Give the same classes.")
    return hold


def _divide(pieces: Sequence[Piece], settings: ComposeSettings) -> tuple[list[Piece], list[Piece], int]:
    share = default_share(len(pieces)) if settings.validation is None else settings.validation
    hashes = [hash_piece(piece) for piece in pieces]
    given = [piece.given for piece in pieces]
    chosen = split(given, share=share, seed=settings.seed, hashes=hashes, where=lambda index: pieces[index].where)
    learn, hold = ([pieces[index] for index in part] for part in chosen)
    return learn, hold, len(pieces) - len(learn) - len(hold)


def hash_piece(piece: Piece) -> int:
    """Hash the frames of a piece."""
    return hash_example(repr(piece.frames))


def encode_music(read: Split) -> Parts:
    """Number the frames of both parts."""
    layout = read.layout
    training, held_out = (EncodedMusic(part, layout.classes, layout.onsets) for part in (read.learn, read.hold))
    return Parts(read, training, held_out)
