"""Hold the character model: its layers, how its loss is measured, and how it writes.

characters → embedding → stacked recurrent layers → dropout → readout → softmax over the V characters
"""

import math
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from elman.errors import CellError, ConfigError, DataError, ElmanError
from elman.expr import Cell
from elman.nn import Recurrent
from elman.tasks.model_file import ModelFile
from elman.tasks.progress import bits
from elman.tasks.sampling import Sampling
from elman.tasks.vocabulary import Vocabulary
from elman.tasks.windows import Streams

State = Tensor | tuple[Tensor, ...]

_EVALUATION_WINDOW = 512
_WARM_UP = 200


class LanguageModel(nn.Module):
    """Predict the next character of B streams at once.

    Args:
        cell: the equations of the recurrent layers.
        characters: V, the size of the vocabulary.
        embedding: size of a character's embedding.
        hidden: H.
        layers: L.
        dropout: share dropped between layers and before the readout, in training.
        sizes: sizes that the cell leaves open, such as `{"h": 64}` for a projection.
    """

    def __init__(
        self,
        cell: Cell,
        characters: int,
        *,
        embedding: int,
        hidden: int,
        layers: int = 1,
        dropout: float = 0.0,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, embedding)
        between = dropout if layers > 1 else 0.0
        self.recurrent = Recurrent(cell, embedding, hidden, layers, dropout=between, sizes=sizes)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(self.recurrent.output_size, characters)

    def forward(
        self, numbers: Tensor, state: State | None = None, lengths: list[int] | None = None
    ) -> tuple[Tensor, State]:
        """Return the logits of the next character, (T, B, V), and the final state.

        Args:
            numbers: (T, B) characters, int64.
            state: the initial state; None is zero.
            lengths: B time steps that count; None counts all T.
        """
        output, final_state = self.recurrent(self.embedding(numbers), state, lengths)
        return self.readout(self.dropout(output)), final_state


def detach(state: State) -> State:
    """Keep the values of a state and cut the gradient that would cross it."""
    return state.detach() if isinstance(state, Tensor) else tuple(one.detach() for one in state)


def mean_loss(module: nn.Module, numbers: Tensor, batch: int = 1) -> float:
    """Measure the loss over a text, in nats a character, with the state carried from its start to its end.

    With one stream this is exact. With more it is faster and nearly so: each stream starts from the state that the last
    200 characters before it leave behind.

    Args:
        module: a `LanguageModel`, or one that a training library has wrapped.
        numbers: (N,) characters; N-1 of them are predicted.
        batch: number of streams B.

    Raises:
        DataError: the text has fewer than two characters, or no step for each stream.
    """
    streams = Streams(numbers, batch)
    total = 0.0
    with torch.no_grad():
        state = _warm_state(module, streams) if batch > 1 else None
        for inputs, targets in streams.windows(_EVALUATION_WINDOW):
            logits, state = module(inputs, state)
            losses = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
            total += float(losses.double().sum())
    return total / (streams.steps * streams.batch)


def _warm_state(module: nn.Module, streams: Streams) -> State:
    # What comes before stream b is the end of stream b-1. Nothing comes before stream 0: its length here is 0.
    steps = min(_WARM_UP, streams.steps)
    ends, _ = streams.window(streams.steps - steps, streams.steps)
    _, state = module(ends.roll(1, dims=1), None, [0] + [steps] * (streams.batch - 1))
    return state


@dataclass(frozen=True)
class Evaluation:
    """Hold how well a model predicts a text.

    Attributes:
        loss: mean over the predicted characters, in nats.
        characters: how many were predicted: all but the first.
    """

    loss: float
    characters: int

    @property
    def bits_per_character(self) -> float:
        """Return the loss in bits."""
        return bits(self.loss)

    @property
    def perplexity(self) -> float:
        """Return exp(loss): among how many equally likely characters the model is left to choose."""
        return math.exp(self.loss) if self.loss < 700 else math.inf


