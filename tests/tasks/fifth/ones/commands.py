"""Do what the commands ask of a model that counts."""

from collections.abc import Iterator

from elman.tasks.ones.model import load
from elman.tasks.ones.reading import read_lines

from elman.tasks.contract import Evaluated, Request


def summarise(model) -> list[tuple[str, str]]:
    """Say how good its counts are."""
    return [("validation", model.metrics["verdict"])]


def next_command(model, path, data) -> str:
    """Say how to let it count."""
    return f"elman predict {path} {data[0]}"


def evaluate(request: Request) -> Evaluated:
    """Say how many counts are right."""
    lines = read_lines(request.data)
    found = load(request.model).predict(lines)
    right = [abs(count - line.count("1")) <= request.options.within for count, line in zip(found, lines, strict=True)]
    share = sum(right) / len(right)
    return Evaluated({"right": share}, [[("right", f"{share:.1%}")]])


def predict(request: Request) -> Iterator[str]:
    """Give each line and its count."""
    lines = read_lines(request.data)
    for line, count in zip(lines, load(request.model).predict(lines), strict=True):
        yield f"{line},{count}\n"
