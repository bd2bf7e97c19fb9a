"""Run the command line in a process of its own, which can be interrupted."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def start_elman(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `elman` in a folder, with pipes for its three streams.

    A shell that runs the tests in the background lets them ignore Ctrl-C, and what ignores it passes that on. A handler
    is not passed on: the new process begins with the system's own.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "elman", *arguments],
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
    finally:
        signal.signal(signal.SIGINT, before)


def run_elman(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `elman` in a folder; return its code, and what it wrote to both streams."""
    with start_elman(folder, *arguments) as process:
        out, err = process.communicate()
    return process.returncode, out, err


def interrupt(
    process: subprocess.Popen[str],
    until: str,
    after: float = 0.0,
    seconds: float = 60.0,
    number: int = signal.SIGINT,
) -> tuple[str, str]:
    """Send a signal some seconds after standard error has shown `until`; return what was written to both streams.

    Args:
        process: from :func:`start_elman`.
        until: what is waited for.
        after: seconds behind it.
        seconds: the longest that the process may go on then.
        number: of the signal; that of Ctrl-C unless given.

    Raises:
        subprocess.TimeoutExpired: some seconds later the process still goes on.
    """
    with process:
        seen = ""
        for line in process.stderr:
            seen += line
            if until in line:
                break
        time.sleep(after)
        process.send_signal(number)
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
        return out, seen + err
