r"""Read the data of a training, hold a part out, and encode both parts with their vocabulary.

>>> from elman.tasks.generate.settings import Settings
>>> training, held_out = split(Corpus("please stay at home\n" * 10), Settings(validation=0.25))
>>> len(training.text), len(held_out.text)
(150, 50)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightning_fabric import Fabric
from torch import Tensor

from elman.data.text import Source, as_sources
from elman.errors import ConfigError, DataError
from elman.tasks.generate.corpus import Corpus, read_corpus
from elman.tasks.generate.model import TrainedModel
from elman.tasks.generate.settings import Settings
from elman.training.pretrained import Pretrained
from elman.training.splits import leave_out_copies
from elman.vocabulary.vocabulary import Vocabulary, grow_vocabulary, learn_vocabulary

_VALIDATION_SHARE = 0.1
_MOST_VALIDATION_CHARACTERS = 200_000
_LEAST_STEP_BACK = 100  # characters: a line

Before = Pretrained[TrainedModel] | None
"""The model that a training goes on from."""


@dataclass(frozen=True)
class EncodedText:
    """One encoded part of the data.

    Attributes:
        numbers: (N,) the units.
        given: (N,) the class of each; None where there are no classes.
    """

    numbers: Tensor
    given: Tensor | None

    def __len__(self) -> int:
        return len(self.numbers)

    def on(self, fabric: Fabric) -> "EncodedText":
        """Move both to the device that is trained on."""
        given = None if self.given is None else fabric.to_device(self.given)
        return EncodedText(fabric.to_device(self.numbers), given)


@dataclass(frozen=True)
class Split:
    """A text, divided into a training part and a held-out part.

    Attributes:
        training: the training part.
        held_out: the validation part; may be empty.
        name: of the folder or file.
        cut: whether `held_out` was cut off the end of the text; else it is a separate text.
    """

    training: Corpus
    held_out: Corpus
    name: str
    cut: bool


@dataclass(frozen=True)
class Parts:
    """The encoded data of a training.

    Attributes:
        split: the texts.
        vocabulary: the units.
        training: the training part.
        held_out: the validation part; may be empty.
        window: most time steps that a gradient may cross.
    """

    split: Split
    vocabulary: Vocabulary
    training: EncodedText
    held_out: EncodedText
    window: int

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty for a plain text."""
        return self.split.training.classes


def read_texts(data: Source | Sequence[Source], settings: Settings, pretrained: Before = None) -> Split:
    """Read a text or a folder of classes, and hold a part out.

    Raises:
        DataError: the data cannot be read, the validation data have other classes, or the model none or some.
        ConfigError: options contradict the data.
    """
    corpus, cut = read_corpus(data, seed=settings.seed), settings.validation_data is None
    name = Path(as_sources(data)[0]).resolve().name
    if pretrained is not None and bool(pretrained.model.classes) != bool(corpus.classes):
        has, other, needs = ("classes", "none", "a text") if corpus.classes else ("no classes", "some", "a folder")
        raise DataError(f"{name} has {has}, and {pretrained.name} has {other}. Give {needs}, or train a new model.")
    if settings.validation_data is None:
        training, held_out = split(corpus, settings)
    else:
        training, held_out = corpus, read_corpus(settings.validation_data, seed=settings.seed)
        if held_out.classes != training.classes:
            raise DataError(
                f"{settings.validation_data} has other classes than the training data "
                f"({', '.join(held_out.classes) or 'none'}). Give one with the same."
            )
    if settings.given is not None and not corpus.classes:
        raise ConfigError(
            f"given is {settings.given!r}, a name for classes, and the text has no classes. "
            "Train on a folder with a class each, or drop it."
        )
    if pretrained is not None:
        classes = pretrained.growth.join("class", tuple(pretrained.model.classes), training.classes)
        training, held_out = training.renumbered(classes), held_out.renumbered(classes)
    return Split(training, held_out, name, cut)


def encode_texts(split: Split, settings: Settings, pretrained: Before = None) -> Parts:
    """Build the vocabulary, and encode both parts.

    The characters are those of both parts, so that none is missing; words and subwords are those of the training part.

    Raises:
        DataError: the text is too short for a window.
        ConfigError: there are more streams than units.
    """
    vocabulary = learn_vocabulary(
        split.training.text + (split.held_out.text if settings.unit == "character" else ""),
        settings.unit,
        size=settings.vocabulary,
        min_count=settings.min_count,
        tokenized=settings.tokenized,
    )
    if pretrained is not None:
        vocabulary = grow_vocabulary(pretrained.model.vocabulary, vocabulary, pretrained.growth)
    training, held_out = (
        EncodedText(*split.training.encode(vocabulary)),
        EncodedText(*split.held_out.encode(vocabulary)),
    )
    _require_room(vocabulary, len(training), len(held_out), settings)
    return Parts(split, vocabulary, training, held_out, settings.window)


def split(corpus: Corpus, settings: Settings) -> tuple[Corpus, Corpus]:
    """Cut a text into the training part and the held-out end.

    Args:
        corpus: N characters.
        settings: `validation` is the share held out; by default a tenth, and no more than 200,000 characters. With
            words, subwords or classes, the cut is after a line end, if one is near, or a space. Of classes, held-out
            examples that equal one to train on are left out.
    """
    count = len(corpus.text)
    if settings.validation is None:
        held = min(math.ceil(count * _VALIDATION_SHARE), _MOST_VALIDATION_CHARACTERS)
    else:
        held = math.ceil(count * settings.validation)
    cut = count - held
    if held and (settings.unit != "character" or corpus.given is not None):
        cut = _step_back(corpus.text, cut, held)
    training, held_out = corpus.part(0, cut), corpus.part(cut, count)
    return training, _without_copies(held_out, training)


def _without_copies(held_out: Corpus, training: Corpus) -> Corpus:
    """Leave out the held-out examples of classes that equal one to train on; a plain text stays whole."""
    hashes = held_out.hash_examples()
    kept = leave_out_copies(hashes, list(training.hash_examples()), [""] * len(hashes))
    return held_out if len(kept) == len(hashes) else held_out.choose(kept)


def _step_back(text: str, cut: int, held: int) -> int:
    """Move a cut back to after a line end if one is near, else to after a space, else leave it."""
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
