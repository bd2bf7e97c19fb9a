"""The one input of an exported classifier, whose networks may number and scale what they read in different ways.

Each network of several has learnt from other examples. The file has one vocabulary, that of all of them, and for each
network a table from its numbers to the network's; numbers are given as they are, and scaled for each network inside.

>>> from elman.encoders.limit import Limit
>>> one = LettersEncoder(("s",), 1, ("A", "C"), False, Limit(None, 5))
>>> joined = join_inputs([one, replace(one, known=("C", "G"))])
>>> joined.encoder.known, joined.table(1).tolist()
(('A', 'C', 'G'), [0, 1, 2, 1, 3, 4])
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.dataset import SideColumn
from elman.encoders.encoder import Encoder
from elman.encoders.fronts import UnitsFront
from elman.encoders.image import ImageEncoder
from elman.encoders.letters import LettersEncoder
from elman.encoders.scaling import Scaling
from elman.encoders.series import SeriesEncoder
from elman.encoders.sound import SoundEncoder
from elman.encoders.table import TableEncoder
from elman.encoders.words import WordsEncoder
from elman.errors import ConfigError
from elman.export.graph import DOUBLE, FLOAT, INT64, GraphWriter, Port
from elman.export.models import Feeds, random_lengths
from elman.export.pieces import write_scaling
from elman.export.ports import LENGTHS, axis_length, read_lengths
from elman.export.sides import CarriedSide, CarriedSides, Units
from elman.tasks.classify.exported_rows import RowColumns, draw_numbers, join_names
from elman.tasks.classify.model import TrainedClassifier
from elman.vocabulary.tally import BETWEEN, FIRST, UNKNOWN


@dataclass(frozen=True)
class WrittenInput:
    """What a network of a file reads.

    Attributes:
        steps: name of (T, B, …).
        lengths: name of (B,).
        carried: the name of what the steps carry for each side input that is in them, each (T, B, 1).
        covariates: name of (B, F), what is read beside the steps; empty where nothing is.
    """

    steps: str
    lengths: str
    carried: Mapping[str, str] = field(default_factory=dict)
    covariates: str = ""

    def joined(self, writer: GraphWriter) -> str:
        """Write the steps with what they carry behind, as the encoder gives them."""
        return writer.add("Concat", self.steps, *self.carried.values(), axis=2) if self.carried else self.steps


NO_SIDES: Mapping[str, SideColumn] = {}
_SPECIAL = [0, UNKNOWN, BETWEEN]  # numbers that are the same in all vocabularies


class ClassifierInput(ABC):
    """What the file of a classifier reads, and what becomes of it for each network.

    Attributes:
        encoders: of each network.
        encoder: the one that the card describes.
        reads: a sentence for each input.
        covariates: what is read beside a sequence; None where nothing is.
    """

    reads: dict[str, str]
    covariates: RowColumns | None = None

    def __init__(self, encoders: Sequence[Any], encoder: Any) -> None:
        self.encoders, self.encoder = encoders, encoder

    def ports(self, *, step: bool = False) -> list[Port]:
        """Return the inputs of a file of whole examples, or of one of a step."""
        return [*self.own_ports(step=step), *([] if self.covariates is None else self.covariates.ports)]

    def write(self, writer: GraphWriter, number: int) -> WrittenInput:
        """Write what a network reads."""
        given = self.write_own(writer, number)
        return given if self.covariates is None else replace(given, covariates=self.covariates.write(writer, number))

    def encode(self, feeds: dict[str, Tensor], number: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Encode what the file is given as a network reads it: steps (T, B, …), lengths (B,) and covariates (B, F)."""
        row = None if self.covariates is None else self.covariates.encode(feeds, number)
        return *self.encode_own(feeds, number), row

    def draw(self, steps: int, random: np.random.Generator) -> Feeds:
        """Draw two examples of unequal length to compare with."""
        return {**self.draw_own(steps, random), **({} if self.covariates is None else self.covariates.draw(random))}

    @abstractmethod
    def own_ports(self, *, step: bool = False) -> list[Port]:
        """Return the inputs without those of covariates; so do the following functions."""

    @abstractmethod
    def write_own(self, writer: GraphWriter, number: int) -> WrittenInput:
        """Write what a network reads."""

    @abstractmethod
    def encode_own(self, feeds: dict[str, Tensor], number: int) -> tuple[Tensor, Tensor]:
        """Encode what the file is given as the encoder of a network does."""

    @abstractmethod
    def draw_own(self, steps: int, random: np.random.Generator) -> Feeds:
        """Draw two examples."""


