"""The old name of :mod:`elman.data.sentences.opening`, which works for one version with a `DeprecationWarning`."""

from typing import Any

from elman.data.sentences import opening
from elman.renamed import warn_of_renamed


def __getattr__(name: str) -> Any:
    if not hasattr(opening, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_of_renamed(f"{__name__}.{name}", f"{opening.__name__}.{name}")
    return getattr(opening, name)
