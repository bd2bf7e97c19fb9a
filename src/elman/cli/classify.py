"""`elman train classify`: train a model that gives one answer to a whole sequence."""

from pathlib import Path
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
    Search,
    Size,
    command_again,
    default_target,
    parse_sizes,
    with_options,
)
from elman.cli.show import (
    Row,
    describe_file,
    describe_gradient,
    describe_search,
    describe_training,
    keep_the_best,
    print_rows,
    print_training_as_json,
)
from elman.tasks.classify.settings import ClassifySettings

if TYPE_CHECKING:
    from elman.tasks.classify.model import TrainedClassifier


@with_options(ClassifySettings)
def train_classify(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="a table (CSV, TSV, JSONL), a folder with a class each, arrays (.npz), or FASTA files",
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
    search: Search = None,
    **options: Any,
) -> None:
    """Train a model that answers a sequence: with a class, several labels, or a number.

    It reads texts, series, rows of a table, sound, images and genomes. The best weights so far are kept in the model
    file all along; Ctrl-C ends the training and loses nothing.
    """
    from elman.tasks import classify

    check_report(report, data)
    target = output or default_target(data[0])
    with keep_the_best(target) as ended:
        model = classify.train(
            data, cell=cell, sizes=parse_sizes(size), output=target, force=force, quiet=quiet, search=search, **options
        )
        kept = ended(model)
        inside = write_training_report(kept, data, report)
        searched = describe_search(model, command_again("classify", data, cell, size), options, "examples")
        _report(model, kept, data[0], json, searched, inside)


def _report(
    model: "TrainedClassifier", target: Path, source: str, json: bool, searched: list[Row], inside: list[Row]
) -> None:
    if json:
        print_training_as_json(model, target)
        return
    found = model.metrics["validation"]
    interval = found.get("accuracy_interval")
    within = f" (95 % interval {interval[0]:.1%} to {interval[1]:.1%})" if interval else ""
    print_rows(
        ("model", describe_file(model, target)),
        ("validation", f"{found['measure']} {found['said']}{within} on {found['count']:,} examples held out"),
        ("", model.metrics["verdict"]),
        *searched,
        ("training", describe_training(model)),
        ("gradient", describe_gradient(model)),
        *inside,
        ("next", f"elman predict {target} {source}"),
    )
