"""Old names of public arguments and classes, which keep working for one version with a `DeprecationWarning`.

>>> import warnings
>>> @renamed_arguments(told="on_progress")
... def evaluate(data, on_progress=None):
...     return on_progress
>>> with warnings.catch_warnings(record=True):
...     warnings.simplefilter("always")
...     evaluate([], told=print) is print
True
"""

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# The version that no longer knows the old names.
REMOVED_IN = "0.2.0"


def renamed_arguments(**new_of_old: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Accept old names of keyword arguments.

    Args:
        new_of_old: the new name of each old one.

    Returns:
        A decorator. The decorated function keeps its signature, warns for an old name, and raises `TypeError` where
        both names are given.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old, new in new_of_old.items():
                if old in kwargs:
                    _warn(f"the argument `{old}` of {function.__qualname__}", f"`{new}`", stacklevel=3)
                    if new in kwargs:
                        raise TypeError(f"{function.__qualname__}() takes `{new}` or its old name `{old}`, not both")
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


def warn_of_renamed(old: str, new: str) -> None:
    """Warn the caller's caller that a public name has changed; for the `__getattr__` of a package or of a class."""
    _warn(old, new, stacklevel=4)


def _warn(old: str, new: str, stacklevel: int) -> None:
    message = f"{old} is now {new}; the old name goes away in {REMOVED_IN}."
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel)
