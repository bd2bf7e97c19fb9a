"""A candidate in a process of its own: it receives a number of calls, and answers with the seconds that they took."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).parents[2]


class Worker:
    """Start a module of this folder as a process that :func:`serve`s; a context manager that ends it.

    Args:
        module: its dotted name.
        arguments: its command line.
        cores: how many cores it may run on.

    Raises:
        RuntimeError: on a call, if the process has ended.
    """

    def __init__(self, module: str, *arguments: str, cores: int) -> None:
        allowed = sorted(os.sched_getaffinity(0))[:cores]
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            # Threads are counted when a library starts, by the cores that the process may use.
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),  # noqa: PLW1509 - it starts before any thread here
        )
        self._name = module

    def __call__(self, calls: int) -> float:
        """Make so many calls, and return the seconds that they took together."""
        to, back = self._pipes()
        to.write(f"{calls}\n")
        to.flush()
        return float(self._answer(back))

    def wait_until_ready(self) -> None:
        """Return when the process begins to serve."""
        self._answer(self._pipes()[1])

    def _answer(self, back: IO[str]) -> str:
        line = back.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended early; what it said stands above.")
        return line

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes():
            pipe.close()
        self._process.wait()


def serve(call: Callable[[], object]) -> None:
    """Answer a :class:`Worker` until it closes standard input."""
    print("ready", flush=True)
    for line in sys.stdin:
        calls = int(line)
        start = time.perf_counter()
        for _ in range(calls):
            call()
        print(time.perf_counter() - start, flush=True)
