"""Print results: rows of a label and a value, and text that may not fit the terminal."""

import contextlib
import os
import sys

from rich.console import Console
from rich.text import Text


def print_rows(*rows: tuple[str, str]) -> None:
    """Print rows, their labels in bold and of one width."""
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        console.print(Text(f"{label:<{width}}  ", style="bold").append(value, style="not bold"))


def drop_output() -> None:
    """Send what is left of the output nowhere: flushing it at exit would fail a second time."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
