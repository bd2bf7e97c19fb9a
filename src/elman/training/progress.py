"""Show the progress of a training on standard error.

On a terminal there is one live line, and lines that stay (validations, samples, notes) scroll above it. In a log file
or a pipe the same things are plain lines, and a progress line is added every half minute. Quiet progress shows nothing.
Standard output is for results and is never used.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from elman.phrases import bits, format_count, format_duration, printable

EXAMPLE = "example"
"""The unit of a loss without a usual measure: one answer to a whole sequence."""

SENTENCE = "sentence"
"""The unit of a loss of the tags of a whole sentence."""

FRAME = "frame"
"""The unit of a loss of all that sounds in one frame of a piece of music, whose usual measure is nats."""

_SECONDS_BETWEEN_PLAIN_LINES = 30.0
_NARROWEST_BAR = 5
_WIDEST_BAR = 40
_SAMPLE_EDGE = "    │ "
_REFRESH_PER_SECOND = 8
_SHORT = {"character": "char", EXAMPLE: "examples", SENTENCE: "sentences", FRAME: "frames"}
_ROOM_FOR_CTRL_C = 3  # a terminal echoes ^C; on a full line that would start a second one, which is never cleared


@dataclass(frozen=True)
class Moment:
    """The state of a training after an update, as it is shown.

    Attributes:
        epoch: the epoch, from 1.
        update: how many updates have been done.
        share: how much of the run is done, 0 to 1.
        seconds_left: an estimate; None before the first update.
        loss: running mean of the training loss, nats a unit.
        units_per_second: since the start, validations and samples included.
        gradient_norm: Euclidean norm over all parameters, before clipping.
        part: the part of a longer run, such as `trial 3 of 20`; empty if the run has one part.
        seconds: since the start, validations and samples included.
        learning_rate: that of the update; None before the first.
    """

    epoch: int
    update: int
    share: float
    seconds_left: float | None
    loss: float
    units_per_second: float
    gradient_norm: float
    part: str = ""
    seconds: float = 0.0
    learning_rate: float | None = None

    def pieces(self, unit: str = "character") -> list[str]:
        """Return the pieces of text of the live line, the most important first."""
        left = "" if self.seconds_left is None else f"{format_duration(self.seconds_left)} left"
        pieces = [
            f"{self.share:4.0%} {left}",
            self.part,
            f"loss {self.loss:.3f}",
            describe_loss(self.loss, unit),
            f"{format_count(self.units_per_second)} {_SHORT.get(unit, unit)}/s",
            f"|grad| {self.gradient_norm:.2f}",
            f"epoch {self.epoch}",
        ]
        return [piece for piece in pieces if piece]


class Progress(Protocol):
    """Receives training events; a context manager around the run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self, moment: Moment) -> None:
        """Receive one update."""

    def validation(self, moment: Moment, loss: float, improved: bool, said: str = "") -> None:
        """Receive a validation loss in nats, with a text that replaces the usual measure of its unit."""

    def sample(self, write: Callable[[], str]) -> None:
        """Show a sample of what the model writes; `write` is called only where it is shown."""

    def note(self, text: str) -> None:
        """Receive a line that the user should read."""


