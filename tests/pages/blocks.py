"""Run the blocks of code of a page from its first to its last, and compare what they print with what the page shows.

    python     runs; where the first line is `# NAME.py`, it is written to that file as well
    pycon      runs as a doctest: numbers are compared digit by digit
    console    after each `$ ` a command and what it prints, standard error included
    sh         commands, a line each; what they print is not compared

Any other block is shown and not run. A block of these four is left out where `<!-- not run: REASON -->` stands on the
line in front of it. `…` stands for any text; a time, such as 0:04 or 1.2 s, may be another one. What a command printed
of a training may differ a little on another processor: numbers with a point, and percentages, are compared roughly.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from elman.cli import main
from elman.training import folds

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FEW_EXAMPLES, FEW_GROUPS = 200, 5  # those of the package, which tests set to 0
RUN = ("python", "pycon", "console", "sh")

_BLOCK = re.compile(r"^(?:<!-- not run: (.+?) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PARTS = re.compile(r"(…|\b\d+(?::\d\d)+\b|\d+(?:\.\d+)? (?:min|m?s|µs)\b|-?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?)")
_PLACE = re.compile(r"<doctest .*?>")  # stands for the file of a cell
_SHELL = set("|<>;&$`*")


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Attributes:
        language: what stands behind its opening fence.
        text: its lines.
        line: the number of its first line in the page, counted from 0.
        left_out: the reason why it is not run; empty for a block that runs.
    """

    language: str
    text: str
    line: int
    left_out: str = ""


@dataclass(frozen=True)
class Difference:
    """Output that is not what the page shows.

    Attributes:
        line: where the shown output begins in the page, counted from 0.
        shown: the output on the page.
        printed: the output of the run.
    """

    line: int
    shown: str
    printed: str

    def __str__(self) -> str:
        return f"line {self.line + 1} shows\n{self.shown}and this was printed:\n{self.printed}"


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[None]:
    """Work in a folder like that of a reader of the pages, and undo what a page changes for all of torch."""
    for name in ("bench", "examples"):
        (folder / name).symlink_to(ROOT / name)
    dtype = torch.get_default_dtype()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "110")
        patch.setattr(folds, "FEW_EXAMPLES", FEW_EXAMPLES)
        patch.setattr(folds, "FEW_GROUPS", FEW_GROUPS)
        yield
    torch.set_default_dtype(dtype)
    torch.set_printoptions(profile="default")


def blocks(text: str) -> list[Block]:
    """Find the blocks of a page."""
    return [Block(b[2], b[3], text.count("\n", 0, b.start(3)), b[1] or "") for b in _BLOCK.finditer(text)]


def differences(page: Path, only: str | None = None) -> Iterator[Difference]:
    """Run the blocks of a page in the current folder, and yield each output that differs from the one shown.

    Args:
        page: its file.
        only: run the blocks with this text and no others, those that are left out too.
    """
    names: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page.read_text("utf-8")):
        if block.language not in RUN or (block.left_out if only is None else only not in block.text):
            continue
        if block.language == "python":
            _run_python(block, names, page)
        elif block.language == "pycon":
            yield from _run_examples(block, names, page)
        else:
            yield from _run_commands(block)


def matches(shown: str, printed: str, *, roughly: bool = False) -> bool:
    """Compare printed text with the text on a page, in which `…` stands for any text and a time for any time.

    Args:
        shown: on the page.
        printed: in the run.
        roughly: let numbers with a point, and percentages, differ by a tenth and a little.
    """
    parts = _PARTS.split(_even(shown))
    pattern = "".join(_pattern_of(part) if k % 2 else re.escape(part) for k, part in enumerate(parts))
    match = re.fullmatch(pattern, _even(printed), re.DOTALL)
    if match is None:
        return False
    numbers = [
        (part, parts[2 * k + 2].lstrip().startswith("%"))
        for k, part in enumerate(parts[1::2])
        if _pattern_of(part).startswith("(")
    ]
    return all(_equal(n, other, percent, roughly) for (n, percent), other in zip(numbers, match.groups(), strict=True))


def _even(text: str) -> str:
    """Make the width of columns, and empty lines, the same everywhere."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def _pattern_of(part: str) -> str:
    if part == "…":
        return ".*?"
    if ":" in part:
        return r"\d+(?::\d\d)+"
    if part[-1].isalpha():
        return r"\d+(?:\.\d+)? (?:min|m?s|µs)"
    return r"(-?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?)"


def _equal(shown: str, printed: str, percent: bool, roughly: bool) -> bool:
    if shown == printed:
        return True
    if not roughly or not (percent or "." in shown or "." in printed):
        return False
    a, b = (float(number.replace(",", "")) for number in (shown, printed))
    return abs(a - b) <= 0.1 * abs(a) + (5.0 if percent else 0.05)


def _run_python(block: Block, names: dict[str, Any], page: Path) -> None:
    file = re.match(r"# (\w+\.py)\n", block.text)
    if file:
        Path(file[1]).write_text(block.text, encoding="utf-8")
    lines = "" if file else "\n" * block.line
    exec(compile(lines + block.text, file[1] if file else str(page), "exec"), names)


class _Checker(doctest.OutputChecker):
    """A comparison of doctest's by :func:`matches`."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return matches(want, got)


class _Runner(doctest.DocTestRunner):
    """A runner of doctests that keeps what differs, instead of printing it."""

    def __init__(self) -> None:
        super().__init__(_Checker(), verbose=False)
        self.differences: list[Difference] = []

    def report_failure(self, out: Any, test: doctest.DocTest, example: doctest.Example, got: str) -> None:
        line = (test.lineno or 0) + example.lineno + example.source.count("\n")
        self.differences.append(Difference(line, example.want, _PLACE.sub("…", got)))

    def report_unexpected_exception(self, out: Any, test: Any, example: Any, exc_info: Any) -> None:
        raise exc_info[1]


def _run_examples(block: Block, names: dict[str, Any], page: Path) -> list[Difference]:
    runner = _Runner()
    test = doctest.DocTestParser().get_doctest(block.text, names, page.name, str(page), block.line)
    test.globs = names  # instead of its copy, so that a block sees what those above have named
    runner.run(test, clear_globs=False)
    return runner.differences


def _run_commands(block: Block) -> Iterator[Difference]:
    if block.language == "sh":
        for command in filter(None, map(str.strip, block.text.splitlines())):
            code, printed = _run_command(command)
            assert code == 0, f"line {block.line + 1}: {command}\n{printed}"
        return
    lines = block.text.splitlines(keepends=True)
    starts = [k for k, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        shown = "".join(lines[start + 1 : end])
        code, printed = _run_command(lines[start][2:].strip())
        assert code == 0 or "elman: " in shown, f"line {block.line + start + 1}: {lines[start]}{printed}"
        if not matches(shown, printed, roughly=True):
            yield Difference(block.line + start + 1, shown, printed)


def _run_command(command: str) -> tuple[int, str]:
    """Run a command, and return its exit code and what it printed."""
    if command.startswith("elman ") and not _SHELL & set(command.split(" #", maxsplit=1)[0]):
        return _run_here(shlex.split(command, comments=True))
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env={**os.environ, "PATH": paths}, capture_output=True, check=False
    )
    return done.returncode, (done.stderr + done.stdout).decode()


def _run_here(arguments: list[str]) -> tuple[int, str]:
    """Run `elman` in this process, which is quicker than to load torch once more."""
    kept = io.BytesIO()
    out = io.TextIOWrapper(kept, "utf-8", write_through=True)
    code: Any = 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        patch.setattr(sys, "argv", arguments)
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    return int(code), kept.getvalue().decode()
