"""Translate a text while it arrives: wait-k decoding (Ma et al. 2019, section 3).

Step i of the target is written as soon as i + K units of the source are known, or its end. The encoder reads each unit
when it comes, and keeps its state. A word, and the subwords of a word, are known at the blank behind it; a character is
known at once.

>>> from elman.tasks.translate.encoder import learn_pair_encoder
>>> side = learn_pair_encoder(["ein Hund"], ["a dog"], unit="word", size=None, separate=True).source
>>> source = ArrivingSource(side, iter(["ei", "n H", "und"]), most=1000)
>>> source.wait_for(1), source.units == side.encode("ein"), source.is_over
(1, True, False)
"""

import dataclasses
import re
from collections.abc import Iterator

import torch
from torch import Tensor

from elman.decoding.constraints import Constraints
from elman.decoding.likeliest import keep_only
from elman.decoding.search import Writer, write_greedily
from elman.models.finite import require_finite_output
from elman.models.writing import WriterState, read_units
from elman.tasks.translate.module import TranslationModel
from elman.tasks.translate.writer import longest_target
from elman.vocabulary.characters import Characters
from elman.vocabulary.side import LOST, Side

_FEW = 100  # characters
# Up to the last blank behind a word. Vocabularies do not agree on all blanks; these are blanks in all of them.
_KNOWN = re.compile(r".*\S(?=[ \t\u3000])", re.DOTALL)


class ArrivingSource:
    """The units of a text that arrives.

    Args:
        side: numbers them.
        pieces: of the text.
        most: units that are read of it.

    Attributes:
        most: as given.
        units: all that are known so far, also those that are not read.
        is_blank: whether nothing but blanks has come so far.
        first: a few characters that it begins with.
    """

    def __init__(self, side: Side, pieces: Iterator[str], most: int) -> None:
        self._side, self._pieces, self.most = side, pieces, most
        self._rest = ""  # of a word that is not known yet, and the blanks before it
        self._has_ended = False
        self.units: list[int] = []
        self.is_blank = True
        self.first = ""

    @property
    def is_over(self) -> bool:
        """Whether all that is read is known."""
        return self._has_ended or len(self.units) >= self.most

    def wait_for(self, count: int) -> int:
        """Wait until so many units are known, or all of the text; return how many may be read."""
        while not self.is_over and (self.is_blank or len(self.units) < count):
            self._take()
        return min(len(self.units), self.most)

    def finish(self) -> None:
        """Wait for the end of the text."""
        while not self._has_ended:
            self._take()

    def _take(self) -> None:
        """Take the next piece; what is whole by it becomes units."""
        piece = next(self._pieces, None)
        self._has_ended = piece is None
        self._rest += piece or ""
        self.first = (self.first + (piece or ""))[:_FEW]
        self.is_blank = self.is_blank and not self._rest.strip()
        whole = self._rest
        if not (self._has_ended or isinstance(self._side.vocabulary, Characters)):
            known = _KNOWN.match(self._rest)
            whole = known.group() if known else ""
        if whole:
            self.units += self._side.encode(whole, is_begun=bool(self.units))
            self._rest = self._rest[len(whole) :]


@torch.no_grad()
def write_arriving(
    model: TranslationModel, source: ArrivingSource, target: Side, constraints: Constraints
) -> Iterator[str]:
    """Yield what the text of a target grows by, while its source arrives; nothing where that is blank.

    Args:
        model: waits, and is in evaluation.
        source: of which as much is taken as each step may see.
        target: the side of targets.
        constraints: what may not be written.

    Raises:
        ElmanError: what the model puts out is not finite.
    """
    source.wait_for(1)
    if source.is_blank:
        return
    writer, longest = ArrivingWriter(model, source, target.end), longest_target(source.most)
    units, shown = list[int](), ""
    for unit in write_greedily(writer, end=target.end, longest=longest, constraints=constraints):
        units.append(unit)
        # The bytes of a letter may be several units; until the last they show as what is lost.
        text = target.decode(units[:-1]) if unit == target.end else target.decode(units).rstrip(LOST)
        yield text[len(shown) :]
        shown = text
    require_finite_output(units[-1:] == [target.end])


class ArrivingWriter(Writer):
    """Writes the target of a source that arrives.

    Args:
        model: waits, and is in evaluation.
        source: a text that is not blank.
        end: the unit that stands before every target, and behind it.
    """

    def __init__(self, model: TranslationModel, source: ArrivingSource, end: int) -> None:
        assert model.wait is not None
        self._model, self._source, self._end, self._wait = model, source, end, model.wait
        self._encoder = model.recurrent.stream(freeze=True)
        self._device = next(model.parameters()).device
        self._output = torch.zeros(0, 1, model.recurrent.output_size, device=self._device)

    def begin(self, sources: int) -> tuple[Tensor, WriterState]:
        """Read what is waited for."""
        self._read(self._wait)
        state = self._model.begin(self._output, self._lengths)
        units = torch.full((sources,), self._end, device=self._device)
        return self.step(units, WriterState(state, 0))

    def step(self, units: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """Read a unit of the target, after as many of the source as its step may see."""
        if self._read(state.step + self._wait):
            memory, again = self._model.remember(self._output, self._lengths)
            state = state._replace(state=dataclasses.replace(state.state, memory=memory, again=again))
        chances, new = read_units(self._model, units, state)
        if self._source.is_over and state.step >= longest_target(len(self._output)):
            keep_only(chances[0], [self._end])
        return chances, new

    def select(self, state: WriterState, rows: Tensor) -> WriterState:  # noqa: ARG002 - there is one
        """Return the state."""
        return state

    @property
    def _lengths(self) -> Tensor:
        return torch.tensor([len(self._output)], device=self._device)

    def _read(self, count: int) -> bool:
        """Let the encoder read what has arrived, at least so many units; return whether there was more."""
        before, known = len(self._output), self._source.wait_for(count)
        if known == before:
            return False
        new = torch.tensor(self._source.units[before:known], device=self._device)
        embedded = self._model.embed(new)
        steps = [self._encoder.step(embedded[index : index + 1]) for index in range(len(new))]
        self._output = torch.cat([self._output, torch.stack(steps)])
        return True
