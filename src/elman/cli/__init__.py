"""The commands: train, generate, next, reorder, compose, predict, align, evaluate, inspect, export, serve, and others.

Results go to standard output, progress and notes to standard error. Exit codes: 0 done, 1 failed while running, 2 the
command or its input is wrong, 3 a verdict that `--fail-on` names, 130 interrupted. An error of the user is one line
without a traceback. Torch is imported only by a command that needs it, after its arguments were parsed.

The commands are in `train`, `predict`, `evaluate`, `align`, `compose`, `language`, `inspect`, `zoo`, `probe`,
`compare`, `export` and `serve`. The first three name no recipe: each recipe of the registry has a `train` command and
a `compare` command, and `dispatch` calls the recipe of a model. `options` turns settings into options, `mistakes`
explains wrong usage, `show` prints results.

>>> import subprocess, sys
>>> print(subprocess.run([sys.executable, "-m", "elman", "--version"], capture_output=True, text=True).stdout, end="")
elman 0.1.0
"""

import errno
import io
import os
import re
import sys
from typing import Annotated, NoReturn

import typer

import elman
from elman.cli.align import align
from elman.cli.compare import compare
from elman.cli.compose import compose
from elman.cli.evaluate import evaluate
from elman.cli.export import card, export
from elman.cli.inspect import inspect
from elman.cli.language import generate, next_units, reorder
from elman.cli.mistakes import CommandGroup, UsageError, explain
from elman.cli.predict import predict
from elman.cli.probe import probe
from elman.cli.serve import serve
from elman.cli.show import FAILED, INTERRUPTED, drop_output
from elman.cli.train import train
from elman.cli.zoo import show_cells
from elman.errors import BackendError, CellError, ConfigError, DataError, ElmanError, ShapeError
from elman.phrases import abbreviate, printable
from elman.training.launched import may_speak, own_rank

WRONG_INPUT = 2

_LONGEST = 200  # characters of a word in a message
_LONG = re.compile(rf"\S{{{_LONGEST + 1},}}")

app = typer.Typer(
    cls=CommandGroup,
    help="Train recurrent neural networks on your data, use them, and look inside them.",
    epilog="Start with: [bold]elman train generate book.txt[/] or [bold]elman train classify reviews.csv[/]",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train, name="train")
app.command()(generate)
app.command("next")(next_units)
app.command()(reorder)
app.command()(compose)
app.command()(predict)
app.command()(align)
app.command()(evaluate)
app.command()(inspect)
app.command("cells")(show_cells)
app.command()(probe)
app.add_typer(compare, name="compare")
app.command()(export)
app.command()(card)
app.command()(serve)


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
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell has closed it: `>&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - it stays open to the end
    _set_encodings()
    try:
        try:
            code = app(prog_name="elman", standalone_mode=False)
        finally:
            sys.stdout.flush()  # here, where a failure can still be reported
        sys.exit(code if isinstance(code, int) else 0)
    except UsageError as error:
        _fail(explain(error), WRONG_INPUT)
    except typer.Abort as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        _fail(ElmanError("Standard input has ended. Give the input as an argument, or in a file."), FAILED)
    except (CellError, ShapeError, ConfigError, DataError) as error:
        _fail(error, WRONG_INPUT)
    except (BackendError, ElmanError) as error:
        _fail(error, FAILED)
    except (OSError, MemoryError, RuntimeError) as error:
        if _lacks_memory(error):
            _fail_as(
                error, "There is not enough memory. Shorten the longest sequence, or train with a smaller --batch."
            )
        if not isinstance(error, OSError):
            raise
        drop_output()
        where = error.filename or "the output"
        _fail_as(error, f"{where} cannot be read or written: {error.strerror}. Check the disk and the permissions.")


def _set_encodings() -> None:
    """Write data as UTF-8, whatever the locale; what a terminal cannot show ends no command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def _lacks_memory(error: BaseException) -> bool:
    """Return whether memory could not be allocated: by Python, the system, or torch, which has no error of its own."""
    return (
        isinstance(error, MemoryError)
        or getattr(error, "errno", None) == errno.ENOMEM
        or "DefaultCPUAllocator" in str(error)
    )


def _fail_as(error: BaseException, text: str) -> NoReturn:
    """Exit with an `ElmanError` of this text and the notes of another error."""
    ours = ElmanError(text)
    for note in getattr(error, "__notes__", []):
        ours.add_note(note)
    _fail(ours, FAILED)


def _fail(error: ElmanError, code: int) -> NoReturn:
    # An error in equations is shown with their line; any other is one line.
    message = "\n".join([str(error), *getattr(error, "__notes__", [])])
    lines = [_LONG.sub(lambda word: abbreviate(word[0], _LONGEST), printable(line)) for line in message.splitlines()]
    text = "\n".join(lines) if isinstance(error, CellError) else " ".join(line.strip() for line in lines)
    if may_speak():
        sys.stderr.write(f"elman: {f'process {own_rank()}: ' if own_rank() else ''}{text}\n")
        sys.stderr.flush()
    sys.exit(code)
