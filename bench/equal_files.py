"""Print what four recipes make of small data with three seeds, as sums: equal sums are equal files, to the byte.

    python -m bench.equal_files [RECIPE …] > before.txt

Run it before and after a change that must change nothing, and compare. Each line is the sum of a model file, or of what
a command says of it: of the training (without the seconds), of `evaluate`, `predict`, `generate` and `inspect`. What a
language model is by itself has sums of its own: its weights, and its metrics without what stands beside it.
"""

import contextlib
import hashlib
import io
import json
import math
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import elman
from elman.cli import app
from elman.tasks import generate

SEEDS = (1, 2, 3)
SECONDS = re.compile(r"\d+(\.\d+)?\s*(ms|s|min|h)\b|\x1b\[[0-9;?]*[A-Za-z]|\r")
WORDS = ("good", "bad", "fine", "awful", "film", "plot", "the", "a", "was", "is")


def main(names: list[str]) -> None:
    """Print the sums of the named recipes, or of all."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        _write_data()
        for name in names or RECIPES:
            for seed in SEEDS:
                for what, content in RECIPES[name](seed):
                    print(f"{hashlib.sha256(content).hexdigest()[:16]}  {name}, seed {seed}: {what}", flush=True)


def _classify(seed: int) -> Iterator[tuple[str, bytes]]:
    for data, options in (
        ("words.csv", ["--target", "label"]),
        ("words.csv", ["--target", "label", "--search", "3", "--cell", "gru"]),
        ("labels.csv", ["--target", "labels", "--unit", "character"]),
        ("numbers.csv", ["--target", "y", "--target-kind", "number", "--cell", "elman"]),
        ("steps.csv", ["--target", "label", "--id", "which"]),
    ):
        yield from _train("classify", data, seed, *options)
        for command in ("evaluate", "predict", "inspect"):
            yield from _say(data, command, "model", data)


def _tag(seed: int) -> Iterator[tuple[str, bytes]]:
    for data, options in (("tags.conll", []), ("chunks.conll", ["--search", "2"])):
        yield from _train("tag", data, seed, *options)
        for command in ("evaluate", "predict", "inspect"):
            yield from _say(data, command, "model", data)


def _forecast(seed: int) -> Iterator[tuple[str, bytes]]:
    for options in ([], ["--search", "2"]):
        yield from _train("forecast", "hours.csv", seed, "--target", "y", "--horizon", "6", *options)
        for command in ("evaluate", "predict", "inspect"):
            yield from _say("hours.csv", command, "model", "hours.csv")


def _generate(seed: int) -> Iterator[tuple[str, bytes]]:
    for options in (["--unit", "character"], ["--unit", "word", "--cell", "gru"]):
        yield from _train("generate", "text.txt", seed, "--window", "16", *options)
        model = generate.load("model")
        weights = b"".join(name.encode() + value.numpy().tobytes() for name, value in sorted(model.weights().items()))
        own = {name: one for name, one in model.metrics.items() if name not in ("baseline", "verdict")}
        yield "text.txt: weights alone", weights
        yield "text.txt: metrics alone", json.dumps(own).encode()
        yield from _say("text.txt", "evaluate", "model", "text.txt")
        yield from _say("text.txt", "generate", "model", "--prompt", "the ", "--length", "40", "--seed", "1")
        yield from _say("text.txt", "inspect", "model", "text.txt")


RECIPES = {"classify": _classify, "tag": _tag, "forecast": _forecast, "generate": _generate}


def _train(recipe: str, data: str, seed: int, *options: str) -> Iterator[tuple[str, bytes]]:
    shape = ["--hidden", "13", "--epochs", "3", "--seed", str(seed), "-o", "model", "--force", "--json"]
    out, notes = _run("train", recipe, data, *shape, *options)
    said = {name: value for name, value in json.loads(out).items() if name != "seconds"}
    what = " ".join((data, *options))
    yield f"{what}: model", Path("model").read_bytes()
    yield f"{what}: result", json.dumps(said).encode()
    yield f"{what}: notes", SECONDS.sub("", notes).encode()


def _say(data: str, command: str, *rest: str) -> Iterator[tuple[str, bytes]]:
    flags = {"inspect": ["--json", "--html", "page.html"], "generate": []}.get(command, ["--json"])
    out, _ = _run(command, *rest, *flags)
    yield f"{data}: {command}", SECONDS.sub("", out).encode()
    page = Path("page.html")
    if page.exists():
        yield f"{data}: page", page.read_bytes()
        page.unlink()


def _run(*arguments: str) -> tuple[str, str]:
    out, notes = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(notes):
        app(list(arguments), standalone_mode=False)
    return out.getvalue(), notes.getvalue()


def _write_data() -> None:
    drawn = random.Random(7)  # noqa: S311 - the same data must come back
    sentences = [drawn.choices(WORDS, k=drawn.randint(3, 9)) for _ in range(150)]
    good = [s.count("good") > s.count("bad") for s in sentences]
    _write(
        "words.csv",
        "text,label",
        (f"{' '.join(s)},{'pos' if g else 'neg'}" for s, g in zip(sentences, good, strict=True)),
    )
    marks = [" ".join(w for w in ("good", "plot", "film") if w in s) or "good" for s in sentences]
    _write(
        "labels.csv",
        "text,labels",
        (f"{' '.join(s)},{m.replace(' ', '|')}" for s, m in zip(sentences, marks, strict=True)),
    )
    _write(
        "numbers.csv", "a,b,y", (f"{(a := drawn.random()):.4f},{drawn.choice('uvw')},{a * 3:.3f}" for _ in range(150))
    )
    steps = (f"s{n},{n % 2},{drawn.gauss(n % 2, 2):.3f}" for n in range(120) for _ in range(5 + n % 7))
    _write("steps.csv", "which,label,x", steps)
    nouns = {"film": "N", "plot": "N"}
    _write("tags.conll", "", ("\n".join(f"{w}\t{nouns.get(w, 'O')}" for w in s) + "\n" for s in sentences))
    chunks = {"film": "B-NP", "plot": "I-NP"}
    _write("chunks.conll", "", ("\n".join(f"{w}\t{chunks.get(w, 'O')}" for w in s) + "\n" for s in sentences))
    hours = (f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{math.sin(i / 4) + drawn.random():.3f}" for i in range(500))
    _write("hours.csv", "time,y", hours)
    _write("text.txt", "", (" ".join(s) for s in 4 * sentences))


def _write(path: str, header: str, rows: Iterator[str]) -> None:
    Path(path).write_text("\n".join([header, *rows] if header else list(rows)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.stderr.write(f"elman {elman.__version__}\n")
    main(sys.argv[1:])
