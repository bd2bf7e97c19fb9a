"""Be what the encoders of all kinds have in common: learnt from examples, chosen by the columns, kept as plain data.

>>> from elman.data.dataset import Columns
>>> learn_encoder(Columns({"a": "text", "b": "image"}), [], InputSettings())
Traceback (most recent call last):
elman.errors.ConfigError: The columns a (text), b (image) cannot be read together: several texts can, or numbers and
categories. Name what is to be read with input.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from elman.data.dataset import Columns, Example
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


class Encoder(Protocol):
    """Turn examples of one kind into sequences.

    Attributes:
        kind: names it in a model file.
        units: whether it gives units, else frames.
    """

    kind: ClassVar[str]
    units: ClassVar[bool]

    @property
    def front(self) -> Front:
        """Say what a module must know to read the sequences."""

    @property
    def suggested(self) -> Suggestions:
        """Suggest what suits the sequences in training."""

    def encode(self, example: Example) -> Tensor:
        """Give the sequence of an example, (T, K) int64 or (T, D) float32; T is at least 1.

        Raises:
            DataError: the example does not fit those of training; the message names it.
        """

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:
        """Vary what `encode` gave at random, for training; nothing changes where nothing suits."""

    def describe(self) -> str:
        """Say in one line what is read."""

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""


_KINDS: dict[str, Any] = {
    encoder.kind: encoder
    for encoder in (WordsEncoder, LettersEncoder, TableEncoder, SeriesEncoder, SoundEncoder, ImageEncoder)
}
# By the kinds of columns that are read together, whether there may be several, and what the encoder is called.
_LEARNERS: tuple[tuple[set[str], bool, str, Callable[[Columns, Iterable[Example], InputSettings], Encoder]], ...] = (
    ({"text"}, True, "text", learn_words),
    ({"letters"}, True, "letters", learn_letters),
    ({"number", "category"}, True, "table", learn_table),
    ({"series"}, False, "series", learn_series),
    ({"sound"}, False, "sound", learn_sound),
    ({"image"}, False, "image", learn_image),
)


def learn_encoder(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> Encoder:
    """Learn how the columns of a dataset become sequences.

    Args:
        columns: what is read.
        examples: those of training; they are read once, and not kept.
        settings: how they are read.

    Raises:
        ConfigError: the columns cannot be read together.
        DataError: an example cannot be read, or there is nothing to learn from.
    """
    kinds = set(columns.inputs.values())
    for fitting, several, _, learn in _LEARNERS:
        if kinds <= fitting and (several or len(columns.inputs) == 1):
            return learn(columns, examples, settings)
    named = ", ".join(f"{column} ({kind})" for column, kind in columns.inputs.items())
    raise ConfigError(
        f"The columns {named} cannot be read together: several texts can, or numbers and categories. "
        "Name what is to be read with input."
    )


def read_encoder(data: Mapping[str, Any]) -> Encoder:
    """Read what an encoder wrote of itself.

    Raises:
        DataError: it is no encoder.
    """
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise DataError(f"There is no encoder of the kind {repr(kind)[:30]} in this program. Train the model again.")
    found: Encoder = read_plain(_KINDS[kind], {name: one for name, one in data.items() if name != "kind"}, "encoder")
    return found


def require_columns(encoder: Encoder, columns: Columns) -> None:
    """Check that an encoder reads just the columns that a model says are read.

    Raises:
        DataError: it reads others, or they are of kinds that it cannot read.
    """
    own = vars(encoder)
    named = {name for part in ("columns", "numbers", "categories") for name in own.get(part, ())}
    named |= {own["column"]} if "column" in own else set()
    fitting = next(kinds for kinds, _, kind, _ in _LEARNERS if kind == encoder.kind)
    if named != set(columns.inputs) or not set(columns.inputs.values()) <= fitting:
        raise DataError(f"The {encoder.kind} encoder of this model does not read its columns. Train the model again.")
