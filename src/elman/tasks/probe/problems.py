"""Synthetic problems that need memory: the answer at the end depends on inputs from long before.

Every example is drawn anew, so that a network cannot overfit. Letters: T the length, N the examples drawn, I the inputs
of a time step, K the answers. In every problem the answers are due at the last K time steps.

>>> import torch
>>> examples = PROBLEMS["adding"].draw(100, 3, torch.Generator().manual_seed(1))
>>> examples.inputs.shape, examples.answers.shape
(torch.Size([100, 3, 2]), torch.Size([1, 3]))
>>> bool((examples.inputs.prod(2).sum(0) == examples.answers[0]).all())
True
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from elman.errors import ConfigError
from elman.tasks.probe.settings import DEFAULT_CELLS

_LETTERS = 8  # of the copy problem
_COPIED = 10
_KEYS = 4  # of recall, and as many values
_PAIRS = 2
_ORDER_DISTRACTORS = 4  # a, b, c, d
_WHO = ("please", "pupils", "clerks", "sailors")
_WHERE = ("home", "school", "work", "sea")
_BETWEEN = ("stay", "here", "now", "and", "then", "at")


@dataclass(frozen=True)
class DrawnExamples:
    """N examples of a problem.

    Attributes:
        inputs: (steps, N, I).
        answers: (K, N), the right answers at the last K steps: numbers, or classes as integers.
    """

    inputs: Tensor
    answers: Tensor


@dataclass(frozen=True)
class Problem:
    """A problem, and the error at which it counts as solved.

    Attributes:
        name: as on the command line.
        text: a description in one line, with its source.
        draw_one: draws examples of a length; use :meth:`draw`.
        shortest: the smallest possible length.
        input_size: I.
        outputs: numbers of one answer: 1, or the classes.
        answers_due: K, answers of one example.
        extra_steps: time steps in addition to the length.
        guess: the error of the best constant answer.
        goal: the error at which the problem is solved.
        first: the first length, unless another is requested.
        cells: that are examined unless others are named.
        windows: for each, a feed-forward network that reads so many of the last steps is examined as well.
        seeds: with how many each network is trained, unless another number is requested.
    """

    name: str
    text: str
    draw_one: Callable[[int, int, Generator], DrawnExamples]
    shortest: int
    input_size: int
    outputs: int
    answers_due: int
    extra_steps: int
    guess: float
    goal: float
    first: int = 10
    cells: tuple[str, ...] = DEFAULT_CELLS
    windows: tuple[int, ...] = ()
    seeds: int = 1

    @property
    def measure(self) -> str:
        """Return the name of the error: of numbers the mean squared error, of classes the share of wrong answers."""
        return "mean squared error" if self.outputs == 1 else "share of wrong answers"

    def draw(self, length: int, count: int, generator: Generator) -> DrawnExamples:
        """Draw examples.

        Args:
            length: T, as described in `text`.
            count: N.
            generator: the random generator.

        Raises:
            ConfigError: the length is below `shortest`.
        """
        if length < self.shortest:
            raise ConfigError(f"A length of {length} has no room for {self.name}. Take {self.shortest} or more.")
        return self.draw_one(length, count, generator)

    def loss(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Return the training loss: the mean squared error, or the cross-entropy in nats.

        Args:
            outputs: (K, N, outputs).
            answers: (K, N).
        """
        if self.outputs == 1:
            return F.mse_loss(outputs.squeeze(2), answers)
        return F.cross_entropy(outputs.flatten(0, 1), answers.flatten())

    def error(self, outputs: Tensor, answers: Tensor) -> float:
        """Return the error that is compared with the goal: the mean squared error, or the share of wrong answers."""
        if self.outputs == 1:
            return float(F.mse_loss(outputs.squeeze(2).double(), answers.double()))
        return float((outputs.argmax(2) != answers).double().mean())


