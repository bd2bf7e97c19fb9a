"""`elman serve`: answer over HTTP for one or several models, with a page for a browser."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.cli.dispatch import write_note
from elman.cli.options import own_rows, with_options
from elman.errors import ConfigError, DataError
from elman.paths import check_path
from elman.serve.settings import ServerLimits

_MODELS = typer.Argument(
    metavar="MODEL...", help="files that elman train wrote, as FILE or NAME=FILE", show_default=False
)


@with_options(own_rows(dataclasses.fields(ServerLimits)))
def serve(
    models: Annotated[list[str], _MODELS],
    host: Annotated[str, typer.Option(help="the address; others than this machine need a token")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes one that is free")] = 8000,
    token: Annotated[
        str | None, typer.Option(help="what every request must have in its header Authorization", show_default=False)
    ] = None,
    token_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="a file with the token in its first line", show_default=False)
    ] = None,
    without_token: Annotated[bool, typer.Option("--without-token", help="let everybody ask who can reach it")] = False,
    answer_to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="a name of this host, such as that of the site behind a proxy", show_default=False
        ),
    ] = None,
    **limits: Any,
) -> None:
    """Serve models over HTTP, with a page for a browser; Ctrl-C ends it once all requests are answered."""
    from elman.serve import require_packages

    require_packages()
    from elman.serve.access import choose_access
    from elman.serve.app import build_app
    from elman.serve.models import open_models
    from elman.serve.server import run
    from elman.serve.traffic import Traffic

    if token is not None and token_file is not None:
        raise ConfigError("--token and --token-file are both given. Drop one of the two.")
    access = choose_access(
        host, token if token_file is None else _read_token(token_file), without_token, answer_to or ()
    )
    traffic = Traffic(ServerLimits(**limits))
    opened = open_models(models)
    shown = f"[{host}]" if ":" in host else host

    def say(port: int) -> None:
        for one in opened.values():
            write_note(f"{one.name}: {one.task}, {one.parameters:,} parameters")
        write_note(f"http://{shown}:{port}/  (Ctrl-C ends)")

    run(build_app(opened, access, traffic), host, port, traffic, say)


def _read_token(path: str) -> str:
    """Return the first line of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return check_path(path, "the token").read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        raise DataError(f"The file of the token, {Path(path)}, cannot be read. Check the path.") from None
