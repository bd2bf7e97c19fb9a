"""Time what the first update of a cell takes in a fresh process: `python -m bench.speed.first_call CELL HIDDEN`.

Torch has run forward and backward before, so that its own start is not counted. What is printed is JSON, in seconds.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.speed.worker import ROOT


def measure_first_call(name: str, hidden: int, cache: Path) -> dict[str, float]:
    """Start a process and return what it prints.

    Args:
        name: of a cell in `bench.speed.cells`.
        hidden: I and H; T is 100 and B is 32.
        cache: the user's cache folder, in which compiled kernels are kept.

    Returns:
        In seconds: `import`, until torch and the layer are there; `first` and `second`, the first two updates.
    """
    # Python may keep its bytecode, as that of an installed package is kept: not to compile sources in every process.
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-m", "bench.speed.first_call", name, str(hidden)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(name: str, hidden: int) -> None:
    """Import, warm torch up, and time two updates."""
    start = time.perf_counter()
    import torch

    from bench.speed.cells import make_layer
    from bench.speed.torch_peer import Size, make_input, make_update

    size = Size(100, 32, hidden, hidden)
    layer = make_layer(name, size)
    imported = time.perf_counter() - start
    weight = torch.randn(64, 64, requires_grad=True)
    torch.tanh(weight @ weight).sum().backward()
    update = make_update(layer, make_input(size))
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        update()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"import": imported, "first": seconds[0], "second": seconds[1]}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