def draw_adding(length: int, count: int, generator: Generator) -> DrawnExamples:
    """Draw numbers from U(0, 1), two of them marked; the answer is the sum of these two (Le et al. 2015, section 4.1).

    One is in each half (Arjovsky et al. 2016, section 5.2). The constant answer 1 has the error 1/6.
    """
    numbers = torch.rand(length, count, generator=generator)
    first = torch.randint(0, length // 2, (count,), generator=generator)
    second = torch.randint(length // 2, length, (count,), generator=generator)
    marks, everyone = torch.zeros(length, count), torch.arange(count)
    marks[first, everyone] = 1.0
    marks[second, everyone] = 1.0
    total = numbers[first, everyone] + numbers[second, everyone]
    return DrawnExamples(torch.stack([numbers, marks], dim=2), total[None])


def draw_copy(length: int, count: int, generator: Generator) -> DrawnExamples:
    """Draw ten letters of eight; after `length` steps, nearly all blank, they are to be copied (Arjovsky et al. 2016).

    The last of these steps holds the start signal, and the answers are due at the ten steps after it: T + 20 steps in
    all. The paper averages the loss over all steps, and before the signal a loss of 0 is easy: 10 ln 8 / (T + 20) there
    is ln 8 here.
    """
    blank, sign = _LETTERS, _LETTERS + 1
    letters = torch.randint(0, _LETTERS, (_COPIED, count), generator=generator)
    symbols = torch.full((length + 2 * _COPIED, count), blank)
    symbols[:_COPIED] = letters
    symbols[length + _COPIED - 1] = sign
    return DrawnExamples(_one_hot(symbols, _LETTERS + 2), letters)


def draw_order(length: int, count: int, generator: Generator) -> DrawnExamples:
    """Draw two signs, X or Y, among noise; the answer is both, in order (Hochreiter & Schmidhuber 1997, task 6a).

    Their positions are between 10 and 20 % and between 40 and 50 % of the length (Pascanu et al. 2013).
    """
    everyone = torch.arange(count)
    symbols = torch.randint(2, 2 + _ORDER_DISTRACTORS, (length, count), generator=generator)
    signs = torch.randint(0, 2, (2, count), generator=generator)
    for sign, (low, high) in zip(signs, ((length // 10, length // 5), (2 * length // 5, length // 2)), strict=True):
        symbols[torch.randint(low, high, (count,), generator=generator), everyone] = sign
    return DrawnExamples(_one_hot(symbols, 2 + _ORDER_DISTRACTORS), (2 * signs[0] + signs[1])[None])


def draw_recall(length: int, count: int, generator: Generator) -> DrawnExamples:
    """Draw two keys of four, each followed by a value, among blanks; the answer is the value of the key shown last.

    It is the associative retrieval of Ba et al. 2016, section 4.1, spread over a length; keys differ from each other.
    """
    keys = torch.rand(_KEYS, count, generator=generator).argsort(0)[:_PAIRS]
    values = torch.randint(0, _KEYS, (_PAIRS, count), generator=generator)
    # Positions of pairs among the steps but the last; each pair takes two steps.
    rooms = (length - 1) - _PAIRS
    places = torch.rand(rooms, count, generator=generator).argsort(0)[:_PAIRS].sort(0).values
    places = places + torch.arange(_PAIRS)[:, None]
    symbols = torch.full((length, count), 2 * _KEYS)
    symbols.scatter_(0, places, keys)
    symbols.scatter_(0, places + 1, values + _KEYS)
    requested = torch.randint(0, _PAIRS, (1, count), generator=generator)
    symbols[-1] = keys.gather(0, requested)[0]
    return DrawnExamples(_one_hot(symbols, 2 * _KEYS + 1), values.gather(0, requested))


def draw_sentence(length: int, count: int, generator: Generator) -> DrawnExamples:
    """Draw "please stay at" or one of three sentences with another first word; the answer is the last word.

    The first word alone tells it. A longer sentence has more words between "stay" and "at", the same in all four.
    """
    first = torch.randint(0, len(_WHO), (count,), generator=generator)
    same = torch.tensor([len(_WHO) + _BETWEEN.index(word) for word in words_between(length)])
    symbols = torch.cat([first[None], same[:, None].expand(-1, count)])
    return DrawnExamples(_one_hot(symbols, len(_WHO) + len(_BETWEEN)), first[None])


def words_between(length: int) -> list[str]:
    """List the words from the second to the last one that is read, of a sentence of so many.

    >>> " ".join(words_between(8))
    'stay now and then and now at'
    """
    added = length - 3
    early = [] if added % 2 else ["here"][:added]
    cycle = ("now", "and", "then", "and")
    return ["stay", *early, *(cycle[k % 4] for k in range(added - len(early))), "at"]


def _one_hot(symbols: Tensor, size: int) -> Tensor:
    return F.one_hot(symbols, size).to(torch.get_default_dtype())


_WRONG = 0.01  # share of wrong answers below which Pascanu et al. 2013 call the temporal order problem solved

PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        Problem(
            "adding", "the sum of two marked numbers (Le et al. 2015); the length counts all steps",
            draw_adding, 2, 2, 1, 1, 0, 1 / 6, 1e-3,
        ),
        Problem(
            "copy", "ten letters of eight after so many blanks (Arjovsky et al. 2016)",
            draw_copy, 1, _LETTERS + 2, _LETTERS, _COPIED, 2 * _COPIED, 1 - 1 / _LETTERS, _WRONG,
        ),
        Problem(
            "order", "which two signs came, and in which order (Hochreiter & Schmidhuber 1997, task 6a)",
            draw_order, 10, 2 + _ORDER_DISTRACTORS, 4, 1, 0, 3 / 4, _WRONG,
        ),
        Problem(
            "recall", "which value followed a key (Ba et al. 2016)",
            draw_recall, 2 * _PAIRS + 1, 2 * _KEYS + 1, _KEYS, 1, 0, 1 - 1 / _KEYS, _WRONG,
        ),
        Problem(
            "sentence", '"please stay at home", among sentences that differ only in their first word',
            draw_sentence, 3, len(_WHO) + len(_BETWEEN), len(_WHERE), 1, 0, 1 - 1 / len(_WHO), _WRONG,
            first=3, cells=("elman",), windows=(1, 3), seeds=3,
        ),
    )
}  # fmt: skip
"""The problems, by name."""
