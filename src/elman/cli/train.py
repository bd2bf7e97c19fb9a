"""`elman train generate`: train a language model."""

import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.cli.options import Json, Quiet, Size, parse_sizes, with_options
from elman.cli.show import print_rows
from elman.tasks.duration import format_duration
from elman.tasks.settings import Settings

if TYPE_CHECKING:
    from elman.tasks.trained_model import TrainedModel

INTERRUPTED = 130

_SUFFIX = ".elman.safetensors"
_ENDED = {
    "epochs": "all epochs done",
    "patience": "ended because it no longer got better",
    "time budget": "ended by the time budget",
    "interrupted": "interrupted",
}


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
    cell: Annotated[str, typer.Option(metavar="NAME|FILE.py:NAME", help="a cell of elman cells, or your own")] = "lstm",
    size: Size = None,
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
    quiet: Quiet = False,
    json: Json = False,
    **options: Any,
) -> None:
    """Train a language model that writes like your text: by characters, words or subwords.

    The best weights so far are kept in the model file all along; Ctrl-C ends the training and loses nothing.
    """
    from elman.tasks import generate

    target = output or _default_target(data[0])
    try:
        model = generate.train(
            data, cell=cell, sizes=parse_sizes(size), output=target, force=force, quiet=quiet, **options
        )
    except KeyboardInterrupt:
        state = "is as it was last written" if target.exists() else "was not written"
        sys.stderr.write(f"elman: interrupted; {target} {state}\n")
        raise typer.Exit(INTERRUPTED) from None
    _report(model, target, json)
    if model.stopped == "interrupted":
        sys.stderr.write(f"elman: interrupted; the best model so far is kept in {target}\n")
        raise typer.Exit(INTERRUPTED)


def _report(model: "TrainedModel", target: Path, json: bool) -> None:
    metrics = model.metrics
    if json:
        facts = {name: value for name, value in metrics.items() if name != "history"}
        result = {"model": str(target), "stopped": model.stopped, "seconds": round(model.seconds, 3)}
        typer.echo(json_text.dumps({**result, "parameters": model.parameters, **facts}))
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
        ("model", f"{target}  ({target.stat().st_size / 1e6:.1f} MB, {model.parameters:,} parameters)"),
        ("validation", measured),
        ("training", f"{metrics['updates']} updates in {format_duration(model.seconds)}, {_ENDED[str(model.stopped)]}"),
        ("next", f"elman generate {target}{given}"),
    )


def _default_target(source: str) -> Path:
    if source == "-":
        return Path(f"stdin{_SUFFIX}")
    path = Path(source)
    return Path(f"{path.resolve().name if path.is_dir() else path.stem}{_SUFFIX}")
