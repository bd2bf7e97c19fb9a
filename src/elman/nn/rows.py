"""Which rows of a batch this process computes, where several processes train one model together.

Each process has the whole batch and computes some of its rows. What a layer draws at random is drawn for the whole
batch, by every process from the same generator, and each takes what belongs to its rows: so masks are those of a single
process. A loss is this process's part of the mean over the batch; the parts of all processes add up to it. Where one
process computes everything, nothing here changes anything.

>>> import torch
>>> share = RowShare(slice(1, 3), 5)
>>> with share:
...     take(torch.arange(5)).tolist(), dropout(torch.ones(2, 7), 0.5).shape
([1, 2], torch.Size([2, 7]))
>>> _ = torch.manual_seed(1)
>>> whole = dropout(torch.ones(5, 7), 0.5)
>>> _ = torch.manual_seed(1)
>>> with share:
...     torch.equal(dropout(torch.ones(2, 7), 0.5), whole[1:3])
True
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Exchange(Protocol):
    """What processes that share a batch tell each other while they compute it."""

    def add(self, values: Tensor) -> Tensor:
        """Return the sum of the values of all processes; its gradient is summed as well."""

    def highest(self, value: int) -> int:
        """Return the highest value of any process."""


class Alone:
    """The exchange of a single process."""

    def add(self, values: Tensor) -> Tensor:
        """Return the values."""
        return values

    def highest(self, value: int) -> int:
        """Return the value."""
        return value


@dataclass(frozen=True)
class RowShare:
    """The items of a batch that this process computes; a context manager around its computations.

    Attributes:
        index: which of them: a slice, or int64 numbers.
        of: how many items the batch has.
        counts: whether they count: a batch with fewer rows than processes lets some compute its first row in vain.
        exchange: how processes tell each other.
    """

    index: slice | Tensor
    of: int
    counts: bool = True
    exchange: Exchange = field(default_factory=Alone)

    def __enter__(self) -> Self:
        _STATE.shares.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _STATE.shares.pop()

    def take(self, whole: Tensor, axis: int) -> Tensor:
        """Return the own items of a tensor that has all of them along an axis."""
        at: list[Any] = [slice(None)] * whole.dim()
        at[axis] = self.index
        return whole[tuple(at)].contiguous()

    def spread(self, own: Tensor, axis: int) -> Tensor:
        """Return a tensor with the own items in their places along an axis, and zeros in those of others."""
        shape = list(own.shape)
        shape[axis] = self.of
        whole = own.new_zeros(shape)
        if self.counts:
            at: list[Any] = [slice(None)] * own.dim()
            at[axis] = self.index
            whole[tuple(at)] = own
        return whole

    def where(self, mask: Tensor, axis: int) -> "RowShare":
        """Return the share in other items: the entries of a mask that are true, in the order of its memory.

        Args:
            mask: bool, the own rows along an axis; its other axes have the same lengths in every process.
            axis: of the rows.
        """
        whole = self.exchange.add(self.spread(mask.to("cpu", torch.int32), axis))
        numbers = whole.flatten().cumsum(0).view_as(whole) - 1
        return dataclasses.replace(self, index=self.take(numbers, axis)[mask.cpu()], of=int(whole.sum()))


class _Shares:
    def __init__(self) -> None:
        self.shares: list[RowShare] = []


_STATE = _Shares()


def present() -> RowShare | None:
    """Return the share of this process in the present batch; None where it computes all of it."""
    return _STATE.shares[-1] if _STATE.shares else None


def take(whole: Any, axis: int = 0) -> Any:
    """Return the own rows of a tensor; None of None."""
    share = present()
    return whole if share is None or whole is None else share.take(whole, axis)


def drawn(draw: Callable[[Sequence[int]], Tensor], shape: Sequence[int], axis: int) -> Tensor:
    """Draw random numbers for the own rows: those that a single process would draw.

    Args:
        draw: draws a tensor of a shape.
        shape: of the own rows.
        axis: of the rows.
    """
    share = present()
    if share is None:
        return draw(shape)
    whole = list(shape)
    whole[axis] = share.of
    return share.take(draw(whole), axis)


def dropout(x: Tensor, rate: float, axis: int = -2) -> Tensor:
    """Apply dropout to x, whose rows lie along an axis; x is contiguous, so that its memory says in which order."""
    if present() is None:
        return F.dropout(x, rate)
    assert x.is_contiguous()
    return x * drawn(lambda shape: F.dropout(x.new_ones(shape), rate), x.shape, axis)


class Dropout(nn.Dropout):
    """Dropout whose input may be a part of a batch.

    Args:
        p: probability for an element to be 0 in training.
        axis: of the rows; the last axis but one, unless given.
    """

    def __init__(self, p: float = 0.5, axis: int = -2) -> None:
        super().__init__(p)
        self.axis = axis

    def forward(self, input: Tensor) -> Tensor:
        """Apply dropout; in evaluation return the input."""
        return dropout(input, self.p, self.axis) if self.training and self.p > 0 else super().forward(input)


def part_of(loss: Tensor, own: Tensor | int | None = None) -> Tensor:
    """Return the part of this process in a mean over the batch.

    Args:
        loss: the mean over some units of the own rows.
        own: how many units these are; None where each row is a unit.
    """
    share = present()
    if share is None:
        return loss
    if own is None:
        assert isinstance(share.index, slice)
        count, total = float(share.index.stop - share.index.start), float(share.of)
    else:
        count = float(own)
        total = float(share.exchange.add(torch.tensor(count if share.counts else 0.0, dtype=torch.float64)))
    if count and total and share.counts:
        return loss * (count / total)
    return loss.nan_to_num() * 0.0  # the mean over nothing is no number


def highest(value: int) -> int:
    """Return the highest value of all processes that share the present batch."""
    share = present()
    return value if share is None else share.exchange.highest(value)


def of_entries(mask: Tensor, axis: int = 1) -> contextlib.AbstractContextManager[Any]:
    """Compute the entries of a mask that are true, see :meth:`RowShare.where`."""
    share = present()
    return contextlib.nullcontext() if share is None else share.where(mask, axis)


def of_owned(owners: Tensor, rows: int) -> contextlib.AbstractContextManager[Any]:
    """Compute items that belong to rows: those of each row lie behind each other.

    Args:
        owners: (N,) int64, the own row of each.
        rows: how many rows this process has.
    """
    share = present()
    if share is None:
        return contextlib.nullcontext()
    counts = owners.cpu().bincount(minlength=rows)
    most = share.exchange.highest(int(counts.max()))
    return share.where(torch.arange(most) < counts[:, None], 0)


def spread(own: Tensor, axis: int = 1) -> Tensor:
    """Return own rows in their places among all, see :meth:`RowShare.spread`."""
    share = present()
    return own if share is None else share.spread(own, axis)
