"""Say what a recipe and the commands give each other, so that no command knows a recipe.

A recipe says in its `settings.py`, which loads no torch, what the commands tell of it and which options they have for
its models alone:

>>> from elman.tasks.tag.settings import COMMANDS
>>> COMMANDS.answers, COMMANDS.evaluate(worst=3)
('answers with tags', EvaluateOptions(worst=3))

Its `commands.py` does what is asked, and prints nothing:

    summarise(model) -> Rows                what is said of a model that has just been trained
    next_command(model, path, data) -> str  what to type next
    evaluate(request) -> Evaluated          measures a model
    predict(request) -> Iterator[str]       pieces of the output, each as soon as it is known; where COMMANDS.predict
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from elman.errors import ConfigError, DataError
from elman.options import OptionTable, option

if TYPE_CHECKING:
    from rich.console import RenderableType

Rows = Sequence[tuple[str, str]]
"""Labels, each with what is said of it."""


@dataclass(frozen=True, kw_only=True)
class Commands:
    """What the commands say of a recipe.

    Attributes:
        settings: the table of the options of its training.
        data: what it can be trained on, in the help of `elman train NAME`.
        trains: the first sentence of that help.
        trials_by: what a search judges its trials by, such as `sentences`.
        reads: a sentence of its own for the second paragraph.
        cell: what is trained where no cell is named.
        packed: the ending of packed data, which the name of a model leaves out.
        answers: what its models give in place of the probabilities of classes, such as `answers with tags`.
        evaluate: the options of `elman evaluate` for its models alone.
        predict: those of `elman predict`; None where its models do not predict.
        length: how many time steps are looked at inside a model; None where each example has its own length.
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
    length: int | None = None


@dataclass(frozen=True)
class Request:
    """What a command is asked.

    Attributes:
        model: the file of a model.
        data: the paths that were given.
        options: those for models of its task alone, a table of `Commands`.
        quiet: show no progress.
        json: give a JSON object a line, whatever is read.
        note: say a line beside the results.
    """

    model: Path
    data: list[str]
    options: Any
    quiet: bool
    json: bool
    note: Callable[[str], None]

    def is_streamed(self) -> bool:
        """Say whether standard input is to be answered as it arrives.

        Raises:
            ConfigError: it is given beside other data.
        """
        if "-" in self.data and len(self.data) > 1:
            raise ConfigError("- is given beside other data; standard input is answered alone. Drop one of the two.")
        return self.data == ["-"]


def standard_input(what: str) -> BinaryIO:
    """Return standard input.

    Args:
        what: arrives there, such as `rows`.

    Raises:
        DataError: it is closed.
    """
    if sys.stdin is None:
        raise DataError(f"Standard input is closed. Name a file, or send {what} to the command.")
    return cast("BinaryIO", sys.stdin.buffer)


@dataclass(frozen=True)
class Evaluated:
    """What was measured.

    Attributes:
        facts: for `--json`.
        shown: for the terminal, one below the other: rows, or what rich can print.
    """

    facts: dict[str, Any]
    shown: "Sequence[Rows | RenderableType]"


def worst_option() -> Any:
    """Make the row of `--worst`, which several recipes have."""
    return option(0, "classes, numbers, tags: show the N worst answers", least=0, metavar="N")
