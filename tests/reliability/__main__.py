"""Run all of it, and print what docs/reliability.md says: `python -m reliability [--kills N]`, in tests."""

import argparse
import tempfile
import time
from pathlib import Path

from reliability.kills import kill_trainings


def run() -> None:
    """Read the arguments, and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for line in kill_trainings(Path(folder), given.kills, given.seed):
            print(line, flush=True)
    print(f"all in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    run()
