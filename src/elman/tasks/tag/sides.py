"""What each word carries for the side inputs of a cell: numbers in the last columns that are read beside it.

>>> one = Sentence(("so", "good"), None, None, "a.conll", 1, further=(("RB", "0.5"), ("JJ", "2.5")))
>>> sides = learn_word_sides({"dt": SideSource("3", gaps=True)}, ["2", "3"], [one])
>>> sides["dt"].unit, read_word_sides(sides, one).tolist()
(2.0, [[0.0], [1.0]])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from elman.data.dataset import Columns, SideColumn
from elman.data.examples.sides import read_sides
from elman.data.sentences.sentence import Sentence
from elman.data.text import is_number
from elman.errors import DataError
from elman.sides import SideSource


@dataclass(frozen=True)
class WordSide:
    """The column of a side input.

    Attributes:
        column: its name, for messages.
        unit: of the time between words, where the column has times; None where its numbers are given on as they are.
    """

    column: str
    unit: float | None = None

    def describe(self, name: str) -> str:
        """Say where a side input comes from."""
        unit = "" if self.unit is None else f", in units of {self.unit:.4g}, their median"
        return f"{name} is {'the times between words by ' if unit else ''}the column {self.column}{unit}"


def learn_word_sides(
    sources: Mapping[str, SideSource], columns: Sequence[str], sentences: Sequence[Sentence]
) -> dict[str, WordSide]:
    """Return the columns of side inputs, with the median time between the words of the training sentences as unit.

    Args:
        sources: of the side inputs that words carry.
        columns: the names of all that is read beside the words; those of side inputs are the last, in the order of the
            names of these.
        sentences: those to learn from.

    Raises:
        DataError: there are fewer columns; a value is wrong, see :func:`read_word_sides`; or every sentence has one
            word, and times between words are read.
    """
    names = sorted(sources)
    if len(columns) < len(names):
        raise DataError(f"{', '.join(names)} are numbers of each word, and nothing is beside the words. Add columns.")
    own = columns[len(columns) - len(names) :]
    sides = {
        name: WordSide(column, 1.0 if sources[name].gaps else None) for name, column in zip(names, own, strict=True)
    }
    carried = [read_word_sides(sides, sentence)[1:] for sentence in sentences] if sides else []
    for at, name in enumerate(names):
        if sides[name].unit is not None:
            gaps = np.concatenate([rows[:, at].numpy() for rows in carried]).astype(np.float64)
            if not len(gaps):
                raise DataError(
                    f"Each sentence has one word, so no time between words can be {name}. Give longer ones."
                )
            sides[name] = replace(sides[name], unit=float(np.median(gaps)))
    return sides


def read_word_sides(
    sides: Mapping[str, WordSide], sentence: Sentence, before: Sequence[tuple[str, ...]] = ()
) -> Tensor:
    """Return what the words of a sentence carry, (T, S), in the order of the names.

    Args:
        sides: the columns.
        sentence: with the values of its further columns.
        before: those of the word before it, where the sentence goes on from another piece.

    Raises:
        DataError: a value is no number, is negative or missing, or times do not ascend; the message names the word.
    """
    rows, first = [*before, *sentence.further], len(before)
    values = {}
    for back, name in enumerate(sorted(sides, reverse=True), 1):
        cells = [row[-back].strip() for row in rows]
        wrong = next((at for at, cell in enumerate(cells) if not is_number(cell)), None)
        if wrong is not None:
            raise DataError(
                f"{sentence.where_is(max(0, wrong - first))}, column {sides[name].column}: {cells[wrong][:40]!r} is no "
                f"number, and the side input {name} is one at each word. Correct it."
            )
        values[sides[name].column] = np.array(cells, np.float64)
    columns = Columns(
        {"word": "text"}, sides={name: SideColumn(side.column, side.unit is not None) for name, side in sides.items()}
    )
    raw = read_sides(columns, values, lambda at: sentence.where_is(max(0, at - first)))
    units = np.array([sides[name].unit or 1.0 for name in sorted(sides)])
    return torch.from_numpy((raw[first:] / units).astype(np.float32))
