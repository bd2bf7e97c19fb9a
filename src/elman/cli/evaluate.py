"""`elman evaluate`: measure a model of any task on data of its own."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from elman.cli.forecast import evaluate_series
from elman.cli.options import Json, Model, Quiet, was_given
from elman.cli.show import print_json, print_rows
from elman.cli.tag import evaluate_tags
from elman.errors import ConfigError

# What has a meaning for the models of one task alone.
_OWN = {
    "generate": ("dynamic",),
    "classify": ("confusion", "worst"),
    "tag": ("worst",),
    "forecast": ("every", "origins"),
}


def evaluate(
    context: typer.Context,
    model: Model,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="data like those of its training; for a language model text files, or - for standard input",
            show_default=False,
        ),
    ],
    dynamic: Annotated[
        float | None,
        typer.Option(
            metavar="RATE", help="language model: go on learning while reading, with this rate", show_default=False
        ),
    ] = None,
    confusion: Annotated[
        Path | None,
        typer.Option(
            metavar="PICTURE",
            help="classes: draw which are taken for which, as .png, .svg or .pdf",
            show_default=False,
        ),
    ] = None,
    worst: Annotated[
        int,
        typer.Option(metavar="N", help="classes, numbers, tags: show the N worst answers", min=0, show_default=False),
    ] = 0,
    every: Annotated[
        int, typer.Option(metavar="N", help="series: steps from one origin to the next", min=1, show_default=False)
    ] = 1,
    origins: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="series: forecast from the latest N origins of each, not all", min=1, show_default=False
        ),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure a model on data that it has not seen: how well it predicts a text, or how often its answers are right."""
    from elman.models.file import task_of

    task = task_of(model)
    for options in _OWN.values():
        for name in options:
            if name not in _OWN.get(task, ()) and was_given(context, name):
                raise ConfigError(f"--{name} has no meaning for {model}, a model for {task!r}. Drop it.")
    if task == "classify":
        _evaluate_answers(model, data, confusion, worst, quiet, json)
    elif task == "tag":
        evaluate_tags(model, data, worst, quiet, json)
    elif task == "forecast":
        evaluate_series(model, data, every, origins, quiet, json)
    else:
        _evaluate_text(model, data, dynamic, quiet, json)


def _evaluate_answers(
    model: Path, data: list[str], confusion: Path | None, worst: int, quiet: bool, json: bool
) -> None:
    from elman.data import open_dataset
    from elman.scores.tables import score_tables
    from elman.tasks import classify
    from elman.tasks.classify.mistakes import find_mistakes, mistakes_table
    from elman.tasks.classify.scoring import score_outputs
    from elman.training.progress import show_bar

    trained = classify.load(model)
    if confusion is not None:
        _check_picture(confusion, trained.targets.kind)
    with show_bar("reading", quiet) as told:
        examples = trained.encode(open_dataset(data, like=trained.columns), told)
    with show_bar("answering", quiet) as told:
        outputs = trained.answer(examples, told)
    scores = score_outputs(trained.targets, outputs, examples.targets)
    mistakes = find_mistakes(trained.targets, outputs, examples.targets, examples.where, worst) if worst else []
    if confusion is not None:
        from elman.tasks.classify.picture import draw_confusion

        draw_confusion(scores, confusion)  # type: ignore[arg-type]
    if json:
        listed: dict[str, Any] = {"worst": [mistake.to_dict() for mistake in mistakes]} if worst else {}
        print_json({"model": str(model), **scores.to_dict(), **listed})
        return
    console = Console(highlight=False)
    for part in [*score_tables(scores), *([mistakes_table(mistakes)] if mistakes else [])]:
        console.print(part, soft_wrap=isinstance(part, Text))


def _check_picture(path: Path, kind: str) -> None:
    from elman.tasks.classify.picture import FORMATS

    if kind != "category":
        raise ConfigError(f"--confusion shows classes, and this model answers with {kind}. Drop it.")
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path} names no format for a picture. End it in one of {', '.join(FORMATS)}.")


def _evaluate_text(model: Path, data: list[str], dynamic: float | None, quiet: bool, json: bool) -> None:
    from elman.tasks import generate as recipe
    from elman.tasks.generate.corpus import read_corpus
    from elman.training.progress import show_bar

    trained = recipe.load(model)
    corpus = read_corpus(data)
    with show_bar("reading", quiet) as told:
        found = trained.evaluate(corpus, dynamic=dynamic, told=told)
    unit = trained.vocabulary.unit
    if json:
        result = {
            "loss": found.loss,
            "perplexity": found.perplexity if math.isfinite(found.perplexity) else None,
            "bits_per_character": found.bits_per_character,
            "bits_per_byte": found.bits_per_byte,
            f"{unit}s": found.units,
            **({"unknown": found.unknown} if unit == "word" else {}),
        }
        print_json({"model": str(model), **result})
        return
    unknown = f", {found.unknown:,} of them <unk>" if found.unknown else ""
    flattered = " (flattered: <unk> is not spelt)" if found.unknown else ""
    print_rows(
        ("loss", f"{found.loss:.4f} nats per {unit}"),
        ("perplexity", f"{found.perplexity:.3f}"),
        ("bits per character", f"{found.bits_per_character:.4f}{flattered}"),
        ("bits per byte", f"{found.bits_per_byte:.4f}{flattered}"),
        (f"{unit}s", f"{found.units:,}{unknown}"),
    )
