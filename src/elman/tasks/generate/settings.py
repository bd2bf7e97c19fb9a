"""The options of `generate`: the layers, the text and the training of a language model, and presets.

>>> Settings(unit="syllable")
Traceback (most recent call last):
elman.errors.ConfigError: unit is 'syllable'; it must be one of character, word, subword.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from elman.errors import ConfigError
from elman.options import OptionTable, option
from elman.tasks.contract import Commands
from elman.training.settings import SidedLayerSettings, TrainingSettings

UNITS = ("character", "word", "subword")

PRESETS: dict[str, dict[str, Any]] = {
    # Merity et al. 2018, section 4 and its code for the Penn Treebank; theirs has layers of 1150, 1150 and 400.
    "awd-lstm": {
        "unit": "word",
        "layers": 3,
        "hidden": 400,
        "tied": True,
        "window": 70,
        "shift_windows": True,
        "batch": 20,
        "locked": True,
        "dropout": 0.4,
        "input_dropout": 0.65,
        "embedding_dropout": 0.1,
        "weight_dropout": 0.5,
        "activation_penalty": 2.0,
        "temporal_penalty": 1.0,
        "optimizer": "asgd",
        "learning_rate": 30.0,
        "weight_decay": 1.2e-6,
        "clip_norm": 0.25,
    }
}

# An option that overrides a preset also removes these values of the preset: a learning rate belongs to its optimiser.
_REPLACES = {
    "optimizer": ("learning_rate", "weight_decay"),
    "clip_value": ("clip_norm",),
    "updates": ("epochs",),
}


@dataclass(frozen=True, kw_only=True)
class Settings(SidedLayerSettings, TrainingSettings):
    """The options of a training of a language model."""

    preset: str | None = option(
        None, "a published recipe; other options override its values", group="Model", choices=tuple(PRESETS)
    )
    hidden: int = option(256, "size of the hidden state", group="Model", least=1)
    embedding: int | None = option(
        None,
        "size of a unit's embedding [dim](default: 64 for characters, else that of the output)[/]",
        group="Model",
        least=1,
    )
    tied: bool | None = option(
        None, "read out with the embedding [dim](default: yes, but not for characters)[/]", group="Model"
    )

    unit: str = option("character", "what the model reads and writes", group="Text", choices=UNITS)
    vocabulary: int | None = option(
        None,
        "most units to know [dim](default: 50,000 words, 4096 subwords)[/]",
        group="Text",
        least=3,
    )
    min_count: int | None = option(
        None,
        "fewest occurrences of a word in the vocabulary [dim](default: 1 in a short text, else 2)[/]",
        group="Text",
        least=1,
    )
    tokenized: bool = option(False, "words are separated by spaces, as in a tokenised text", group="Text")
    given: str | None = option(
        None,
        "a name for the classes of a folder [dim](default: the folder's name)[/]",
        group="Text",
        metavar="NAME",
    )
    window: int = option(64, "time steps that a gradient may cross (truncated BPTT)", group="Text", least=1)
    shift_windows: bool = option(False, "begin the windows at other steps in every epoch", group="Text")
    batch: int | None = option(
        None, "parallel streams [dim](default: 32, fewer for a short text)[/]", group="Text", least=1
    )
    validation: float | None = option(
        None,
        "share of the text that is held out, at its end [dim](default: 0.1, at most 200,000 characters)[/]",
        group="Text",
        least=0,
        below=1,
    )
    validation_data: str | None = option(None, "validation data", group="Text", metavar="FILE")
    sample_every: int | None = option(
        None, "validations between two samples, 0 for none [dim](default: five samples a run)[/]", group="Text", least=0
    )

    dropout: float = option(
        0.0, "dropout between layers and before the softmax", group="Regularising", least=0, below=1
    )
    locked: bool = option(False, "use the same dropout mask at every time step of a window", group="Regularising")
    input_dropout: float = option(0.0, "dropout on the embedded text", group="Regularising", least=0, below=1)
    embedding_dropout: float = option(
        0.0, "share of the vocabulary whose embedding is dropped in a window", group="Regularising", least=0, below=1
    )
    weight_dropout: float = option(0.0, "dropout on hidden-to-hidden weights", group="Regularising", least=0, below=1)
    activation_penalty: float = option(0.0, "weight of the mean square of outputs", group="Regularising", least=0)
    temporal_penalty: float = option(
        0.0, "weight of the mean square of the change of outputs", group="Regularising", least=0
    )
    label_smoothing: float = option(
        0.0, "label smoothing: probability spread over all units in training", group="Regularising", least=0, below=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _refuse("for characters", self.unit == "character", vocabulary=self.vocabulary)
        _refuse(f"for {self.unit}s", self.unit != "word", min_count=self.min_count, tokenized=self.tokenized or None)
        self.refuse_both("validation", "validation_data", "a model is validated on one of them")
        if self.locked and not self.dropout and not self.input_dropout:
            raise ConfigError(
                "locked says how dropout and input_dropout drop, and both are 0. Give one, or drop locked."
            )

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Build settings from options by name; they override those of a preset."""
        return super().of({**preset_beneath(options), **options})


def preset_beneath(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the preset among the options that no option overrides."""
    preset = PRESETS.get(str(options.get("preset")), {})
    replaced = {
        old for new, olds in _REPLACES.items() if options.get(new) not in (None, preset.get(new)) for old in olds
    }
    return {name: value for name, value in preset.items() if name not in replaced}


def _refuse(why: str, applies: bool, **options: Any) -> None:
    for name, value in options.items():
        if applies and value is not None:
            raise ConfigError(f"{name} has no meaning {why}. Drop it, or choose another unit.")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionTable):
    """The options of an evaluation."""

    dynamic: float | None = option(None, "language model: dynamic evaluation, with this learning rate", metavar="RATE")


COMMANDS = Commands(
    settings=Settings,
    data="UTF-8 text files, - for standard input, or one folder with a class each",
    trains="Train a language model that writes like your text: by characters, words or subwords.",
    trials_by="text",
    evaluate=EvaluateOptions,
    use="elman generate",
    length=200,
)
