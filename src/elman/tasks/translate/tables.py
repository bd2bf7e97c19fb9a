"""The scores of translations for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.console import RenderableType
from rich.text import Text

from elman.phrases import printable
from elman.scores.comparison import Difference
from elman.scores.errors import ErrorRate
from elman.scores.tables import plain_table, titled
from elman.scores.translations import TextScores
from elman.tasks.contract import Rows


class LengthScores(NamedTuple):
    """Scores of the translations of sources of some lengths."""

    shortest: int
    longest: int
    pairs: int
    bleu: float
    chrf: float
    exact: float


def translation_rows(scores: TextScores, rates: Sequence[ErrorRate] = ()) -> Rows:
    """Write scores, and error rates where there are some.

    >>> found = TextScores(40.0, 41.0, 60.0, 0.25, 8, (39.0, 41.0), (59.0, 61.0), "nrefs:1")
    >>> translation_rows(found)[0]
    ('BLEU', '40.0 (95 % interval 39.0 to 41.0); lower case 41.0')
    """
    (low, high), (least, most) = scores.interval, scores.chrf_interval
    return [
        ("BLEU", f"{scores.bleu:.1f} (95 % interval {low:.1f} to {high:.1f}); lower case {scores.bleu_lc:.1f}"),
        ("chrF", f"{scores.chrf:.1f} (95 % interval {least:.1f} to {most:.1f})"),
        *((rate.name, _write_rate(rate)) for rate in rates),
        ("exact", f"{scores.exact:.1%} of {scores.count:,}"),
        ("signature", scores.signature),
    ]


def _write_rate(rate: ErrorRate) -> str:
    shown = "–" if rate.rate is None else f"{rate.rate:.1%}"
    within = "" if rate.interval is None else f" (95 % interval {rate.interval[0]:.1%} to {rate.interval[1]:.1%})"
    return (
        f"{shown}{within}: {rate.substitutions:,} substituted, {rate.deletions:,} deleted, {rate.insertions:,} inserted"
    )


def length_table(parts: Sequence[LengthScores], units: str) -> RenderableType:
    """Lay out scores by the length of sources."""
    table = plain_table()
    for name in (units, "pairs", "BLEU", "chrF", "exact"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in parts:
        span = f"{part.shortest:,}" if part.shortest == part.longest else f"{part.shortest:,} to {part.longest:,}"
        table.add_row(span, f"{part.pairs:,}", f"{part.bleu:.1f}", f"{part.chrf:.1f}", f"{part.exact:.1%}")
    return titled("By the length of the source:", table)


def difference_table(name: str, differences: Sequence[Difference]) -> RenderableType:
    """Lay out how much better a model is than another."""
    table = plain_table("")
    for head in ("here", "there", "difference", "95 % interval", "p"):
        table.add_column(head, justify="right", no_wrap=True)
    for one in differences:
        low, high = one.interval
        cells = (f"{one.ours:.1f}", f"{one.others:.1f}", f"{one.difference:+.1f}", f"{low:+.1f} to {high:+.1f}")
        table.add_row(one.measure, *cells, f"{one.p:.3f}")
    return titled(f"Against {printable(name)}:", table)


def worst_rows(worst: Sequence[Mapping[str, str]]) -> Iterator[Rows | RenderableType]:
    """Write the worst translations, one below the other."""
    for one in worst:
        yield Text("")
        yield [(name, printable(one[name])) for name in ("where", "source", "target", "written")]
