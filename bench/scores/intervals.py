"""Check on unseen examples what a training says of itself: its interval, its mixture, its probabilities.

    python -m bench.scores.intervals [NAME …] --data FOLDER [--splits 10] [--seed 1]

For each set its training part alone is divided at random, ten times: a model is trained with the defaults on three
tenths of it, and measured on the other seven, which makes the noise of that measurement the smaller one. Examples of
one group, such as a speaker, stay together, and so do rows that differ in capitals and in the target alone: a training
scores what it has not seen. The test part of no set is read. A line of the table says

* in how many of the divisions the accuracy on the unseen examples lies within the 95 % interval that the training has
  printed, and in how many it should if that interval were right: the unseen examples are few too, so less than 95 %;
* how wide that interval is, as a multiple of the plain one (percentiles of the bootstrap over examples);
* the mean accuracy on the unseen examples of the network alone, of the baseline without recurrence, and of the answer,
  which may be a mixture of both; and in how many divisions the answer is worse than the better of the two by more than
  chance (exact sign test over the examples on which they differ: McNemar 1947);
* the expected calibration error of the answer there, and that of the network before its temperature.
"""

import argparse
import csv
import dataclasses
import json
import math
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist, mean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.scores.score_data import SETS
from elman.data import open_dataset
from elman.encoders.batches import EncodedSet
from elman.encoders.words import WordsEncoder
from elman.scores.classes import score_classes
from elman.scores.clusters import NORMAL_QUANTILE
from elman.tasks import classify
from elman.tasks.classify.baseline.linear import Baseline, train_baseline
from elman.tasks.classify.blending import BlendWeights
from elman.tasks.classify.model import TrainedClassifier

RESULT = Path(__file__).parents[1] / "results" / "intervals.json"
NAMES = ("japanese_vowels", "splice", "promoters", "names", "sst2", "mr", "an4", "animal_sounds")
LEARNT, HELD = 0.3, 0.2
_CHANCE = 0.05


