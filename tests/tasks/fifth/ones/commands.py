"""The commands for a model that counts ones."""

from collections.abc import Iterator

from elman.tasks.ones.model import load
from elman.tasks.ones.reading import read_lines

from elman.tasks.contract import Evaluated, Request


def summarise(model) -> list[tuple[str, str]]:
    """Return how good its counts are."""
    return [("validation", model.metrics["verdict"])]


def next_command(model, path, data) -> str:
    """Return the command that counts."""
    return f"elman predict {path} {data[0]}"


def evaluate(request: Request) -> Evaluated:
    """Return the share of right counts."""
    lines = read_lines(request.data)
    counts = load(request.model).predict(lines)
    right = [abs(count - line.count("1")) <= request.options.within for count, line in zip(counts, lines, strict=True)]
    share = sum(right) / len(right)
    return Evaluated({"right": share}, [[("right", f"{share:.1%}")]])


def predict(request: Request) -> Iterator[str]:
    """Yield each line with its count."""
    lines = read_lines(request.data)
    for line, count in zip(lines, load(request.model).predict(lines), strict=True):
        yield f"{line},{count}\n"
