"""The scores of transcripts for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from elman.phrases import printable
from elman.scores.errors import ErrorRate
from elman.tasks.contract import Rows
from elman.tasks.transcribe.scores import SpeechScores
from elman.tasks.transcribe.tuning import Tuned

_MOST_SPEAKERS = 10


def score_rows(scores: SpeechScores) -> Rows:
    """Write error rates.

    >>> from elman.tasks.transcribe.scores import score_transcripts
    >>> score_rows(score_transcripts(["so gold"], ["so good"]))[1]
    ('WER', '50.0%: 1 substituted, 0 deleted, 0 inserted, of 2')
    """
    whole = scores.wer.count - scores.wer.wrong
    return [
        *((rate.name, write_rate(rate)) for rate in (scores.cer, scores.wer)),
        ("exact", f"{whole:,} of {scores.wer.count:,} utterances"),
    ]


def write_rate(rate: ErrorRate) -> str:
    """Write an error rate with its interval and its errors."""
    shown = "–" if rate.rate is None else f"{rate.rate:.1%}"
    within = "" if rate.interval is None else f" (95 % interval {rate.interval[0]:.1%} to {rate.interval[1]:.1%})"
    errors = f"{rate.substitutions:,} substituted, {rate.deletions:,} deleted, {rate.insertions:,} inserted"
    return f"{shown}{within}: {errors}, of {rate.units:,}"


def tuned_rows(tuned: Tuned) -> Iterator[Rows | RenderableType]:
    """Write what tuning has found, and that it was found on these data."""
    yield [("tuned", f"{tuned.options}, the best of {len(tuned.tried)} pairs that were tried")]
    yield Text("Chosen on these data, so the rates below are too good: measure on others.\n")


def speaker_rows(speakers: Sequence[Mapping[str, Any]]) -> Iterator[Rows | RenderableType]:
    """Write the error rates of the speakers, the worst first."""
    if speakers:
        table = Table("speaker", "utterances", "CER", "WER", box=None, pad_edge=False)
        for column in table.columns[1:]:
            column.justify = "right"
        for one in speakers[:_MOST_SPEAKERS]:
            rates = ("–" if one[name] is None else f"{one[name]:.1%}" for name in ("cer", "wer"))
            table.add_row(printable(one["speaker"]), f"{one['utterances']:,}", *rates)
        yield Text("")
        yield table
        if len(speakers) > _MOST_SPEAKERS:
            yield Text(f"and {len(speakers) - _MOST_SPEAKERS:,} more with fewer errors; --json has all")


def confusion_rows(confused: Sequence[Mapping[str, Any]]) -> Iterator[Rows | RenderableType]:
    """Write the words that are written for others."""
    if confused:
        table = Table("said", "written", "times", box=None, pad_edge=False)
        table.columns[2].justify = "right"
        for one in confused:
            table.add_row(*(printable(one[name]) or "–" for name in ("said", "written")), f"{one['count']:,}")
        yield Text("")
        yield table


def worst_rows(worst: Sequence[Mapping[str, str]]) -> Iterator[Rows | RenderableType]:
    """Write the worst transcripts, one below the other."""
    for one in worst:
        yield Text("")
        yield [(name, printable(one[name])) for name in ("where", "said", "written")]
