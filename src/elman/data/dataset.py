"""What every reader returns: examples with named values, and the columns that they come from.

The kind of a column is the type of its values:

============  =====================================================================================
`text`        str
`letters`     str of upper-case letters: a genome, a protein
`number`      float; NaN where it is missing
`category`    str; empty where it is missing
`date`        float, seconds since 1970 as a clock on the wall shows them; NaN where it is missing
`series`      float32 array (T, D); NaN where a number is missing
`sound`       :class:`Sound`
`image`       uint8 array (H, W, C), C is 1 or 3
============  =====================================================================================

A target has one of three kinds: `category` (one class: str), `labels` (several at once: a tuple of str), `number`
(float).

>>> Columns({"text": "text"}, target="label", target_kind="category").to_dict()["inputs"]
{'text': 'text'}
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from elman.data.plain import read_plain
from elman.data.tables.numbers import NumberDialect
from elman.errors import DataError

INPUT_KINDS = ("text", "letters", "number", "category", "date", "series", "sound", "image")
COVARIATE_KINDS = ("number", "category", "date")
"""Those of one value a row, which are read together, and beside a sequence."""
TARGET_KINDS = ("category", "labels", "number")


@dataclass(frozen=True)
class Sound:
    """Samples of one channel.

    Attributes:
        samples: (N,) float32, between −1 and 1.
        rate: samples a second.
    """

    samples: NDArray[np.float32]
    rate: int


@dataclass(frozen=True)
class Example:
    """One example as it was read.

    Attributes:
        values: by column, see the kinds above.
        target: what is predicted; None where it is not known.
        where: its place for messages, such as `reviews.csv line 7`.
        group: examples of one group (a speaker, a recording) are never on two sides of a split; None for none.
        weight: its factor in losses and scores; above 0.
    """

    values: Mapping[str, Any]
    target: Any
    where: str
    group: str | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class SideColumn:
    """The column of a side input.

    Attributes:
        column: its name.
        gaps: whether it holds times, and the side input of a step is the time since the step before.
        form: of times that are written as dates, see :mod:`elman.data.series.timestamps`; they are then in seconds.
    """

    column: str
    gaps: bool = False
    form: str = ""


@dataclass(frozen=True)
class Columns:
    """The input columns and the target; a model keeps them, so that new files are read in the same way.

    Attributes:
        inputs: the kind of each input column by its name, in their order.
        target: the name of the target; None where there is none.
        target_kind: its kind.
        id: the column whose equal values join rows to one sequence (a long table); None where a row is an example.
        group: the column with the group of an example.
        names: names of the D numbers of a `series`, where they have some.
        numbers: how the numbers of a column are written, where it is not as programs do.
        dates: the form of each column of dates, see :mod:`elman.data.series.timestamps`.
        sides: the columns of side inputs, by the names that they have in the cell. A `series` is then (T, D + S): what
            its steps carry stands behind their numbers, in the order of the names.
    """

    inputs: Mapping[str, str]
    target: str | None = None
    target_kind: str | None = None
    id: str | None = None
    group: str | None = None
    names: Sequence[str] = field(default_factory=tuple)
    numbers: Mapping[str, NumberDialect] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    sides: Mapping[str, SideColumn] = field(default_factory=dict)

    @property
    def needed(self) -> tuple[str, ...]:
        """Return the columns of a table that inputs and side inputs are read from."""
        own = self.inputs if self.id is None else self.names
        return tuple(dict.fromkeys([*own, *(side.column for side in self.sides.values())]))

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        plain = {**asdict(self), "inputs": dict(self.inputs), "names": list(self.names)}
        written = {name: plain.pop(name) for name in ("numbers", "dates", "sides")}
        return plain | {name: forms for name, forms in written.items() if forms}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Columns":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing or of another kind, or the kind of a column is unknown.
        """
        columns = read_plain(cls, data, "columns")
        wrong = [kind for kind in columns.inputs.values() if kind not in INPUT_KINDS]
        if wrong or not columns.inputs or columns.target_kind not in (*TARGET_KINDS, None):
            raise DataError(f"The columns {dict(columns.inputs)} are of no kind that this program knows.")
        if {name for name, kind in columns.inputs.items() if kind == "date"} != set(columns.dates):
            raise DataError("The columns of dates of this model have no form, or others have one. Train it again.")
        return columns


class Dataset(Protocol):
    """Examples by index, read on access.

    Three methods are optional: `read` where many examples are read faster together, see :func:`read_examples`;
    `where` where an example can be named without reading it; `read_texts` where texts are held by columns, see
    :class:`elman.data.examples.survey.Survey`.
    """

    @property
    def name(self) -> str:
        """Its name in messages: its path, or "standard input"."""

    @property
    def columns(self) -> Columns:
        """Its inputs and its target."""

    @property
    def notes(self) -> Sequence[str]:
        """What was inferred about it, as sentences for the user."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Example:
        """Read one example.

        Raises:
            DataError: it cannot be read; the message names file and line.
        """


def read_examples(dataset: Dataset, indices: Sequence[int]) -> Iterator[Example]:
    """Read examples one after the other, as fast as the dataset can.

    Args:
        dataset: its method `read`, if it has one, takes indices and yields examples.
        indices: which examples, in which order.

    Raises:
        DataError: one cannot be read.
    """
    read = getattr(dataset, "read", None)
    yield from map(dataset.__getitem__, indices) if read is None else read(indices)
