"""Damage data files of every recipe at random places; each is read whole, or refused with file and line.

A training reads and encodes its data as it does always, and trains nothing. A file of lines is damaged at a cell, at a
line or in its bytes; a file of sound, music or numbers in its bytes. What a training refuses must name the file, and
the line where there is one; what it reads, it reads whole, or it says how many rows it left out.
"""

import random
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from elman.errors import ElmanError
from elman.tasks.registry import RECIPES as ROWS
from small_trainings import RECIPES

_CELLS = (
    "",
    " ",
    "x" * 5000,
    "1e999",
    "nan",
    "-inf",
    "0x1F",
    "12,5",
    "\u00e9\u200b",
    '"',
    '"a"b',
    "\x00",
    "\x1b[2J",
    "=1+1",
)
_LINE = re.compile(r"\bline \d|\brow \d|\blines \d|columns? ")
_COUNT = re.compile(r"\d")
_NAMES = re.compile(r"[\w.-]+")


class Reading(NamedTuple):
    """What a recipe reads.

    Attributes:
        name: of the recipe.
        write: writes whole data to a folder, and returns what a training is given.
        read: reads and encodes; returns how many examples there are, and what was said.
    """

    name: str
    write: Callable[[Path], Any]
    read: Callable[[Any], tuple[int, str]]


def damage_data(folder: Path, count: int, seed: int) -> Iterator[str]:
    """Damage so many files; yield lines of what was found.

    Raises:
        AssertionError: a file ended in a traceback, or was refused without its name, or lost rows in silence.
    """
    drawn, counts, without = random.Random(seed), Counter[str](), Counter[str]()
    readings = list(_readings())
    wrong: list[str] = []
    whole = {}
    for reading in readings:
        own = folder / reading.name
        own.mkdir()
        data = reading.write(own)
        whole[reading.name] = (own, data, reading.read(data)[0])
    for number in range(count):
        reading = readings[number % len(readings)]
        own, data, examples = whole[reading.name]
        path = drawn.choice(sorted(path for path in own.rglob("*") if path.is_file()))
        before = path.read_bytes()
        how, raw, certain = _damage(path, before, drawn)
        path.write_bytes(raw)
        verdict, said = _judge(reading, data, path, examples, certain)
        path.write_bytes(before)
        counts[verdict] += 1
        counts[reading.name] += 1
        if verdict == "refused without its line":
            without[re.sub(r"\d+", "9", said.replace(str(folder), ""))[:120]] += 1
        elif verdict not in ("refused", "read whole", "read, rows left out said", "read, bytes changed"):
            wrong.append(f"{reading.name}: {how}: {verdict}: {said[:400]}")
    assert not wrong, f"{len(wrong)} of {count}\n" + "\n".join(wrong[:40])
    found = ", ".join(f"{counts[name]} {name}" for name in sorted(counts) if " " in name or name == "refused")
    yield f"{count} damaged files: {found}"
    yield "of " + ", ".join(f"{reading.name} {counts[reading.name]}" for reading in readings)
    for said, times in without.most_common(60):
        yield f"  {times} without a line: {said}"


def _readings() -> Iterator[Reading]:
    for name, (task, write, file, options) in RECIPES.items():
        recipe = _recipe_of(task.__name__.rpartition(".")[2])
        yield Reading(
            name,
            lambda folder, write=write, file=file: write(folder / file),
            lambda data, recipe=recipe, options=options: _read(recipe, data, options),
        )


def _recipe_of(name: str) -> Any:
    assert name in {row.name for row in ROWS}
    return __import__(f"elman.tasks.{name}.recipe", fromlist=["RECIPE"]).RECIPE


def _read(recipe: Any, data: Any, options: dict[str, Any]) -> tuple[int, str]:
    settings = recipe.settings.of(options)
    split = recipe.read(data, settings, True)
    parts = recipe.encode(split, settings, True)
    said = list(recipe.report(parts))
    return _count(split), "\n".join(said)


