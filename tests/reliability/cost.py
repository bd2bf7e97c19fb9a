"""Time a training that writes checkpoints beside the same training that writes none, in turns."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from elman.tasks import generate
from elman.training import resuming
from small_trainings import write_book

_ROUNDS = 3  # besides the first, in which kernels are compiled
_EPOCHS = 30
"""More than a minute of one core, in which two checkpoints are written, and one before the first update."""


def measure_cost(folder: Path) -> str:
    """Return a line with the ratio of medians of processor time, and the time that checkpoints took."""
    torch.set_num_threads(1)
    book = write_book(folder / "book.txt")
    book.write_text(book.read_text() * 200)
    times: dict[str, list[float]] = {"with": [], "without": []}
    written: list[float] = []
    write = resuming.CheckpointedRun._write

    def timed(*given: Any) -> bool:
        start = time.process_time()
        try:
            return write(*given)
        finally:
            written.append(time.process_time() - start)

    resuming.CheckpointedRun._write = timed  # type: ignore[method-assign]
    for number in range(2 * _ROUNDS + 2):
        kind = "with" if number % 2 == 0 else "without"
        with _checkpoints_every(resuming.SECONDS if kind == "with" else 1e9):
            start = time.process_time()
            generate.train(
                book,
                output=folder / f"{number}.model",
                hidden=128,
                epochs=_EPOCHS,
                quiet=True,
                compare=False,
                window=50,
            )
            times[kind].append(time.process_time() - start)
    ones, others = (statistics.median(found[1:]) for found in times.values())  # the first compiles kernels
    ratio = ones / others
    resuming.CheckpointedRun._write = write  # type: ignore[method-assign]
    milliseconds = 1000 * statistics.median(written)
    return (
        f"a training takes {ones:.1f} s of processor time with checkpoints, {others:.1f} without: ratio {ratio:.3f}; "
        f"{len(written)} checkpoints took {milliseconds:.1f} ms each, {milliseconds / 10 / resuming.SECONDS:.3f} % of "
        f"the {resuming.SECONDS:.0f} s between two"
    )


@contextmanager
def _checkpoints_every(seconds: float) -> Iterator[None]:
    before = resuming.SECONDS
    resuming.SECONDS = seconds
    try:
        yield
    finally:
        resuming.SECONDS = before
