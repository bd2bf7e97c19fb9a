"""Run all of it, or parts by name, and print what docs/reliability.md says: `python -m reliability [PART …]`, in tests.

The parts: kills, writes, disk, data, mutations, fuzzing, server, cost.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from reliability.cost import measure_cost
from reliability.data import damage_data
from reliability.disks import fail_writes, fill_a_disk
from reliability.fuzzing import fuzz
from reliability.kills import kill_trainings
from reliability.mutations import mutate_files
from reliability.server import abuse


def run() -> None:
    """Read the arguments, and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--data", type=int, default=2000, help="damaged data files")
    parser.add_argument("--mutations", type=int, default=100_000, help="changed models and checkpoints")
    parser.add_argument("--seconds", type=float, default=3600.0, help="of fuzzing, for all readers together")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    parts: dict[str, Callable[[Path], Iterable[str]]] = {
        "cost": lambda folder: [measure_cost(folder)],
        "writes": fail_writes,
        "disk": lambda folder: [fill_a_disk(folder)],
        "data": lambda folder: damage_data(folder, given.data, given.seed),
        "kills": lambda folder: kill_trainings(folder, given.kills, given.seed),
        "mutations": lambda folder: mutate_files(folder, given.mutations, given.seed),
        "fuzzing": lambda folder: fuzz(folder, given.seconds),
        "server": abuse,
    }
    unknown = [name for name in given.parts if name not in parts]
    if unknown:
        parser.error(f"no part is called {', '.join(unknown)}. There are: {', '.join(parts)}.")
    for name in given.parts or parts:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            for line in parts[name](Path(folder)):
                print(f"{name}: {line}", flush=True)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    run()
