"""Turn public data sets, as their makers left them, into files that `elman train classify` reads.

Each function takes the folder of one set and a folder to write to, and says what to train on, what to validate on where
the set has such a part, what to test on, and with which options. Nothing of a test part is in what is trained on.
"""

import csv
import gzip
import math
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SEED = 1
SPEAKERS_IN_TEST = (31, 35, 88, 44, 29, 24, 40, 50, 29)
"""Utterances of each speaker of Japanese Vowels, in order (Kudo et al. 1999)."""
UTTERANCES_A_SPEAKER = 30
FRAME_ENDS = [1.0] * 12
CLIPS_A_GROUP = 10
"""Neighbouring numbers of an animal's clips are often cut from one recording, so that ten in a row stay together."""
FOLDS = 5


@dataclass(frozen=True)
class Part:
    """One division of a set.

    Attributes:
        training, test: what `elman train` and `elman evaluate` are given.
        validation: what is validated on; None leaves the choice to the program.
        options: what differs from the defaults.
    """

    training: Sequence[Path]
    test: Sequence[Path]
    validation: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)


def sst2(source: Path, target: Path) -> list[Part]:
    """Sentences of film reviews, two classes (Socher et al. 2013): sentence labels alone, the split as given."""
    files = {}
    for name in ("train", "dev", "test"):
        lines = (source / f"stsa.binary.{name}").read_text(encoding="latin-1").split("\n")
        files[name] = _write(target / f"{name}.csv", ("text", "label"), _labelled(lines))
    return [Part([files["train"]], [files["test"]], files["dev"])]


def mr(source: Path, target: Path) -> list[Part]:
    """Film reviews, two classes (Pang & Lee 2005): the last tenth of each class is the test."""
    lines = (source / "rt-polarity.all").read_text(encoding="latin-1").split("\n")
    return [_cut_tenth(_labelled(lines), ("text", "label"), target)]