class QuietProgress:
    """A progress that shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, moment: Moment) -> None:
        """Show nothing."""

    def validation(self, moment: Moment, loss: float, improved: bool, said: str = "") -> None:
        """Show nothing."""

    def sample(self, write: Callable[[], str]) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""


class PartProgress(QuietProgress):
    """The progress of one part of a longer run, such as a trial of a search; its validations and notes are not shown.

    Args:
        progress: of the whole run.
        name: of a part, such as `trial`.
        number: of this part, from 0.
        parts: how many there are.
        start: when the run began, by `time.perf_counter`.
        ends: when it ends at the latest; None where nothing says so.
    """

    def __init__(
        self, progress: Progress, name: str, number: int, parts: int, start: float, ends: float | None
    ) -> None:
        self._progress, self._name, self._number, self._parts = progress, name, number, parts
        self._start, self._ends = start, ends

    def update(self, moment: Moment) -> None:
        """Show the progress of the run."""
        now = time.perf_counter()
        share = (self._number + moment.share) / self._parts
        if self._ends is not None:
            left: float | None = max(0.0, self._ends - now)
        else:
            left = (now - self._start) * (1 - share) / share if share > 0 else None
        part = f"{self._name} {self._number + 1} of {self._parts}"
        self._progress.update(replace(moment, share=share, seconds_left=left, part=part))


class ConsoleProgress:
    """A progress with a live line on a terminal, and plain lines elsewhere.

    Args:
        console: where to write; it knows whether it is a terminal.
        unit: what a loss is the mean of.
    """

    def __init__(self, console: Console, unit: str = "character") -> None:
        self._console = console
        self._unit = unit
        self._moment: Moment | None = None
        self._last_line = time.monotonic()
        self._live = Live(
            get_renderable=self._render,
            console=console,
            refresh_per_second=_REFRESH_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def update(self, moment: Moment) -> None:
        """Refresh the line; off a terminal, print one every half minute."""
        self._moment = moment
        if not self._console.is_terminal and time.monotonic() - self._last_line > _SECONDS_BETWEEN_PLAIN_LINES:
            self._print(Text(f"update {moment.update:>6}  " + "  ".join(moment.pieces(self._unit)).strip()))

    def validation(self, moment: Moment, loss: float, improved: bool, said: str = "") -> None:
        """Print one line; the best so far is marked."""
        self._moment = moment
        line = Text(f"update {moment.update:>6}  ")
        line.append(f"loss {moment.loss:.3f}  " if moment.update else "at the start  ")
        said = said or describe_loss(loss, self._unit)
        line.append(f"validation {loss:.3f}" + (f" ({said})" if said else ""), style="bold" if improved else "")
        line.append("  best so far" if improved else "  no better", style="green" if improved else "yellow")
        self._print(line)

    def sample(self, write: Callable[[], str]) -> None:
        """Print what the model writes, with a bar at the left."""
        room = max(1, self._console.width - len(_SAMPLE_EDGE))
        for line in write().strip("\n").split("\n"):
            for start in range(0, max(1, len(line)), room):
                self._print(Text(_SAMPLE_EDGE + printable(line[start : start + room]), style="cyan"))

    def note(self, text: str) -> None:
        """Print one line."""
        self._print(Text(printable(text)))

    def _print(self, line: Text) -> None:
        self._last_line = time.monotonic()
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def _render(self) -> RenderableType:
        if self._moment is None:
            return Text("starting …", style="dim")
        pieces = self._moment.pieces(self._unit)
        room = self._console.width - _ROOM_FOR_CTRL_C
        while len(pieces) > 1 and len("  ".join(pieces)) + _NARROWEST_BAR + 2 > room:
            pieces.pop()
        words = "  ".join(pieces)
        width = max(1, min(_WIDEST_BAR, room - len(words) - 2))
        grid = Table.grid(padding=(0, 1))
        grid.add_row(
            ProgressBar(total=1.0, completed=self._moment.share, width=width),
            Text(words, no_wrap=True, overflow="crop"),
        )
        return grid


def show_progress(quiet: bool, unit: str = "character") -> Progress:
    """Return the progress for a training: on standard error, or a quiet one."""
    return QuietProgress() if quiet else ConsoleProgress(Console(stderr=True, highlight=False), unit)


@contextlib.contextmanager
def show_bar(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with the time left on a terminal; yield a function to call with (done, total).

    Off a terminal nothing is shown, since only the result matters there.
    """
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bars:
        task, shown = bars.add_task(what, total=None), 0.0

        def on_progress(done: int, total: int) -> None:
            nonlocal shown
            # It is called for each of millions of examples, and an update of the bar takes longer than to read one.
            now = 0.0 if bars.disable else time.monotonic()
            if now and (done == total or now > shown + 1 / _REFRESH_PER_SECOND):
                shown = now
                bars.update(task, completed=done, total=total)

        yield on_progress


def describe_loss(loss: float, unit: str) -> str:
    """Write a loss in the measure that is usual for its unit.

    >>> describe_loss(math.log(8), "character"), describe_loss(math.log(8), "word")
    ('3.000 bits/char', 'perplexity 8.0')
    """
    if unit in (EXAMPLE, SENTENCE, FRAME):
        return ""
    if unit == "character":
        return f"{bits(loss):.3f} bits/char"
    return f"perplexity {math.exp(loss):.1f}" if loss < 700 else "perplexity above 1e300"
