"""Show scores on a terminal: one line with the main scores, then tables.

>>> from rich.console import Console
>>> import torch
>>> from elman.scores.classes import score_numbers
>>> for part in score_tables(score_numbers(torch.tensor([1.0, 3.0]), torch.tensor([1.5, 2.5]))):
...     Console().print(part)
RMSE 0.5, MAE 0.5, R² 0.750 on 2 examples
"""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from elman.phrases import printable
from elman.scores.classes import ClassScore, ClassScores, LabelScores, NumberScores, Scores, write_count

_MOST_ROWS = 20
_MOST_PAIRS = 10
_LONGEST_NAME = 24
_GAPS = (2, 1)  # widths between columns, tried in this order


def score_tables(scores: Scores) -> list[RenderableType]:
    """Return the parts to print of scores, from top to bottom."""
    match scores:
        case ClassScores():
            return [Text(_class_line(scores)), per_class_table(scores.per_class), ConfusionTable(scores)]
        case LabelScores():
            return [Text(_label_line(scores)), per_class_table(scores.per_class, "label")]
        case NumberScores():
            r2 = "" if scores.r2 is None else f", R² {scores.r2:.3f}"
            return [Text(f"RMSE {scores.rmse:.4g}, MAE {scores.mae:.4g}{r2} on {_count(scores.count)}")]


def per_class_table(scores: Sequence[ClassScore], what: str = "class") -> RenderableType:
    """Make the table of precision, recall and F1; of many classes those with the lowest F1."""
    shown, title = list(scores), ""
    if len(scores) > _MOST_ROWS:
        known = [score for score in scores if score.f1 is not None]
        shown = sorted(known, key=lambda score: score.f1 or 0.0)[: _MOST_ROWS // 2]
        title = f"The {len(shown)} of {len(scores)} with the lowest F1:"
    table = plain_table(what)
    for name in ("precision", "recall", "F1", "examples"):
        table.add_column(name, justify="right")
    for score in shown:
        shares = [Text(show_share(value)) for value in (score.precision, score.recall, score.f1)]
        table.add_row(show_name(score.name), *shares, Text(write_count(score.support)))
    return titled(title, table)


class ConfusionTable:
    """The confusion matrix: names over its columns if they fit, else numbers, else the most confused pairs.

    Args:
        scores: of classes.
    """

    def __init__(self, scores: ClassScores) -> None:
        self._scores = scores

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose the form that fits the width."""
        yield from self._choose(options.max_width)

    def _choose(self, width: int) -> Iterator[RenderableType]:
        names = [shorten(printable(name)) for name in self._scores.classes]
        numbered = [f"{number} {name}" for number, name in enumerate(names, 1)]
        numbers = [str(number) for number in range(1, len(names) + 1)]
        for rows, columns in ((names, names), (numbered, numbers)):
            for gap in _GAPS:
                if len(names) <= _MOST_ROWS and self._width(rows, columns, gap) <= width:
                    yield self._matrix(rows, columns, gap)
                    return
        if pairs := self._scores.most_confused(_MOST_PAIRS):
            yield self._pairs(pairs)

    def _width(self, rows: list[str], columns: list[str], gap: int) -> int:
        counts = zip(*self._scores.confusion, strict=True)
        widths = [
            max(cell_len(name), *(len(write_count(count)) for count in column))
            for name, column in zip(columns, counts, strict=True)
        ]
        return max(map(cell_len, rows)) + sum(widths) + gap * len(widths)

    def _matrix(self, rows: list[str], columns: list[str], gap: int) -> RenderableType:
        table = plain_table("", gap=gap)
        for name in columns:
            table.add_column(Text(name), justify="right", no_wrap=True)
        for row, (name, counts) in enumerate(zip(rows, self._scores.confusion, strict=True)):
            table.add_row(Text(name), *(_cell(count, column == row) for column, count in enumerate(counts)))
        return titled("True classes (rows) and predicted classes (columns):", table)

    def _pairs(self, pairs: list[tuple[str, str, float]]) -> RenderableType:
        table = plain_table("true", "predicted")
        table.add_column("times", justify="right")
        table.add_column("of", justify="right")
        support = {score.name: score.support for score in self._scores.per_class}
        for true, predicted, count in pairs:
            table.add_row(
                show_name(true), show_name(predicted), Text(write_count(count)), Text(write_count(support[true]))
            )
        return titled("Most often confused:", table)


def _class_line(scores: ClassScores) -> str:
    low, high = scores.interval
    line = (
        f"accuracy {scores.accuracy:.1%} (95 % interval {100 * low:.1f}–{high:.1%}), macro-F1 {scores.macro_f1:.1%}, "
        f"log loss {scores.log_loss:.3f}{_calibration(scores)} on {_count(scores.count)}"
    )
    if scores.correlation is None:
        return line
    return (
        f"{line}\nfor {printable(scores.classes[1])}: sensitivity {show_share(scores.sensitivity)}, "
        f"specificity {show_share(scores.specificity)}, correlation (Matthews) {scores.correlation:.3f}"
    )


def _label_line(scores: LabelScores) -> str:
    return (
        f"micro-F1 {show_share(scores.micro_f1)}, macro-F1 {scores.macro_f1:.1%}, "
        f"all labels right {scores.exact_match:.1%}{_calibration(scores)} on {_count(scores.count)}"
    )


def _calibration(scores: ClassScores | LabelScores) -> str:
    return "" if scores.reliability is None else f", calibration error {scores.reliability.error:.1%}"


def plain_table(*names: str, gap: int = _GAPS[0]) -> Table:
    """Make a table without lines; these are the names of its first columns."""
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def titled(title: str, table: Table) -> RenderableType:
    """Put a title over a table."""
    return Group(Text(f"\n{title}" if title else ""), table)


def _cell(count: float, right: bool) -> Text:
    if count == 0:
        return Text("·", style="dim")
    return Text(write_count(count), style="bold green" if right else "")


def show_share(value: float | None) -> str:
    """Write a share in per cent; an undefined one as a dash."""
    return "–" if value is None else f"{value:.1%}"


def show_name(name: str) -> Text:
    """Write a name, shortened to fit a column."""
    return Text(shorten(printable(name)))


def shorten(name: str) -> str:
    """Leave out the middle of a long name: related names often differ at the end."""
    if cell_len(name) <= _LONGEST_NAME:
        return name
    room = (_LONGEST_NAME - 1) // 2
    end = len(name)
    while cell_len(name[end - 1 :]) <= room:
        end -= 1
    return f"{set_cell_size(name, room).rstrip()}…{name[end:].lstrip()}"


def _count(examples: float) -> str:
    return f"{write_count(examples)} example{'' if examples == 1 else 's'}"
