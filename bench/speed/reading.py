"""Measure what reading costs before the first update: seconds and peak memory, in a fresh process on one core.

Every case is a file that is made here, with a fixed seed: texts with a class, series whose steps are rows, hourly times
of several series, sentences whose words have tags. A recipe trains on it until the first update is about to be made;
models without recurrence are not trained. Seconds are those that `train` kept the core busy, without imports, so that
what other programs do meanwhile does not count; memory is the highest that the process held, imports included. Beside
it stands one plain pass over the same file with Python's csv module, which looks at nothing. Linux alone says how much
memory a process held.

    python -m bench.speed.reading classify FILE [frame]       one figure, as JSON
"""

import contextlib
import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.speed.drawing import COLOURS, make_figure, three_digits
from bench.speed.measure import FULL, QUICK, Pace
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from bench.speed.worker import ROOT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIB = 2**20
RESIDENT = Path("/proc/self/status")
ROWS_AT_ONCE = 10_000
ONCE = 1_000_000  # rows, of which more are read once and not several times
WORDS = 20_000
STEPS = 60
HOURS = 20_000
TAGS = ("NOUN", "VERB", "ADJ", "DET", "PUNCT")


@dataclass(frozen=True)
class Case:
    """What is read.

    Attributes:
        task: the recipe.
        what: what the rows are.
        rows: how many the file has.
        frame: whether the file is read by pandas first, and its frame given; memory before is then with the frame.
    """

    task: str
    what: str
    rows: int
    frame: bool = False

    @property
    def file(self) -> str:
        """Name the file; its ending says the form."""
        return f"{self.what}-{self.rows}.{'conll' if self.task == 'tag' else 'csv'}"

    @property
    def delimiter(self) -> str:
        """Return what stands between two cells."""
        return "\t" if self.task == "tag" else ","


CASES = (
    Case("classify", "texts", 50_000),
    Case("classify", "texts", 500_000),
    Case("classify", "texts", 2_000_000),
    Case("classify", "texts", 1_000_000),
    Case("classify", "texts", 1_000_000, frame=True),
    Case("classify", "steps", 300_000),
    Case("forecast", "times", 400_000),
    Case("tag", "words", 500_000),
)
FEW = (
    Case("classify", "texts", 5000),
    Case("classify", "texts", 5000, frame=True),
    Case("classify", "steps", 6000),
    Case("forecast", "times", 40_000),
    Case("tag", "words", 5000),
)


def run(pace: Pace = FULL) -> Result:
    """Measure every case; with few rounds, small files."""
    rows: list[Row] = []
    with TemporaryDirectory() as folder:
        for case in track("reading", FEW if pace == QUICK else CASES):
            path = Path(folder, case.file)
            with path.open("w", encoding="ascii", newline="\n") as file:
                file.writelines(WRITERS[case.what](case.rows))
            repeats = 1 if case.rows > ONCE else pace.repeats
            found = [read_alone(case, path) for _ in range(repeats)]
            plain = [read_plainly(path, case.delimiter) for _ in range(repeats)]
            seconds = median(one["seconds"] for one in found)
            rows.append(
                {
                    "task": case.task,
                    "rows": f"{case.rows:,} {case.what}{' in a frame' if case.frame else ''}",
                    "MB": path.stat().st_size / 1e6,
                    "seconds": seconds,
                    "csv seconds": median(plain),
                    "times": seconds / median(plain),
                    "peak MiB": median(one["peak"] for one in found) / MIB,
                    "before MiB": median(one["imports"] for one in found) / MIB,
                    "all": {"found": found, "plain": plain},
                }
            )
            path.unlink()
    by_rows = {row["rows"]: row for row in rows}
    texts = by_rows.get("500,000 texts", {})
    return Result(
        rows,
        targets=[
            Target("seconds of 500,000 texts", texts.get("seconds"), 15, at_most=True),
            Target("peak MiB of 500,000 texts", texts.get("peak MiB"), 0.8e9 / MIB, at_most=True),
        ],
    )


def read_alone(case: Case, path: Path) -> dict[str, float]:
    """Start a process on one core that reads a file, and return what it prints."""
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, "-m", "bench.speed.reading", case.task, str(path), *(["frame"] if case.frame else [])],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        # Threads are counted when a library starts, by the cores that the process may use.
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def read_plainly(path: Path, delimiter: str) -> float:
    """Pass once over a file with Python's csv module; return the seconds."""
    start = time.process_time()
    with path.open(newline="", encoding="utf-8") as file:
        for _ in csv.reader(file, delimiter=delimiter):
            pass
    return time.process_time() - start


