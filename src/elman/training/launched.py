"""Recognise that a launcher has started several processes for one training, and let one of them speak for all.

This file needs the standard library alone, because the command line reads it before it knows whether it will train.

>>> is_one_of_many({}), is_one_of_many({"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "localhost"})
(False, True)
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping

NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR")
"""What torchrun, and other launchers like it, set in the environment of each process."""


_FIRST_BEFORE, _LOST_LAST, _FIRST_STAYS = 0.5, 1.5, 1.0  # seconds


class Lost(BaseException):
    """Another process of this training has ended, or does not answer; nothing but the command line catches it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"another process of this training has ended, or does not answer ({reason})")


def is_one_of_many(environment: Mapping[str, str] | None = None) -> bool:
    """Return whether this process was started as one of several."""
    given = os.environ if environment is None else environment
    return all(name in given for name in NAMES) and given["WORLD_SIZE"].isdigit() and int(given["WORLD_SIZE"]) > 1


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Join the other processes, if there are some; see :func:`elman.training.ranks.joined`, which imports torch."""
    if not is_one_of_many():
        yield
        return
    # Where a process is lost, torch would write its C++ stack beside the line that says so.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from elman.training.ranks import joined as join

    with join():
        yield


def own_rank() -> int:
    """Return the number of this process, from 0; the first one prints and writes."""
    return int(os.environ["RANK"]) if is_one_of_many() and os.environ["RANK"].isdigit() else 0


class _Voice:
    claim: Callable[[], bool] | None = None


_VOICE = _Voice()


def let_claim(claim: Callable[[], bool] | None) -> None:
    """Let processes ask which of them prints how a training ended.

    Args:
        claim: returns True in the first process that calls it; None where they do not know each other.
    """
    _VOICE.claim = claim


def may_speak(*, of_lost: bool = False) -> bool:
    """Return whether this process prints why the training ended: one does, the first that asks.

    Where all know the same, that is the first process, and where one has failed, that one: the others wait a little.

    Args:
        of_lost: what it would print is that another process is lost.
    """
    if not is_one_of_many():
        return True
    time.sleep(_LOST_LAST if of_lost else _FIRST_BEFORE if own_rank() else 0.0)
    if _VOICE.claim is None:
        return own_rank() == 0
    is_first = _VOICE.claim()
    if own_rank() == 0:
        time.sleep(_FIRST_STAYS)  # it keeps the store by which the others ask
    return is_first
