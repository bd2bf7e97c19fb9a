"""Measure what a training spends on watching its gradient: the ledger of every update, and glances now and then.

    python -m bench.speed.watching [--seconds 60]

Trains language models of some sizes on a drawn text, and prints which share of the time went into the ledger (each
update) and into glances (a few): less than 3 % is wanted. Beside them stand the norms of every parameter's gradient,
which clipping needs in any case.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from elman.flow.ledger import Ledger
from elman.tasks import generate
from elman.training import loop as training
from elman.training.glances import Glances

SIZES: tuple[dict[str, Any], ...] = (
    {},
    {"hidden": 16, "window": 10, "batch": 4},
    {"cell": "gru", "hidden": 256, "layers": 2, "window": 128},
)


class Watch:
    """Add up the time that some functions take."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("norms", "ledger", "glances"), 0.0)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same and is timed."""

        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[name] += time.perf_counter() - start

        return run


def measure(text: Path, options: dict[str, Any], seconds: float) -> str:
    """Train for some seconds, and say where they went."""
    watch = Watch()
    originals = (training.gradient_norms, Ledger.enter, Glances.prepare, Glances.take)
    training.gradient_norms = watch.timed("norms", originals[0])
    Ledger.enter = watch.timed("ledger", originals[1])  # type: ignore[method-assign]
    Glances.prepare = watch.timed("glances", originals[2])  # type: ignore[method-assign]
    Glances.take = watch.timed("glances", originals[3])  # type: ignore[method-assign]
    try:
        model = generate.train(text, epochs="auto", time_budget=f"{seconds:g}s", quiet=True, **options)
    finally:
        training.gradient_norms = originals[0]
        Ledger.enter, Glances.prepare, Glances.take = originals[1:]  # type: ignore[method-assign]
    updates, total = model.metrics["updates"], model.seconds
    shares = ", ".join(f"{name} {spent / total:.2%}" for name, spent in watch.seconds.items())
    said = " ".join(f"{name}={value}" for name, value in options.items()) or "defaults"
    looks = len(model.metrics["glances"])
    return f"{said}: {updates:,} updates of {1e3 * total / updates:.1f} ms; {shares} ({looks} of them)"


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each training (default: 60)")
    seconds = parser.parse_args().seconds
    drawn = np.random.default_rng(1)
    words = ["".join(drawn.choice(list("abcdefghijklmnop"), drawn.integers(1, 10))) for _ in range(500)]
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_text(" ".join(drawn.choice(words, 100_000)), encoding="utf-8")
        for options in SIZES:
            print(measure(text, options, seconds), flush=True)


if __name__ == "__main__":
    main()
