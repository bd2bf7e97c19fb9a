"""Show on standard error how far a script is, and how long it still takes.

Nothing is drawn while a candidate runs: a bar that moved by itself would take its time from whatever is measured.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

Case = TypeVar("Case")


def track(name: str, cases: Sequence[Case]) -> Iterator[Case]:
    """Go through the cases of a script.

    Args:
        name: of the script.
        cases: each is named by its text.
    """
    start = time.monotonic()
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.fields[left]}"),
    )
    with Progress(
        *columns, console=console, auto_refresh=False, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=len(cases), left="")
        for done, case in enumerate(cases):
            left = _left(time.monotonic() - start, done, len(cases))
            bar.update(task, completed=done, description=f"{name}: {case}", left=left)
            bar.refresh()
            if not console.is_terminal:
                print(f"{name} {done + 1}/{len(cases)}: {case}{left and f', {left}'}", file=sys.stderr, flush=True)
            yield case


def _left(seconds: float, done: int, cases: int) -> str:
    if not done:
        return ""
    left = seconds / done * (cases - done)
    return f"about {left:.0f} s left" if left < 100 else f"about {left / 60:.0f} min left"
