"""Train `elman train classify` on public sets with its defaults, and measure their test parts once.

`ROWS` names the rows; `bench/scores/score_data.py` divides the sets.
"""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from bench.scores.score_data import SETS, Part
from elman.data import open_dataset
from elman.tasks import classify

Row = Callable[[Path, Path, int, dict[str, Any], bool], dict[str, Any]]


def _measure(name: str, data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    folder, divide = SETS[name]
    found = [_measure_part(part, seed, given, test) for part in divide(data / folder, scratch)]
    return {"name": name, "seed": seed, **_combine(found), "parts": found}


ROWS: dict[str, Row] = {name: functools.partial(_measure, name) for name in SETS}
"""By name: takes the folder of all sets, a folder to write to, the seed, options, and whether the test part is read."""


def describe(row: dict[str, Any]) -> tuple[str, str, str]:
    """Write what was measured on the test part, on the validation part, and of the baselines."""
    tested = [
        f"{words} {_with_deviation(row, key)}"
        for key, words in (("accuracy", "accuracy"), ("macro_f1", "macro-F1"), ("correlation", "CC"))
        if key in row
    ]
    shuffled = "" if row["shuffled"] is None else f"steps shuffled {row['shuffled']:.4f}; "
    beside = f"{shuffled}without recurrence {row['baseline']:.4f} ({row['baseline_parameters']:,} parameters)"
    return ", ".join(tested), f"{row['validation']:.4f}", beside


def _measure_part(part: Part, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    options: dict[str, Any] = {**part.options, **given, "seed": seed}
    if part.validation is not None:
        options["validation_data"] = str(part.validation)
    start = time.perf_counter()
    model = classify.train([str(path) for path in part.training], **options)
    seconds = time.perf_counter() - start
    found = {
        "options": {key: value for key, value in options.items() if key not in ("seed", "validation_data")},
        "parameters": model.parameters,
        "seconds": seconds,
        "metrics": {key: value for key, value in model.metrics.items() if key not in ("history", "ledger", "glances")},
    }
    if test:
        tested = open_dataset([str(path) for path in part.test], like=model.columns)
        found["test"] = model.evaluate(tested).to_dict()
    return found


def _combine(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Take the mean over divisions, and the deviation where there are several."""
    row: dict[str, Any] = {
        "parameters": round(mean(one["parameters"] for one in found)),
        "seconds": sum(one["seconds"] for one in found),
        "options": found[0]["options"],
        "validation": mean(one["metrics"]["validation"]["accuracy"] for one in found),
        "baseline": mean(one["metrics"]["baseline"]["accuracy"] for one in found),
        "baseline_parameters": round(mean(one["metrics"]["baseline"]["parameters"] for one in found)),
        "shuffled": mean(shuffled)
        if (shuffled := [_shuffled(one) for one in found if one["metrics"]["shuffled"]])
        else None,
    }
    if all("test" in one for one in found):
        for key in ("accuracy", "macro_f1", "correlation"):
            values = [one["test"][key] for one in found if one["test"].get(key) is not None]
            if values:
                row[key] = mean(values)
                row[f"{key}_deviation"] = stdev(values) if len(values) > 1 else None
    return row


def _shuffled(found: dict[str, Any]) -> float:
    return mean(one["accuracy"] for one in found["metrics"]["shuffled"])


def _with_deviation(row: dict[str, Any], key: str) -> str:
    deviation = row[f"{key}_deviation"]
    return f"{row[key]:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")
