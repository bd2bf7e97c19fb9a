"""`elman train NAME`: train a model; there is a command for each recipe of the registry, made from its settings."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import typer

from elman.cli.inspect import check_report, write_training_report
from elman.cli.mistakes import CommandGroup
from elman.cli.options import (
    Force,
    FromModel,
    Json,
    Log,
    Output,
    Quiet,
    Report,
    Resume,
    Search,
    Size,
    cell_option,
    check_data,
    command_again,
    default_target,
    parse_sizes,
    refuse_shared_files,
    training_rows,
    with_options,
)
from elman.cli.show import (
    describe_file,
    describe_gradient,
    describe_origin,
    describe_search,
    keep_the_best,
    print_rows,
    print_training_as_json,
)
from elman.paths import check_path
from elman.tasks.registry import RECIPES, Entry
from elman.training.ending import describe_training
from elman.training.launched import joined, own_rank
from elman.training.stopping import stopping

_KEPT = "The model file always holds the best weights so far. Ctrl-C ends the training and keeps them."

WRONG_USAGE = 2

train = typer.Typer(cls=CommandGroup, help="Train a model on your data.", no_args_is_help=False)


@train.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(WRONG_USAGE)


def train_command(recipe: Entry) -> Callable[..., None]:
    """Return the command that trains a model of a recipe."""
    says = recipe.commands

    @with_options(training_rows(says.settings))
    def command(
        data: Annotated[list[str], typer.Argument(metavar="DATA...", help=says.data, show_default=False)],
        cell: Annotated[str | None, cell_option(says.cell)] = None,
        size: Size = None,
        output: Output = None,
        force: Force = False,
        quiet: Quiet = False,
        json: Json = False,
        report: Report = None,
        search: Search = None,
        resume: Resume = False,
        from_model: FromModel = None,
        log: Log = None,
        **options: Any,
    ) -> None:
        with stopping(), joined():
            check_data(data)
            target = (
                default_target(data[0].removesuffix(says.packed)) if output is None else check_path(output, "the model")
            )
            refuse_shared_files(
                dataclasses.fields(says.settings),
                options,
                {"--output": target, "--report": report, "--log": log},
                {"the data": data, "the cell": [(cell or "").rpartition(":")[0]]},
            )
            if from_model is not None:
                # The output may be the model itself, which --force replaces at the end.
                read = {"the model to go on from": [from_model]}
                refuse_shared_files(
                    dataclasses.fields(says.settings), options, {"--report": report, "--log": log}, read
                )
            page = check_report(report, data)
            with keep_the_best(target) as ended:
                model = recipe.train(
                    data,
                    cell=says.cell if cell is None and from_model is None else cell,
                    sizes=parse_sizes(size),
                    output=target,
                    force=force,
                    quiet=quiet,
                    search=search,
                    resume=resume,
                    from_model=from_model,
                    log=log,
                    **options,
                )
                kept = ended(model)
                if own_rank():
                    return  # the first process prints and writes
                everything = [*data, *(options[name] for name in says.also_data if options.get(name) is not None)]
                flow = write_training_report(kept, everything, page)
                if json:
                    print_training_as_json(model, kept, flow)
                    return
                again = command_again(recipe.name, data, cell or says.cell, size, from_model)
                print_rows(
                    ("model", describe_file(model, kept)),
                    *describe_origin(model),
                    *recipe.part("commands", "summarise")(model),
                    *describe_search(model, again, options, says.trials_by),
                    ("training", describe_training(model)),
                    *describe_gradient(model, flow),
                    *([] if page is None else [("report", str(page))]),
                    ("next", recipe.part("commands", "next_command")(model, kept, data)),
                )

    return command


for _recipe in RECIPES:
    _says = _recipe.commands
    train.command(_recipe.name, help=f"{_says.trains}\n\n{_says.reads} {_KEPT}")(train_command(_recipe))
