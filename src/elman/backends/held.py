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

_now: ContextVar["tuple[frozenset[int], dict[Hashable, object]] | None"] = ContextVar("held", default=None)


@contextmanager
def held(weights: Iterable[Tensor]) -> Iterator[None]:
    """Pack weights once for all calls inside the block, in this thread. They must not change there."""
    kept = list(weights)  # so that no other tensor gets the address of one of them
    token = _now.set((frozenset(weight.data_ptr() for weight in kept), {}))
    try:
        yield
    finally:
        _now.reset(token)


def holds_any() -> bool:
    """Tell whether any weights are held."""
    return _now.get() is not None


def are_held(weights: Iterable[Tensor]) -> bool:
    """Tell whether all of some weights are held."""
    now = _now.get()
    return now is not None and now[0].issuperset([weight.data_ptr() for weight in weights])


def pack_once(what: Hashable, weights: Sequence[Tensor], pack: Callable[[], Packed]) -> Packed | None:
    """Return what was packed of some weights, or pack them; None unless all of them are held.

    Args:
        what: all that the form of the packed weights depends on, besides the weights.
        weights: the tensors to be packed.
        pack: packs them.
    """
    now = _now.get()
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
