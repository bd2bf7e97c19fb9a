"""Run benchmarks by name, or all of them: `python -m bench [NAME …]`."""

import importlib
import pkgutil
import sys

import bench
from bench.measure import report


def main(names: list[str]) -> int:
    """Run the named benchmarks, or every one that needs no data; return the exit code."""
    found = {
        name: importlib.import_module(f"bench.{name}")
        for _, name, _ in pkgutil.iter_modules(bench.__path__)
        if name != "__main__"
    }
    scripts = {name: module for name, module in found.items() if hasattr(module, "run")}
    unknown = [name for name in names if name not in scripts]
    if unknown:
        sys.stderr.write(
            f"bench: no benchmark is called {', '.join(unknown)}. There are: {', '.join(sorted(scripts))}.\n"
        )
        return 2
    for name in names or sorted(scripts):
        report(name, scripts[name].run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
