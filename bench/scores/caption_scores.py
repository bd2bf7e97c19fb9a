"""Train `elman train caption` on a public set with its defaults, and measure its test part once.

`ROWS` names the rows: 1,000 photos of Flickr8k (Hodosh et al. 2013) in 64 × 64 pixels, those of its official lists: 753
to learn from, 113 to validate on, 125 to test with. `flickr8k_1000` reads them as features of EfficientNet-Lite0,
`flickr8k_1000_from_nothing` by a convolution that learns to see. CIDEr-D is our own, BLEU sacreBLEU's, both of words in
lower case without punctuation, by the default beam.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.scores.training_row import train_row
from elman.tasks import caption
from elman.tasks.caption.reading import encode_again, open_again

PARTS = {"learn": "train", "validate": "dev", "test": "test"}

Row = Callable[[Path, Path, int, dict[str, Any], bool], dict[str, Any]]


def flickr8k_1000(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Caption photos that a trained network has looked at."""
    return _row("flickr8k_1000", data, scratch, seed, {"backbone": "efficientnet-lite0", **given}, test)


def flickr8k_1000_from_nothing(
    data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool
) -> dict[str, Any]:
    """Caption photos with nothing that was trained before."""
    return _row("flickr8k_1000_from_nothing", data, scratch, seed, given, test)


ROWS: dict[str, Row] = {
    "flickr8k_1000": flickr8k_1000,
    "flickr8k_1000_from_nothing": flickr8k_1000_from_nothing,
}
"""By name: takes the folder of all sets, a folder to write to, the seed, options, and whether the test part is read."""


def describe(row: dict[str, Any]) -> tuple[str, str, str]:
    """Write what was measured on the test part, on the validation part, and of the baselines."""
    metrics, tested = row["metrics"], ""
    if "test" in row:
        one = row["test"]
        low, high = one["interval"]
        bleu = " / ".join(f"{order:.1f}" for order in one["bleu"])
        tested = f"CIDEr-D {one['cider']:.1f} (95 % interval {low:.1f} to {high:.1f}), BLEU-1…4 {bleu}"
    validation, others = metrics["validation"], metrics["baselines"]
    beside = (
        f"constant {others['constant']['cider']:.1f}; nearest picture {others['nearest']['cider']:.1f}; features of "
        f"another picture {metrics['another']['cider']:.1f}"
    )
    return tested, f"CIDEr-D {validation['cider']:.1f}, BLEU-4 {validation['bleu'][-1]:.1f} (greedy)", beside


def _row(name: str, data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    folder = data / "flickr8k_1000"
    files = {part: _write_part(folder, official, scratch) for part, official in PARTS.items()}
    photos = str(folder / "images_64.npz")
    model, row = train_row(
        name, caption, files["learn"], scratch, seed, given, images=photos, validation_data=str(files["validate"])
    )
    if test:
        scores, texts = model.evaluate(encode_again(model, open_again(model, [str(files["test"])], photos), quiet=True))
        row |= {"test": scores.to_dict(), "texts": texts}
    return row


def _write_part(folder: Path, official: str, scratch: Path) -> Path:
    """Write the captions of the photos on an official list, as a table."""
    listed = set((folder / f"official_{official}.txt").read_text().split())
    path = scratch / f"{official}.csv"
    with (folder / "captions.csv").open(newline="") as file, path.open("w", newline="") as own:
        header, *rows = csv.reader(file)
        csv.writer(own).writerows([header, *(row for row in rows if row[0] in listed)])
    return path
