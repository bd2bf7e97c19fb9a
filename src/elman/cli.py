"""Be the command line: `elman train`, `generate`, `evaluate`, `cells`.

Results go to standard output, progress and notes to standard error. Exit codes: 0 done, 1 failed while running, 2 the
command or its input is wrong, 130 interrupted. What a user did wrong is said in the words of the error, without a
traceback. Nothing here imports torch before a command that needs it has begun.
"""

import contextlib
import dataclasses
import functools
import inspect
import io
import json as json_text
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import elman
from elman.errors import BackendError, CellError, ConfigError, DataError, ElmanError, ShapeError
from elman.tasks.duration import format_duration
from elman.tasks.settings import Settings

if TYPE_CHECKING:
    from elman.expr import Cell
    from elman.tasks.language_model import TrainedModel

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130

_SUFFIX = ".elman.safetensors"

_COMMANDS = ("train", "generate", "evaluate", "cells")
_GROUPS = ("Model", "Text", "Training")
_ENDED = {
    "epochs": "all epochs done",
    "patience": "ended because it no longer got better",
    "time budget": "ended by the time budget",
    "interrupted": "interrupted",
}
_METAVARS = {int: "N", float: "X", str: "TIME"}


class _InOrderOfUse(typer.core.TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)


app = typer.Typer(
    cls=_InOrderOfUse,
    help="Recurrent neural networks from their equations: train one on your text, and let it write.",
    epilog="Start with: [bold]elman train generate book.txt[/]",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train = typer.Typer(help="Train a model on your data.", no_args_is_help=True)
app.add_typer(train, name="train")


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
        _drop_output()
        _fail(ElmanError(f"{error.filename or 'the output'} cannot be read or written: {error.strerror}."), FAILED)


def _fail(error: ElmanError, code: int) -> None:
    sys.stderr.write(f"elman: {error}\n")
    sys.exit(code)


def _drop_output() -> None:
    """Send what is left of the output nowhere: flushing it at exit would fail a second time."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _options_of(settings: type) -> list[inspect.Parameter]:
    """Turn each row of a settings table into an option of the same name."""
    rows = []
    for row in sorted(dataclasses.fields(settings), key=lambda row: _GROUPS.index(row.metadata["group"])):
        kind: Any = next((kind for kind in get_args(row.type) if kind is not type(None)), row.type)
        option = typer.Option(
            help=row.metadata["text"],
            rich_help_panel=row.metadata["group"],
            show_default=row.default is not None,
            metavar="|".join(row.metadata["choices"]) or _METAVARS[kind],
        )
        wanted: Any = kind if row.default is not None else kind | None
        rows.append(
            inspect.Parameter(
                row.name, inspect.Parameter.KEYWORD_ONLY, default=row.default, annotation=Annotated[wanted, option]
            )
        )
    return rows


def _with_options(settings: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command's `**options` be the rows of a settings table, so that none is written twice."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters.values()
        named = [p.replace(kind=p.KEYWORD_ONLY) for p in own if p.kind is not p.VAR_KEYWORD]

        @functools.wraps(command)
        def call(**arguments: Any) -> None:
            command(**arguments)

        parameters = [*named, *_options_of(settings)]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        return call

    return decorate


_Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
_Size = Annotated[
    list[str] | None,
    typer.Option("--size", metavar="NAME=N", help="a size that the cell leaves open, such as h=64 for lstm_projected"),
]
_Model = Annotated[Path, typer.Argument(metavar="MODEL", help="a file that elman train wrote", show_default=False)]
_Texts = Annotated[
    list[str],
    typer.Argument(metavar="DATA...", help="UTF-8 text files, or - for standard input", show_default=False),
]


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="show the version and exit", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"elman {elman.__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@train.command("generate")
@_with_options(Settings)
def train_generate(
    data: _Texts,
    cell: Annotated[str, typer.Option(metavar="NAME|FILE.py:NAME", help="a cell of elman cells, or your own")] = "lstm",
    size: _Size = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="where to keep the model [dim](default: ./DATA.elman.safetensors)[/]",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace a model that is there")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="show no progress")] = False,
    json: _Json = False,
    **options: Any,
) -> None:
    """Train a character model that writes like your text.

    The best weights so far are kept in the model file all along; Ctrl-C ends the training and loses nothing.
    """
    from elman.tasks import generate

    target = output or _default_target(data[0])
    try:
        model = generate.train(
            data, cell=cell, sizes=_parse_sizes(size), output=target, force=force, quiet=quiet, **options
        )
    except KeyboardInterrupt:
        state = "is as it was last written" if target.exists() else "was not written"
        sys.stderr.write(f"elman: interrupted; {target} {state}\n")
        raise typer.Exit(INTERRUPTED) from None
    _report_training(model, target, json)
    if model.stopped == "interrupted":
        sys.stderr.write(f"elman: interrupted; the best model so far is kept in {target}\n")
        raise typer.Exit(INTERRUPTED)


@app.command()
def generate(
    model: _Model,
    prompt: Annotated[str, typer.Option(help="what the text continues", show_default=False)] = "",
    length: Annotated[int, typer.Option(help="how many characters to write")] = 500,
    temperature: Annotated[
        float, typer.Option(help="below 1 more careful, above 1 bolder, 0 always the likeliest")
    ] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="draw from the K likeliest characters only")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="draw from the likeliest that together have probability P")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="same seed, same text")] = None,
) -> None:
    """Let a model write; the text appears as it is made."""
    from elman.tasks import generate as recipe

    characters = recipe.load(model).generate(
        prompt, length=length, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed
    )
    try:
        sys.stdout.write(prompt)
        for character in characters:
            sys.stdout.write(character)
            sys.stdout.flush()
        sys.stdout.write("\n")
    except BrokenPipeError:
        _drop_output()  # whoever reads, such as `head`, has what it wanted


@app.command()
def evaluate(model: _Model, data: _Texts, json: _Json = False) -> None:
    """Measure how well a model predicts a text, with its state carried over the whole of it."""
    from elman.tasks import generate as recipe
    from elman.tasks.text import read_text

    found = recipe.load(model).evaluate(read_text(data))
    result = {
        "loss": found.loss,
        "bits_per_character": found.bits_per_character,
        "perplexity": found.perplexity,
        "characters": found.characters,
    }
    if json:
        typer.echo(json_text.dumps({"model": str(model), **result}))
        return
    _print_rows(
        ("loss", f"{found.loss:.4f} nats per character"),
        ("bits per character", f"{found.bits_per_character:.4f}"),
        ("perplexity", f"{found.perplexity:.3f}"),
        ("characters", f"{found.characters:,}"),
    )


@app.command()
def cells(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE.py:NAME", help="show one cell", show_default=False)
    ] = None,
    input_size: Annotated[
        int | None, typer.Option("--input", help="size of the input [dim](default: 64)[/]", show_default=False)
    ] = None,
    hidden: Annotated[int, typer.Option(help="size of the hidden state")] = 256,
    layers: Annotated[int, typer.Option(help="number of layers", min=1)] = 1,
    size: _Size = None,
) -> None:
    """List the cells, or show the equations of one and count its parameters."""
    from elman import cells as zoo

    if name is None:
        table = Table.grid(padding=(0, 3))
        for one in zoo.names():
            table.add_row(Text(one, style="bold"), _first_line(zoo.find(one)))
        Console(highlight=False).print(table)
        return
    found = zoo.find(name)
    if input_size is None:
        input_size = hidden if found.ties else 64
    _show_cell(found, _count(found, input_size, hidden, layers, _parse_sizes(size)))


def _count(cell: "Cell", input_size: int, hidden: int, layers: int, named: dict[str, int]) -> str:
    """Say how many parameters a stack of the cell has, or what is missing to say it."""
    missing = [size for size in cell.open_sizes if size not in named]
    if missing:
        return f"depends on {', '.join(missing)}: add {' '.join(f'--size {size}=N' for size in missing)}"
    output = cell.sizes(input_size, hidden, named)[cell.state_size(cell.states[0])]
    total = cell.count(input_size, hidden, named) + (layers - 1) * cell.count(output, hidden, named)
    sizes = {"input": input_size, "hidden": hidden, **named}
    stack = f", {layers} layers" if layers > 1 else ""
    return f"{total:,} for {', '.join(f'{size} {number}' for size, number in sizes.items())}{stack}"


def _show_cell(cell: "Cell", count: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(cell.name, style="bold"), Text(_first_line(cell)))
    console.print(Text("\n" + "\n".join(f"    {line}" for line in cell.equations().splitlines()) + "\n", style="cyan"))
    parameters = Table.grid(padding=(0, 3))
    for parameter in cell.parameters:
        rows = f"{len(parameter.members)}·" if len(parameter.members) > 1 else ""
        shape = f"({rows}{' × '.join(parameter.shape)})"
        parameters.add_row(parameter.name, shape, f"{parameter.role}: {', '.join(parameter.members)}")
    _print_rows(
        ("states", ", ".join(cell.states)), ("gates", ", ".join(cell.gates()) or "none"), ("count", count), ("", "")
    )
    console.print(parameters)


def _report_training(model: "TrainedModel", target: Path, json: bool) -> None:
    metrics = model.metrics
    if json:
        facts = {name: value for name, value in metrics.items() if name != "history"}
        result = {"model": str(target), "stopped": model.stopped, "seconds": round(model.seconds, 3)}
        typer.echo(json_text.dumps({**result, "parameters": model.parameters, **facts}))
        return
    loss = metrics["validation_loss"]
    measured = "none held out or not reached yet"
    if loss is not None:
        measured = f"{loss:.4f} nats, {metrics['bits_per_character']:.4f} bits per character"
    _print_rows(
        ("model", f"{target}  ({target.stat().st_size / 1e6:.1f} MB, {model.parameters:,} parameters)"),
        ("validation", measured),
        ("training", f"{metrics['updates']} updates in {format_duration(model.seconds)}, {_ENDED[str(model.stopped)]}"),
        ("next", f"elman generate {target}"),
    )


def _print_rows(*rows: tuple[str, str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        console.print(Text(f"{label:<{width}}  ", style="bold").append(value, style="not bold"))


def _first_line(cell: "Cell") -> str:
    return cell.doc.strip().splitlines()[0] if cell.doc.strip() else ""


def _default_target(source: str) -> Path:
    stem = "stdin" if source == "-" else Path(source).stem
    return Path(f"{stem}{_SUFFIX}")


def _parse_sizes(pairs: list[str] | None) -> dict[str, int]:
    sizes = {}
    for pair in pairs or []:
        name, _, number = pair.partition("=")
        if not (name and number.isdecimal() and int(number) > 0):
            raise ConfigError(f"--size {pair} is not of the form NAME=N. Write e.g. --size h=64.")
        sizes[name] = int(number)
    return sizes
