"""The options of `transcribe`: the speech, its features, the layers, and the training of a transcriber.

>>> TranscribeSettings(direction="back")
Traceback (most recent call last):
elman.errors.ConfigError: direction is 'back'; it must be one of both, forward.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from elman.errors import ConfigError
from elman.options import OptionTable, option
from elman.tasks.contract import Commands, beam_option, picture_option, worst_option
from elman.training.settings import LayerSettings, TrainingSettings, epochs_option

DIRECTIONS = ("both", "forward")
UNITS = ("character", "subword")
_LOOK_AHEAD = 40  # frames
FORMS = ("srt", "vtt", "textgrid")
"""The forms of transcripts that other programs read, see :mod:`elman.tasks.transcribe.files`."""


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
    unit: str = option("character", "what the model writes", group="Text", choices=UNITS)
    vocabulary: int | None = option(
        None,
        "most subwords to know, the 256 bytes included [dim](default: a quarter of the utterances, 300 to 1000)[/]",
        group="Text",
        least=256,
    )
    validation: float | None = option(
        None,
        "share of the utterances held out to validate on [dim](default: 0.1; 0.2 of fewer than 1000 words)[/]",
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
        False, "write while a sound arrives: forward layers, half a second behind the sound", group="Model"
    )
    look_ahead: int | None = option(
        None,
        "with --streaming: frames more to hear before a step is written, which lowers errors "
        f"[dim](default: {_LOOK_AHEAD})[/]",
        group="Model",
        least=0,
        most=1000,
    )

    epochs: int | Literal["auto"] | None = epochs_option("as many as make about 10000 updates, from 5 to 200")
    learning_rate: float | None = option(
        None, "peak learning rate [dim](default: 0.002; sgd: 0.5; asgd: 10)[/]", group="Training", above=0, most=1000
    )
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
        if self.look_ahead is not None and not self.streaming:
            raise ConfigError("look_ahead is how long a model waits that writes while it hears. Give streaming too.")
        if self.vocabulary is not None and self.unit != "subword":
            raise ConfigError("vocabulary has no meaning for characters. Drop it, or choose the unit subword.")

    @property
    def frames_ahead(self) -> int:
        """Frames that are waited for before a step is written; 0 for a model that hears a sound to its end."""
        if not self.streaming:
            return 0
        return _LOOK_AHEAD if self.look_ahead is None else self.look_ahead

    @property
    def bidirectional(self) -> bool:
        """Whether recurrent layers read a sound from both ends."""
        return not self.streaming if self.direction is None else self.direction == "both"


@dataclass(frozen=True, kw_only=True)
class TranscriptOptions(OptionTable):
    """The options of a search for transcripts."""

    beam: int | None = beam_option()
    language_model: str | None = option(
        None,
        "speech: a language model: a file of `elman train generate`, or a text with a transcript a line, which is "
        "counted",
        metavar="FILE",
    )
    weight: float | None = option(
        None, "speech: weight of the language model [dim](default: 0.5)[/]", least=0, most=100, metavar="A"
    )
    bonus: float | None = option(
        None,
        "speech: bonus of each character or subword [dim](default: 0.5 with a language model, else 0)[/]",
        least=-100,
        most=100,
        metavar="B",
    )
    hot: str | None = option(None, "speech: words that are likely, or a file of them", metavar="A,B|FILE")
    hot_bonus: float = option(
        1.0, "speech: bonus of each character of a hot word [dim](default: 1)[/]", least=-100, most=100, metavar="H"
    )
    only: str | None = option(None, "speech: the only words that are written, one a line", metavar="FILE")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hot is None and self.hot_bonus != 1.0:
            raise ConfigError("hot_bonus is about hot words, and none are given. Give some: --hot A,B.")


@dataclass(frozen=True, kw_only=True)
class AlignOptions(OptionTable):
    """The options of `elman align`: the forms of transcripts with times."""

    srt: bool = option(False, "speech: write subtitles (SubRip)")
    vtt: bool = option(False, "speech: write subtitles (WebVTT)")
    textgrid: bool = option(False, "speech: write a TextGrid of words and characters (Praat)")
    output: str | None = option(
        None, "speech: write these to files of a folder", metavar="FOLDER", short="-o", writes=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self._forms()
        if len(given) > 1:
            raise ConfigError(f"--{given[0]} and --{given[1]} are two forms of one transcript. Drop one of the two.")

    def _forms(self) -> list[str]:
        return [name for name in FORMS if getattr(self, name)]

    @property
    def form(self) -> str | None:
        """Return the form that is asked for."""
        return next(iter(self._forms()), None)


@dataclass(frozen=True, kw_only=True)
class PredictOptions(AlignOptions, TranscriptOptions):
    """The options of `elman predict` for transcribers."""

    picture: str | None = picture_option()
    rate: int | None = option(
        None, "speech from -: samples a second [dim](default: those of the model)[/]", least=1, most=2**31 - 1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output is not None and self.form is None:
            raise ConfigError("--output is a folder of subtitles or TextGrids. Add --srt, --vtt or --textgrid.")

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
class EvaluateOptions(TranscriptOptions):
    """The options of `elman evaluate` for transcribers."""

    tune: bool = option(
        False, "speech: find the weight and the bonus of the language model that are best on these data"
    )
    worst: int = worst_option()
    confused: int = option(0, "speech: show the N most frequent confusions of words", least=0, metavar="N")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tune and self.language_model is None:
            raise ConfigError("tune is about a language model, and none is given. Give one: --language-model FILE.")
        if self.tune and (self.weight is not None or self.bonus is not None):
            raise ConfigError("tune finds the weight and the bonus, and one is given. Drop it, or tune.")


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
