"""Run the command line, as `elman` and as `python -m elman`.

Ctrl-C raises KeyboardInterrupt, and the command prints which files it leaves. At two times no command can do that:
while a module is imported, which may catch the exception or print a traceback, and after the command has ended. Then
the signal ends the process at once, as it ends a program without a handler.
"""

import os
import signal
import sys
from types import FrameType

_IMPORTING = ("<frozen importlib._bootstrap>", "_find_and_load")
_SHOW_CURSOR = b"\x1b[?25h"  # a live line hides it


def run() -> None:
    """Run the command line and exit with its code."""
    # Where the shell ignores Ctrl-C for a command in the background, it stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from elman.cli import main

        main()
    except KeyboardInterrupt:
        _end()
    finally:
        if signal.getsignal(signal.SIGINT) is _interrupt:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    while frame is not None:
        if (frame.f_code.co_filename, frame.f_code.co_name) == _IMPORTING:
            _end()
        frame = frame.f_back
    raise KeyboardInterrupt


def _end() -> None:
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), _SHOW_CURSOR)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    run()
