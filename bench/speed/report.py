"""Print what a script measured, and write it down with the machine and the versions."""

import json
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import torch

from elman.backends import BACKENDS

MOST_OTHERS = 0.1
"""Cores that others may take before figures are not to be quoted."""
Row = dict[str, Any]
"""A line of the table by column; what is a dictionary itself goes to the JSON file alone."""


@dataclass(frozen=True)
class Target:
    """Compare a figure with what is wanted.

    Attributes:
        what: the figure, in words.
        reached: None if it was not measured.
        wanted: where it is met.
        at_most: whether less is better.
    """

    what: str
    reached: float | None
    wanted: float
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Return whether it is met; None if it was not measured."""
        if self.reached is None:
            return None
        return self.reached <= self.wanted if self.at_most else self.reached >= self.wanted

    def __str__(self) -> str:
        reached = "not measured" if self.reached is None else f"{self.reached:.3g}"
        verdict = {True: "met", False: "MISSED", None: "open"}[self.met]
        return f"{verdict:<7} {self.what}: {reached} (wanted: {'≤' if self.at_most else '≥'} {self.wanted:g})"


@dataclass(frozen=True)
class Result:
    """The result of a script: the rows of its table, its targets, and notes."""

    rows: list[Row]
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def means(rows: Iterable[Row], key: str, value: str = "ratio") -> dict[str, float]:
    """Take the geometric mean of a column over the rows that are alike in another.

    >>> found = means([{"kind": "GRU", "ratio": 2.0}, {"kind": "GRU", "ratio": 8.0}], "kind")
    >>> round(found["GRU"], 6)
    4.0
    """
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row[value])
    return {name: geometric_mean(values) for name, values in groups.items()}


class Others:
    """Ask how much of the processor is taken by other programs while something is measured.

    >>> 0 <= Others().cores() <= 1e3
    True
    """

    def __init__(self) -> None:
        self._start = self._read()

    def cores(self) -> float:
        """Return how many cores others kept busy since this was made; what was started here is not among them."""
        now = self._read()
        seconds, busy, own = (after - before for after, before in zip(now, self._start, strict=True))
        return max(0.0, (busy - own) / seconds) if seconds else 0.0

    @staticmethod
    def _read() -> tuple[float, float, float]:
        kinds = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
        user, nice, system, _, _, irq, soft, stolen = (int(kind) for kind in kinds[:8])
        busy = (user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, sum(os.times()[:4])


def machine() -> dict[str, Any]:
    """Name processor, cores and the versions that matter."""
    processor = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        lines = (line for line in listing.read_text(encoding="utf-8").splitlines() if line.startswith("model name"))
        processor = next(lines, processor).rpartition(":")[2].strip()
    return {
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "backend": next(iter(BACKENDS)),
        **{name: _version(name) for name in ("elman", "torch", "llvmlite", "jax", "onnxruntime")},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def report(name: str, result: Result, folder: Path, *, others: float = 0.0, quick: bool = False) -> None:
    """Print rows as a table with the targets below, and write them with the machine to `NAME.json`.

    Args:
        name: of the script.
        result: what it returned.
        folder: where the file goes; made if it is missing.
        others: how many cores other programs kept busy meanwhile.
        quick: whether there were too few rounds to quote the figures.
    """
    where = machine()
    print(
        f"{name}: {where['processor']}, {where['cores']} cores, torch {torch.__version__}, backend {where['backend']}"
        + (", few rounds" if quick else "")
    )
    notes = list(result.notes)
    if others > MOST_OTHERS:
        notes.append(f"OTHERS kept {others:.2f} cores busy meanwhile: measure again when nothing else runs")
    columns = [column for column, value in result.rows[0].items() if not isinstance(value, dict)]
    table = [columns, *([_text(row[column]) for column in columns] for row in result.rows)]
    widths = [max(len(line[number]) for line in table) for number in range(len(columns))]
    for line in table:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    for line in (*notes, *result.targets):
        print(f"  {line}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    targets = [{**asdict(target), "met": target.met} for target in result.targets]
    written = {
        "machine": where,
        "others": others,
        "quick": quick,
        "rows": result.rows,
        "targets": targets,
        "notes": notes,
    }
    path.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"  written to {os.path.relpath(path)}")


def read_rows(path: Path) -> list[Row]:
    """Read the rows that were written last."""
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