@dataclass
class TrainedModel:
    """Hold a trained character model and all that is needed to use it.

    Attributes:
        module: the layers.
        vocabulary: the characters it knows.
        configuration: the sizes that build the module.
        metrics: what was measured in training.
        versions: what it was trained with.
        stopped: what ended the training (`epochs`, `patience`, `time budget`, `interrupted`); None for a loaded model.
        seconds: how long the training took; 0 for a loaded model.
    """

    module: LanguageModel
    vocabulary: Vocabulary
    configuration: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
    stopped: str | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def parameters(self) -> int:
        """Return how many numbers the model has learnt."""
        return sum(p.numel() for p in self.module.parameters())

    def evaluate(self, text: str) -> Evaluation:
        """Measure how well the model predicts a text, with the state carried over the whole of it.

        Raises:
            DataError: the text has fewer than two characters, or one that the model has never seen.
        """
        if len(text) < 2:
            raise DataError(f"The text has {len(text)} character(s), so there is none to predict. Give two or more.")
        self.module.eval()
        numbers = self.vocabulary.encode(text).to(self._device)
        return Evaluation(mean_loss(self.module, numbers), len(text) - 1)

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Iterator[str]:
        """Write text, one character at a time.

        Args:
            prompt: what the text continues; it is not repeated. Without one, the text starts as after a line end.
            length: how many characters.
            temperature: 1 draws from the model's distribution, below 1 is more careful, 0 greedy.
            top_k: draw from the k most likely characters only.
            top_p: draw from the nucleus of this probability only.
            seed: the same seed gives the same text; None gives another each time.

        Returns:
            An iterator of characters; each is made when it is asked for.

        Raises:
            ConfigError: an option is outside its range.
            DataError: the prompt has characters that the model has never seen.
        """
        if length < 0:
            raise ConfigError(f"The length is {length}. Use the number of characters wanted, 0 or more.")
        if seed is not None and not 0 <= seed < 2**63:
            raise ConfigError(f"The seed is {seed}. Use a whole number from 0 to 2**63 - 1.")
        sampling = Sampling(temperature, top_k, top_p)
        randomness = torch.Generator().manual_seed(secrets.randbits(63) if seed is None else seed)
        numbers = self.vocabulary.encode(prompt or self._start()).tolist()
        return self._write(numbers, length, sampling, randomness)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to one file; an existing file is replaced.

        Raises:
            ElmanError: the file cannot be written.
        """
        ModelFile(
            task="generate",
            cell=self.module.recurrent.cell.to_dict(),
            vocabulary=self.vocabulary.characters,
            configuration=self.configuration,
            metrics=self.metrics,
            versions=self.versions,
            weights=self.module.state_dict(),
        ).write(path)

    @property
    def _device(self) -> torch.device:
        return self.module.readout.weight.device

    def _start(self) -> str:
        return "\n" if "\n" in self.vocabulary.characters else self.vocabulary.characters[0]

    def _write(self, numbers: list[int], length: int, sampling: Sampling, randomness: torch.Generator) -> Iterator[str]:
        stream = self.module.recurrent.stream()
        for number in numbers[:-1]:
            self._step(stream, number)
        number = numbers[-1]
        for _ in range(length):
            number = sampling.draw(self._step(stream, number), randomness)
            yield self.vocabulary.characters[number]

    @torch.no_grad()
    def _step(self, stream: Any, number: int) -> Tensor:
        embedded = self.module.embedding.weight[number : number + 1]
        return self.module.readout(stream.step(embedded))[0].cpu()


def load(path: str | PathLike[str]) -> TrainedModel:
    """Read a model file. Nothing that the file contains is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    file = ModelFile.read(path, task="generate")
    try:
        vocabulary = Vocabulary(file.vocabulary)
        cell = Cell.from_dict(file.cell)
        # On the meta device a module has shapes and no memory, so that a forged size cannot ask for terabytes.
        with torch.device("meta"):
            module = LanguageModel(cell, len(vocabulary), **file.configuration)
        module.load_state_dict(dict(file.weights), assign=True)
    except (ElmanError, CellError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is damaged: its parts do not fit each other ({reason}). Train it again.") from None
    return TrainedModel(module.eval(), vocabulary, file.configuration, file.metrics, file.versions)
