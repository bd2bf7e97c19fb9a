"""End a training at SIGTERM or SIGHUP: during updates after the present one, elsewhere at once.

This file needs the standard library alone, because the command line reads it before it knows whether it will train.

>>> with stopping(), updating():
...     signal.raise_signal(signal.SIGTERM)
...     signal.Signals(waiting()).name
'SIGTERM'
>>> waiting() is None
True
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")


class Terminated(BaseException):
    """A signal that ends a training.

    Attributes:
        number: of the signal.
        update: the one behind which a checkpoint was written; None where none was.
    """

    def __init__(self, number: int, update: int | None = None) -> None:
        super().__init__(signal.Signals(number).name)
        self.number, self.update = number, update


@dataclass
class _Stop:
    """What is known of signals in this process.

    Attributes:
        number: of the signal that waits.
        updating: whether a signal waits for the end of an update.
        interrupted: whether Ctrl-C was pressed, where it waits as well.
    """

    number: int | None = None
    updating: bool = False
    interrupted: bool = False


_STOP = _Stop()


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise :class:`Terminated`; outside the main thread nothing is changed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for name in _NAMES if (number := getattr(signal, name, None))}
    for number, old in before.items():
        if old is not signal.SIG_IGN:  # nohup lets a command ignore SIGHUP
            signal.signal(number, _receive)
    try:
        yield
    finally:
        _STOP.number = None
        for number, old in before.items():
            signal.signal(number, old)


@contextlib.contextmanager
def updating() -> Iterator[None]:
    """Let the first signal wait until :func:`waiting` is asked, between two updates."""
    _STOP.updating = True
    try:
        yield
    finally:
        _STOP.updating = False


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Let Ctrl-C wait for the end of an update as well, since processes that train together end at the same one.

    A launcher passes on what the terminal has sent already, so a second Ctrl-C is the first one again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def receive(number: int, frame: FrameType | None) -> None:
        seen, _STOP.interrupted = _STOP.interrupted, True
        if not (seen or _STOP.updating) and callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, receive)
    try:
        yield
    finally:
        _STOP.interrupted = False
        signal.signal(signal.SIGINT, before)


def interrupted() -> bool:
    """Return whether Ctrl-C waits, see :func:`together`."""
    return _STOP.interrupted


def ignore_signals() -> None:
    """Ignore from here on what would end this process: it ends by itself."""
    if threading.current_thread() is threading.main_thread():
        for name in (*_NAMES, "SIGINT"):
            if number := getattr(signal, name, None):
                signal.signal(number, signal.SIG_IGN)


def waiting() -> int | None:
    """Return the number of the signal that waits; None where none does."""
    return _STOP.number


def _receive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    if not _STOP.updating or _STOP.number is not None:
        raise Terminated(number)
    _STOP.number = number
