"""The decoder of models that write a text while they look at a memory: words of a source, or cells of a picture.

                            mean of the memory → linear → tanh: first states
    target → embedding → recurrent layer → attention over the memory → recurrent layer → attention ─→ tanh → softmax

The first layer reads the target alone, so that in training it runs over all steps in one call; the attention of all
steps is computed behind it, and the second layer reads both. That gives what feeding the context back into the first
layer gives (Luong et al. 2015, section 3.3), without a loop of single steps; `input_feeding` does feed it back, for
comparison. The readout is the embedding itself (Press & Wolf 2017); the sums before it are those of Luong et al. 2015,
equation 5. A model of a task is a subclass, which adds what makes the memory.

>>> from elman import cells
>>> class Copier(AttendingDecoder):
...     def __init__(self):
...         super().__init__(Layers(hidden=8), units=13, size=8)
...         self.draw_embeddings()
...         self.recurrent = Layers(hidden=8).build(cells.gru, 8, "a text")
...         self.add_decoder(cells.gru, Layers(hidden=8), memory=5)
>>> model = Copier()
>>> state = model.begin(torch.randn(3, 2, 5), torch.tensor([3, 3]))
>>> model.read_out(model.decode(torch.randint(13, (4, 2)), state)[0]).shape
torch.Size([4, 2, 13])
"""

import dataclasses
import math
from dataclasses import dataclass
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.expr import Cell
from elman.models.layers import Layers
from elman.nn import Recurrent, rows
from elman.nn.attention import Attention, AttentionMemory
from elman.nn.linear_loss import linear_cross_entropy
from elman.nn.masks import LockedDropout
from elman.nn.penalties import coverage_loss
from elman.nn.rowwise import Linear, is_learning, linear, sum_in_order
from elman.nn.states import States, as_states, select


@dataclass(frozen=True)
class DecoderState:
    """What a decoder knows between two steps of B targets.

    Attributes:
        first, second: the states of its recurrent layers.
        memory: what its attention reads.
        again: what its second attention reads; the same where both compare alike.
        weights: (B, S) what its last step looked at.
        joined: (B, E) what the readout of its last step read; None where the first layer does not read it.
    """

    first: States
    second: States
    memory: AttentionMemory
    again: AttentionMemory
    weights: Tensor
    joined: Tensor | None

    def select(self, rows: Tensor) -> Self:
        """Return the states of some rows, (n,) int64."""
        memory = self.memory.select(rows)
        again = memory if self.again is self.memory else self.again.select(rows)
        first, second = select(self.first, rows), select(self.second, rows)
        joined = None if self.joined is None else self.joined[rows]
        return type(self)(first, second, memory, again, self.weights[rows], joined)


