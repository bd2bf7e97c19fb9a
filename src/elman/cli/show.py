"""Print results: rows of a label and a value, the result of a training, and how it ended."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import typer
from rich.console import Console
from rich.text import Text

from elman.training.beside import checkpoint_of
from elman.training.launched import Lost, may_speak, own_rank
from elman.training.stopping import Terminated, ignore_signals

if TYPE_CHECKING:
    from elman.flow import Flow

FAILED = 1
INTERRUPTED = 130
SIGNALLED = 128  # and the number of the signal, as shells have it
Row = tuple[str, str]
_GOES_ON = "the same command with --resume goes on"


class TrainingResult(Protocol):
    """A model that has just been trained, for any task."""

    metrics: dict[str, Any]
    stopped: str | None
    seconds: float
    kept: Path | None

    @property
    def parameters(self) -> int: ...  # noqa: D102 - see `TrainedModel`


def print_rows(*rows: Row) -> None:
    """Print rows, their labels in bold and of one width."""
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        console.print(Text(f"{label:<{width}}  ", style="bold").append(value, style="not bold"))


def write_pieces(pieces: Iterable[str]) -> None:
    """Write text piece by piece, each as soon as it is known, until the reader, such as `head`, closes the pipe."""
    try:
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
    except BrokenPipeError:
        drop_output()


def drop_output() -> None:
    """Discard the rest of the output: flushing it at exit would fail a second time."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def describe_file(model: TrainingResult, target: Path) -> str:
    """Describe where a model is, and how large."""
    return f"{target}  ({target.stat().st_size / 1e6:.1f} MB, {model.parameters:,} parameters)"


def describe_origin(model: TrainingResult) -> list[Row]:
    """Describe the model that a training went on from; no row where it began anew."""
    origin = model.metrics.get("from_model")
    return [("from", f"{origin['name']}  (sha256 {origin['sha256'][:12]}…)")] if origin else []


def describe_gradient(model: TrainingResult, flow: "Flow | None") -> list[Row]:
    """Return the rows on the gradient, with one verdict: that of the report if there is one, else of the training.

    Norms alone do not show whether a gradient reaches early steps, so no training is called healthy by them.
    """
    gradient = model.metrics["gradient"]
    if flow is not None:
        from elman.models.training_record import read_record

        advice = f". Try to {flow.advice[0]}." if flow.advice else ""
        facts = read_record(model.metrics).training
        norms = gradient["line"] if facts is None else facts.line
        return [("gradient", norms), ("inside", f"{flow.verdict}: {flow.line}{advice}")]
    verdict = "" if gradient["verdict"] == "HEALTHY" else f"{gradient['verdict']}: "
    return [("gradient", f"{verdict}{gradient['line']}" + (f". {gradient['advice']}." if gradient["advice"] else ""))]


def describe_search(
    model: TrainingResult, again: Sequence[str], options: Mapping[str, Any], examples: str
) -> list[Row]:
    """Describe a search, what it means for the score, and the command that trains the same model again.

    The command counts updates, and no time decides how it ends.

    Args:
        model: a trained model; without a search there are no rows.
        again: the command without its options.
        options: those that were given; those that the search chose are added.
        examples: what the trials were validated on, such as `sentences`.
    """
    if "search" not in model.metrics:
        return []
    from elman.training.search import as_arguments

    search = model.metrics["search"]
    line = (
        f"best of {search['trials']} trials on the validation {examples}; expect slightly worse results on other data"
    )
    rows = [("search", line), ("again", " ".join([*again, *as_arguments({**options, **search["chosen"]})]))]
    if "folds" in search:
        trained, wanted = search["folds"]["trained"], search["folds"]["wanted"]
        rows.append(("", f"which trains all {wanted} networks; this search ended after {trained}"))
    return rows


def print_json(data: Mapping[str, Any]) -> None:
    """Print a line of JSON; numbers that are not finite, which JSON does not have, are null, as in a model file."""
    from elman.models.finite import as_json

    typer.echo(as_json(data))


def print_training_as_json(model: TrainingResult, target: Path, flow: "Flow | None") -> None:
    """Print what was measured in training, and how it ended; the verdict is that of the report if there is one."""
    facts = {name: value for name, value in model.metrics.items() if name not in ("history", "ledger", "glances")}
    if flow is not None:
        judged = {"verdict": flow.verdict, "line": flow.line, "advice": "; ".join(flow.advice)}
        facts["gradient"] = {**facts["gradient"], **judged}
    result = {"model": str(target), "stopped": model.stopped, "seconds": round(model.seconds, 3)}
    print_json({**result, "parameters": model.parameters, **facts})


@contextlib.contextmanager
def keep_the_best(target: Path) -> Iterator[Callable[[TrainingResult], Path]]:
    """Print which files an interrupted training leaves.

    Yields a function: it is called with the trained model, and returns the path of its file.
    """
    ended: list[TrainingResult] = []

    def end(model: TrainingResult) -> Path:
        ended.append(model)
        return model.kept or target

    try:
        yield end
    except KeyboardInterrupt as error:
        as_it_was = f"{target} {'is as it was' if target.exists() else 'was not written'}"
        notes = getattr(error, "__notes__", [as_it_was])
        _end_interrupted(f"the model is kept in {ended[0].kept}" if ended else notes[0].removesuffix("."))
    except Terminated as error:
        _end_terminated(error, target)
    except Lost as error:
        _end_lost(error, target)
    for model in ended:
        if model.stopped == "interrupted":
            unchanged = "" if model.kept == target else f"; {target} is as it was"
            unchanged += f"; {_GOES_ON}" if checkpoint_of(target).exists() else ""
            _end_interrupted(f"the best model so far is kept in {model.kept}{unchanged}")


def _end_terminated(error: Terminated, target: Path) -> NoReturn:
    left = [note[0].lower() + note[1:].removesuffix(".") for note in getattr(error, "__notes__", [])]
    if error.update is not None:
        left = [f"the same command with --resume goes on after update {error.update:,}"]
    elif checkpoint_of(target).exists():
        left.append(_GOES_ON)
    if own_rank() == 0 and may_speak():
        sys.stderr.write("; ".join([f"elman: ended by {error}", *left]) + "\n")
    raise typer.Exit(SIGNALLED + error.number)


def _end_lost(error: Lost, target: Path) -> NoReturn:
    ignore_signals()  # a launcher ends all processes now, and one of them says why
    if may_speak(of_lost=True):
        left = f"; {_GOES_ON}" if checkpoint_of(target).exists() else ""
        sys.stderr.write(f"elman: {error}{left}\n")
        sys.stderr.flush()
    raise typer.Exit(FAILED)


def _end_interrupted(left: str) -> NoReturn:
    if own_rank() == 0:
        sys.stderr.write(f"elman: interrupted; {left[0].lower()}{left[1:]}\n")
    raise typer.Exit(INTERRUPTED)
