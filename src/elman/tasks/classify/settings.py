"""The options of `classify`: the model, its training and validation.

>>> ClassifySettings(pooling="sum")
Traceback (most recent call last):
elman.errors.ConfigError: pooling is 'sum'; it must be one of last, mean, max, attention.
"""

from dataclasses import dataclass
from typing import Literal

from elman.encoders.settings import InputSettings
from elman.errors import ConfigError
from elman.options import OptionTable, option
from elman.tasks.contract import Commands, alone_option, select_option, vectors_option, worst_option
from elman.training.settings import SidedLayerSettings, TrainingSettings, epochs_option

DIRECTIONS = ("both", "forward")
POOLINGS = ("last", "mean", "max", "attention")
SELECTORS = ("loss", "accuracy", "f1")


@dataclass(frozen=True, kw_only=True)
class ClassifySettings(SidedLayerSettings, InputSettings, TrainingSettings):
    """The options of a training."""

    hidden: int = option(128, "size of the hidden state of a direction", group="Model", least=1)
    direction: str | None = option(
        None,
        "read from the start, or from both ends [dim](default: both; forward for pixels)[/]",
        group="Model",
        choices=DIRECTIONS,
    )
    pooling: str | None = option(
        None,
        "pooling over time [dim](default: max; last for permuted pixels)[/]",
        group="Model",
        choices=POOLINGS,
    )
    vectors: str | None = vectors_option()
    embedding: int = option(100, "size of the embedding of a word, a character or a k-mer", group="Model", least=1)
    chrono: int | None = option(
        None,
        "chrono initialisation for memories of up to so many steps [dim](default: the number of pixels for pixels in "
        "order, if the cell has forget gates)[/]",
        group="Model",
        least=3,
    )

    epochs: int | Literal["auto"] | None = epochs_option(
        "as many as make about 2000 updates, from 5 to 60; of pixels in order from 10"
    )
    learning_rate: float | None = option(
        None,
        "peak of the schedule [dim](default: 0.004; of pixels in order 0.008; sgd: 0.5; asgd: 10)[/]",
        group="Training",
        above=0,
        most=1000,
    )
    batch: int | None = option(
        None, "examples per update [dim](default: 32, down to 8 of few examples)[/]", group="Training", least=1
    )
    validation: float | None = option(
        None,
        "share of the examples held out to validate on, of each class [dim](default: 0.1; 0.2 of fewer than 1000)[/]",
        group="Training",
        above=0,
        below=1,
    )
    validation_data: str | None = option(None, "validation data", group="Training", metavar="FILE")
    folds: int | None = option(
        None,
        "networks, each scored on examples that it has not seen; their mean answers [dim](default: 5 where fewer than "
        "200 examples or 5 groups would be held out, else 1)[/]",
        group="Training",
        least=1,
        most=100,
    )
    select: str | None = select_option("loss", SELECTORS)
    alone: bool = alone_option()
    class_weights: bool = option(False, "give rare classes as much weight as frequent ones", group="Training")

    dropout: float = option(
        0.3, "dropout between layers and before the readout", group="Regularising", least=0, below=1
    )
    input_dropout: float | None = option(
        None,
        "dropout on the input [dim](default: 0.3 for words and k-mers, else none)[/]",
        group="Regularising",
        least=0,
        below=1,
    )
    word_dropout: float = option(
        0.05,
        "probability to read a word, character or k-mer as an unknown one",
        group="Regularising",
        least=0,
        below=1,
    )
    label_smoothing: float = option(
        0.0, "probability spread over all classes in training", group="Regularising", least=0, below=1
    )

    def __post_init__(self) -> None:
        if str(self.side).isdecimal():
            raise ConfigError(f"side is {self.side}. The longest side of an image is longest_side: name it so.")
        super().__post_init__()
        self.refuse_both("validation", "validation_data", "a model is validated on one of them")
        for name in ("validation", "validation_data"):
            if self.folds is not None and self.folds > 1 and getattr(self, name) is not None:
                raise ConfigError(
                    f"folds is {self.folds} and {name} is given; folds hold out all examples in turn. Drop one of them."
                )


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionTable):
    """The options of `elman evaluate`."""

    confusion: str | None = option(
        None, "classes: draw the confusion matrix, as .png, .svg or .pdf", metavar="PICTURE", writes=True
    )
    calibration: str | None = option(
        None,
        "classes, labels: draw how often answers of each probability are right, as .png, .svg or .pdf",
        metavar="PICTURE",
        writes=True,
    )
    worst: int = worst_option()


@dataclass(frozen=True, kw_only=True)
class PredictOptions(OptionTable):
    """The options of `elman predict`."""

    probabilities: bool = option(
        False,
        "write the probability of every class",
        foreign="--probabilities is for classes, and {model} {answers}. Drop it.",
    )


COMMANDS = Commands(
    settings=ClassifySettings,
    data="a table (CSV, TSV, JSONL), a folder with a class each, arrays (.npz), or FASTA files",
    trains="Train a model that answers a sequence: with a class, several labels, or a number.",
    reads="It reads texts, series, rows of a table, sound, images and genomes.",
    trials_by="examples",
    evaluate=EvaluateOptions,
    predict=PredictOptions,
)
