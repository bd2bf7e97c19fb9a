"""The layers that translate: an encoder reads the source, a decoder writes the target and looks back by attention.

    source → embedding → recurrent layers from both ends ──────────── memory ───────────────┐
                                            mean of the memory → linear → tanh: first states │
    target → embedding → recurrent layer → attention over the memory → recurrent layer → attention ─→ tanh → softmax

The decoder's first layer reads the target alone, so that in training it runs over all steps in one call; the attention
of all steps is computed behind it, and the second layer reads both. That gives what feeding the context back into the
first layer gives (Luong et al. 2015, section 3.3), without a loop of single steps; `input_feeding` does feed it back,
for comparison. The readout is the embedding itself
(Press & Wolf 2017); the sums before it are those of Luong et al. 2015, equation 5.

>>> from elman import cells
>>> model = TranslationModel(cells.gru, Layers(hidden=8, bidirectional=True), source_units=11, target_units=13)
>>> source, target = torch.randint(11, (5, 2)), torch.randint(13, (4, 2))
>>> model(source, torch.tensor([5, 3]), target).shape
torch.Size([4, 2, 13])
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.expr import Cell
from elman.models.layers import Layers
from elman.nn import Recurrent
from elman.nn.attention import KINDS, Attention, AttentionMemory
from elman.nn.linear_loss import linear_cross_entropy
from elman.nn.masks import LockedDropout
from elman.nn.penalties import coverage_loss
from elman.nn.rowwise import Linear, is_learning, linear, sum_in_order
from elman.nn.states import States, as_states, select
from elman.tasks.translate.ordering import left_in_bags, order_loss, score_wanted, spread

__all__ = ["KINDS", "DecoderState", "TranslationModel"]

_BEHIND_UNITS = 2  # the end and the unknown unit have the last numbers


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


class TranslationModel(nn.Module):
    """Attend to a source while writing a target.

    Args:
        cell: the equations of all recurrent layers.
        layers: those of the encoder; the decoder has two.
        source_units: how many numbers the units of sources have.
        target_units: how many those of targets have.
        shared: embed both sides by one matrix; the numbers mean the same.
        embedding: size of an embedding; H unless given.
        attention: how queries and memory are compared, see :mod:`elman.nn.attention`.
        heads: parts that attend for themselves.
        second_attention: look at the memory again behind the second recurrent layer.
        bag: the source has no order, and its units are written, each once: attention reads its embeddings, behind no
            recurrent layer (the bag2seq model of Hasler et al. 2017, section 3), see
            :mod:`elman.tasks.translate.ordering`.
        wait: with K, step i of the target sees the first i + K steps of the source alone, and the encoder reads
            forward, so that a target is written while its source arrives (Ma et al. 2019, section 3).
        input_feeding: the first layer of the decoder also reads what the readout of the step before read (Luong et al.
            2015, section 3.3), so that it runs step by step.

    Raises:
        ConfigError: the cell reads more than its input, or sizes do not fit each other.
    """

    def __init__(
        self,
        cell: Cell,
        layers: Layers,
        *,
        source_units: int,
        target_units: int,
        shared: bool = False,
        embedding: int | None = None,
        attention: str = "bilinear",
        heads: int = 1,
        second_attention: bool = True,
        bag: bool = False,
        wait: int | None = None,
        input_feeding: bool = False,
    ) -> None:
        super().__init__()
        size = layers.hidden if embedding is None else embedding
        self.bag, self.wait, self.input_feeding = bag, wait, input_feeding
        self.target_embedding = nn.Embedding(target_units, size)
        self.source_embedding = None if shared else nn.Embedding(source_units, size)
        for table in filter(None, (self.target_embedding, self.source_embedding)):
            nn.init.normal_(table.weight, 0.0, 1 / math.sqrt(size))
        self.scale = math.sqrt(size) / 4
        one = dataclasses.replace(layers, layers=1, bidirectional=False)
        reads = 2 * size if input_feeding else size
        if bag:
            self.recurrent, self.first, memory = one.build(cell, reads, "a text"), None, size
        else:
            self.recurrent = layers.build(cell, size, "a text")
            self.first = one.build(cell, reads, "a text")
            memory = self.recurrent.output_size
        first = self.first_layer
        self.second = one.build(cell, first.output_size + memory, "a text")
        states = [*first.state_sizes, *self.second.state_sizes]
        self.bridge = Linear(memory, sum(states))
        self.attention = Attention(first.output_size, memory, attention, heads=heads)
        self.look_again = (
            Attention(self.second.output_size, memory, attention, heads=heads) if second_attention else None
        )
        self.join = Linear(size + self.second.output_size + memory, size)
        self.bias = nn.Parameter(torch.zeros(target_units))
        self.dropout: nn.Module = LockedDropout(layers.dropout) if layers.locked else nn.Dropout(layers.dropout)

    @property
    def first_layer(self) -> Recurrent:
        """The first layer of the decoder; where no layer reads the source, it is the one that is looked into."""
        return self.recurrent if self.first is None else self.first

    def layers(self) -> list[Recurrent]:
        """Return its recurrent layers."""
        return [self.recurrent, *([] if self.first is None else [self.first]), self.second]

    def forward(
        self,
        source: Tensor,
        lengths: Tensor,
        target: Tensor,
        written: Tensor | None = None,
        label_smoothing: float = 0.0,
        sampled: float = 0.0,
        coverage: float = 0.0,
    ) -> Tensor:
        """Return the logits of every next unit of the targets, (T, B, V), or the loss.

        Args:
            source: (S, B) units, int64.
            lengths: (B,) of the sources.
            target: (T, B) units, which begin with the end of a text; what stands behind an end is read and means
                nothing.
            written: (T, B) the next units, negative where nothing is to be written; with them the result is their mean
                cross entropy in nats, a scalar.
            label_smoothing: share of the probability given to all units alike, in the loss.
            sampled: share of the units of the targets that are read as the model would write them, in the loss.
            coverage: weight of the coverage loss, see :func:`elman.nn.penalties.coverage_loss`.
        """
        state = self.encode(source, lengths)
        if self.bag:
            return self._write_bags(source.t(), lengths, target, state, written, label_smoothing)
        if written is None:
            return self.read_out(self.decode(target, state)[0])
        counted = written >= 0
        if sampled:
            target = self._sample(target, counted, state, sampled)
        joined, weights, _ = self._follow(target, state, 0)
        loss = linear_cross_entropy(
            joined[counted], self.target_embedding.weight, self.bias, written[counted], label_smoothing
        )
        return loss + coverage * coverage_loss(weights, counted.sum(0)) if coverage else loss

    def _write_bags(
        self,
        bags: Tensor,
        lengths: Tensor,
        target: Tensor,
        state: DecoderState,
        written: Tensor | None,
        label_smoothing: float,
    ) -> Tensor:
        """Return the logits of the units that are left, or the loss, see :meth:`forward`; bags are (B, S)."""
        following = torch.cat([target[1:], target[:1]]) if written is None else written
        left = left_in_bags(bags, lengths, following)
        scores = self.read_out_wanted(self.decode(target, state)[0].transpose(0, 1), bags)
        if written is None:
            return spread(scores, left, bags, len(self.bias), len(self.bias) - _BEHIND_UNITS)
        return order_loss(scores, left, bags, written, label_smoothing)

    @torch.no_grad()
    def _sample(self, target: Tensor, counted: Tensor, state: DecoderState, share: float) -> Tensor:
        """Replace a share of the units of targets by the likeliest that the model writes after the right ones.

        Scheduled sampling (Bengio et al. 2015) in two passes over whole sequences (Mihaylova & Martins 2019, section
        3): the first, with the right units, gives what is read in the second.
        """
        joined, _, _ = self._follow(target, state, 0)
        guessed = self.read_out(joined[:-1]).argmax(2)
        chosen = (torch.rand(guessed.shape, device=target.device) < share) & counted[1:]
        return torch.cat([target[:1], torch.where(chosen, guessed, target[1:])])

    def encode(self, source: Tensor, lengths: Tensor) -> DecoderState:
        """Read sources (S, B), and return the state of the decoder before its first step."""
        embedded = self.embed(source)
        if self.bag:
            is_real = torch.arange(len(source), device=source.device)[:, None] < lengths
            output = embedded * is_real[..., None]
        else:
            output, _ = self.recurrent(embedded, None, lengths)
        return self.begin(output, lengths)

    def embed(self, source: Tensor) -> Tensor:
        """Embed units of sources (…) as the encoder reads them, (…, E)."""
        table = self.target_embedding if self.source_embedding is None else self.source_embedding
        embedded: Tensor = self.dropout(table(source) * self.scale)
        return embedded

    def begin(self, output: Tensor, lengths: Tensor) -> DecoderState:
        """Return the state of the decoder before its first step.

        Args:
            output: (S, B, M) of the encoder; of a model that waits, at least the first K steps.
            lengths: (B,) of the sources, so far as they are read.
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
        """Return what both attentions read of the output of the encoder, see :meth:`begin`."""
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

    def read_out_wanted(self, joined: Tensor, wanted: Tensor) -> Tensor:
        """Return the logits of some units of each example, (B, T, C), of joined (B, T, E) and wanted (B, C)."""
        return score_wanted(joined, wanted, self.target_embedding.weight, self.bias, is_learning(self))