def _count(split: Any) -> int:
    """Return how many examples a training has: those to learn from and those held out."""
    if hasattr(split, "training"):
        return int(sum(part.text.count("\n") for part in (split.training, split.held_out)))
    if hasattr(split, "learn"):
        return len(split.learn) + len(split.hold)
    return sum(len(one.values) for one in split.series)


def _damage(path: Path, raw: bytes, drawn: random.Random) -> tuple[str, bytes, bool]:
    """Return how a file was damaged, its bytes, and whether its number of examples is certain to be as before."""
    if path.suffix not in (".csv", ".tsv", ".txt", ".conllu") or drawn.random() < 0.3:
        return _damage_bytes(raw, drawn)
    lines = raw.decode().split("\n")
    filled = [at for at, line in enumerate(lines) if line]
    at = drawn.choice(filled)
    between = "\t" if "\t" in lines[0] + lines[at] else ","
    cells = lines[at].split(between)
    kind = drawn.choice(("cell",) * 6 + ("more", "fewer", "twice", "gone", "blank", "quote", "header", "bytes"))
    place = drawn.randrange(len(cells))
    if kind == "cell":
        cells[place] = drawn.choice(_CELLS)
    elif kind == "more":
        cells.insert(place, "x")
    elif kind == "fewer":
        del cells[place]
    elif kind == "quote":
        cells[place] = '"' + cells[place]
    lines[at] = between.join(cells)
    if kind == "twice":
        lines.insert(at, lines[at])
    elif kind == "gone":
        del lines[at]
    elif kind == "blank":
        lines.insert(at, drawn.choice(["", "   ", "\t\t", ",,,"]))
    elif kind == "header":
        lines[0] = lines[drawn.choice(filled)]
    raw = "\n".join(lines).encode()
    if kind == "bytes":
        begin = sum(len(line) + 1 for line in lines[:at])
        raw = raw[:begin] + drawn.choice([b"\xff\xfe", b"\x80", b"\x00\x00", b"\xef\xbb\xbf", b"\r"]) + raw[begin:]
    return f"{kind} in line {at + 1}: {lines[at][:60]!r}" if at < len(lines) else kind, raw, kind == "cell" and at > 0


def _damage_bytes(raw: bytes, drawn: random.Random) -> tuple[str, bytes, bool]:
    begin, end = sorted((drawn.randrange(len(raw) + 1), drawn.randrange(len(raw) + 1)))
    match drawn.randrange(5):
        case 0:
            return f"cut at {end}", raw[:end], False
        case 1:
            return f"bytes {begin} to {end} gone", raw[:begin] + raw[end:], False
        case 2:
            return f"bytes {begin} to {end} twice", raw[:end] + raw[begin:], False
    changed = bytearray(raw)
    for _ in range(drawn.randint(1, 5)):
        changed[drawn.randrange(min(len(raw), drawn.choice([64, len(raw)])))] = drawn.choice([0, 10, 34, 127, 128, 255])
    return "bytes changed", bytes(changed), False


def _judge(reading: Reading, data: Any, path: Path, examples: int, certain: bool) -> tuple[str, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found, said = reading.read(data)
    except ElmanError as error:
        said = "\n".join([str(error), *getattr(error, "__notes__", [])])
        if "\n" in str(error) or len(said) > 1500:
            return "said badly", said
        if not {path.name, path.parent.name, data.name if isinstance(data, Path) else ""} & set(_NAMES.findall(said)):
            return "refused without its file", said
        if path.suffix in (".csv", ".tsv", ".conllu") and not _LINE.search(said):
            return "refused without its line", said
        return "refused", said
    except Exception as error:
        return "traceback", f"{type(error).__name__}: {error}"
    if not certain:
        return "read, bytes changed", said
    if found == examples:
        return "read whole", said
    return (
        "read, rows left out said" if found < examples and _COUNT.search(said) else "lost rows"
    ), f"{found} of {examples}: {said}"
