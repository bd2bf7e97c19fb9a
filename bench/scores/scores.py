"""Train on a public data set with the defaults, measure its test part once, and print a row of the table of scores.

A row: name; scores on the test part; scores on the validation part; scores of baselines there; parameters; time
of training and measuring; seed; command.

    python -m bench.scores.scores NAME… --data FOLDER [--seed 1] [--no-test] [--OPTION VALUE …]

FOLDER holds the sets, each in a folder of its own. Every option of the `elman train` command of a row may be given,
with its name. What was chosen, from the weights kept to any option given here, was chosen on the validation part; the
test part is read after that, once. `docs/scores.md` holds the table. The rows of a task stand in `classify_scores`,
`tag_scores`, `forecast_scores`, `translate_scores`, `transcribe_scores`, `caption_scores` and `compose_scores`.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.scores import (
    caption_scores,
    classify_scores,
    compose_scores,
    forecast_scores,
    tag_scores,
    transcribe_scores,
    translate_scores,
)

RESULTS = Path(__file__).parents[1] / "results"
TASKS = (
    classify_scores,
    tag_scores,
    forecast_scores,
    translate_scores,
    transcribe_scores,
    caption_scores,
    compose_scores,
)
ROWS = {name: task for task in TASKS for name in task.ROWS}


def main() -> None:
    """Train, measure, print a row for each name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=sorted(ROWS), metavar="NAME", help=", ".join(sorted(ROWS)))
    parser.add_argument("--data", type=Path, required=True, help="the folder of the sets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-test", action="store_true", help="stop before the test part is read")
    options, rest = parser.parse_known_args()
    given = _parse(rest)
    for name in options.names:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            row = ROWS[name].ROWS[name](options.data, Path(scratch), options.seed, given, not options.no_test)
        row["total_seconds"] = time.perf_counter() - start
        row["command"] = " ".join(["python -m bench.scores.scores", name, *_without(sys.argv[1:], options.names)])
        print(_line(row), flush=True)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"score_{name}.json").write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")


def _line(row: dict[str, Any]) -> str:
    """Write a row of the table."""
    tested, validated, beside = ROWS[row["name"]].describe(row)
    cells = (
        row["name"],
        tested or "not read",
        validated,
        beside,
        f"{row['parameters']:,}",
        f"{row['total_seconds']:.0f} s",
        str(row["seed"]),
        f"`{row['command']}`",
    )
    return f"| {' | '.join(cells)} |"


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
