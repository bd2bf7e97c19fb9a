"""Say how a program runs. `reference` is a plain loop in torch and defines what a program means.

A backend is a module with

============================================================ =========================================================
`NAME`                                                       what it is called
`run_forward(program, inputs, save)`                         output, final states, and what the mirror will read
`run_mirror(program, inputs, output, saved, d_output, …)`    dL/dx, dL/d initial states, dL/d parameters
`run_step(program, inputs)`                                  one time step: the states after it
`saved_shapes(program, inputs)`                              the shapes of what `run_forward` will save
`refuses(program, dtype, device)`                            why it cannot run a program, or None
`computes_in(dtype)`                                         the dtype to which tensors of a dtype are converted for it
============================================================ =========================================================

whose signatures are those of :mod:`elman.backends.reference`. It may have `open_stream` as well, which makes stacked
layers ready for single steps, as that of :mod:`elman.backends.llvm` does. Each is asked before every run whether it
refuses, so its answer must be quick. Results are contiguous tensors of the type of x, which share no memory with each
other or with what was given; what was saved is read, perhaps twice, and never changed. A backend has no autograd of its
own: the operators of :mod:`elman.ops` derive it, and call with at least one real step. Which one runs is chosen by a
layer's `backend` argument or, inside a `with` block, by

>>> import elman
>>> with elman.backend("reference"):
...     layer = elman.nn.LSTM(3, 5)

Otherwise, with ``auto``, the first one runs that does not refuse.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import import_module
from types import ModuleType

import torch

from elman.autodiff.program import Program
from elman.backends import forked  # noqa: F401 - whoever runs a program may be forked afterwards
from elman.errors import BackendError, SlowWarning

# In order of preference. A module is imported when it is first asked; the last one refuses no device.
BACKENDS: dict[str, str] = {"llvm": "elman.backends.llvm", "reference": "elman.backends.reference"}

_chosen: ContextVar[str] = ContextVar("backend", default="auto")
_said: set[tuple[str, str]] = set()


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


def wanted(wish: str) -> str:
    """Say which backend is asked for, ``auto`` or a name, for a layer whose `backend` argument is `wish`."""
    chosen = _chosen.get()
    return wish if chosen == "auto" else chosen


def select(wish: str, program: Program, dtype: torch.dtype, device: torch.device) -> ModuleType:
    """Find the backend that runs a program on tensors of a dtype and device.

    Where a faster backend cannot run it, a warning says why, once.

    Args:
        wish: the `backend` argument of the layer.
        program: what is run.
        dtype: of all tensors.
        device: of all tensors.

    Raises:
        BackendError: the backend that was named cannot run it.
    """
    named = wanted(wish)
    if named != "auto":
        chosen = load(named)
        reason = chosen.refuses(program, dtype, device)
        if reason is not None:
            raise BackendError(
                f"{program.cell.name}: backend {named} cannot run it.\n  {reason}\n"
                "  Take backend='auto', which finds one that can."
            )
        return chosen
    reasons = []
    for name, path in BACKENDS.items():
        chosen = _load(path)
        reason = chosen.refuses(program, dtype, device)
        if reason is None:
            return chosen
        if device.type != "meta":  # there only shapes are computed
            say_once(program, f"does not run on backend {name}: {reason}")
        reasons.append(f"{name}: {reason}")
    raise BackendError(
        f"{program.cell.name}: no backend can run it.\n  {' '.join(reasons)}\n"
        "  Convert the layer and x to a dtype that one of them takes."
    )


def say_once(program: Program, what: str) -> None:
    """Warn of what slows down a program's runs, the first time that it is said of a cell of this name."""
    if (program.cell.name, what) not in _said:
        _said.add((program.cell.name, what))
        warnings.warn(f"{program.cell.name} {what}", SlowWarning, stacklevel=2)


def load(name: str) -> ModuleType:
    """Import the backend of this name.

    Raises:
        BackendError: there is no such backend.
    """
    return _load(BACKENDS[require(name)])


@lru_cache
def _load(path: str) -> ModuleType:
    return import_module(path)