class AttendingDecoder(nn.Module):
    """The base of models that write a text while they look at a memory.

    A subclass adds its encoder and :meth:`add_decoder`, in the order in which initial weights are to be drawn.

    Args:
        layers: of the model; dropout is taken from them.
        units: how many numbers the units of targets have.
        size: of an embedding.
        wait: with K, step i of the target sees the first i + K steps of the memory alone.
        input_feeding: the first layer of the decoder also reads what the readout of the step before read (Luong et al.
            2015, section 3.3), so that it runs step by step.
        what: the input in words, such as `a text`.
    """

    recurrent: Recurrent
    first: Recurrent | None

    def __init__(
        self,
        layers: Layers,
        *,
        units: int,
        size: int,
        wait: int | None = None,
        input_feeding: bool = False,
        what: str = "a text",
    ) -> None:
        super().__init__()
        self.first = None
        self.wait, self.input_feeding, self._what = wait, input_feeding, what
        self.target_embedding = nn.Embedding(units, size)
        self.scale = math.sqrt(size) / 4
        self.dropout: nn.Module = LockedDropout(layers.dropout) if layers.locked else rows.Dropout(layers.dropout)

    def draw_embeddings(self) -> None:
        """Draw the initial values of all embeddings."""
        for table in self.modules():
            if isinstance(table, nn.Embedding):
                nn.init.normal_(table.weight, 0.0, 1 / math.sqrt(table.embedding_dim))

    def build_first(self, cell: Cell, layers: Layers) -> Recurrent:
        """Build the first layer of the decoder."""
        size = self.target_embedding.embedding_dim
        return _one(layers).build(cell, 2 * size if self.input_feeding else size, self._what)

    def add_decoder(
        self,
        cell: Cell,
        layers: Layers,
        memory: int,
        *,
        attention: str = "bilinear",
        heads: int = 1,
        second_attention: bool = True,
    ) -> None:
        """Build the decoder behind its first layer.

        Args:
            cell: the equations of its layers.
            layers: their sizes; the decoder has two, whatever the number of layers is.
            memory: M, the size of a step of the memory.
            attention: how queries and memory are compared, see :mod:`elman.nn.attention`.
            heads: parts that attend for themselves.
            second_attention: look at the memory again behind the second recurrent layer.

        Raises:
            ConfigError: the cell reads more than its input, or sizes do not fit each other.
        """
        units, size = self.target_embedding.weight.shape
        first = self.first_layer
        self.second = _one(layers).build(cell, first.output_size + memory, self._what)
        states = [*first.state_sizes, *self.second.state_sizes]
        self.bridge = Linear(memory, sum(states))
        self.attention = Attention(first.output_size, memory, attention, heads=heads)
        self.look_again = (
            Attention(self.second.output_size, memory, attention, heads=heads) if second_attention else None
        )
        self.join = Linear(size + self.second.output_size + memory, size)
        self.bias = nn.Parameter(torch.zeros(units))

    @property
    def first_layer(self) -> Recurrent:
        """The first layer of the decoder; where no layer reads the source, it is the one that is looked into."""
        return self.recurrent if self.first is None else self.first

    def layers(self) -> list[Recurrent]:
        """Return its recurrent layers."""
        return [self.recurrent, *([] if self.first is None else [self.first]), self.second]

    def write_loss(
        self,
        target: Tensor,
        written: Tensor,
        state: DecoderState,
        label_smoothing: float = 0.0,
        sampled: float = 0.0,
        coverage: float = 0.0,
    ) -> Tensor:
        """Return the mean cross entropy of what is to be written, in nats, a scalar; its part, where rows are shared.

        Args:
            target: (T, B) units, which begin with the end of a text.
            written: (T, B) the next units, negative where nothing is to be written.
            state: before the first step.
            label_smoothing: share of the probability given to all units alike.
            sampled: share of the units of the targets that are read as the model would write them.
            coverage: weight of the coverage loss, see :func:`elman.nn.penalties.coverage_loss`.
        """
        counted = written >= 0
        if sampled:
            target = self._sample(target, counted, state, sampled)
        joined, weights, _ = self._follow(target, state, 0)
        loss = linear_cross_entropy(
            joined[counted], self.target_embedding.weight, self.bias, written[counted], label_smoothing
        )
        whole = loss + coverage * coverage_loss(weights, counted.sum(0)) if coverage else loss
        return rows.part_of(whole, counted.sum())

    @torch.no_grad()
    def _sample(self, target: Tensor, counted: Tensor, state: DecoderState, share: float) -> Tensor:
        """Replace a share of the units of targets by the likeliest that the model writes after the right ones.

        Scheduled sampling (Bengio et al. 2015) in two passes over whole sequences (Mihaylova & Martins 2019, section
        3): the first, with the right units, gives what is read in the second.
        """
        joined, _, _ = self._follow(target, state, 0)
        guessed = self.read_out(joined[:-1]).argmax(2)
        drawn = rows.drawn(partial(torch.rand, device=target.device), guessed.shape, 1)
        chosen = (drawn < share) & counted[1:]
        return torch.cat([target[:1], torch.where(chosen, guessed, target[1:])])

    def begin(self, output: Tensor, lengths: Tensor) -> DecoderState:
        """Return the state of the decoder before its first step.

        Args:
            output: (S, B, M), the memory; of a model that waits, at least the first K steps.
            lengths: (B,) of each memory, so far as it is read.
        """
        add_up = torch.sum if is_learning(self) else sum_in_order
        read = lengths if self.wait is None else lengths.clamp(max=self.wait)
        if self.wait is not None:
            seen = torch.arange(len(output), device=output.device)[:, None] < read
            mean = add_up(output * seen[..., None], dim=0)
        else:
            mean = add_up(output, dim=0)
        states = torch.tanh(self.bridge(mean / read.clamp(min=1)[:, None]))
        first = self.first_layer.state_sizes
        split = [part[None].contiguous() for part in states.split([*first, *self.second.state_sizes], 1)]
        count = len(first)
        memory, again = self.remember(output, lengths)
        weights = output.new_zeros(output.shape[1], len(output))
        joined = output.new_zeros(output.shape[1], self.join.out_features) if self.input_feeding else None
        return DecoderState(as_states(split[:count]), as_states(split[count:]), memory, again, weights, joined)

    def remember(self, output: Tensor, lengths: Tensor) -> tuple[AttentionMemory, AttentionMemory]:
        """Return what both attentions read of a memory, see :meth:`begin`."""
        dropped = self.dropout(output)
        memory = again = self.attention.prepare(dropped, lengths)
        if self.look_again is not None and self.look_again.key is not None:
            again = self.look_again.prepare(dropped, lengths)
        return memory, again

    def decode(self, target: Tensor, state: DecoderState, step: int = 0) -> tuple[Tensor, DecoderState]:
        """Read units of targets.

        Args:
            target: (T, B).
            state: behind the units before them.
            step: how many these are.

        Returns:
            What the readout reads, (T, B, E), and the state behind them.
        """
        joined, _, new = self._follow(target, state, step)
        return joined, new

    def _follow(self, target: Tensor, state: DecoderState, step: int) -> tuple[Tensor, Tensor, DecoderState]:
        """Read units of targets; also return what each step looked at, (T, B, S)."""
        embedded = self.dropout(self.target_embedding(target) * self.scale)
        visible = self._visible(target, step)
        if not self.input_feeding:
            return self._read(embedded, state, visible)
        joined, weights = [], []
        for t in range(len(target)):
            now = slice(t, t + 1)
            one, looked, state = self._read(embedded[now], state, None if visible is None else visible[now])
            joined.append(one)
            weights.append(looked)
        return torch.cat(joined), torch.cat(weights), state

    def _read(
        self, embedded: Tensor, state: DecoderState, visible: Tensor | None
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """Read embedded units (T, B, E), with input feeding one step of them."""
        fed = embedded if state.joined is None else torch.cat([embedded, state.joined[None]], 2)
        first, first_state = self.first_layer(fed, state.first)
        context, weights = self.attention(first, state.memory, visible=visible)
        second, second_state = self.second(torch.cat([self.dropout(first), context], 2), state.second)
        if self.look_again is not None:
            context, weights = self.look_again(second, state.again, visible=visible)
        joined = self.dropout(torch.tanh(self.join(torch.cat([embedded, self.dropout(second), context], 2))))
        last = joined[-1] if self.input_feeding else None
        new = dataclasses.replace(state, first=first_state, second=second_state, weights=weights[-1], joined=last)
        return joined, weights, new

    def _visible(self, target: Tensor, step: int) -> Tensor | None:
        """Return how many steps of its source each step of a target may see, (T, B); None for all."""
        if self.wait is None:
            return None
        steps = torch.arange(step, step + len(target), device=target.device) + self.wait
        return steps[:, None].expand(target.shape)

    def read_out(self, joined: Tensor) -> Tensor:
        """Turn what the decoder has joined (…, E) into logits (…, V)."""
        multiply = F.linear if is_learning(self) else linear
        return multiply(joined, self.target_embedding.weight, self.bias)


def _one(layers: Layers) -> Layers:
    """Return the sizes of one layer in one direction."""
    return dataclasses.replace(layers, layers=1, bidirectional=False)
