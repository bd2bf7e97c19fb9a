"""Equal data, options and seed give equal files, whatever the clock says."""

import math
import random
import time
from pathlib import Path

import pytest

from elman.tasks import classify, forecast, generate, tag, transcribe, translate
from elman.training import glances
from speakable import write_speech

WORDS = ["good", "bad", "fine", "awful", "film", "plot", "the", "a", "was", "is"]
HOURS = 400


def sentences(count: int = 120) -> list[list[str]]:
    drawn = random.Random(1)
    return [drawn.choices(WORDS, k=drawn.randint(3, 9)) for _ in range(count)]


def classes(folder: Path) -> Path:
    rows = [f"{' '.join(s)},{'pos' if s.count('good') > s.count('bad') else 'neg'}" for s in sentences()]
    return write(folder / "classes.csv", ["text,label", *rows])


def shapes(folder: Path) -> Path:
    drawn = random.Random(2)
    rows = [f"{label},{','.join(f'{drawn.gauss(label, 2):.3f}' for _ in range(11))}" for label in 60 * [0, 1]]
    return write(folder / "shapes.csv", ["label," + ",".join(f"t{k}" for k in range(11)), *rows])


def tagged(folder: Path) -> Path:
    lines = ["\n".join(f"{w}\t{'N' if w in ('film', 'plot') else 'O'}" for w in s) + "\n" for s in sentences()]
    return write(folder / "tagged.conll", lines)


def series(folder: Path) -> Path:
    drawn = random.Random(3)
    days = [f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00" for i in range(HOURS)]
    return write(
        folder / "series.csv", ["time,y", *(f"{d},{math.sin(i) + drawn.random():.3f}" for i, d in enumerate(days))]
    )


def text(folder: Path) -> Path:
    return write(folder / "text.txt", [" ".join(s) for s in 3 * sentences()])


def speech(folder: Path) -> Path:
    return write_speech(folder / "speech.csv", 29)


def pairs(folder: Path) -> Path:
    return write(folder / "pairs.tsv", [f"{' '.join(s)}\t{' '.join(reversed(s))}" for s in sentences()])


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


RECIPES = {
    "bag of words": (classes, classify.train, {"target": "label"}),
    "frames": (shapes, classify.train, {"target": "label"}),
    "tag": (tagged, tag.train, {}),
    "forecast": (series, forecast.train, {"target": "y", "horizon": 6}),
    "generate": (text, generate.train, {"window": 16}),
    "transcribe": (speech, transcribe.train, {"mels": 11, "channels": 7}),
    "translate": (pairs, translate.train, {"unit": "word"}),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_model_is_the_same_file_on_a_clock_that_stands_still_and_on_a_fast_one(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(glances, "_SECONDS", 1e-5)
    monkeypatch.setattr(glances, "_SECONDS_A_STEP", 0.0)
    make, train, options = RECIPES[recipe]
    data, found = make(tmp_path), []
    clocks = {name: getattr(time, name) for name in ("monotonic", "perf_counter")}
    for factor in (0.0, 1e4):
        for name, clock in clocks.items():
            monkeypatch.setattr(time, name, lambda clock=clock, factor=factor: factor * clock())
        model = train(data, epochs=3, hidden=13, quiet=True, **options)
        model.save(tmp_path / "model")
        found.append((tmp_path / "model").read_bytes())
        (tmp_path / "model").unlink()
        assert model.metrics["glances"], "some updates were looked at"
    assert found[0] == found[1]
