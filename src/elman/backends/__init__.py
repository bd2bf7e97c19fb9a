"""Choose the backend that runs a program. `reference` is a plain loop in torch and defines what a program means.

A backend is a module with

============================================================ =========================================================
`NAME`                                                       its name
`run_forward(program, inputs, save)`                         output, final states, and the values that the mirror reads
`run_mirror(program, inputs, output, saved, d_output, …)`    dL/dx, dL/d initial states, dL/d parameters
`run_step(program, inputs)`                                  one time step: the states after it
`saved_shapes(program, inputs)`                              the shapes of the tensors that `run_forward` saves
`refuses(program, dtype, device)`                            the reason why it cannot run a program, or None
`computes_in(dtype)`                                         the dtype to which tensors of a dtype are converted for it
============================================================ =========================================================

whose signatures are those of :mod:`elman.backends.reference`. It may also have `open_stream`, which prepares stacked
layers for single steps, as that of :mod:`elman.backends.llvm` does. `refuses` is called before every run, so it must be
fast. Results are contiguous tensors with the dtype of x, which share no memory with each other or with the inputs;
saved tensors are read, perhaps twice, and never changed. A backend has no autograd of its own: the operators of
:mod:`elman.ops` supply it, and call a backend only if there is at least one real step. The backend is chosen by the
layer's `backend` argument or, inside a `with` block, by

>>> import elman
>>> with elman.backend("reference"):
...     layer = elman.nn.LSTM(3, 5)

Otherwise, with ``auto``, the first one that does not refuse runs.
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
from elman.backends import forked  # noqa: F401 - a process that runs programs may be forked later
from elman.errors import BackendError, SlowWarning

# In order of preference. A module is imported at its first use; the last one refuses no device.
BACKENDS: dict[str, str] = {"llvm": "elman.backends.llvm", "reference": "elman.backends.reference"}

choice: ContextVar[str] = ContextVar("backend", default="auto")
"""The name that a `with` block gives."""
_warned: set[tuple[str, str]] = set()


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Run everything inside the block on one backend, whatever the `backend` arguments of the layers are.

    Args:
        name: ``auto`` or the name of a backend.

    Raises:
        BackendError: there is no such backend.
    """
    require(name)
    token = choice.set(name)
    try:
        yield
    finally:
        choice.reset(token)


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


def requested(name: str) -> str:
    """Return the requested backend, ``auto`` or a name, of a layer whose `backend` argument is `name`."""
    chosen = choice.get()
    return name if chosen == "auto" else chosen


def select(name: str, program: Program, dtype: torch.dtype, device: torch.device) -> ModuleType:
    """Find the backend that runs a program on tensors of a dtype and device.

    Where a faster backend cannot run it, a warning gives the reason, once.

    Args:
        name: the `backend` argument of the layer.
        program: the program to run.
        dtype: of all tensors.
        device: of all tensors.

    Raises:
        BackendError: the requested backend cannot run it.
    """
    name = requested(name)
    if name != "auto":
        chosen = load(name)
        reason = chosen.refuses(program, dtype, device)
        if reason is not None:
            raise BackendError(
                f"{program.cell.name}: backend {name} cannot run it.\n  {reason}\n"
                "  Use backend='auto', which chooses one that can."
            )
        return chosen
    reasons = []
    for name, path in BACKENDS.items():
        chosen = _load(path)
        reason = chosen.refuses(program, dtype, device)
        if reason is None:
            return chosen
        if device.type != "meta":  # there only shapes are computed
            warn_once(program, f"does not run on backend {name}: {reason}")
        reasons.append(f"{name}: {reason}")
    raise BackendError(
        f"{program.cell.name}: no backend can run it.\n  {' '.join(reasons)}\n"
        "  Convert the layer and x to a dtype that one of them supports."
    )


def warn_once(program: Program, reason: str) -> None:
    """Warn that a program runs slowly and why, once for each reason and cell name."""
    if (program.cell.name, reason) not in _warned:
        _warned.add((program.cell.name, reason))
        warnings.warn(f"{program.cell.name} {reason}", SlowWarning, stacklevel=2)


def load(name: str) -> ModuleType:
    """Import the backend of this name.

    Raises:
        BackendError: there is no such backend.
    """
    return _load(BACKENDS[require(name)])


@lru_cache
def _load(path: str) -> ModuleType:
    return import_module(path)
