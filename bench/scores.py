"""Train on a public data set with the defaults, measure its test part once, and print a row of the table of scores.

A row: name; scores on the test part; accuracy on the validation part, the same with the steps of each example shuffled,
the same of a model without recurrence and its parameters; parameters; time of training; seed; command.

    python -m bench.scores NAME… --data FOLDER [--seed 1] [--OPTION VALUE …]

FOLDER holds the sets, each in a folder of its own (see `bench/score_data.py`, which names them). Every option of
`elman train classify` may be given, with its name. What was chosen, from the weights kept to any option given here, was
chosen on the validation part; the test part is read after that, once. `docs/scores.md` holds the table.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from bench.score_data import SETS, Part
from elman.data import open_dataset
from elman.tasks import classify

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Train, measure, print a row for each name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=sorted(SETS), metavar="NAME", help=", ".join(sorted(SETS)))
    parser.add_argument("--data", type=Path, required=True, help="the folder of the sets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--no-test", action="store_true", help="stop before the test part is read")
    asked, rest = parser.parse_known_args()
    given = _parse(rest)
    for name in asked.names:
        row = measure(name, asked.data, asked.cell, asked.seed, given, not asked.no_test)
        row["command"] = " ".join(["python -m bench.scores", name, *_without(sys.argv[1:], asked.names)])
        print(_line(row), flush=True)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"score_{name}.json").write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")


def measure(name: str, data: Path, cell: str, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Train and measure one set: every division that it has.

    Args:
        name: of the row.
        data: the folder of the sets.
        cell: what to train.
        seed: the source of chance.
        given: options beside those of the set.
        test: whether the test part is read; otherwise only validation is reported.
    """
    folder, divide = SETS[name]
    with tempfile.TemporaryDirectory() as target:
        found = [_measure_part(part, cell, seed, given, test) for part in divide(data / folder, Path(target))]
    return {"name": name, "cell": cell, "seed": seed, **_combine(found), "parts": found}


def _measure_part(part: Part, cell: str, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    options: dict[str, Any] = {**part.options, **given, "seed": seed}
    if part.validation is not None:
        options["validation_data"] = str(part.validation)
    start = time.perf_counter()
    model = classify.train([str(path) for path in part.training], cell=cell, **options)
    seconds = time.perf_counter() - start
    found = {
        "options": {key: value for key, value in options.items() if key not in ("seed", "validation_data")},
        "parameters": model.parameters,
        "seconds": seconds,
        "metrics": {key: value for key, value in model.metrics.items() if key not in ("history", "ledger")},
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


def _line(row: dict[str, Any]) -> str:
    """Write a row of the table."""
    tested = [
        f"{words} {_with_deviation(row, key)}"
        for key, words in (("accuracy", "accuracy"), ("macro_f1", "macro-F1"), ("correlation", "CC"))
        if key in row
    ]
    cells = (
        row["name"],
        ", ".join(tested) or "not read",
        f"{row['validation']:.4f}",
        "–" if row["shuffled"] is None else f"{row['shuffled']:.4f}",
        f"{row['baseline']:.4f}, {row['baseline_parameters']:,}",
        f"{row['parameters']:,}",
        f"{row['seconds']:.0f} s",
        str(row["seed"]),
        f"`{row['command']}`",
    )
    return f"| {' | '.join(cells)} |"


def _with_deviation(row: dict[str, Any], key: str) -> str:
    deviation = row[f"{key}_deviation"]
    return f"{row[key]:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")


def _parse(rest: list[str]) -> dict[str, Any]:
    """Read `--some-option VALUE` pairs; a value is a number or a word, and True where it is missing."""
    options: dict[str, Any] = {}
    name = None
    for word in rest:
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            options[name] = True
        elif name is not None:
            options[name] = _value(word)
            name = None
    return options


def _value(word: str) -> Any:
    try:
        return json.loads(word)
    except json.JSONDecodeError:
        return word


def _without(words: list[str], names: list[str]) -> list[str]:
    """Return the arguments without the names of the rows and the folder of the sets."""
    kept = [word for word in words if word not in names]
    if "--data" in kept:
        kept[kept.index("--data") + 1] = "FOLDER"
    return kept


if __name__ == "__main__":
    main()
