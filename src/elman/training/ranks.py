"""Several processes that train one model together, as torchrun starts them.

Every process reads all data and goes through the same sequence. Of each batch it computes its rows (see
:mod:`elman.nn.rows`); gradients are added up, so all have the same weights after every update, bit for bit. What
depends on time, on signals or on a validation is decided by the first process, and the others follow.

>>> with joined() as ranks:                         # started by no launcher
...     ranks is None, agree(0.5)
(True, 0.5)
"""

import contextlib
import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from elman.errors import ConfigError, DataError
from elman.nn.rows import RowShare
from elman.training.checkpoint import pack_state, unpack_state
from elman.training.launched import Lost, is_one_of_many, let_claim
from elman.training.stopping import together

T = TypeVar("T")

MINUTES = 30.0
"""The longest that a process waits for another: while the first one validates, the others wait."""


@dataclass(frozen=True)
class News:
    """What all processes know after an update.

    Attributes:
        loss: the sum of what each gave.
        seconds: the first process's time.
        interrupted: whether Ctrl-C reached one.
        signal: the number of another signal that reached one; 0 for none.
        due: whether the first process is to write a checkpoint.
    """

    loss: float
    seconds: float
    interrupted: bool
    signal: int
    due: bool


class Ranks:
    """The processes of a training.

    Args:
        number: of this one, from 0.
        count: how many there are.
        group: how they are connected; None for all of them.

    Attributes:
        news: from the last update.
    """

    def __init__(self, number: int, count: int) -> None:
        self.number, self.count = number, count
        self.news = News(0.0, 0.0, False, 0, False)

    @property
    def is_first(self) -> bool:
        """Whether this process prints and writes."""
        return self.number == 0

    def share(self, rows: int) -> RowShare:
        """Return the rows of a batch that this process computes: a part as large as the others', or one row in vain."""
        start, stop = rows * self.number // self.count, rows * (self.number + 1) // self.count
        if start == stop:
            return RowShare(slice(0, 1), rows, False, self)
        return RowShare(slice(start, stop), rows, True, self)

    def add(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, through which gradients flow."""
        total: Tensor = _SumOfAll.apply(values)
        return total

    def highest(self, value: int) -> int:
        """Return the highest value of any process."""
        found = torch.tensor(value)
        with _others():
            dist.all_reduce(found, dist.ReduceOp.MAX)
        return int(found)

    @torch.no_grad()
    def add_gradients(self, module: nn.Module) -> None:
        """Add up the gradients of all processes; a parameter that has one nowhere keeps none."""
        parameters = [one for one in module.parameters() if one.requires_grad]
        for kind in {(one.dtype, one.device): None for one in parameters}:
            those = [one for one in parameters if (one.dtype, one.device) == kind]
            flags = torch.tensor([float(one.grad is not None) for one in those], dtype=kind[0], device=kind[1])
            parts = [torch.zeros_like(one) if one.grad is None else one.grad for one in those]
            flat = torch.cat([*(part.flatten() for part in parts), flags])
            with _others():
                dist.all_reduce(flat)
            *sums, flags = flat.split([*(one.numel() for one in those), len(those)])
            for one, total, some in zip(those, sums, flags.tolist(), strict=True):
                one.grad = total.view_as(one).clone() if some else None

    def exchange(self, loss: float, seconds: float, interrupted: bool, signal: int, due: bool) -> News:
        """Exchange what is new after an update; the arguments are those of :class:`News`, of this process."""
        own = torch.tensor([loss, seconds, interrupted, signal, due], dtype=torch.float64)
        rows = [torch.empty_like(own) for _ in range(self.count)]
        with _others():
            dist.all_gather(rows, own)
        table = torch.stack(rows)
        self.news = News(
            float(table[:, 0].sum()),
            float(table[0, 1]),
            bool(table[:, 2].any()),
            int(table[:, 3].max()),
            bool(table[0, 4]),
        )
        return self.news

    def broadcast(self, value: T) -> T:
        """Return the value of the first process: plain data, tensors among them."""
        plain, tensors = pack_state(value if self.is_first else None)
        text = torch.frombuffer(bytearray(json.dumps(plain).encode()), dtype=torch.uint8)
        lengths = torch.tensor([len(text), len(tensors)])
        with _others():
            dist.broadcast(lengths, 0)
            raw = torch.cat([text, tensors]) if self.is_first else torch.empty(int(lengths.sum()), dtype=torch.uint8)
            dist.broadcast(raw, 0)
        if self.is_first:
            return value
        text, tensors = raw.split(lengths.tolist())
        given: T = unpack_state(json.loads(text.numpy().tobytes()), tensors)
        return given

    @torch.no_grad()
    def match(self, module: nn.Module) -> None:
        """Give all processes the weights and buffers of the first one."""
        for value in module.state_dict().values():
            with _others():
                dist.broadcast(value, 0)

    def require_equal(self, what: str, value: Any) -> None:
        """Refuse a value that differs from that of the first process.

        Raises:
            DataError: it does.
        """
        if self.broadcast(repr(value)) != repr(value):
            raise DataError(
                f"This process has {what} other than the first one's. Give all processes the same files, options and "
                "versions."
            )


class _SumOfAll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004 - the signature of torch
        return _summed(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override] # noqa: ARG004
        return _summed(gradient)


def _summed(values: Tensor) -> Tensor:
    total = values.detach().clone(memory_format=torch.contiguous_format)
    with _others():
        dist.all_reduce(total)
    return total


class _Joined:
    ranks: Ranks | None = None


_STATE = _Joined()


def current() -> Ranks | None:
    """Return the processes of the present training; None where one trains alone."""
    return _STATE.ranks


def agree(value: T) -> T:
    """Return the value of the first process, such as a time; the value where one trains alone."""
    return value if _STATE.ranks is None else _STATE.ranks.broadcast(value)


def add_up(values: Tensor) -> Tensor:
    """Return the sum over all processes; the values where one trains alone."""
    return values if _STATE.ranks is None else _STATE.ranks.add(values)


def devices(kind: str) -> int | list[int]:
    """Return which devices of a kind this process trains on: one, and where several share a machine, each its own."""
    many = _STATE.ranks is not None and kind in ("cuda", "auto") and torch.cuda.is_available()
    return [int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()] if many else 1


def is_first() -> bool:
    """Return whether this process prints and writes."""
    return _STATE.ranks is None or _STATE.ranks.is_first


@contextlib.contextmanager
def joined() -> Iterator[Ranks | None]:
    """Join the other processes, if a launcher has started several; inside another such context nothing is done.

    A process group that exists already is used, and left as it is.

    Raises:
        ConfigError: the others cannot be reached, or not by tensors of the CPU.
    """
    if _STATE.ranks is not None or not is_one_of_many():
        yield _STATE.ranks
        return
    owned = not dist.is_initialized()
    if owned:
        _connect()
    elif "cpu:" not in dist.get_backend_config():
        raise ConfigError(
            f"The process group that exists has the backend {dist.get_backend()}, which is for devices alone; losses "
            'and times are tensors of the CPU. Make it with "cpu:gloo,cuda:nccl".'
        )
    _STATE.ranks = Ranks(dist.get_rank(), dist.get_world_size())
    try:
        with together():
            yield _STATE.ranks
    finally:
        _STATE.ranks = None
        if owned:
            with contextlib.suppress(RuntimeError):
                dist.destroy_process_group()


def _connect() -> None:
    """Connect the processes: tensors of the CPU by gloo, those of a GPU by NCCL."""
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")  # torchrun keeps the store when it starts all again
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        [(store, rank, size)] = islice(rendezvous("env://", timeout=dt.timedelta(minutes=MINUTES)), 1)
        dist.init_process_group(
            backend,
            store=PrefixStore(f"elman-{attempt}", store),
            rank=rank,
            world_size=size,
            timeout=dt.timedelta(minutes=MINUTES),
        )
    except (RuntimeError, ValueError, OSError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ.get('MASTER_PORT', '(no MASTER_PORT)')}"
        raise ConfigError(
            f"The other processes of this training cannot be reached at {where} ({str(error).splitlines()[0]}). Start "
            "all of them with torchrun, see docs/cluster.md."
        ) from None
    let_claim(_claim_by(PrefixStore(f"said-{attempt}", store)))


def _claim_by(store: Store) -> Callable[[], bool]:
    def claim() -> bool:
        try:
            return store.add("said", 1) == 1
        except RuntimeError:
            return True  # who keeps the store is gone: there is no other way to tell

    return claim


@contextlib.contextmanager
def _others() -> Iterator[None]:
    """Let an error of the connection end the training.

    Raises:
        Lost: a process has ended or does not answer.
    """
    try:
        yield
    except RuntimeError as error:
        first = str(error).splitlines()[0]  # behind the file of gloo that says so
        raise Lost(first.rpartition(".cc:")[2].partition("] ")[2].partition(". ")[0] or first) from None
