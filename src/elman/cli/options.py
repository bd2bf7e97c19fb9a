"""Turn the rows of a table of options into options of a command."""

import dataclasses
import functools
import inspect
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from elman.errors import ConfigError
from elman.options import OptionTable, words_of
from elman.paths import check_path, refuse_shared

_GROUPS = ("Model", "Text", "Input", "Regularising", "Training")
_METAVARS = {int: "N", float: "X", str: "TEXT", bool: None}

Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="show no progress")]
Size = Annotated[
    list[str] | None,
    typer.Option("--size", metavar="NAME=N", help="a size that the cell does not fix, such as h=64 for lstm_projected"),
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="a file that elman train wrote", show_default=False)]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="the file of the model [dim](default: ./DATA.elman.safetensors)[/]",
        show_default=False,
    ),
]
Report = Annotated[
    str | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="at the end, write an HTML page that shows the inside of the model",
        show_default=False,
    ),
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="FILE",
        help="write a line of JSON at each validation; --resume goes on with it, --force replaces it",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="replace an existing model, once the new one is trained")]
Resume = Annotated[
    bool, typer.Option("--resume", help="go on from the checkpoint of a training that was stopped, beside its model")
]
FromModel = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="MODEL",
        help="go on from a model of this task, which decides the cell, the layers and how data are read (fine-tuning)",
        show_default=False,
    ),
]
Search = Annotated[
    int | None,
    typer.Option(
        "--search",
        metavar="N",
        min=1,
        help="try N settings within the time budget and keep the best; options that you give are not changed",
        show_default=False,
    ),
]
Given = Annotated[
    str | None,
    typer.Option(metavar="CLASS|NAME=CLASS", help="the class to write, if the model has classes", show_default=False),
]


def cell_option(default: str) -> Any:
    """Make the option of the cell.

    Args:
        default: the cell of a training that names none, and goes on from no model.
    """
    text = "a cell of `elman cells`, or your own"
    return typer.Option("--cell", metavar="NAME|FILE.py:NAME", help=text, show_default=default)


_SUFFIX = ".elman.safetensors"


def default_target(source: str) -> Path:
    """Return the name of a model, after its data.

    >>> str(default_target("data/reviews.csv"))
    'reviews.elman.safetensors'
    """
    if source == "-":
        return Path(f"stdin{_SUFFIX}")
    path = Path(source)
    return Path(f"{path.resolve().name if path.is_dir() else path.stem}{_SUFFIX}")


def check_data(paths: Sequence[str]) -> None:
    """Refuse paths of data that no file can have.

    Raises:
        DataError: a path is empty, too long, or has a NUL.
    """
    for path in paths:
        if path != "-":
            check_path(path, "the data")


def check_page(path: str | None, option: str) -> Path | None:
    """Return the path of an HTML page, refused before any work where it could not be written.

    Args:
        path: the value of the option; None where it is not given.
        option: its name, for messages.

    Raises:
        ConfigError: the folder is missing, or there is a folder or another file than a page.
    """
    if path is None:
        return None
    page = check_path(path, option)
    if not page.absolute().parent.is_dir():
        raise ConfigError(
            f"{option} {page}: there is no folder {page.parent}. Choose another place, or make the folder."
        )
    if page.is_dir():
        raise ConfigError(f"{option} {page} is a folder. Name a file in it, e.g. {page / 'page.html'}")
    if page.is_file() and not is_page(page):
        raise ConfigError(
            f"{option} {page} exists and is not an HTML page, so it is never overwritten. Choose another name."
        )
    return page


def is_page(path: Path) -> bool:
    """Return whether a file is empty, or begins as an HTML page."""
    with path.open("rb") as file:
        begin = file.read(100).lstrip().lower()
    return not begin or begin.startswith((b"<!doctype html", b"<html"))


