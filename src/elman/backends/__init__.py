"""Say how a program runs. `reference` is a plain loop in torch and defines what a program means.

A backend is a module with `NAME`, `run_forward`, `run_mirror` and `run_step`, whose signatures are those of
:mod:`elman.backends.reference`. Which one runs is chosen by a layer's `backend` argument or, inside a `with` block, by

>>> import elman
>>> with elman.backend("reference"):
...     layer = elman.nn.LSTM(3, 5)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType

from elman.backends import reference
from elman.errors import BackendError

BACKENDS: dict[str, ModuleType] = {reference.NAME: reference}

_chosen: ContextVar[str] = ContextVar("backend", default="auto")


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Run everything inside the block on one backend, whatever the layers say.

    Args:
        name: ``auto`` or the name of a backend.

    Raises:
        BackendError: there is no such backend.
    """
    require(name)
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


def require(name: str) -> str:
    """Check that a backend of this name exists and return the name.

    Raises:
        BackendError: there is no such backend.
    """
    if name != "auto" and name not in BACKENDS:
        raise BackendError(
            f"backend {name!r} is unknown.\n  There are: auto, {', '.join(BACKENDS)}.\n  Choose one of these."
        )
    return name


def select(wish: str) -> ModuleType:
    """Find the backend that runs a layer whose `backend` argument is `wish`."""
    name = _chosen.get() if _chosen.get() != "auto" else wish
    return BACKENDS[reference.NAME if name == "auto" else require(name)]
