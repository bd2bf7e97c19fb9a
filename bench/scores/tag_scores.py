"""Train `elman train tag` on public sets with its defaults, and measure their test parts once.

`ROWS` names the rows: UPOS of the English Web Treebank (Universal Dependencies; gold words, no outside vectors), and
slots and intents of ATIS (the split of Goo et al. 2018, whose Slot-Gated model has F1 95.2 and intent accuracy 94.1;
Liu & Lane 2016 have 95.87 and 98.43). Validation parts are those of the sets.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.scores.training_row import train_row
from elman.data.sentences.opening import open_tagged
from elman.tasks import tag

Row = Callable[[Path, Path, int, dict[str, Any], bool], dict[str, Any]]


def ud_english_ewt(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Tag the English Web Treebank with UPOS."""
    files = {part: data / "ud_english_ewt" / f"en_ewt-ud-{part}.conllu.gz" for part in ("train", "dev", "test")}
    return _measure("ud_english_ewt", files["train"], files["dev"], files["test"], scratch, seed, given, test)


def atis(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Find the slots and the intents of questions about flights."""
    folder = data / "atis"
    return _measure("atis", folder / "train", folder / "valid", folder / "test", scratch, seed, given, test)


ROWS: dict[str, Row] = {"ud_english_ewt": ud_english_ewt, "atis": atis}
"""By name: takes the folder of all sets, a folder to write to, the seed, options, and whether the test part is read."""


def describe(row: dict[str, Any]) -> tuple[str, str, str]:
    """Write what was measured on the test part, on the validation part, and of the baselines."""
    tested, validated = (
        ", ".join(f"{name} {row[key]:.4f}" for name in ("f1", "accuracy", "intent") if (key := f"{part}_{name}") in row)
        for part in ("test", "validation")
    )
    beside = (
        f"words shuffled {row['shuffled']:.4f}; without recurrence {row['baseline']:.4f} "
        f"({row['baseline_parameters']:,} parameters); most frequent tag {row['most_frequent']:.4f}"
    )
    return tested, validated, beside


def _measure(
    name: str,
    training: Path,
    validation: Path,
    test_part: Path,
    scratch: Path,
    seed: int,
    given: dict[str, Any],
    test: bool,
) -> dict[str, Any]:
    model, row = train_row(name, tag, [training], scratch, seed, given, validation_data=str(validation))
    metrics = row["metrics"]
    row |= {
        "measure": metrics["validation"]["measure"],
        **_scores(metrics["validation"], "validation"),
        "baseline": _quality(metrics["baseline"]),
        "baseline_parameters": metrics["baseline"]["parameters"],
        "most_frequent": _quality(metrics["most_frequent"]),
        "shuffled": sum(map(_quality, metrics["shuffled"])) / len(metrics["shuffled"]),
    }
    if test:
        row |= _scores(model.evaluate(open_tagged([test_part], like=model.layout)).to_dict(), "test")
    return row


def _scores(found: dict[str, Any], part: str) -> dict[str, float]:
    named = {"accuracy": "accuracy", "f1": "f1", "label_accuracy": "intent"}
    return {f"{part}_{short}": found[key] for key, short in named.items() if key in found}


def _quality(found: dict[str, Any]) -> float:
    return float(found.get("f1", found["accuracy"]))