def with_options(rows: Sequence[inspect.Parameter]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace the `**options` of a command by the rows of a table; the command receives those that were given.

    Options that were not given are left out, so that a preset does not replace those that were.

    Args:
        rows: from :func:`training_rows` or :func:`own_rows`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters.values()
        named = [p.replace(kind=p.KEYWORD_ONLY) for p in own if p.kind is not p.VAR_KEYWORD]

        @functools.wraps(command)
        def call(context: typer.Context, **arguments: Any) -> None:
            given = [row.name for row in rows if was_given(context, row.name)]
            command(**{name: arguments[name] for name in (*(p.name for p in named), *given)})

        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [context, *rows, *named]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        return call

    return decorate


def refuse_shared_files(
    rows: "Iterable[dataclasses.Field[Any]]",
    given: Mapping[str, Any],
    written: Mapping[str, str | Path | None],
    read: Mapping[str, Sequence[str]],
) -> None:
    """Refuse a command whose files would replace each other, or what it reads, before any work.

    Args:
        rows: the options of its tables.
        given: the values of those that were given.
        written: what the command writes besides, by the name of its option; None is not given.
        read: what it reads besides, in words.

    Raises:
        ConfigError: two are one file.
    """
    outputs = {name: path for name, path in written.items() if path is not None}
    inputs = dict(read)
    for row in rows:
        name, value = f"--{row.name.replace('_', '-')}", given.get(row.name)
        if value is not None and row.metadata["writes"]:
            outputs[name] = value
        elif value is not None and "FILE" in row.metadata["metavar"]:
            inputs[name] = [value, *value.split(",")]  # a comma may stand between parallel files
    refuse_shared(outputs, inputs)


def was_given(context: typer.Context, name: str) -> bool:
    """Return whether an option was given, also with its default value."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def training_rows(settings: type[OptionTable]) -> list[inspect.Parameter]:
    """Turn each row of a table of settings into an option, in groups; the table refuses wrong values."""
    rows = sorted(dataclasses.fields(settings), key=lambda row: _GROUPS.index(row.metadata["group"]))
    return [
        _as_parameter(row, rich_help_panel=row.metadata["group"], show_default=row.default not in (None, False))
        for row in rows
    ]


def own_rows(rows: Sequence["dataclasses.Field[Any]"]) -> list[inspect.Parameter]:
    """Turn rows into options of a command, which refuses wrong values; flags have no `--no-` form."""
    return [
        _as_parameter(
            row,
            *_flags_of(row),
            min=row.metadata["least"],
            show_default=False,
        )
        for row in rows
    ]


def _flags_of(row: "dataclasses.Field[Any]") -> list[str]:
    """Return the flags of an option where its name alone does not say them."""
    short = row.metadata["short"]
    return [f"--{row.name.replace('_', '-')}", *filter(None, [short])] if short or row.type is bool else []


def _as_parameter(row: "dataclasses.Field[Any]", *flags: str, **shown: Any) -> inspect.Parameter:
    kind: Any = next((kind for kind in get_args(row.type) if kind is not type(None)), row.type)
    words = words_of(row)
    metavar = "|".join(row.metadata["choices"]) or row.metadata["metavar"] or "|".join([_METAVARS[kind] or "", *words])
    if words:
        shown = {**shown, "parser": functools.partial(_parse_number, kind, words)}
    option = typer.Option(*flags, help=row.metadata["text"], metavar=metavar, **shown)
    wanted: Any = kind if row.default is not None else kind | None
    return inspect.Parameter(
        row.name, inspect.Parameter.KEYWORD_ONLY, default=row.default, annotation=Annotated[wanted, option]
    )


def _parse_number(kind: type, words: Sequence[str], given: str) -> Any:
    """Return a number, or a word as it is."""
    try:
        return given if given in words else kind(given)
    except ValueError:
        whole = "a whole number" if kind is int else "a number"
        raise typer.BadParameter(f"{given!r} is not {whole}, and not {' or '.join(words)}.") from None


def command_again(
    task: str, data: list[str], cell: str, size: list[str] | None, from_model: str | None = None
) -> list[str]:
    """Return the command that trains on the same data, without its options.

    >>> command_again("tag", ["my files"], "gru", None)
    ['elman', 'train', 'tag', "'my files'", '--cell', 'gru']
    """
    sizes = [part for pair in size or [] for part in ("--size", pair)]
    named = ["--cell", shlex.quote(cell)] if from_model is None else ["--from", shlex.quote(from_model)]
    return ["elman", "train", task, *map(shlex.quote, data), *named, *sizes]


def parse_sizes(pairs: list[str] | None) -> dict[str, int]:
    """Parse the values of --size.

    Raises:
        ConfigError: one is not of the form NAME=N.

    >>> parse_sizes(["h=64"])
    {'h': 64}
    """
    sizes = {}
    for pair in pairs or []:
        name, _, number = pair.partition("=")
        if not (name and number.isdecimal() and int(number) > 0):
            raise ConfigError(f"--size {pair} is not of the form NAME=N. Write e.g. --size h=64.")
        sizes[name] = int(number)
    return sizes
