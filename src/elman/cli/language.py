"""`elman generate`, `next` and `reorder`: the commands of a language model; `reorder` has more models than one."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli.options import Given, Json, Model, Quiet, was_given
from elman.cli.show import print_json, print_rows, write_pieces
from elman.errors import ConfigError, DataError
from elman.paths import check_path
from elman.tasks.registry import recipe_of

if TYPE_CHECKING:
    from elman.tasks.generate.model import TrainedModel


def generate(
    context: typer.Context,
    model: Model,
    prompt: Annotated[
        str, typer.Option(help="the beginning of the text, which the model continues", show_default=False)
    ] = "",
    given: Given = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="number of units to write [dim](default: 500 characters, 200 subwords, 100 words)[/]",
            show_default=False,
        ),
    ] = None,
    lines: Annotated[int | None, typer.Option(help="end after N lines", show_default=False)] = None,
    temperature: Annotated[
        float, typer.Option(help="below 1 more predictable, above 1 more varied; 0 takes always the likeliest")
    ] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="sample from the K likeliest only")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="sample from the likeliest whose probabilities sum to P (nucleus sampling)")
    ] = None,
    min_p: Annotated[
        float | None, typer.Option(help="sample from what is at least P times as likely as the likeliest only")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="same seed, same text")] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="show the likeliest continuations while you type")
    ] = False,
) -> None:
    """Generate text with a language model; it is printed as it is sampled."""
    trained = _load(model, "generate")
    if interactive:
        from elman.tasks.generate.interactive import run_interactive

        _refuse_beside_interactive(context)
        trained.complete("", given=given)  # a missing class is refused here, before the line is shown
        run_interactive(lambda text: trained.complete(text, given=given))
        return
    pieces = trained.generate(
        prompt,
        given=given,
        length=length,
        lines=lines,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        seed=seed,
    )
    write_pieces(_finish_line(prompt, pieces, always=lines is None))


def _load(path: str, command: str) -> "TrainedModel":
    """Read a language model.

    Raises:
        DataError: the file is not a model, or one for another task.
    """
    from elman.tasks import generate as recipe

    found = recipe_of(path)
    if found.name != "generate":
        data = "" if found.commands.predict is None else " DATA"
        raise DataError(
            f"{path} is a model for {found.name!r}, and `elman {command}` needs a language model. "
            f"Use: {found.commands.use} {path}{data}"
        )
    return recipe.load(path)


def _finish_line(prompt: str, pieces: Iterable[str], always: bool) -> Iterator[str]:
    """Yield a prompt and its continuation, and a newline: always, or only where the text does not end with one."""
    yield prompt
    ended = True
    for piece in pieces:
        yield piece
        ended = piece.endswith("\n")
    if always or not ended:
        yield "\n"


def _refuse_beside_interactive(context: typer.Context) -> None:
    for name in ("prompt", "length", "lines", "temperature", "top_k", "top_p", "min_p", "seed"):
        if was_given(context, name):
            option = "--" + name.replace("_", "-")
            raise ConfigError(
                f"-i shows what may follow and draws nothing, so {option} has no use. Drop one of the two."
            )


def next_units(
    model: Model,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="the text to continue", show_default=False)],
    given: Given = None,
    top: Annotated[int, typer.Option(help="number of continuations to show")] = 10,
    json: Json = False,
) -> None:
    """Show the likeliest next words (or characters, or subwords) of a text, with their probabilities."""
    trained = _load(model, "next")
    continuations = trained.next(text, top=top, given=given)
    if json:
        likeliest = [{trained.vocabulary.unit: unit, "probability": share} for unit, share in continuations]
        print_json({"model": str(model), "text": text, "next": likeliest})
        return
    print_rows(*((f"{share:7.2%}", unit) for unit, share in continuations))


def reorder(
    model: Model,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORDS]...", help="words in any order", show_default=False)
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="a file with one sentence per line; - is standard input", show_default=False),
    ] = None,
    given: Given = None,
    beam: Annotated[int, typer.Option(help="beam width, 1 to 512")] = 64,
    future_cost: Annotated[
        bool,
        typer.Option(
            "--future-cost",
            help="language model: estimate the cost of the words that are not placed yet from their frequency",
        ),
    ] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Put jumbled words into their likeliest order, by beam search.

    MODEL is a language model of words, or a model that `elman train translate --jumble` has trained.
    """
    from elman.data.text import read_text
    from elman.training.progress import show_bar

    if (file is None) == (not words):
        raise ConfigError('reorder takes words or --file, one of the two. Write e.g.: elman reorder MODEL "an I am"')
    if file is not None:
        check_path(file, "the sentences")
    sentences = [" ".join(words or [])] if file is None else read_text(file).removesuffix("\n").split("\n")
    order = _open_orders(model, future_cost, given)
    with show_bar("sentences", quiet or file is None) as on_progress:
        orders = order(sentences, beam=beam, on_progress=on_progress)
    for sentence, (ordered, score) in zip(sentences, orders, strict=True):
        if json:
            result = {"words": sentence, "order": ordered, "log_probability": score}
            print_json(result)
        else:
            typer.echo(ordered)


def _open_orders(path: str, future_cost: bool, given: str | None) -> Callable[..., list[tuple[str, float]]]:
    """Return what puts sentences in order with a model.

    Raises:
        ConfigError: an option has no meaning for this model.
        DataError: the file is not a model, or one that does not put words in order.
    """
    if recipe_of(path).name != "translate":
        return partial(_load(path, "reorder").reorder, future_cost=future_cost, given=given)
    from elman.tasks import translate as recipe

    trained = recipe.load(path)
    if not trained.orders:
        raise DataError(
            f"{path} was not trained to put words in order. Train such a model: elman train translate TEXT --jumble"
        )
    for name, wanted in (("future-cost", future_cost), ("given", given is not None)):
        if wanted:
            raise ConfigError(f"--{name} has no meaning for {path}, a model that reads all words first. Drop it.")
    return trained.reorder
