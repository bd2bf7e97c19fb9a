"""Be the command line: train, generate, next, reorder, predict, evaluate, inspect, cells and probe.

Results go to standard output, progress and notes to standard error. Exit codes: 0 done, 1 failed while running, 2 the
command or its input is wrong, 3 a verdict that `--fail-on` names, 130 interrupted. What a user did wrong is said in the
words of the error, without a traceback. Nothing here imports torch before a command that needs it has begun.

The commands stand in `train`, `classify`, `tag`, `forecast`, `language`, `predict`, `evaluate`, `inspect`, `cells` and
`probe`; `options` makes options of settings, `show` prints results.

>>> import subprocess, sys
>>> print(subprocess.run([sys.executable, "-m", "elman", "--version"], capture_output=True, text=True).stdout, end="")
elman 0.1.0
"""

import io
import sys
from typing import Annotated, Any

import typer

import elman
from elman.cli.cells import cells
from elman.cli.classify import train_classify
from elman.cli.evaluate import evaluate
from elman.cli.forecast import train_forecast
from elman.cli.inspect import inspect
from elman.cli.language import generate, next_units, reorder
from elman.cli.predict import predict
from elman.cli.probe import probe
from elman.cli.show import drop_output
from elman.cli.tag import train_tag
from elman.cli.train import train_generate
from elman.errors import BackendError, CellError, ConfigError, DataError, ElmanError, ShapeError

FAILED, WRONG_INPUT = 1, 2

_COMMANDS = ("train", "generate", "next", "reorder", "predict", "evaluate", "inspect", "cells", "probe")


class _InOrderOfUse(typer.core.TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)


app = typer.Typer(
    cls=_InOrderOfUse,
    help="Recurrent neural networks from their equations: train one on your data, and let it write or answer.",
    epilog="Start with: [bold]elman train generate book.txt[/] or [bold]elman train classify reviews.csv[/]",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train = typer.Typer(help="Train a model on your data.", no_args_is_help=True)
train.command("generate")(train_generate)
train.command("classify")(train_classify)
train.command("tag")(train_tag)
train.command("forecast")(train_forecast)
app.add_typer(train, name="train")
app.command()(generate)
app.command("next")(next_units)
app.command()(reorder)
app.command()(predict)
app.command()(evaluate)
app.command()(inspect)
app.command()(cells)
app.command()(probe)


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="show the version and exit", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"elman {elman.__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and exit with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character of the text shows a question mark, rather than ending the program.
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            app(prog_name="elman")
        finally:
            sys.stdout.flush()  # here, where a failure can still be told
    except (CellError, ShapeError, ConfigError, DataError) as error:
        _fail(error, WRONG_INPUT)
    except (BackendError, ElmanError) as error:
        _fail(error, FAILED)
    except OSError as error:
        drop_output()
        _fail(ElmanError(f"{error.filename or 'the output'} cannot be read or written: {error.strerror}."), FAILED)


def _fail(error: ElmanError, code: int) -> None:
    # What is wrong with equations is shown with the line that holds them; anything else fits in one.
    told = "\n".join([str(error), *getattr(error, "__notes__", [])])
    text = told if isinstance(error, CellError) else " ".join(line.strip() for line in told.splitlines())
    sys.stderr.write(f"elman: {text}\n")
    sys.exit(code)