def names(source: Path, target: Path) -> list[Part]:
    """Surnames of 18 languages; a tenth of each language, drawn once, is the test."""
    rows = [
        (line.strip(), file.stem)
        for file in sorted(source.glob("*.txt"))
        if file.name != "SOURCE.txt"
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    part = _cut_tenth(_shuffled(rows), ("name", "language"), target)
    return [Part(part.training, part.test, None, {"unit": "character", "input": "name"})]


def japanese_vowels(source: Path, target: Path) -> list[Part]:
    """Nine speakers from the cepstra of one vowel (Kudo et al. 1999), the split as given."""
    counts = {"train": [UTTERANCES_A_SPEAKER] * 9, "test": list(SPEAKERS_IN_TEST)}
    files = []
    for name, speakers in counts.items():
        series = _utterances((source / f"ae.{name}").read_text().splitlines())
        labels = [str(i + 1) for i, count in enumerate(speakers) for _ in range(count)]
        if len(series) != len(labels):
            raise RuntimeError(f"ae.{name} has {len(series)} utterances, not {len(labels)}.")
        file = target / f"{name}.npz"
        np.savez(file, x=np.concatenate(series), lengths=[len(s) for s in series], y=np.array(labels))
        files.append(file)
    return [Part(files[:1], files[1:])]


def fsdd(source: Path, target: Path) -> list[Part]:
    """Spoken digits of six speakers, the split of its makers: recordings 0 to 4 of each are the test."""
    rows: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
    for file in sorted((source / "recordings").glob("*.wav")):
        digit, _, index = file.stem.split("_")
        rows[int(index) < 5].append((str(file), digit))
    files = [
        _write(target / f"{name}.csv", ("sound", "digit"), rows[test]) for name, test in (("train", 0), ("test", 1))
    ]
    return [Part(files[:1], files[1:], None, {"target_kind": "category"})]


def animal_sounds(source: Path, target: Path) -> list[Part]:
    """Ten animals (Sasmaz & Tek 2018), in five folds that keep ten clips in a row of an animal together."""
    rows = []
    for file in sorted(source.glob("*/*.wav")):
        number = int(re.findall(r"\d+", file.stem)[-1])
        rows.append((str(file), file.parent.name, f"{file.parent.name}{number // CLIPS_A_GROUP}"))
    folds = _grouped_folds(rows)
    columns, parts = ("sound", "animal", "group"), []
    for k in range(FOLDS):
        training = [row for row in rows if folds[row[2]] != k]
        test = [row for row in rows if folds[row[2]] == k]
        files = [
            _write(target / f"{name}{k}.csv", columns, part) for name, part in (("train", training), ("test", test))
        ]
        parts.append(Part(files[:1], files[1:], None, {"target": "animal", "group": "group"}))
    return parts


def an4(source: Path, target: Path) -> list[Part]:
    """Female or male voice (CMU AN4): the split as given, whose ten test speakers are heard nowhere else."""
    files = []
    for name in ("train", "test"):
        rows = []
        for line in (source / "etc" / f"an4_{name}.fileids").read_text().split():
            speaker = line.split("/")[1]
            rows.append((str(source / "feat" / f"{line}.mfc"), speaker[0], speaker))
        files.append(_write(target / f"{name}.csv", ("voice", "sex", "speaker"), rows))
    return [Part(files[:1], files[1:], None, {"target": "sex", "group": "speaker"})]


def mnist(source: Path, target: Path) -> list[Part]:
    """Handwritten digits (LeCun et al. 1998), row by row."""
    files = []
    for name, start in (("train", "train"), ("test", "t10k")):
        images = np.frombuffer(
            gzip.decompress((source / f"{start}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16
        )
        labels = np.frombuffer(
            gzip.decompress((source / f"{start}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8
        )
        np.savez(target / f"{name}.npz", x=images.reshape(-1, 28, 28), y=labels)
        files.append(target / f"{name}.npz")
    return [Part(files[:1], files[1:], None, {"read": "rows"})]


def mnist_pixels(source: Path, target: Path) -> list[Part]:
    """The same, pixel by pixel: 784 steps (Le et al. 2015, section 4.2)."""
    return [Part(p.training, p.test, None, {"read": "pixels"}) for p in mnist(source, target)]


def mnist_permuted(source: Path, target: Path) -> list[Part]:
    """The same, in one fixed order drawn by chance (Le et al. 2015, section 4.2)."""
    return [Part(p.training, p.test, None, {"read": "permuted"}) for p in mnist(source, target)]


def promoters(source: Path, target: Path) -> list[Part]:
    """Promoters of E. coli or not (Umarov & Solovyev 2017): 70 % to train on, 10 % to validate, 20 % to test."""
    rows: list[tuple[str, str]] = []
    for label in ("prom", "non_prom"):
        with gzip.open(source / "cnnprom" / f"Ecoli_{label}.fa.gz", "rt") as file:
            records = file.read().split(">")[1:]
        rows += [("".join(record.splitlines()[1:]).upper(), label) for record in records]
    rows = _shuffled(rows)
    cuts = [0, math.floor(0.7 * len(rows)), math.floor(0.8 * len(rows)), len(rows)]
    files = [
        _write(target / f"{name}.csv", ("sequence", "class"), rows[a:b])
        for name, a, b in zip(("train", "validation", "test"), cuts, cuts[1:], strict=False)
    ]
    return [Part(files[:1], files[2:], files[1])]


def splice(source: Path, target: Path) -> list[Part]:  # noqa: ARG001
    """Windows of 60 letters around splice junctions of primates, three classes (UCI), the split as given."""
    return [Part([source / "train.csv"], [source / "test.csv"], None, {"input": "sequence", "target": "label"})]


SETS: dict[str, tuple[str, Callable[[Path, Path], list[Part]]]] = {
    "sst2": ("sentence_classification", sst2),
    "mr": ("sentence_classification", mr),
    "names": ("names", names),
    "japanese_vowels": ("japanese_vowels", japanese_vowels),
    "fsdd": ("fsdd", fsdd),
    "animal_sounds": ("animal_sounds", animal_sounds),
    "an4": ("an4", an4),
    "mnist": ("mnist", mnist),
    "mnist_pixels": ("mnist", mnist_pixels),
    "mnist_permuted": ("mnist", mnist_permuted),
    "promoters": ("promoters", promoters),
    "splice": ("splice", splice),
}
"""By the name of a row: the folder of the set, and what turns it into files."""


def _labelled(lines: Iterable[str]) -> list[tuple[str, str]]:
    pairs = [line.split(" ", 1) for line in lines if line.strip()]
    return [(text, {"0": "negative", "1": "positive"}[label]) for label, text in pairs]


def _cut_tenth(rows: Sequence[tuple[str, str]], columns: Sequence[str], target: Path) -> Part:
    """Take the last tenth of each class, in the order of the rows, as the test."""
    by_class: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        by_class.setdefault(row[1], []).append(number)
    held = {i for own in by_class.values() for i in own[len(own) - math.ceil(len(own) / 10) :]}
    test = [row for i, row in enumerate(rows) if i in held]
    training = [row for i, row in enumerate(rows) if i not in held]
    return Part([_write(target / "train.csv", columns, training)], [_write(target / "test.csv", columns, test)])


def _utterances(lines: Iterable[str]) -> list[np.ndarray]:
    found: list[list[list[float]]] = [[]]
    for line in lines:
        frame = [float(number) for number in line.split()]
        if not frame or frame == FRAME_ENDS:
            found.append([])
        else:
            found[-1].append(frame)
    return [np.array(frames, dtype=np.float32) for frames in found if frames]


def _grouped_folds(rows: Sequence[tuple[str, str, str]]) -> dict[str, int]:
    """Deal the groups of each class over the folds."""
    groups: dict[str, list[str]] = {}
    for _, label, group in rows:
        if group not in groups.setdefault(label, []):
            groups[label].append(group)
    return {group: i % FOLDS for own in groups.values() for i, group in enumerate(_shuffled(own))}


def _shuffled(items: Sequence[Any]) -> list[Any]:
    order = list(items)
    random.Random(SEED).shuffle(order)  # noqa: S311 - the same order must come back
    return order


def _write(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(columns)
        writer.writerows(rows)
    return file
