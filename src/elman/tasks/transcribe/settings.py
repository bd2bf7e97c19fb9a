"""The options of `transcribe`: the speech, its features, the layers, and the training of a transcriber.

>>> TranscribeSettings(direction="back")
Traceback (most recent call last):
elman.errors.ConfigError: direction is 'back'; it must be one of both, forward.
"""

import dataclasses
from dataclasses import dataclass

from elman.errors import ConfigError
from elman.options import OptionTable, option
from elman.tasks.contract import Commands, worst_option
from elman.training.settings import LayerSettings, TrainingSettings

DIRECTIONS = ("both", "forward")


@dataclass(frozen=True, kw_only=True)
class TranscribeSettings(LayerSettings, TrainingSettings):
    """The options of a training of a transcriber."""

    audio: str | None = option(None, "the column that names the sound", group="Input", metavar="COLUMN")
    text: str | None = option(None, "the column of the transcript", group="Input", metavar="COLUMN")
    speaker: str | None = option(
        None,
        "the column of the speaker, who is never on both sides of the split",
        group="Input",
        metavar="COLUMN",
    )
    mels: int = option(40, "bands of the mel scale", group="Input", least=4, most=256)
    frame: float = option(25.0, "milliseconds of sound in one frame", group="Input", least=1, most=1000)
    hop: float = option(10.0, "milliseconds from one frame to the next", group="Input", least=1, most=1000)
    deltas: bool = option(True, "add the slopes of the features, and the slopes of those", group="Input")
    validation: float | None = option(
        None,
        "share of the utterances held out to validate on [dim](default: 0.1; 0.2 of fewer than 1000)[/]",
        group="Input",
        above=0,
        below=1,
    )
    validation_data: str | None = option(None, "speech of its own to validate on", group="Input", metavar="FILE")

    hidden: int = option(128, "size of the hidden state of a direction", group="Model", least=1)
    layers: int = option(2, "number of recurrent layers", group="Model", least=1)
    channels: int = option(128, "size of the convolutions before the recurrent layers", group="Model", least=1)
    direction: str | None = option(
        None,
        "read a sound from its start, or from both ends [dim](default: both; forward with --streaming)[/]",
        group="Model",
        choices=DIRECTIONS,
    )
    streaming: bool = option(
        False, "write while a sound arrives: forward layers, and a look-ahead of a few frames", group="Model"
    )

    epochs: int | None = option(
        None,
        "passes over the utterances [dim](default: as many as make about 10000 updates, from 5 to 200)[/]",
        group="Training",
        least=1,
    )
    learning_rate: float | None = option(
        None, "peak learning rate [dim](default: 0.002; sgd: 0.5; asgd: 10)[/]", group="Training", above=0, most=1000
    )
    patience: int = option(40, "stop after N validations without a better one", group="Training", least=1)
    batch: int | None = option(
        None, "utterances of one update [dim](default: 16, down to 4 of few utterances)[/]", group="Training", least=1
    )

    dropout: float = option(
        0.3, "dropout between layers and before the readout", group="Regularising", least=0, below=1
    )
    input_dropout: float = option(
        0.0, "dropout on the input of the recurrent layers", group="Regularising", least=0, below=1
    )
    augment: bool = option(
        True,
        "vary tempo, noise and masks of the sounds in training, once the model writes more than blanks",
        group="Regularising",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_both("validation", "validation_data", "a model is validated on one of them")
        if self.streaming and self.direction == "both":
            raise ConfigError(
                "streaming writes before a sound has ended, and direction both reads it from its end as well. Drop one "
                "of them."
            )

    @property
    def bidirectional(self) -> bool:
        """Whether recurrent layers read a sound from both ends."""
        return not self.streaming if self.direction is None else self.direction == "both"


@dataclass(frozen=True, kw_only=True)
class PredictOptions(OptionTable):
    """The options of `elman predict` for transcribers."""

    beam: int = option(5, "translations, speech: hypotheses that are kept; 1 is greedy", least=1, most=512)
    rate: int | None = option(
        None, "speech from -: samples a second [dim](default: those of the model)[/]", least=1, most=2**31 - 1
    )

    def require_greedy(self) -> None:
        """Refuse options that have no meaning where a sound is written as it arrives.

        Raises:
            ConfigError: one is given.
        """
        for row in dataclasses.fields(self):
            value = getattr(self, row.name)
            if row.name != "rate" and value != row.default and (row.name, value) != ("beam", 1):
                name = row.name.replace("_", "-")
                raise ConfigError(f"- is written greedily as it arrives, where --{name} has no meaning. Drop it.")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionTable):
    """The options of `elman evaluate` for transcribers."""

    beam: int = option(5, "translations, speech: hypotheses that are kept; 1 is greedy", least=1, most=512)
    worst: int = worst_option()


COMMANDS = Commands(
    settings=TranscribeSettings,
    data="a table with a column of sounds and one of transcripts; a folder of Common Voice, LibriSpeech, LJSpeech, "
    "Kaldi or Sphinx, or of sounds with a text of the same name beside each",
    trains="Train a model that writes down what is said.",
    trials_by="utterances",
    answers="answers with transcripts",
    evaluate=EvaluateOptions,
    predict=PredictOptions,
)
