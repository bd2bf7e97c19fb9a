"""The options of `tag`: its input, its layers, its training and validation.

>>> TagSettings(scheme="bio")
Traceback (most recent call last):
elman.errors.ConfigError: scheme is 'bio'; it must be one of none, iob1, iob2, iobes.
"""

from dataclasses import dataclass
from typing import Any, Literal

from elman.errors import ConfigError
from elman.options import OptionTable, option
from elman.tasks.contract import Commands, vectors_option, worst_option
from elman.training.settings import SidedLayerSettings, TrainingSettings, epochs_option

DIRECTIONS = ("both", "forward")
NO_SCHEME = "none"
# Those of elman.tasks.tag.chunks, which loads torch.
TAG_SCHEMES = (NO_SCHEME, "iob1", "iob2", "iobes")


@dataclass(frozen=True, kw_only=True)
class TagSettings(SidedLayerSettings, TrainingSettings):
    """The options of a training of a tagger."""

    words: str | None = option(
        None,
        "the column of the words, by number or name [dim](default: 1; form of CoNLL-U)[/]",
        group="Input",
        metavar="COLUMN",
    )
    tags: str | None = option(
        None,
        "the column of the tags [dim](default: the last; upos of CoNLL-U)[/]",
        group="Input",
        metavar="COLUMN",
    )
    beside: str | None = option(
        None,
        "further columns that are read beside each word, by number or name, such as a part of speech",
        group="Input",
        metavar="COLUMN,…",
    )
    label: str | None = option(
        None,
        "learn a label of the whole sentence too: the comment that gives it, such as intent for `# intent = flight`",
        group="Input",
        metavar="NAME",
    )
    scheme: str | None = option(
        None, "how tags mark chunks [dim](default: inferred)[/]", group="Input", choices=TAG_SCHEMES
    )
    letters: bool = option(True, "read the letters of a word too", group="Input")
    shapes: bool = option(False, "read the capitals and digits of a word, and its ending", group="Input")
    vectors: str | None = vectors_option()
    min_count: int = option(1, "fewest occurrences of a word in the vocabulary", group="Input", least=1)

    hidden: int = option(200, "size of the hidden state of a direction", group="Model", least=1)
    direction: str = option("both", "read from the start, or from both ends", group="Model", choices=DIRECTIONS)
    embedding: int = option(100, "size of the embedding of a word", group="Model", least=1)
    letter_embedding: int = option(32, "size of the embedding of a letter", group="Model", least=1)
    letter_hidden: int = option(64, "size of the hidden state that reads letters", group="Model", least=1)
    crf: bool | None = option(
        None, "choose the tags of a sentence together, by a CRF [dim](default: for chunks)[/]", group="Model"
    )

    epochs: int | Literal["auto"] | None = epochs_option("as many as make about 5000 updates, from 5 to 60")
    batch: int | None = option(
        None, "sentences per update [dim](default: 32, down to 8 of few sentences)[/]", group="Training", least=1
    )
    validation: float | None = option(
        None,
        "share of the sentences held out to validate on [dim](default: 0.1; 0.2 of fewer than 1000)[/]",
        group="Training",
        above=0,
        below=1,
    )
    validation_data: str | None = option(
        None,
        "validation data; parallel files are separated by a comma",
        group="Training",
        metavar="FILE",
    )

    dropout: float = option(
        0.5, "dropout between layers and before the readout", group="Regularising", least=0, below=1
    )
    input_dropout: float = option(0.5, "dropout on the input", group="Regularising", least=0, below=1)
    word_dropout: float = option(
        0.3,
        "probability that a word which occurs once is read as unknown; lower for frequent words",
        group="Regularising",
        least=0,
        below=1,
    )

    def __post_init__(self) -> None:
        given: Any = self.beside
        if isinstance(given, list | tuple):
            object.__setattr__(self, "beside", ",".join(map(str, given)))
        super().__post_init__()
        self.refuse_both("validation", "validation_data", "a model is validated on one of them")
        for name, source in self.sides().items():
            if source.gaps and not source.column:
                raise ConfigError(
                    f"side is {name}=gaps. Name the column of times beside the words: {name}=gaps:COLUMN."
                )

    def further(self) -> str | None:
        """Return the columns that are read beside the words: those of side inputs are the last, ordered by their names.

        >>> TagSettings(beside="2", side="dt=gaps:4,age=column:3").further()
        '2,3,4'
        """
        sided = [source.column for _, source in sorted(self.sides().items()) if source.constant is None]
        return ",".join([*([] if self.beside is None else [self.beside]), *sided]) or None


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionTable):
    """The options of an evaluation."""

    worst: int = worst_option()


COMMANDS = Commands(
    settings=TagSettings,
    data="CoNLL-U or other files with a word a line; a folder with seq.in, seq.out and perhaps label; or two parallel "
    "files, words and tags",
    trains="Train a model that gives every word of a sentence a tag: parts of speech, names, slots.",
    packed=".gz",
    trials_by="sentences",
    answers="answers with tags",
    evaluate=EvaluateOptions,
    predict=OptionTable,
)
