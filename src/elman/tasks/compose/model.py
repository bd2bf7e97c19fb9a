"""A trained model of music: measure it, let it compose, save it to a file and load it."""

import dataclasses
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

from elman.data.music.piece import Piece
from elman.decoding.sampling import Sampling
from elman.errors import ConfigError, ElmanError
from elman.expr import Cell
from elman.models.file import ModelFile
from elman.models.given import find_class
from elman.models.trained import load_trained, restore_module
from elman.nn.evaluation import evaluating
from elman.tasks.compose.batches import EncodedMusic
from elman.tasks.compose.composing import Composition, PiecePlan, Playable, write_music
from elman.tasks.compose.layout import MusicLayout
from elman.tasks.compose.module import MusicModel, build_module
from elman.tasks.compose.planning import plan_bars, plan_melody
from elman.tasks.compose.reading import hash_piece
from elman.tasks.compose.scores import MusicScores, OnProgress, measure_music
from elman.tasks.recipe_model import RecipeModel

BARS = 16
"""How many bars are composed by default."""


@dataclass(kw_only=True)
class TrainedComposer(RecipeModel):
    """A trained model of music.

    Attributes:
        music: what it keeps of its data.
    """

    task: ClassVar[str] = "compose"
    part_names: ClassVar[tuple[str, ...]] = ("music",)
    module: MusicModel
    music: MusicLayout

    def evaluate(self, pieces: Sequence[Piece], on_progress: OnProgress | None = None) -> MusicScores:
        """Score the model on pieces.

        Args:
            pieces: on the grid of the model.
            on_progress: called with (frames done, all of them).

        Raises:
            ElmanError: the loss is not finite.
        """
        encoded = EncodedMusic(pieces, self.music.classes, self.music.onsets)
        scores = measure_music(self.module, encoded, on_progress=on_progress)
        if not math.isfinite(scores.nats):
            raise ElmanError(
                "The loss is not finite, so there is nothing to report. Train it again with a lower --learning-rate."
            )
        overlap = None if self.learnt is None else self.learnt.compare(map(hash_piece, pieces))
        return dataclasses.replace(scores, overlap=overlap)

    def compose(
        self,
        *,
        bars: int | None = None,
        primer: Piece | None = None,
        melody: Piece | None = None,
        given: str | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        seed: int | None = None,
        limits: Playable | None = None,
    ) -> Composition:
        """Compose a piece, or harmonise a melody.

        Args:
            bars: how many are written behind the primer; by default 16.
            primer: the beginning, which the model continues.
            melody: the highest notes, below which the model writes the others; as long as it is.
            given: the class to write as, where the model has classes.
            temperature: 1 draws from the model's distribution, below 1 prefers likely notes, 0 is greedy.
            top_k: draw each note from the k likeliest only.
            top_p: draw it from the nucleus of this probability only.
            min_p: draw it from those that are at least so many times as likely as the likeliest only.
            seed: the same seed gives the same piece; None gives another each time.
            limits: what an instrument can play.

        Raises:
            ConfigError: an option is outside its range, or two contradict each other.
            DataError: primer or melody do not fit the model.
        """
        if seed is not None and not 0 <= seed < 2**63:
            raise ConfigError(f"The seed is {seed}. Use a whole number from 0 to 2**63 - 1.")
        if melody is not None and (bars is not None or primer is not None):
            raise ConfigError("A melody is harmonised from its start to its end, so bars and primer have no use there.")
        number = find_class(given, self.music.classes, self.music.given)
        playing = self.music.playing["" if number is None else self.music.classes[number]]
        plan: PiecePlan
        if melody is not None:
            plan = plan_melody(melody, self.music, playing, limits)
        else:
            plan = plan_bars(BARS if bars is None else bars, primer, self.music, playing)
        seed = secrets.randbits(32) if seed is None else seed
        with evaluating(self.module):
            return write_music(
                self.module, plan, number or 0, Sampling(temperature, top_k, top_p, min_p), seed, limits or Playable()
            )


def load(path: str | PathLike[str]) -> TrainedComposer:
    """Read a model file. Nothing that the file contains is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    return load_trained(path, TrainedComposer, _read)


def _read(file: ModelFile) -> TrainedComposer:
    cell = Cell.from_dict(file.cell)
    music = MusicLayout.from_dict(file.parts["music"])
    configuration: dict[str, Any] = file.configuration
    module = restore_module(file, MusicModel, configuration, lambda: build_module(cell, configuration))
    if (module.notes.kinds, configuration["classes"]) != (music.kinds, len(music.classes)):
        raise ValueError("module and music do not fit")
    return TrainedComposer.of_file(file, module, music=music)
