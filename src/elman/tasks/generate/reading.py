r"""Turn data into what a language model is trained on and what it is validated on: numbers, and their vocabulary.

>>> from elman.tasks.generate.settings import Settings
>>> training, held_out = split(Corpus("please stay at home\n" * 10), Settings(validation=0.25))
>>> len(training.text), len(held_out.text)
(150, 50)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lightning_fabric import Fabric
from torch import Tensor

from elman.data.text import Source
from elman.errors import ConfigError, DataError
from elman.tasks.generate.corpus import Corpus, read_corpus
from elman.tasks.generate.settings import Settings
from elman.vocabulary.vocabulary import Vocabulary, learn_vocabulary

_VALIDATION_SHARE = 0.1
_MOST_VALIDATION_CHARACTERS = 200_000
_LEAST_STEP_BACK = 100  # characters: a line


@dataclass(frozen=True)
class Part:
    """Hold one part of the data.

    Attributes:
        numbers: (N,) the units.
        given: (N,) the class of each; None where there are no classes.
    """

    numbers: Tensor
    given: Tensor | None

    def __len__(self) -> int:
        return len(self.numbers)

    def on(self, fabric: Fabric) -> "Part":
        """Move both to the device that is trained on."""
        given = None if self.given is None else fabric.to_device(self.given)
        return Part(fabric.to_device(self.numbers), given)


@dataclass(frozen=True)
class Prepared:
    """Hold the data of a training.

    Attributes:
        classes: the names of the classes; none for a plain text.
        vocabulary: the units.
        training: what is trained on.
        held_out: what is validated on; empty where nothing is.
    """

    classes: tuple[str, ...]
    vocabulary: Vocabulary
    training: Part
    held_out: Part


def prepare(data: Source | Sequence[Source], settings: Settings) -> Prepared:
    """Read the data, make the vocabulary, and turn what is trained on and what is held out into numbers.

    Characters are those of both parts, so that none is missing; words and subwords are learnt from the first alone.

    Raises:
        DataError: the data cannot be read, are too short, or are validated on other classes.
        ConfigError: there is no unit for each stream.
    """
    corpus = read_corpus(data, seed=settings.seed)
    if settings.validation_data is None:
        training, held_out = split(corpus, settings)
    else:
        training, held_out = corpus, read_corpus(settings.validation_data, seed=settings.seed)
        if held_out.classes != training.classes:
            raise DataError(
                f"{settings.validation_data} has other classes than what is trained on "
                f"({', '.join(held_out.classes) or 'none'}). Give one with the same."
            )
    vocabulary = learn_vocabulary(
        training.text + (held_out.text if settings.unit == "character" else ""),
        settings.unit,
        size=settings.vocabulary,
        min_count=settings.min_count,
        tokenized=settings.tokenized,
    )
    read, held = Part(*training.encode(vocabulary)), Part(*held_out.encode(vocabulary))
    _require_room(vocabulary, len(read), len(held), settings)
    return Prepared(corpus.classes, vocabulary, read, held)


def split(corpus: Corpus, settings: Settings) -> tuple[Corpus, Corpus]:
    """Cut a text into what is trained on and the end that is held out.

    Args:
        corpus: N characters.
        settings: `validation` is the share held out; by default a tenth, and no more than 200,000 characters. Words and
            subwords are not cut through: the cut is behind a line end there, if one is near, or a space. So it is where
            there are classes.
    """
    count = len(corpus.text)
    if settings.validation is None:
        held = min(math.ceil(count * _VALIDATION_SHARE), _MOST_VALIDATION_CHARACTERS)
    else:
        held = math.ceil(count * settings.validation)
    cut = count - held
    if held and (settings.unit != "character" or corpus.given is not None):
        cut = _step_back(corpus.text, cut, held)
    return corpus.part(0, cut), corpus.part(cut, count)


def _step_back(text: str, cut: int, held: int) -> int:
    """Move a cut back behind a line end if one is near, else behind a space, else leave it."""
    lowest = max(0, cut - max(held, _LEAST_STEP_BACK))
    line = text.rfind("\n", lowest, cut)
    if line >= 0:
        return line + 1
    return max((at + 1 for at in range(lowest, cut) if text[at].isspace()), default=cut)


def _require_room(vocabulary: Vocabulary, left: int, held: int, settings: Settings) -> None:
    units = f"{vocabulary.unit}s"
    if left <= settings.window:
        apart = f" ({held} more are held out for validation)" if held else ""
        shorter = f", or a window below {left}" if left > 1 else ""
        raise DataError(
            f"The text is too short: {left} {units} to train on{apart}, and the window is {settings.window}. "
            f"Give more text{shorter}."
        )
    if held == 1:
        raise DataError(
            f"One {vocabulary.unit} is held out, too few to measure a loss. Raise validation, or set it to 0."
        )
    if settings.batch is not None and settings.batch >= left:
        raise ConfigError(
            f"batch is {settings.batch}, and there are {left} {units} to train on, not a step a stream. "
            "Use a smaller batch."
        )