def main(task: str, path: str, form: str = "file") -> None:
    """Read in this process, and print seconds and bytes as JSON."""
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    from elman.tasks import classify, forecast, tag

    train: dict[str, Callable[..., Any]] = {"classify": classify.train, "forecast": forecast.train, "tag": tag.train}
    data: Any = path
    if form == "frame":
        import pandas as pd

        data = pd.read_csv(path)
    imports, start = _read("VmHWM"), time.process_time()

    def end(*_: Any) -> None:
        taken = time.process_time() - start
        print(json.dumps({"seconds": taken, "peak": _read("VmHWM"), "imports": imports}), file=output, flush=True)
        os._exit(0)

    register_optimizer_step_pre_hook(end)
    output = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()):
        train[task](data, quiet=True, compare=False)


def _read(name: str) -> int:
    lines = RESIDENT.read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def write_texts(rows: int) -> Iterator[str]:
    """Write texts of 5 to 24 words, the rank of a word about as rare as in a language, and one of four classes."""
    drawn = np.random.default_rng(1)
    words = _invent(drawn)
    yield "text,label\n"
    for first in range(0, rows, ROWS_AT_ONCE):
        lengths = drawn.integers(5, 25, min(ROWS_AT_ONCE, rows - first))
        chosen = iter(words[_draw(drawn, int(lengths.sum()))].tolist())
        classes = drawn.integers(0, 4, len(lengths)).tolist()
        for length, label in zip(lengths.tolist(), classes, strict=True):
            yield f"{' '.join(next(chosen) for _ in range(length))},class {label}\n"


def write_steps(rows: int) -> Iterator[str]:
    """Write series of 60 steps of three numbers, each with a class."""
    drawn = np.random.default_rng(2)
    yield "id,x,y,z,label\n"
    for series in range(rows // STEPS):
        label = series % 3
        for x, y, z in drawn.normal(label, 1, (STEPS, 3)).tolist():
            yield f"s{series},{x:.4f},{y:.4f},{z:.4f},class {label}\n"


def write_times(rows: int) -> Iterator[str]:
    """Write hourly values of several series, with a day's season."""
    drawn = np.random.default_rng(3)
    hours = np.datetime64("2020-01-01T00", "h") + np.arange(HOURS)
    season = np.sin(np.arange(HOURS) * 2 * np.pi / 24)
    yield "time,shop,sales\n"
    for series in range(rows // HOURS):
        values = (100 + 10 * season + drawn.normal(0, 1, HOURS)).tolist()
        for hour, value in zip(hours.tolist(), values, strict=True):
            yield f"{hour:%Y-%m-%d %H:00:00},shop {series},{value:.2f}\n"


def write_words(rows: int) -> Iterator[str]:
    """Write sentences of 5 to 24 words with their tags, a word a line."""
    drawn = np.random.default_rng(4)
    words, left = _invent(drawn), rows
    while left:
        length = min(left, int(drawn.integers(5, 25)))
        for word in _draw(drawn, length).tolist():
            yield f"{words[word]}\t{TAGS[word % len(TAGS)]}\n"
        yield "\n"
        left -= length


WRITERS = {"texts": write_texts, "steps": write_steps, "times": write_times, "words": write_words}


def _invent(drawn: np.random.Generator) -> Any:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(drawn.choice(letters, drawn.integers(4, 14)))] = None
    return np.array(list(found))


def _draw(drawn: np.random.Generator, count: int) -> Any:
    """Draw words by rank, the rank r with a probability that falls as r to the power of -0.8."""
    shares = (np.arange(WORDS) + 1.0) ** -0.8
    return np.searchsorted(np.cumsum(shares / shares.sum())[:-1], drawn.random(count))


def draw(rows: list[Row]) -> "Figure":
    """Draw seconds and peaks as bars."""
    figure, axes = make_figure(2, "Before the first update, on one core (less is better)", sharey=True)
    names = [f"{row['task']}: {row['rows']}" for row in rows]
    for axis, column, label in ((axes[0, 0], "seconds", "seconds"), (axes[0, 1], "peak MiB", "peak of memory in MiB")):
        bars = axis.barh(names, [row[column] for row in rows], color=COLOURS[0])
        axis.bar_label(bars, [three_digits(row[column]) for row in rows], padding=3, fontsize=8)
        axis.set_xlabel(label)
        axis.margins(x=0.15)
    axes[0, 0].invert_yaxis()
    return figure


if __name__ == "__main__":
    main(*sys.argv[1:])
