"""The layers of a translation model in plain PyTorch, and a batched beam search as a good user of torch writes it.

The search keeps K beginnings of every source in one tensor, looks for the best over K·V at once, and repeats the memory
of a source once for its K beginnings.

>>> from bench.speed.translating import make_model
>>> peer = TorchTranslator(make_model(hidden=8, units=11))
>>> peer.translate(torch.randint(9, (4, 2)), torch.tensor([4, 3]), width=3, steps=5, end=10).shape
torch.Size([2, 5])
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, Tensor]


class TorchTranslator(nn.Module):
    """The GRU translation model of `elman.tasks.translate`, with torch's layers and the weights of one of ours."""

    def __init__(self, ours: Any) -> None:
        super().__init__()
        self.scale, self.embedding, self.bias = ours.scale, ours.target_embedding, ours.bias
        self.encoder = _as_torch(ours.recurrent, bidirectional=True)
        self.first, self.second = _as_torch(ours.first), _as_torch(ours.second)
        self.bridge, self.join = (_linear(layer) for layer in (ours.bridge, ours.join))
        self.queries = nn.ModuleList(_linear(one.query) for one in (ours.attention, ours.look_again))

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, State]:
        """Return the memory (B, S, M), what of it is padding (B, 1, S), and the first states of both layers."""
        packed = pack_padded_sequence(self.embedding(source) * self.scale, lengths, enforce_sorted=False)
        memory, _ = pad_packed_sequence(self.encoder(packed)[0], batch_first=True)
        states = torch.tanh(self.bridge(memory.sum(1) / lengths[:, None]))
        first, second = states.split([self.first.hidden_size, self.second.hidden_size], 1)
        padding = torch.arange(memory.shape[1]) >= lengths[:, None]
        return memory, padding[:, None], (first[None].contiguous(), second[None].contiguous())

    def step(self, units: Tensor, memory: Tensor, padding: Tensor, states: State) -> tuple[Tensor, State]:
        """Read a unit of each target, (B,); return logits (B, V) and the new states."""
        embedded = self.embedding(units)[None] * self.scale
        first, first_state = self.first(embedded, states[0])
        context = self._attend(0, first, memory, padding)
        second, second_state = self.second(torch.cat([first, context], 2), states[1])
        context = self._attend(1, second, memory, padding)
        joined = torch.tanh(self.join(torch.cat([embedded, second, context], 2)))
        return nn.functional.linear(joined[0], self.embedding.weight, self.bias), (first_state, second_state)

    def _attend(self, number: int, read: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        query = self.queries[number](read).transpose(0, 1) / math.sqrt(memory.shape[2])
        weights = torch.bmm(query, memory.transpose(1, 2)).masked_fill(padding, -math.inf).softmax(2)
        return torch.bmm(weights, memory).transpose(0, 1)

    @torch.inference_mode()
    def translate(self, source: Tensor, lengths: Tensor, *, width: int, steps: int, end: int) -> Tensor:
        """Write so many units for each source by beam search, ranked by probability, (B, steps)."""
        memory, padding, states = self.encode(source, lengths)
        batch = len(lengths)
        logits, states = self.step(torch.full((batch,), end), memory, padding, states)
        totals, units = logits.log_softmax(1).topk(width, dim=1)
        vocabulary, first = logits.shape[1], torch.arange(batch)[:, None] * width
        rows = torch.arange(batch).repeat_interleave(width)
        memory, padding = memory[rows], padding[rows]
        written = units.view(-1, 1)
        states = (states[0][:, rows], states[1][:, rows])
        for _ in range(steps - 1):
            logits, states = self.step(units.flatten(), memory, padding, states)
            sums = totals[..., None] + logits.log_softmax(1).view(batch, width, vocabulary)
            totals, best = sums.view(batch, -1).topk(width, dim=1)
            rows, units = (first + best // vocabulary).flatten(), best % vocabulary
            written = torch.cat([written[rows], units.view(-1, 1)], 1)
            states = (states[0][:, rows], states[1][:, rows])
        logits, _ = self.step(units.flatten(), memory, padding, states)
        ended = totals + logits.log_softmax(1)[:, end].view(batch, width)
        return written.view(batch, width, steps)[torch.arange(batch), ended.argmax(1)]


def _linear(ours: Any) -> nn.Linear:
    theirs = nn.Linear(ours.in_features, ours.out_features, bias=ours.bias is not None)
    theirs.load_state_dict(ours.state_dict())
    return theirs


def _as_torch(ours: Any, *, bidirectional: bool = False) -> nn.GRU:
    """Give torch's layer the weights of one of ours, which has one bias where torch adds two."""
    theirs = nn.GRU(ours.input_size, ours.hidden_size, bidirectional=bidirectional)
    own, size = ours.state_dict(), ours.hidden_size
    for name in ("", "_reverse") if bidirectional else ("",):
        second = torch.cat([torch.zeros(2 * size), own[f"d_l0{name}"]])
        found = {"weight_ih": own[f"W_l0{name}"], "weight_hh": own[f"U_l0{name}"], "bias_ih": own[f"b_l0{name}"]}
        for kind, values in {**found, "bias_hh": second}.items():
            getattr(theirs, f"{kind}_l0{name}").data.copy_(values)
    return theirs
