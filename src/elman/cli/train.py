"""`elman train generate`: train a language model."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.cli.inspect import check_report, write_training_report
from elman.cli.options import (
    CellName,
    Force,
    Json,
    Output,
    Quiet,
    Report,
    Size,
    default_target,
    parse_sizes,
    with_options,
)
from elman.cli.show import (
    describe_file,
    describe_gradient,
    describe_training,
    keep_the_best,
    print_rows,
    print_training_as_json,
)
from elman.tasks.generate.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from elman.tasks.generate.model import TrainedModel


@with_options(Settings)
def train_generate(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="UTF-8 text files, - for standard input, or one folder with a class each",
            show_default=False,
        ),
    ],
    cell: CellName = "lstm",
    size: Size = None,
    output: Output = None,
    force: Force = False,
    quiet: Quiet = False,
    json: Json = False,
    report: Report = None,
    **options: Any,
) -> None:
    """Train a language model that writes like your text: by characters, words or subwords.

    The best weights so far are kept in the model file all along; Ctrl-C ends the training and loses nothing.
    """
    from elman.tasks import generate

    check_report(report, data)
    target = output or default_target(data[0])
    with keep_the_best(target) as ended:
        model = generate.train(
            data, cell=cell, sizes=parse_sizes(size), output=target, force=force, quiet=quiet, **options
        )
        kept = ended(model)
        _report(model, kept, json, write_training_report(kept, data, report))


def _report(model: "TrainedModel", target: "Path", json: bool, inside: list[tuple[str, str]]) -> None:
    metrics = model.metrics
    if json:
        print_training_as_json(model, target)
        return
    loss = metrics["validation_loss"]
    measured = "none held out or not reached yet"
    if loss is not None:
        usual = "perplexity " + ("above 1e300" if metrics["perplexity"] is None else f"{metrics['perplexity']:.2f}")
        if "bits_per_character" in metrics:
            usual = f"{metrics['bits_per_character']:.4f} bits per character"
        measured = f"{loss:.4f} nats per {model.vocabulary.unit}, {usual}"
    given = f" --given {model.configuration['given']}={model.classes[0]}" if model.classes else ""
    print_rows(
        ("model", describe_file(model, target)),
        ("validation", measured),
        ("training", describe_training(model)),
        ("gradient", describe_gradient(model)),
        *inside,
        ("next", f"elman generate {target}{given}"),
    )
