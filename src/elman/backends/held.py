"""Say that weights do not change for a while, so that a backend packs them once and not at every call.

>>> import elman, torch
>>> layer, x = elman.nn.GRU(3, 5).requires_grad_(False), torch.randn(7, 2, 3)
>>> with held(layer.parameters()):
...     again = [layer(x)[0] for _ in range(2)]
>>> torch.equal(*again) and torch.equal(again[0], layer(x)[0])
True
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from torch import Tensor

Packed = TypeVar("Packed")

current: ContextVar["tuple[frozenset[int], dict[Hashable, object]] | None"] = ContextVar("held", default=None)
"""The addresses of the weights that are held, and what was packed of them; None where none are."""


@contextmanager
def held(weights: Iterable[Tensor]) -> Iterator[None]:
    """Pack weights once for all calls inside the block, in this thread. They must not change there."""
    kept = list(weights)  # so that no other tensor gets the address of one of them
    token = current.set((frozenset(weight.data_ptr() for weight in kept), {}))
    try:
        yield
    finally:
        current.reset(token)


def are_held(weights: Iterable[Tensor]) -> bool:
    """Tell whether all of some weights are held."""
    now = current.get()
    return now is not None and now[0].issuperset([weight.data_ptr() for weight in weights])


def pack_once(what: Hashable, weights: Sequence[Tensor], pack: Callable[[], Packed]) -> Packed | None:
    """Return what was packed of some weights, or pack them; None unless all of them are held.

    Args:
        what: all that the form of the packed weights depends on, besides the weights.
        weights: the tensors to be packed.
        pack: packs them.
    """
    now = current.get()
    if now is None:
        return None
    addresses, packed = now
    own = tuple([weight.data_ptr() for weight in weights])
    if not addresses.issuperset(own):
        return None
    key = (what, own)
    if key not in packed:
        packed[key] = pack()
    found: Packed = packed[key]  # type: ignore[assignment]
    return found
