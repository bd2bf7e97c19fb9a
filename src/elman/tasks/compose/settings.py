"""The options of `compose`: the music, the layers and the training of a model of music, and those of its commands.

>>> ComposeSettings(grid=7)
Traceback (most recent call last):
elman.errors.ConfigError: grid is 7; a whole note has 1920 ticks, so it must divide 1920, as 8, 12, 16 and 24 do.
"""

from dataclasses import dataclass
from typing import Literal

from elman.errors import ConfigError
from elman.options import OptionTable, option
from elman.tasks.contract import Commands
from elman.training.settings import LayerSettings, TrainingSettings, epochs_option

NOTES = ("joint", "independent")
SOUNDS = ("pluck", "tone")
_TRANSPOSE = 5  # semitones
_TICKS = 1920  # of a whole note in the files that are written


@dataclass(frozen=True, kw_only=True)
class ComposeSettings(LayerSettings, TrainingSettings):
    """The options of a training of a model of music."""

    grid: int = option(16, "frames of a whole note: 16 for sixteenths", group="Input", least=1, most=192)
    given: str | None = option(
        None,
        "what the folders in the folder are, such as player or composer: the model writes as one of them",
        group="Input",
        metavar="NAME",
    )
    track: str | None = option(
        None,
        "read the tracks of this name, or with instruments of this family, such as guitar [dim](default: all)[/]",
        group="Input",
        metavar="NAME",
    )
    drums: bool = option(False, "read the drums (channel 10), and nothing else", group="Input")
    transpose: int | None = option(
        None,
        "transpose pieces by up to N semitones, anew in each epoch [dim](default: 5; drums never)[/]",
        group="Input",
        least=0,
        most=24,
    )
    window: int = option(256, "frames of a piece that are learnt at a time", group="Input", least=1)

    hidden: int = option(256, "size of the hidden state over frames", group="Model", least=1)
    note_hidden: int = option(128, "size of the hidden state over the notes of a frame", group="Model", least=1)
    embedding: int = option(128, "size of the embedding of a frame", group="Model", least=1)
    notes: str = option(
        "joint",
        "write each note of a frame knowing those above it, or all independently",
        group="Model",
        choices=NOTES,
    )

    epochs: int | Literal["auto"] | None = epochs_option("as many as make about 2000 updates")
    batch: int | None = option(
        None, "windows per update [dim](default: 16, down to 4 of little music)[/]", group="Training", least=1
    )
    validation: float | None = option(
        None,
        "share of the pieces held out to validate on [dim](default: 0.2 of fewer than 1000, else 0.1)[/]",
        group="Training",
        above=0,
        below=1,
    )
    validation_data: str | None = option(None, "validation data", group="Training", metavar="FILE")

    dropout: float = option(
        0.4, "dropout between layers and before the readout", group="Regularising", least=0, below=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_both("validation", "validation_data", "a model is validated on one of them")
        if _TICKS % self.grid:
            raise ConfigError(
                f"grid is {self.grid}; a whole note has {_TICKS} ticks, so it must divide {_TICKS}, as 8, 12, 16 and "
                "24 do."
            )
        if self.drums and self.track is not None:
            raise ConfigError("drums and track are both given, and drums are on channel 10 of any track. Drop one.")
        if self.drums and self.transpose:
            raise ConfigError("drums and transpose are both given, and another pitch is another drum. Drop one.")

    @property
    def moved(self) -> int:
        """Return by how many semitones pieces are transposed at most."""
        if self.drums:
            return 0
        return _TRANSPOSE if self.transpose is None else self.transpose


@dataclass(frozen=True, kw_only=True)
class CompositionOptions(OptionTable):
    """The options of `elman compose`."""

    output: str | None = option(
        None, "the file to write: .mid, or .wav to listen to", short="-o", metavar="FILE", writes=True
    )
    bars: int | None = option(None, "bars to compose [dim](default: 16)[/]", least=1, most=1000)
    primer: str | None = option(None, "the beginning, which the model continues", metavar="FILE")
    without_primer: bool = option(False, "leave the primer out of what is written")
    harmonise: str | None = option(None, "a melody: write all other notes below it", metavar="FILE")
    track: str | None = option(
        None, "the tracks of the primer or melody that are read [dim](default: all)[/]", metavar="NAME"
    )
    given: str | None = option(None, "the class to write as, if the model has classes", metavar="CLASS|NAME=CLASS")
    temperature: float = option(
        1.0, "below 1 more predictable, above 1 more varied; 0 takes always the likeliest [dim](default: 1)[/]", least=0
    )
    top_k: int | None = option(None, "draw each note from the K likeliest only", least=1, metavar="K")
    top_p: float | None = option(
        None, "draw each note from the likeliest whose probabilities sum to P", above=0, most=1, metavar="P"
    )
    min_p: float | None = option(
        None, "draw each note from what is at least P times as likely as the likeliest", least=0, most=1, metavar="P"
    )
    seed: int | None = option(None, "same seed, same piece", least=0, below=2**63)
    tab: bool = option(False, "print it as guitar tablature; what a guitar cannot play is not drawn")
    sound: str = option("pluck", "what a .wav is played with [dim](default: pluck)[/]", choices=SOUNDS)
    picture: str | None = option(None, "draw it as a piano roll: .png, .svg or .pdf", metavar="PICTURE", writes=True)
    report: str | None = option(
        None, "print the longest passage that is copied from these data, those of the training", metavar="FILE|FOLDER"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output is None and self.picture is None and not self.tab:
            raise ConfigError("Nothing is to be written. Name a file: -o new.mid, or --picture roll.png; or add --tab.")
        if self.without_primer and self.primer is None:
            raise ConfigError("without_primer is given, and there is no primer. Drop it, or give one.")
        if self.harmonise is not None and (self.primer is not None or self.bars is not None):
            name = "primer" if self.primer is not None else "bars"
            raise ConfigError(f"harmonise and {name} are both given, and what is harmonised is as long as the melody.")
        if self.track is not None and self.primer is None and self.harmonise is None:
            raise ConfigError("track is given, and no file is read. Drop it, or give a primer or a melody.")
        if self.sound == "tone" and not str(self.output).lower().endswith(".wav"):
            raise ConfigError("sound is given, and no .wav is written. Name one: -o new.wav")


COMMANDS = Commands(
    settings=ComposeSettings,
    data="MIDI files, or folders of them; with --given one folder, with a folder for each class; or piano rolls as "
    ".npz, .mat or .json",
    trains="Train a model that composes like your music, and harmonises a melody.",
    trials_by="pieces",
    answers="composes",
    use="elman compose",
)
