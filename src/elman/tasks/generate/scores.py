"""The loss, perplexity and bits per character of a language model.

The loss is a mean over units: characters, words or subwords. Losses over different units are not comparable; the bits
per byte of the same text are.

>>> scores = Evaluation(loss=2.772589, units=100, characters=400, bytes=500)
>>> round(scores.perplexity, 3), round(scores.bits_per_character, 3), round(scores.bits_per_byte, 3)
(16.0, 1.0, 0.8)
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from elman.models.learnt import Overlap
from elman.nn.states import States, detach
from elman.phrases import bits
from elman.training.windows import Streams

_LONGEST_WINDOW = 512
_MOST_LOGITS = 2**24  # of one window: 64 MiB in float32
_WARM_UP = 200
_DYNAMIC_STEPS = 20

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """The scores of a language model on a text.

    Attributes:
        loss: mean over the predicted units, in nats.
        units: how many were predicted: all but the first.
        characters: how many characters these are in the text.
        bytes: how many bytes of UTF-8.
        unknown: how many of the units were `<unk>`. Their spelling costs nothing, so bits per character and per byte
            are too low where there are many.
        overlap: of the text's passages with the training text; None where it is not known.
    """

    loss: float
    units: int
    characters: int
    bytes: int
    unknown: int = 0
    overlap: Overlap | None = None

    @property
    def perplexity(self) -> float:
        """exp(loss): the number of equally likely units that would give this loss."""
        return perplexity(self.loss)

    @property
    def bits_per_character(self) -> float:
        """The bits of the whole text, divided by its characters."""
        return bits(self.loss * self.units / self.characters)

    @property
    def bits_per_byte(self) -> float:
        """The bits of the whole text, divided by its bytes."""
        return bits(self.loss * self.units / self.bytes)


def perplexity(loss: float) -> float:
    """Turn nats a unit into a perplexity."""
    return math.exp(loss) if loss < 700 else math.inf


def mean_loss(
    module: nn.Module,
    numbers: Tensor,
    batch: int = 1,
    given: Tensor | None = None,
    on_progress: OnProgress | None = None,
) -> float:
    """Compute the loss on a text, in nats a unit, with the state carried from its start to its end.

    With one stream this is exact. With more it is faster and nearly exact: each stream starts from the state after
    reading the 200 units before it.

    Args:
        module: a `LanguageModel`, or one that a training library has wrapped.
        numbers: (N,) units; N-1 of them are predicted.
        batch: number of streams B.
        given: (N,) the classes of the units, where the model has classes.
        on_progress: called with (steps done, all of them).

    Raises:
        DataError: the text has fewer than two units, or no step for each stream.
    """
    streams = Streams(numbers, batch, given)
    total, done = 0.0, 0
    window = _longest_window(module, batch)
    with torch.no_grad():
        state = _warm_state(module, streams) if batch > 1 else None
        for part in streams.windows(window):
            logits, state = module(part.inputs, state, given=part.given)
            total += _summed_loss(logits, part.targets)
            done += len(part.inputs)
            if on_progress is not None:
                on_progress(done, streams.steps)
    return total / (streams.steps * streams.batch)


def dynamic_loss(
    module: nn.Module, numbers: Tensor, rate: float, given: Tensor | None = None, on_progress: OnProgress | None = None
) -> float:
    """Compute the loss with dynamic evaluation (Mikolov et al. 2010, section 2).

    After every 20 predicted units, a copy of the model is trained on them by one step of gradient descent; no unit is
    learnt from before it is predicted.

    Args:
        module: a `LanguageModel`.
        numbers: (N,) units.
        rate: the learning rate.
        given: as for :func:`mean_loss`, like the next.
        on_progress: called with (steps done, all of them).
    """
    learner = copy.deepcopy(module).eval()
    descent = torch.optim.SGD(learner.parameters(), lr=rate)
    streams = Streams(numbers, 1, given)
    total, done = 0.0, 0
    state: Any = None
    for part in streams.windows(_DYNAMIC_STEPS):
        logits, state = learner(part.inputs, state, given=part.given)
        total += _summed_loss(logits.detach(), part.targets)
        descent.zero_grad()
        cross_entropy(logits.flatten(0, 1), part.targets.flatten()).backward()
        descent.step()
        state = detach(state)
        done += len(part.inputs)
        if on_progress is not None:
            on_progress(done, streams.steps)
    return total / streams.steps


def _summed_loss(logits: Tensor, targets: Tensor) -> float:
    losses = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return float(losses.double().sum())


def _longest_window(module: nn.Module, batch: int) -> int:
    """Return T such that the logits of a window, (T, B, V), stay small."""
    units: Any = getattr(module, "module", module)
    return max(1, min(_LONGEST_WINDOW, _MOST_LOGITS // (batch * units.embedding.num_embeddings)))


def _warm_state(module: nn.Module, streams: Streams) -> States:
    # Stream b continues stream b-1. Stream 0 continues nothing: its length is 0.
    steps = min(_WARM_UP, streams.steps)
    state: Any = None
    lengths = [0] + [1] * (streams.batch - 1)
    window = _longest_window(module, streams.batch)
    for start in range(streams.steps - steps, streams.steps, window):
        stop = min(start + window, streams.steps)
        ends = streams.window(start, stop)
        given = None if ends.given is None else ends.given.roll(1, dims=1)
        _, state = module(ends.inputs.roll(1, dims=1), state, [length * (stop - start) for length in lengths], given)
    return state
