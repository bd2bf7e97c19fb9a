"""Train a model of words on the Penn Treebank; print its perplexity, and how well it puts jumbled sentences in order.

    python bench/scores/penn_treebank.py FOLDER [--epochs 13] [--hidden 200] …      train, measure the test text once
    python bench/scores/penn_treebank.py FOLDER --model FILE --beams 1 64           order the validation sentences

FOLDER holds ptb.train.txt, ptb.valid.txt and ptb.test.txt as Mikolov prepared them: 10,000 words, a sentence a line.
The validation text chooses the weights that are kept; the test text is read once, at the end, by one stream whose state
is carried over the whole of it. Further options are those of `elman train generate`, with the same names.

The order of the words of each validation sentence is forgotten, and beam search finds the likeliest one under the
model; the score is BLEU (sacrebleu, the text as it stands) against the sentences (Schmaltz et al. 2016, section 4).
"""

import argparse
import dataclasses
import os
import platform
import random
import time
from pathlib import Path
from typing import Any, get_args

import elman
from elman.data.text import read_text
from elman.tasks import generate
from elman.tasks.generate.settings import Settings
from elman.training.progress import show_bar

# The small model of Zaremba et al. 2014 in size and epochs.
DEFAULTS: dict[str, Any] = {
    "unit": "word",
    "tokenized": True,
    "min_count": 1,
    "hidden": 200,
    "layers": 2,
    "window": 35,
    "batch": 20,
    "epochs": 13,
    "learning_rate": 0.003,
    "dropout": 0.35,
    "input_dropout": 0.35,
    "embedding_dropout": 0.1,
    "weight_dropout": 0.2,
    "locked": True,
    "patience": 1000,
    "sample_every": 0,
}


def main() -> None:
    """Train or load, measure, print."""
    import torch  # after elman.tasks, which sets how its threads wait

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="ptb.train.txt, ptb.valid.txt, ptb.test.txt")
    parser.add_argument("--model", type=Path, help="a model to order sentences with; trained and kept there if missing")
    parser.add_argument("--beams", type=int, nargs="*", default=[], help="beams to order the validation sentences with")
    parser.add_argument("--future-cost", action="store_true", help="order with the future cost estimate")
    parser.add_argument("--sentences", type=int, help="order so many sentences only, drawn with seed 1")
    parser.add_argument("--cell", default="lstm")
    for row in dataclasses.fields(Settings):
        kind = next(k for k in (get_args(row.type) or (row.type,)) if k is not type(None))
        how: Any = {"action": argparse.BooleanOptionalAction, "default": None} if kind is bool else {"type": kind}
        parser.add_argument(f"--{row.name.replace('_', '-')}", **how)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    folder, model_file, cell = given.pop("folder"), given.pop("model", None), given.pop("cell")
    beams, future_cost, sentences = given.pop("beams"), given.pop("future_cost"), given.pop("sentences", None)
    versions = f"elman {elman.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    print(f"machine     {platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; {versions}")
    if model_file is None or not model_file.exists():
        model = train(folder, cell, {**DEFAULTS, **given}, model_file)
    else:
        model = generate.load(model_file)
    for beam in beams:
        order(model, folder / "ptb.valid.txt", beam, future_cost, sentences)


def train(folder: Path, cell: str, options: dict[str, Any], model_file: Path | None) -> Any:
    """Train a model and print what it reaches."""
    print(f"options     cell={cell}, {', '.join(f'{name}={value}' for name, value in options.items())}", flush=True)
    validation = str(folder / "ptb.valid.txt")
    model = generate.train(
        folder / "ptb.train.txt", cell=cell, output=model_file, validation_data=validation, **options
    )
    print(f"parameters  {model.parameters:,}")
    print(f"training    {model.metrics['updates']} updates in {model.seconds:.0f} s, ended by {model.stopped}")
    for part in ("valid", "test"):
        start = time.perf_counter()
        found = model.evaluate(read_text(folder / f"ptb.{part}.txt"))
        taken = time.perf_counter() - start
        print(
            f"{part:<11} perplexity {found.perplexity:.2f}, {found.loss:.4f} nats a word, {found.bits_per_byte:.4f} "
            f"bits a byte, {found.units:,} words in {taken:.0f} s",
            flush=True,
        )
    return model


def order(model: Any, text: Path, beam: int, future_cost: bool, count: int | None) -> None:
    """Forget the order of the words of each sentence, find it again, and print the BLEU of what was found."""
    lines, jumbled = jumble_sentences(text, count)
    found = measure_order(model, lines, jumbled, beam, future_cost=future_cost)
    print(
        f"beam {beam:<6} BLEU {found['bleu']:.1f}, {found['exact']:.1%} of {len(lines):,} sentences as they were, "
        f"{found['seconds']:.0f} s{', with future cost' if future_cost else ''}",
        flush=True,
    )


def jumble_sentences(text: Path, count: int | None = None) -> tuple[list[str], list[str]]:
    """Return the sentences of a text, or some drawn with seed 1, and the same with their words in random order."""
    source = random.Random(1)  # noqa: S311 - the same sentences must come back
    lines = [line.strip() for line in read_text(text).strip("\n").split("\n")]
    lines = lines if count is None else source.sample(lines, count)
    jumbled = []
    for line in lines:
        words = line.split()
        source.shuffle(words)
        jumbled.append(" ".join(words))
    return lines, jumbled


def measure_order(model: Any, lines: list[str], jumbled: list[str], beam: int, **options: Any) -> dict[str, float]:
    """Put sentences in order, and return BLEU, the share that is as it was, and the seconds that it took."""
    import sacrebleu

    start = time.perf_counter()
    with show_bar(f"beam {beam}", quiet=False) as on_progress:
        found = [ordered for ordered, _ in model.reorder(jumbled, beam=beam, on_progress=on_progress, **options)]
    taken = time.perf_counter() - start
    bleu = sacrebleu.corpus_bleu(found, [lines], tokenize="none", force=True).score
    exact = sum(one == line for one, line in zip(found, lines, strict=True)) / len(lines)
    return {"beam": beam, "bleu": bleu, "exact": exact, "seconds": taken}


if __name__ == "__main__":
    main()
