"""Attention: every query reads a weighted mean of a memory, such as the outputs of an encoder.

A query q scores each step m of its memory. The weights are the softmax of the scores over the steps that it may see,
the context is the sum of the steps, each times its weight.

========== ========================= =========================================
`dot`      q·m / √K                  Luong et al. 2015, section 3.1
`bilinear` (W q)·m / √K              the same, there called general
`additive` v·tanh(W q + U m)         Bahdanau et al. 2015, appendix A.1.2
========== ========================= =========================================

The factor 1/√K, K the size of what is multiplied, keeps the scores of large vectors apart (Vaswani et al. 2017, section
3.2.1). With several heads the vectors are cut into as many parts, each with weights of its own. All queries of a
sequence are answered in one call: a decoder runs over a whole target first, and then looks back once.

>>> import torch
>>> attention = Attention(5, 7)
>>> context, weights = attention(torch.randn(3, 2, 5), torch.randn(11, 2, 7), lengths=[11, 4])
>>> context.shape, weights.shape
(torch.Size([3, 2, 7]), torch.Size([3, 2, 11]))
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from elman.errors import ConfigError, ShapeError
from elman.nn.rowwise import Linear, is_learning, runs_in_kernels
from elman.nn.sequences import check_lengths
from elman.ops import operators

KINDS = ("dot", "bilinear", "additive")


class Attended(NamedTuple):
    """What queries have read.

    Attributes:
        context: (N, B, M).
        weights: (N, B, S), the mean over heads; they add up to 1, or to 0 where a query sees nothing.
    """

    context: Tensor
    weights: Tensor


@dataclass(frozen=True)
class AttentionMemory:
    """What B queries read, made ready once by :meth:`Attention.prepare`; heads count as examples.

    Attributes:
        keys: (n·heads, K, S), what queries are compared with.
        values: (n·heads, S, M/heads), what they read.
        lengths: (B,) int64, the steps of each.
        heads: how many.
        places: (B·heads,) int64, which of the n·heads each reads; None where each has its own, in this order.
    """

    keys: Tensor
    values: Tensor
    lengths: Tensor
    heads: int
    places: Tensor | None = None

    def select(self, examples: Tensor) -> Self:
        """Return the memories of some examples, (B,) int64, in their order; none is copied."""
        rows = examples
        if self.heads > 1:
            rows = (examples[:, None] * self.heads + torch.arange(self.heads, device=examples.device)).flatten()
        places = rows if self.places is None else self.places[rows]
        return type(self)(self.keys, self.values, self.lengths[examples], self.heads, places)


class Attention(nn.Module):
    """Attention of queries over memories of unequal lengths.

    Args:
        query_size: Q.
        memory_size: M.
        kind: one of `dot`, `bilinear`, `additive`.
        hidden_size: K of additive attention; M unless given.
        heads: parts that attend for themselves.

    Raises:
        ConfigError: there is no such kind, the sizes of dot products differ, or heads do not divide a size.
    """

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        kind: str = "bilinear",
        *,
        hidden_size: int | None = None,
        heads: int = 1,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ConfigError(f"Attention: kind is {kind!r}.\n  There are {', '.join(KINDS)}.\n  Choose one of these.")
        if kind == "dot" and query_size != memory_size:
            raise ConfigError(
                f"Attention: a query has {query_size} elements and a step of the memory {memory_size}.\n"
                "  Dot products need as many.\n  Take kind='bilinear'."
            )
        size = (hidden_size or memory_size) if kind == "additive" else memory_size
        if heads < 1 or size % heads or memory_size % heads:
            raise ConfigError(
                f"Attention: {heads} heads, sizes {size} and {memory_size}.\n"
                "  Each head reads an equal part.\n  Choose a number of heads that divides both."
            )
        self.query_size, self.memory_size, self.kind, self.heads = query_size, memory_size, kind, heads
        self.query = None if kind == "dot" else Linear(query_size, size, bias=False)
        self.key = Linear(memory_size, size, bias=False) if kind == "additive" else None
        self.scorer = nn.Parameter(torch.empty(heads, size // heads)) if kind == "additive" else None
        if self.scorer is not None:
            bound = 1 / math.sqrt(size // heads)
            nn.init.uniform_(self.scorer, -bound, bound)

    def prepare(self, memory: Tensor, lengths: Sequence[int] | Tensor | None = None) -> AttentionMemory:
        """Make a memory ready for many queries.

        Args:
            memory: (S, B, M).
            lengths: of each example, from 0 to S; None if all are S. What stands behind an end reaches no result.

        Raises:
            ShapeError: the memory has another shape, or a length is out of range.
        """
        if memory.dim() != 3 or memory.shape[2] != self.memory_size:
            raise ShapeError(
                f"Attention: the memory has shape {tuple(memory.shape)}.\n  It is (S, B, M), M = {self.memory_size}.\n"
                "  Give one vector a step and example."
            )
        steps, batch, _ = memory.shape
        if lengths is None:
            ends = torch.full((batch,), steps, dtype=torch.int64, device=memory.device)
        else:
            ends = check_lengths(lengths, memory)
            behind = torch.arange(steps, device=memory.device)[:, None] >= ends
            memory = memory.masked_fill(behind[..., None], 0.0)
        keys = memory if self.key is None else self.key(memory)
        return AttentionMemory(self._part(keys).transpose(1, 2).contiguous(), self._part(memory), ends, self.heads)

    def _part(self, vectors: Tensor) -> Tensor:
        """Turn (S, B, n) into (B·heads, S, n/heads), contiguous."""
        steps, batch, size = vectors.shape
        parts = vectors.view(steps, batch * self.heads, size // self.heads)
        return parts.transpose(0, 1).contiguous()

    def forward(
        self,
        query: Tensor,
        memory: Tensor | AttentionMemory,
        lengths: Sequence[int] | Tensor | None = None,
        visible: Tensor | None = None,
    ) -> Attended:
        """Let N queries of each example read its memory.

        Args:
            query: (N, B, Q).
            memory: (S, B, M), or what :meth:`prepare` made of it.
            lengths: see :meth:`prepare`, to which they are given.
            visible: (N, B) int64, how many of the first steps each query may see, up to the length; None for all.

        Raises:
            ShapeError: a tensor has another shape.
        """
        ready = memory if isinstance(memory, AttentionMemory) else self.prepare(memory, lengths)
        batch, steps = len(ready.lengths), ready.values.shape[1]
        if query.dim() != 3 or query.shape[1:] != (batch, self.query_size):
            raise ShapeError(
                f"Attention: the queries have shape {tuple(query.shape)}.\n  They are (N, B, Q).\n"
                f"  Give (N, {batch}, {self.query_size})."
            )
        rows = len(query)
        limits = ready.lengths if visible is None else torch.minimum(visible.clamp(min=0), ready.lengths)
        limits = limits.expand(rows, batch).repeat_interleave(self.heads, 1).t().contiguous()
        projected = self._part(query if self.query is None else self.query(query))
        if self.scorer is None:
            projected = projected / math.sqrt(projected.shape[2])
        weights, context = self._attend(projected, ready, limits)
        weights = weights.view(batch, self.heads, rows, steps).mean(1) if self.heads > 1 else weights
        context = context.view(batch, self.heads, rows, -1).permute(2, 0, 1, 3).reshape(rows, batch, -1)
        return Attended(context, weights.transpose(0, 1))

    def _attend(self, query: Tensor, memory: AttentionMemory, limits: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (B·heads, N, S) and contexts (B·heads, N, M/heads)."""
        scorer = None if self.scorer is None else self.scorer.repeat(len(memory.lengths), 1)
        tensors = [query, memory.keys, memory.values, *([] if scorer is None else [scorer])]
        if not is_learning(self) and not operators.is_followed(tensors) and runs_in_kernels(tensors):
            from elman.backends.llvm.run.attention import attend

            return attend(query, memory.keys, memory.values, limits, scorer, memory.places)
        keys, values = memory.keys, memory.values
        if memory.places is not None:
            keys, values = keys[memory.places], values[memory.places]
        if scorer is None:
            scores = query @ keys
        else:
            scores = (scorer[:, None, :, None] * torch.tanh(query[..., None] + keys[:, None])).sum(2)
        hidden = torch.arange(scores.shape[2], device=scores.device) >= limits[..., None]
        weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(2).masked_fill(hidden, 0.0)
        return weights, weights @ values