class SequenceInput(ClassifierInput):
    """Sequences of steps, of which the first so many are read.

    Attributes:
        sides: what each step carries besides its numbers.
    """

    kind = FLOAT
    width: int
    sides = CarriedSides()

    def own_ports(self, *, step: bool = False) -> list[Port]:
        """Return the steps (B, T, K), their lengths, and what they carry; of one step (B, K) and what it carries."""
        if step:
            return [Port("steps", ("batch", self.width), self.kind), *self.sides.step_ports]
        return [Port("steps", ("batch", "time", self.width), self.kind), LENGTHS, *self.sides.ports]

    def write_own(self, writer: GraphWriter, number: int) -> WrittenInput:
        """Write what a network reads, of all steps that it reads."""
        steps = writer.add("Transpose", "steps", perm=[1, 0, 2])
        lengths = read_lengths(writer, "steps", batch=0, time=1).value
        most = self.most(number)
        if most is not None:
            lengths = writer.add("Min", lengths, writer.constant(np.int64(most)))
        carried = self.sides.write(writer, self.units(number))
        return WrittenInput(self.write_steps(writer, steps, number), lengths, carried)

    def encode_own(self, feeds: dict[str, Tensor], number: int) -> tuple[Tensor, Tensor]:
        """Encode all steps that a network reads."""
        most, steps = self.most(number), feeds["steps"].transpose(0, 1)
        lengths = feeds["lengths"] if most is None else feeds["lengths"].clamp(max=most)
        encoded, units = self._encode_steps(steps, number), self.units(number)
        return torch.cat([encoded, self.sides.compute(feeds, units)], 2) if units else encoded, lengths

    def draw_own(self, steps: int, random: np.random.Generator) -> Feeds:
        """Draw two sequences of unequal length."""
        drawn = {"steps": self._draw_steps((2, steps, self.width), random), "lengths": random_lengths(steps)}
        return {**drawn, **self.sides.draw((2, steps), self.units(0), random)}

    def units(self, number: int) -> Units:
        """Return the units in which a network reads what its steps carry."""
        units: Units = getattr(self.encoders[number], "sides", {})
        return units

    def most(self, number: int) -> int | None:
        """Return how many steps a network reads at most; None for all."""
        limit = getattr(self.encoders[number], "limit", None)
        return None if limit is None else limit.most

    @abstractmethod
    def write_steps(self, writer: GraphWriter, steps: str, number: int) -> str:
        """Write what a network reads of steps (T, B, K)."""

    @abstractmethod
    def _encode_steps(self, steps: Tensor, number: int) -> Tensor: ...

    @abstractmethod
    def _draw_steps(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray: ...


class _UnitsInput(SequenceInput):
    """Numbered units: words with or without their letters, characters, k-mers."""

    kind = INT64

    def __init__(self, encoders: Sequence[WordsEncoder | LettersEncoder]) -> None:
        own: dict[str, Any] = {"known": join_names(one.known for one in encoders)}
        if isinstance(encoders[0], WordsEncoder):
            own["letters"] = join_names(one.letters for one in encoders if isinstance(one, WordsEncoder))
            own["width"] = max(one.width for one in encoders if isinstance(one, WordsEncoder))
        super().__init__(encoders, replace(encoders[0], **own))
        self.letters = _letters_of(self.encoder)
        self.width = 1 + self.letters
        read = "the number of a unit, then those of its letters, as `encoder` and `special_units` say"
        self.reads = {"steps": read}

    def table(self, number: int) -> np.ndarray:
        """Return the number that a network has for each unit of the file."""
        return _table(self.encoder.known, self.encoders[number].known)

    def _letter_table(self, number: int) -> np.ndarray:
        return _table(self.encoder.letters, self.encoders[number].letters)

    def write_steps(self, writer: GraphWriter, steps: str, number: int) -> str:
        if self.encoders[number] == self.encoder:
            return steps
        numbers = writer.add("Slice", steps, writer.indices(0), writer.indices(1), writer.indices(2))
        units = writer.add("Gather", writer.constant(self.table(number)), numbers)
        letters = _letters_of(self.encoders[number])
        if not letters:
            return units
        read = writer.add("Slice", steps, writer.indices(1), writer.indices(1 + letters), writer.indices(2))
        return writer.add(
            "Concat", units, writer.add("Gather", writer.constant(self._letter_table(number)), read), axis=2
        )

    def _encode_steps(self, steps: Tensor, number: int) -> Tensor:
        """Look up each unit by its name, as the encoder of the network does."""
        encoder, names = self.encoders[number], [*_SPECIAL, *self.encoder.known]
        own = {name: place for place, name in enumerate(encoder.known, FIRST)}
        units = [[[_find(own, names[unit])] for unit in row] for row in steps[..., 0].tolist()]
        found = torch.tensor(units)
        letters = _letters_of(encoder)
        if not letters:
            return found
        names, own = [*_SPECIAL, *self.encoder.letters], {n: place for place, n in enumerate(encoder.letters, FIRST)}
        rows = steps[..., 1 : 1 + letters].tolist()
        read = [[[_find(own, names[letter]) for letter in word] for word in row] for row in rows]
        return torch.cat([found, torch.tensor(read)], 2)

    def _draw_steps(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        given = random.integers(1, len(self.encoder.known) + FIRST, shape)
        if self.letters:
            letters = random.integers(1, len(self.encoder.letters) + FIRST, (*shape[:2], self.letters))
            ends = random.integers(0, self.letters + 1, (*shape[:2], 1))
            given[:, :, 1:] = np.where(np.arange(self.letters) < ends, letters, 0)
        return given


class _NumbersInput(SequenceInput):
    """Steps of numbers as they are, scaled inside: of series, of the features of sound, of the pixels of images."""

    def __init__(
        self, encoders: Sequence[SeriesEncoder | SoundEncoder | ImageEncoder], sides: Mapping[str, SideColumn]
    ) -> None:
        super().__init__(encoders, encoders[0])
        self.sides = CarriedSides([CarriedSide(n, one.column, one.gaps, bool(one.form)) for n, one in sides.items()])
        self.scalings = [_scaling_of_steps(one) for one in encoders]
        self.width = len(self.scalings[0].means)
        self.kind = DOUBLE if isinstance(encoders[0], SeriesEncoder) else FLOAT
        read = "the numbers of each step, as they are; NaN where one is missing"
        if not isinstance(encoders[0], SeriesEncoder):
            read = f"{encoders[0].describe()}; as they are, they are standardised inside"
        self.reads = {"steps": read, **self.sides.reads}

    def write_steps(self, writer: GraphWriter, steps: str, number: int) -> str:
        whole = steps if self.kind == DOUBLE else writer.add("Cast", steps, to=DOUBLE)
        return write_scaling(writer, whole, self.scalings[number])

    def _encode_steps(self, steps: Tensor, number: int) -> Tensor:
        flat = self.scalings[number].apply(steps.reshape(-1, self.width).numpy())
        return flat.view(*steps.shape[:2], -1)

    def _draw_steps(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        if self.kind == DOUBLE:
            return draw_numbers(random, shape, self.scalings[0])
        means, deviations = np.array(self.scalings[0].means), np.array(self.scalings[0].deviations)
        return (random.standard_normal(shape) * deviations + means).astype(np.float32)


class _RowInput(ClassifierInput):
    """A row of a table, which is one step."""

    def __init__(self, encoders: Sequence[TableEncoder]) -> None:
        self._row = RowColumns(encoders, "encoder")
        super().__init__(encoders, self._row.encoder)
        self.reads = self._row.reads

    def own_ports(self, *, step: bool = False) -> list[Port]:  # noqa: ARG002 - a row is one step
        return self._row.ports

    def write_own(self, writer: GraphWriter, number: int) -> WrittenInput:
        row = self._row.write(writer, number)
        lengths = writer.add("Expand", writer.constant(np.int64(1)), axis_length(writer, self._row.ports[0].name, 0))
        return WrittenInput(writer.add("Unsqueeze", row, writer.indices(0)), lengths)

    def encode_own(self, feeds: dict[str, Tensor], number: int) -> tuple[Tensor, Tensor]:
        row = self._row.encode(feeds, number)
        return row[None], torch.ones(len(row), dtype=torch.int64)

    def draw_own(self, steps: int, random: np.random.Generator) -> Feeds:  # noqa: ARG002 - a row is one step
        return self._row.draw(random)


def input_of(model: TrainedClassifier) -> ClassifierInput:
    """Return what the file of a model reads.

    Raises:
        ConfigError: its networks read their examples in different ways.
    """
    given: ClassifierInput = join_inputs([one.encoder for one in model.members], model.columns.sides)
    covariates = [one.covariates for one in model.members if one.covariates is not None]
    if covariates:
        given.covariates = RowColumns(covariates, "covariates")
        given.reads = {**given.reads, **given.covariates.reads}
    return given


def join_inputs(encoders: Sequence[Encoder], sides: Mapping[str, SideColumn] = NO_SIDES) -> Any:
    """Return the input that all networks of a model can read.

    Args:
        encoders: of each network.
        sides: the columns of side inputs, by name.

    Returns:
        A :class:`ClassifierInput`.

    Raises:
        ConfigError: they read their examples in different ways.
    """
    first = encoders[0]
    if any(_way(one) != _way(first) for one in encoders):
        ways = sorted({one.describe() for one in encoders})
        raise ConfigError(
            f"export: the networks of this model read their examples in different ways ({'; '.join(ways)}), and a file "
            "has one input. Export the first with --alone, or train with the options that say how to read."
        )
    if isinstance(first, TableEncoder):
        return _RowInput(encoders)  # type: ignore[arg-type]
    if isinstance(first, WordsEncoder | LettersEncoder):
        return _UnitsInput(encoders)  # type: ignore[arg-type]
    return _NumbersInput(encoders, sides)  # type: ignore[arg-type]


def _way(encoder: Encoder) -> Any:
    """Return what decides how an example becomes steps, without the numbers and the names that were learnt."""
    if isinstance(encoder, WordsEncoder):
        return encoder.unit
    if isinstance(encoder, LettersEncoder):
        return encoder.kmer
    if isinstance(encoder, ImageEncoder):
        return encoder.size, encoder.permutation
    return encoder.features if isinstance(encoder, SoundEncoder) else encoder.kind


def _scaling_of_steps(encoder: SeriesEncoder | SoundEncoder | ImageEncoder) -> Scaling:
    """Return the scaling of the numbers of a step; a row of an image has those of each channel side by side."""
    scaling = encoder.scaling
    if isinstance(encoder, ImageEncoder) and encoder.read == "rows":
        means, deviations = (np.repeat(part, encoder.size[1]).tolist() for part in (scaling.means, scaling.deviations))
        return Scaling(tuple(means), tuple(deviations))
    return scaling


def _letters_of(encoder: Any) -> int:
    return encoder.width if isinstance(encoder.front, UnitsFront) and encoder.front.letters else 0


def _table(joined: Sequence[str], own: Sequence[str]) -> np.ndarray:
    places = {name: place for place, name in enumerate(own, FIRST)}
    return np.array([*_SPECIAL, *(places.get(name, UNKNOWN) for name in joined)], np.int64)


def _find(own: dict[Any, int], name: Any) -> int:
    return name if isinstance(name, int) else own.get(name, UNKNOWN)
