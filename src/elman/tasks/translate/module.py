"""The layers that translate: an encoder reads the source, and the decoder of :mod:`elman.models.attending` writes.

    source → embedding → recurrent layers from both ends → memory

>>> from elman import cells
>>> model = TranslationModel(cells.gru, Layers(hidden=8, bidirectional=True), source_units=11, target_units=13)
>>> source, target = torch.randint(11, (5, 2)), torch.randint(13, (4, 2))
>>> model(source, torch.tensor([5, 3]), target).shape
torch.Size([4, 2, 13])
"""

import torch
from torch import Tensor, nn

from elman.expr import Cell
from elman.models.attending import AttendingDecoder, DecoderState
from elman.models.layers import Layers
from elman.nn.rows import part_of
from elman.nn.rowwise import is_learning
from elman.tasks.translate.ordering import left_in_bags, order_loss, score_wanted, spread

_BEHIND_UNITS = 2  # the end and the unknown unit have the last numbers


class TranslationModel(AttendingDecoder):
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
        size = layers.hidden if embedding is None else embedding
        super().__init__(layers, units=target_units, size=size, wait=wait, input_feeding=input_feeding)
        self.bag = bag
        self.source_embedding = None if shared else nn.Embedding(source_units, size)
        self.draw_embeddings()
        if bag:
            self.recurrent, memory = self.build_first(cell, layers), size
        else:
            self.recurrent = layers.build(cell, size, "a text")
            self.first = self.build_first(cell, layers)
            memory = self.recurrent.output_size
        self.add_decoder(cell, layers, memory, attention=attention, heads=heads, second_attention=second_attention)

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
        return self.write_loss(target, written, state, label_smoothing, sampled, coverage)

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
        return part_of(order_loss(scores, left, bags, written, label_smoothing), (written >= 0).sum())

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

    def read_out_wanted(self, joined: Tensor, wanted: Tensor) -> Tensor:
        """Return the logits of some units of each example, (B, T, C), of joined (B, T, E) and wanted (B, C)."""
        return score_wanted(joined, wanted, self.target_embedding.weight, self.bias, is_learning(self))
