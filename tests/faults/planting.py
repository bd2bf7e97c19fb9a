"""Copy the package, plant a change in the copy, and run tests on it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from faults.fault import Change

ROOT = Path(__file__).parents[2]


class Tester:
    """A process that runs tests on copies of the package, each up to the first that fails."""

    def __enter__(self) -> Self:
        command = [sys.executable, str(Path(__file__).with_name("fork_server.py"))]
        self._server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def run(self, folder: Path, arguments: Sequence[str], seconds: int = 0) -> tuple[int, str]:
        """Test the copy in a folder.

        Args:
            folder: holds the copy.
            arguments: pytest's, such as the tests to run.
            seconds: of the processor's time, after which the tests are ended; 0 for never.

        Returns:
            pytest's exit code, below 0 where a signal ended it; and what pytest said.
        """
        report = folder / "report.txt"
        quiet = ["-c", "pyproject.toml", "-x", "-q", "--tb=line", "--disable-plugin-autoload", "-p", "no:cacheprovider"]
        self._server.stdin.write(json.dumps([str(folder), str(report), [*arguments, *quiet], seconds]) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline()), report.read_text(encoding="utf-8", errors="replace")


def copy_package(folder: Path) -> Path:
    """Copy the package's sources, and return the folder that goes onto the path."""
    shutil.copytree(ROOT / "src" / "elman", folder / "elman", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def plant(change: Change, folder: Path) -> None:
    """Replace a change's text in the copy.

    Raises:
        AssertionError: the text does not occur exactly once.
    """
    path = folder / "elman" / change.file
    source = path.read_text(encoding="utf-8")
    count = source.count(change.text)
    assert count == 1, f"{change.name}: {change.text!r} found {count} times in {change.file}; name what is there now"
    path.write_text(source.replace(change.text, change.instead), encoding="utf-8")
