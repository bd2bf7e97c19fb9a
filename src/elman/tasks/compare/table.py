"""Write a comparison as rows of text, as sentences, and as a table of LaTeX for a paper; all have the same numbers.

>>> format_mean(0.91234, 0.0123), format_mean(1234.5, 67.8), format_mean(0.5, None), format_mean(None, None)
('0.912 ± 0.012', '1234 ± 68', '0.5', 'none')
"""

import math
from collections.abc import Iterator

from elman.phrases import counted, format_duration
from elman.scores.paired import FEWEST
from elman.tasks.compare.result import CellDifference, Comparison

_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip
_MOST_DECIMALS = 12


def format_mean(mean: float | None, deviation: float | None) -> str:
    """Write a mean with its deviation, of which two digits are shown."""
    if mean is None:
        return "none"
    if not deviation:
        return f"{mean:.4g}" if deviation is None else f"{mean:.4g} ± 0"
    decimals = min(_MOST_DECIMALS, max(0, 1 - math.floor(math.log10(deviation))))
    return f"{mean:.{decimals}f} ± {deviation:.{decimals}f}"


def table_rows(result: Comparison) -> list[tuple[str, ...]]:
    """Return the table, its head first."""
    rows: list[tuple[str, ...]] = [("cell", result.measure or "score", "parameters", "updates", "time")]
    for row in result.rows():
        score = format_mean(row.mean, row.deviation)
        if row.failed:
            score += f" (of {row.count}; {row.failed} failed)"
        rows.append((row.cell, score, f"{row.parameters:,}", f"{row.updates:,}", format_duration(row.seconds)))
    return rows


def describe_scores(result: Comparison) -> str:
    """Say what the table shows."""
    better = "lower" if result.lower else "higher"
    seeds = counted(len(result.seeds), "seed")
    return f"{result.task}: mean ± standard deviation over {seeds}; a {better} {result.measure or 'score'} is better"


def describe_differences(result: Comparison) -> Iterator[str]:
    """Say, a line each, which differences are larger than chance."""
    for difference in result.differences():
        yield f"{difference.cell} - {difference.other}: {_judge(result, difference)}"


def _judge(result: Comparison, difference: CellDifference) -> str:
    if difference.mean is None:
        return "no seed has both scores"
    said = f"{difference.mean:+.3g}"
    if difference.interval is not None:
        low, high = difference.interval
        said += f" (95 % interval {low:+.3g} to {high:+.3g})"
    if difference.larger is None:
        why = "a training has no score"
        if difference.count < FEWEST:
            why = f"{counted(difference.count, 'seed')}, and it takes {FEWEST}"
        return f"{said}; nothing can be told: {why}"
    if not difference.larger:
        return f"{said}; not larger than chance"
    better = difference.cell if (difference.mean < 0) == result.lower else difference.other
    return f"{said}; larger than chance: {better} is better"


def write_latex(result: Comparison) -> str:
    r"""Return a table for a paper, which needs the package booktabs.

    >>> print(write_latex(Comparison("classify", ("a_b", "c"), (1,))).splitlines()[2])
    cell & score & parameters & updates & time \\
    """
    head, *rows = ([_escape(text).replace("±", r"$\pm$") for text in row] for row in table_rows(result))
    lines = [" & ".join(row) + r" \\" for row in (head, *rows)]
    notes = [describe_scores(result), *describe_differences(result)]
    return "\n".join(
        [
            r"\begin{tabular}{lrrrr}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            *(f"% {' '.join(note.split())}" for note in notes),
        ]
    )


def _escape(text: str) -> str:
    return "".join(_SPECIAL.get(sign, sign) for sign in text)
