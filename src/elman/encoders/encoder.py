"""The interface of all encoders, the choice of one by the kinds of the columns, and reading one from a model file.

>>> from elman.data.dataset import Columns
>>> learn_encoder(Columns({"a": "text", "b": "image"}), [], InputSettings())
Traceback (most recent call last):
elman.errors.ConfigError: The columns a (text), b (image) cannot be read together: several texts can, or one sound,
image or series, and beside them numbers, categories and dates. Name what is to be read with input.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from elman.data.dataset import COVARIATE_KINDS, Columns, Example
from elman.data.plain import read_plain
from elman.encoders.fronts import Front, Suggestions
from elman.encoders.image import ImageEncoder, learn_image
from elman.encoders.letters import LettersEncoder, learn_letters
from elman.encoders.series import SeriesEncoder, learn_series
from elman.encoders.settings import InputSettings
from elman.encoders.sound import SoundEncoder, learn_sound
from elman.encoders.table import TableEncoder, learn_table
from elman.encoders.words import WordsEncoder, learn_words
from elman.errors import ConfigError, DataError
from elman.phrases import name_some


class Encoder(Protocol):
    """An encoder: it turns examples of one kind into sequences.

    Attributes:
        kind: its name in a model file.
        units: whether it gives units, else frames.
    """

    kind: ClassVar[str]
    units: ClassVar[bool]

    @property
    def front(self) -> Front:
        """Describe the layers that can read the sequences."""

    @property
    def suggested(self) -> Suggestions:
        """Suggest settings that suit the sequences in training."""

    def encode(self, example: Example) -> Tensor:
        """Return the sequence of an example, (T, K) int64 or (T, D) float32; T is at least 1.

        Raises:
            DataError: the example does not fit those of training; the message names it.
        """

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:
        """Vary the result of `encode` at random, for training; kinds without augmentation return it unchanged."""

    def describe(self) -> str:
        """Describe in one line what is read."""

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""


_KINDS: dict[str, Any] = {
    encoder.kind: encoder
    for encoder in (WordsEncoder, LettersEncoder, TableEncoder, SeriesEncoder, SoundEncoder, ImageEncoder)
}
# The kinds of columns that are read together, whether several columns may be, the encoder's kind, and its function.
_LEARNERS: tuple[tuple[set[str], bool, str, Callable[[Columns, Iterable[Example], InputSettings], Encoder]], ...] = (
    ({"text"}, True, "text", learn_words),
    ({"letters"}, True, "letters", learn_letters),
    (set(COVARIATE_KINDS), True, "table", learn_table),
    ({"series"}, False, "series", learn_series),
    ({"sound"}, False, "sound", learn_sound),
    ({"image"}, False, "image", learn_image),
)
# The options that are for some kinds of encoders alone.
_OF_KINDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("text",): ("unit", "letters", "vocabulary", "min_count"),
    ("letters",): ("kmer", "both_strands"),
    ("sound",): ("features", "mels", "coefficients", "deltas", "normalise", "frame", "hop"),
    ("image",): ("read", "longest_side"),
    ("sound", "image"): ("augment",),
    ("letters", "sound", "image"): ("convolution",),
}


def learn_encoder(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> Encoder:
    """Learn an encoder for the columns of a dataset; of several kinds, for the sequence.

    Args:
        columns: the columns that are read, with their kinds.
        examples: the training examples; they are read once, and not kept.
        settings: the options of the encoders.

    Raises:
        ConfigError: the columns cannot be read together, or an option is for data of another kind.
        DataError: an example cannot be read, or there is nothing to learn from.
    """
    columns = split_columns(columns)[0]
    kinds = set(columns.inputs.values())
    for fitting, several, kind, learn in _LEARNERS:
        if kinds <= fitting and (several or len(columns.inputs) == 1):
            _refuse_foreign(settings, kind, columns)
            return learn(columns, examples, settings)
    named = ", ".join(f"{column} ({kind})" for column, kind in columns.inputs.items())
    raise ConfigError(
        f"The columns {named} cannot be read together: several texts can, or one sound, image or series, and "
        "beside them numbers, categories and dates. Name what is to be read with input."
    )


def _refuse_foreign(settings: InputSettings, kind: str, columns: Columns) -> None:
    """Refuse an option that was given, and that no encoder of this kind reads.

    Raises:
        ConfigError: there is one.
    """
    for kinds, names in _OF_KINDS.items():
        for name in names if kind not in kinds else ():
            value = getattr(settings, name)
            if value != getattr(InputSettings, name):
                read = name_some([f"{column} ({of})" for column, of in columns.inputs.items()])
                raise ConfigError(
                    f"{name} is {value}, which is for {' and '.join(kinds)}, and what is read is {read}. Drop it."
                )


def learn_covariates(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> TableEncoder | None:
    """Learn what is read beside sequences: numbers, categories and dates; None where columns are of one of both.

    Args:
        columns: all that are read.
        examples: the training examples; they are read once, and not kept.
        settings: the options of the encoders.

    Raises:
        DataError: an example cannot be read, or the columns are empty.
    """
    covariates = split_columns(columns)[1]
    return None if covariates is None else learn_table(covariates, examples, settings)


def split_columns(columns: Columns) -> tuple[Columns, Columns | None]:
    """Return the columns that are read as a sequence, and those beside them; all and None where there is one kind.

    >>> first, others = split_columns(Columns({"text": "text", "minutes": "number"}))
    >>> dict(first.inputs), others and dict(others.inputs)
    ({'text': 'text'}, {'minutes': 'number'})
    """
    covariates = {name: kind for name, kind in columns.inputs.items() if kind in COVARIATE_KINDS}
    first = {name: kind for name, kind in columns.inputs.items() if name not in covariates}
    if not first or not covariates:
        return columns, None
    return replace(columns, inputs=first, dates={}), replace(columns, inputs=covariates)


def read_encoder(data: Mapping[str, Any]) -> Encoder:
    """Read what :meth:`Encoder.to_dict` wrote.

    Raises:
        DataError: it is no encoder.
    """
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise DataError(f"There is no encoder of the kind {repr(kind)[:30]} in this program. Train the model again.")
    encoder: Encoder = read_plain(_KINDS[kind], {key: value for key, value in data.items() if key != "kind"}, "encoder")
    return encoder


def require_columns(encoder: Encoder, columns: Columns, covariates: Encoder | None = None) -> None:
    """Check that an encoder, and what is read beside it, read exactly the columns of a model.

    Raises:
        DataError: it reads others, or they are of kinds that it cannot read.
    """
    first, others = split_columns(columns)
    if not _reads(encoder, first) or (covariates is None) != (others is None):
        raise DataError(f"The {encoder.kind} encoder of this model does not read its columns. Train the model again.")
    if covariates is not None and others is not None and not _reads(covariates, others):
        raise DataError("What this model reads beside a sequence is not in its columns. Train the model again.")


def _reads(encoder: Encoder, columns: Columns) -> bool:
    own = vars(encoder)
    named = {name for part in ("columns", "numbers", "categories", "dates") for name in own.get(part, ())}
    named |= {own["column"]} if "column" in own else set()
    fitting = next(kinds for kinds, _, kind, _ in _LEARNERS if kind == encoder.kind)
    return named == set(columns.inputs) and set(columns.inputs.values()) <= fitting
