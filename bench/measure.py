"""Time several candidates side by side, and write down on which machine and with which versions."""

import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]


def side_by_side(
    candidates: Mapping[str, Callable[[], object]], *, rounds: int = 15, warm_up: int = 2
) -> dict[str, float]:
    """Time candidates in turn.

    Args:
        candidates: what to call, by name. Each call should take a millisecond or more.
        rounds: how often each is timed; one round times every candidate once.
        warm_up: rounds before the first that counts.

    Returns:
        The median of each, in milliseconds.
    """
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(warm_up + rounds):
        for name, call in candidates.items():
            start = time.perf_counter()
            call()
            if number >= warm_up:
                taken[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(times) for name, times in taken.items()}


def machine() -> dict[str, Any]:
    """Name processor, threads and the versions that matter."""
    processor = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        lines = (line for line in listing.read_text(encoding="utf-8").splitlines() if line.startswith("model name"))
        processor = next(lines, processor).rpartition(":")[2].strip()
    return {
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": processor,
        "threads": torch.get_num_threads(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "elman": metadata.version("elman"),
    }


def report(name: str, rows: list[Row]) -> None:
    """Print rows as a table, and write them with the machine to `bench/results/NAME.json`."""
    where = machine()
    print(f"{name}: {where['processor']}, {where['threads']} threads, torch {where['torch']}")
    columns = list(rows[0])
    table = [columns, *([_text(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[number]) for line in table) for number in range(len(columns))]
    for line in table:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": where, "rows": rows}, indent=2) + "\n", encoding="utf-8")
    print(f"  written to {path}\n")


def _text(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
