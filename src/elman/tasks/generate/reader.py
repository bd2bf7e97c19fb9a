"""Read a text unit by unit with a trained language model, and list the likeliest next units.

>>> from elman.models.layers import Layers
>>> import torch
>>> from elman import cells
>>> from elman.tasks.generate.module import LanguageModel
>>> reader = Reader(LanguageModel(cells.gru, 7, Layers(hidden=5), embedding=3).eval())
>>> reader.step(2)
>>> reader.probabilities().shape
torch.Size([7])
"""

from collections.abc import Callable

import torch
from torch import Tensor

from elman.errors import ElmanError
from elman.nn.states import States
from elman.tasks.generate.module import LanguageModel

_LONGEST = 20  # units of a continuation


class Reader:
    """The state of a language model between units, and its logits of the next one.

    Args:
        module: the layers; dropout is not applied, even in training mode.
        given: the number of the class to condition on; None where there are none.
    """

    def __init__(self, module: LanguageModel, given: int | None = None) -> None:
        self._module = module
        self._stream = module.recurrent.stream(freeze=True)
        self._device = module.embedding.weight.device
        self._given = None if given is None else torch.tensor([given], device=self._device)
        self._output: Tensor | None = None

    @torch.no_grad()
    def step(self, number: int) -> None:
        """Read one unit."""
        embedded = self._module.embed(torch.tensor([number], device=self._device), self._given)
        self._output = self._stream.step(embedded, **self._module.sides.of(embedded))

    @torch.no_grad()
    def logits(self) -> Tensor:
        """Return the logits (V,) of the next unit; one must have been read."""
        assert self._output is not None
        return self._module.read_out(self._output)[0].cpu()

    def probabilities(self) -> Tensor:
        """Return the probabilities (V,) of the next unit, float64.

        Raises:
            ElmanError: the model's output is not finite.
        """
        logits = self.logits()
        if not logits.isfinite().all():
            raise ElmanError("The model's output is not finite. Train it again with a lower --learning-rate.")
        return torch.softmax(logits.double(), 0)

    def mark(self) -> tuple[States, Tensor | None]:
        """Return the current state, for :meth:`back_to`."""
        return self._stream.state, self._output

    def back_to(self, mark: tuple[States, Tensor | None]) -> None:
        """Restore the state of a mark."""
        self._stream.state, self._output = mark


def likeliest(probabilities: Tensor, top: int) -> list[tuple[int, float]]:
    """Return the numbers of the likeliest units and their probabilities; of equals, the lower number first."""
    ranked = probabilities.sort(descending=True, stable=True)
    return list(zip(ranked.indices[:top].tolist(), ranked.values[:top].tolist(), strict=True))


def extend(reader: Reader, spell: Callable[[list[int]], str], top: int) -> list[tuple[str, float]]:
    """Extend each of the likeliest next units greedily to the end of its word.

    Args:
        reader: has read the text; its state is restored afterwards.
        spell: turns numbers into a text.
        top: how many to extend.

    Returns:
        Continuations and their probabilities, the likeliest first.
    """
    start, chances = reader.mark(), dict[str, float]()
    for number, probability in likeliest(reader.probabilities(), top):
        numbers, chance = [number], probability
        while len(numbers) < _LONGEST and not _ends_a_word(spell(numbers)):
            reader.step(numbers[-1])
            following, share = likeliest(reader.probabilities(), 1)[0]
            if spell([following])[:1].isspace():
                break
            numbers.append(following)
            chance *= share
        chances.setdefault(spell(numbers), chance)
        reader.back_to(start)
    return sorted(chances.items(), key=lambda pair: -pair[1])


def _ends_a_word(text: str) -> bool:
    return (text[-1:].isspace() and bool(text.strip())) or text == "\n"
