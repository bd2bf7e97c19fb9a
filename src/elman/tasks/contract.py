"""The interface between recipes and commands: no command knows a recipe.

A recipe's `settings.py`, which loads no torch, has the help texts of its commands, and the options that the commands
have for its models alone:

>>> from elman.tasks.tag.settings import COMMANDS
>>> COMMANDS.answers, COMMANDS.evaluate(worst=3)
('answers with tags', EvaluateOptions(worst=3))

Its `commands.py` does the work of the commands, and prints nothing:

    summarise(model) -> Rows                the scores that are shown after a training
    validation_score(model) -> Score        the one score that cells are compared by
    next_command(model, path, data) -> str  the command to type next
    evaluate(request) -> Evaluated          measures a model
    predict(request) -> Iterator[str]       pieces of the output, each as soon as it is known; if COMMANDS.predict
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from elman.errors import ConfigError, DataError
from elman.options import OptionTable, option

if TYPE_CHECKING:
    from io import BufferedReader

    from rich.console import RenderableType

Rows = Sequence[tuple[str, str]]
"""Rows of a table on the terminal: a label and a text each."""


def verdict_of(model: Any) -> Rows:
    """Return the row of what a model is worth beside its baseline; none where nothing was compared.

    >>> from types import SimpleNamespace
    >>> verdict_of(SimpleNamespace(metrics={"verdict": "It is better."})), verdict_of(SimpleNamespace(metrics={}))
    ([('', 'It is better.')], [])
    """
    return [("", model.metrics["verdict"])] if "verdict" in model.metrics else []


@dataclass(frozen=True)
class Score:
    """The score of a model on the data held out.

    Attributes:
        measure: its name, such as `accuracy`.
        value: None where it could not be measured.
        lower: whether a lower one is better.
    """

    measure: str
    value: float | None
    lower: bool = False


@dataclass(frozen=True, kw_only=True)
class Commands:
    """The help texts and options of a recipe's commands.

    Attributes:
        settings: the table of the options of its training.
        data: the data it can be trained on, for the help of `elman train NAME`.
        trains: the first sentence of that help.
        trials_by: the examples that a search judges its trials on, such as `sentences`.
        reads: a sentence for the second paragraph of that help.
        cell: the cell that is trained where none is named.
        packed: the ending of packed data, which the name of a model leaves out.
        answers: the output of models without probabilities of classes, such as `answers with tags`.
        evaluate: the options of `elman evaluate` for its models alone.
        predict: the options of `elman predict`; None where its models do not predict.
        use: the command that uses its models.
        length: how many time steps `elman inspect` looks at; None where each example has its own length.
        also_data: the options of its training that name data as well, which a report reads behind the data.
    """

    settings: type[OptionTable]
    data: str
    trains: str
    trials_by: str
    reads: str = ""
    cell: str = "lstm"
    packed: str = ""
    answers: str = "gives none"
    evaluate: type[OptionTable] = OptionTable
    predict: type[OptionTable] | None = None
    use: str = "elman predict"
    length: int | None = None
    also_data: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """The arguments of a command.

    Attributes:
        model: the file of a model.
        data: the paths of the data.
        options: the options for models of its task alone, a table of `Commands`.
        quiet: show no progress.
        json: write a JSON object a line, whatever is read.
        note: prints a line on standard error.
    """

    model: Path
    data: list[str]
    options: Any
    quiet: bool
    json: bool
    note: Callable[[str], None]

    def is_streamed(self) -> bool:
        """Return whether the data are standard input, which is answered as it arrives.

        Raises:
            ConfigError: standard input is given together with other data.
        """
        if "-" in self.data and len(self.data) > 1:
            raise ConfigError("- is given with other data; standard input is read alone. Drop one of the two.")
        return self.data == ["-"]


def standard_input(what: str) -> "BufferedReader":
    """Return standard input.

    Args:
        what: the name of what is read there, such as `rows`.

    Raises:
        DataError: it is closed.
    """
    if sys.stdin is None:
        raise DataError(f"Standard input is closed. Name a file, or send {what} to the command.")
    return cast("BufferedReader", sys.stdin.buffer)


@dataclass(frozen=True)
class Evaluated:
    """The result of `elman evaluate`.

    Attributes:
        facts: for `--json`.
        shown: for the terminal, in order: rows, or objects that rich can print.
    """

    facts: dict[str, Any]
    shown: "Sequence[Rows | RenderableType]"


def worst_option() -> Any:
    """Make the row of `--worst`, which several recipes have."""
    return option(0, "classes, numbers, tags: show the N worst answers", least=0, metavar="N")


def alone_option() -> Any:
    """Make the row of `--alone`, which several recipes have."""
    return option(False, "answer by the network alone, also where mixing in the baseline would help", group="Training")


def select_option(default: str, choices: tuple[str, ...]) -> Any:
    """Make the row of `--select`, which several recipes have.

    Args:
        default: what it is where it is not given, in words.
        choices: the scores that it may be.
    """
    return option(
        None,
        f"what chooses the weights that are kept, on the validation data [dim](default: {default})[/]",
        group="Training",
        choices=choices,
    )


def vectors_option(group: str = "Input") -> Any:
    """Make the row of `--vectors`, which several recipes have."""
    return option(
        None,
        "word vectors that embeddings start from, in the text form of word2vec or GloVe, .gz too; they decide the size "
        "of the embedding",
        group=group,
        metavar="FILE",
    )


def beam_option() -> Any:
    """Make the row of `--beam`, which several recipes have."""
    return option(
        None,
        "translations, captions, speech: hypotheses that are kept; 1 is greedy [dim](default: 5; 20 for captions; 16 "
        "for speech with what is preferred)[/]",
        least=1,
        most=512,
    )


def nbest_option() -> Any:
    """Make the row of `--nbest`, which several recipes have."""
    return option(1, "translations, captions: so many for each source", least=1, metavar="N")


def length_penalty_option() -> Any:
    """Make the row of `--length-penalty`, which several recipes have."""
    return option(1.0, "translations, captions: rank by ln P / length^A", least=0, metavar="A")


def scores_option() -> Any:
    """Make the row of `--scores`, which several recipes have."""
    return option(False, "translations, captions: with the score of each before it")


def attention_option() -> Any:
    """Make the row of `--attention`, which several recipes have."""
    return option(
        None,
        "translations: draw what the units of the first few sources looked at; captions: where each word looked in the "
        "picture",
        metavar="PICTURE",
        writes=True,
    )


def picture_option() -> Any:
    """Make the row of `--picture`, which several recipes have."""
    return option(
        None,
        "series: draw the forecasts; speech: draw a sound and when its words are said; as .png, .svg or .pdf",
        metavar="PICTURE",
        writes=True,
        foreign="--picture draws forecasts and speech, and {model} makes neither. Drop it.",
    )
