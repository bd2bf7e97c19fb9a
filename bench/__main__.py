"""Run benchmarks by name, or all of them: `python -m bench [--quick|--whole] [--draw] [NAME …]`."""

import argparse
import importlib
import sys
from pathlib import Path

import torch

from bench import SCRIPTS
from bench.speed.drawing import save
from bench.speed.measure import FULL, QUICK, WHOLE
from bench.speed.report import Others, read_rows, report

RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or every one; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(SCRIPTS)}")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it runs, not to quote")
    parser.add_argument(
        "--whole", action="store_true", help="with all 100,000 requests to each server: ten minutes more"
    )
    parser.add_argument("--draw", action="store_true", help="draw the last results again, without measuring")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in SCRIPTS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}. There are: {', '.join(SCRIPTS)}.")
    for name in options.names or SCRIPTS:
        script = importlib.import_module(f"bench.speed.{name}")
        if options.draw:
            rows = read_rows(RESULTS / f"{name}.json")
        else:
            others = Others()
            torch.manual_seed(1)
            result = script.run(QUICK if options.quick else WHOLE if options.whole else FULL)
            report(name, result, RESULTS, others=others.cores(), quick=options.quick)
            rows = result.rows
        print(f"  {save(script.draw, rows, RESULTS / name)}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