def main() -> None:
    """Print a line for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--data", type=Path, required=True, help="the folder of the sets")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="of the divisions and the trainings")
    options = parser.parse_args()
    rows = []
    for name in options.names or NAMES:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(_measure(name, options.data, Path(scratch), options.splits, options.seed))
        print(_line(rows[-1]), flush=True)
    rows.append({"name": "all", "splits": [one for row in rows for one in row["splits"]]})
    print(_line(rows[-1]), flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _measure(name: str, data: Path, scratch: Path, splits: int, seed: int) -> dict[str, Any]:
    folder, divide = SETS[name]
    part = divide(data / folder, scratch)[0]
    cut = _cut_table if part.training[0].suffix == ".csv" else _cut_arrays
    found = []
    for number in range(splits):
        chance = random.Random(seed + number)  # noqa: S311 - drawn again alike
        learn, unseen = cut(part.training[0], scratch / "whole", LEARNT, part.options, chance)
        model = classify.train(str(learn), quiet=True, seed=seed + number, **part.options)
        both = cut(learn, scratch / "learn", 1 - HELD, part.options, chance)
        few, held, unseen_set = (
            model.encode(open_dataset([str(file)], like=model.columns)) for file in (*both, unseen)
        )
        encoder = model.encoder
        baseline = train_baseline(
            few,
            held,
            model.targets,
            units="units" if encoder.units else None,
            seed=seed + number,
            places=getattr(encoder, "places", 0),
            ngrams=encoder.ngrams if isinstance(encoder, WordsEncoder) else None,
        )
        found.append(_compare(model, baseline, unseen_set))
    return {"name": name, "splits": found}


def _compare(model: TrainedClassifier, baseline: Baseline, examples: EncodedSet) -> dict[str, Any]:
    """Measure a model on unseen examples, and compare that with what its training said."""
    said, right = model.metrics["validation"], examples.targets

    def measure(outputs: Tensor) -> tuple[float, Tensor, float]:
        scores = score_classes(right, outputs.softmax(1), model.targets.classes)
        assert scores.reliability is not None
        return scores.accuracy, outputs.argmax(1) == right, scores.reliability.error

    answer, answers, error = measure(model.answer(examples))
    network, networks, sure = measure(dataclasses.replace(model, blend=BlendWeights()).answer(examples))
    other, others, _ = measure(baseline.outputs(examples))
    better, betters = max((network, networks), (other, others), key=lambda one: one[0])
    low, high = said["accuracy_interval"]
    deviation = (high - low) / 2 / NORMAL_QUANTILE
    noise = math.sqrt(answer * (1 - answer) / len(right))
    return {
        "network": network,
        "baseline": other,
        "mixed": model.blend.baseline != 0,
        "answer": answer,
        "said": said["accuracy"],
        "within": low <= answer <= high,
        "should": 2 * NormalDist().cdf((high - low) / 2 / math.hypot(deviation, noise)) - 1,
        "width": (high - low) / _plain_width(said["accuracy"], round(said["count"])),
        "worse": answer < better and _by_chance(answers, betters) < _CHANCE,
        "calibration": error,
        "uncalibrated": sure,
        "examples": len(right),
    }


def _plain_width(share: float, count: int) -> float:
    """Return the width of the 95 % percentile interval of the bootstrap over examples."""
    drawn = np.random.default_rng(1).binomial(count, share, 10_000) / count
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(max(high - low, 1 / count))


def _by_chance(ours: Tensor, theirs: Tensor) -> float:
    """Return how likely it is that two equally good ones differ as much on the examples where one of them is right."""
    wins, losses = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    total = wins + losses
    tail = sum(math.comb(total, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / 2**total)


def _line(row: dict[str, Any]) -> str:
    splits = row["splits"]

    def average(key: str) -> float:
        return mean(one[key] for one in splits)

    within, mixed = (sum(one[key] for one in splits) for key in ("within", "mixed"))
    cells = (
        row["name"],
        f"{within} of {len(splits)} (should: {average('should'):.0%})",
        f"{average('width'):.2f}",
        f"{average('network'):.4f}",
        f"{average('baseline'):.4f}",
        f"{average('answer'):.4f} ({mixed} mixed)",
        str(sum(one["worse"] for one in splits)),
        f"{average('uncalibrated'):.3f} → {average('calibration'):.3f}",
    )
    return f"| {' | '.join(cells)} |"


def _divide(names: Sequence[str], share: float, chance: random.Random) -> tuple[list[int], list[int]]:
    """Divide examples at random, those of one name together; the first part has this share of them."""
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault(name, []).append(number)
    drawn = list(groups.values())
    chance.shuffle(drawn)
    learn: list[int] = []
    while len(learn) < share * len(names):
        learn += drawn.pop()
    return learn, [number for group in drawn for number in group]


def _cut_table(file: Path, target: Path, share: float, options: Mapping[str, Any], chance: random.Random) -> list[Path]:
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    predicted = options.get("target", list(rows[0])[-1])
    named = [options["group"]] if "group" in options else [name for name in rows[0] if name != predicted]
    parts = _divide(["\t".join(row[name].casefold() for name in named) for row in rows], share, chance)

    def write(part_file: Path, part: Sequence[int]) -> None:
        with part_file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows[number] for number in part)

    return _write(target, ".csv", parts, write)


def _cut_arrays(
    file: Path,
    target: Path,
    share: float,
    options: Mapping[str, Any],  # noqa: ARG001 - series have no groups
    chance: random.Random,
) -> list[Path]:
    given = np.load(file)
    series = np.split(given["x"], np.cumsum(given["lengths"])[:-1])
    parts = _divide([str(number) for number in range(len(series))], share, chance)

    def write(part_file: Path, part: Sequence[int]) -> None:
        own = [series[number] for number in part]
        np.savez(part_file, x=np.concatenate(own), lengths=[len(one) for one in own], y=given["y"][list(part)])

    return _write(target, ".npz", parts, write)


def _write(
    target: Path, suffix: str, parts: Sequence[Sequence[int]], write: Callable[[Path, Sequence[int]], None]
) -> list[Path]:
    files = [target.with_name(f"{target.name}_{name}{suffix}") for name in ("first", "rest")]
    for file, part in zip(files, parts, strict=True):
        write(file, part)
    return files


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
