"""The scores of transcripts for the terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from elman.phrases import printable
from elman.scores.errors import ErrorRate
from elman.tasks.contract import Rows
from elman.tasks.transcribe.scores import SpeechScores


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


def worst_rows(worst: Sequence[Mapping[str, str]]) -> Iterator[Rows | RenderableType]:
    """Write the worst transcripts, one below the other."""
    for one in worst:
        yield Text("")
        yield [(name, printable(one[name])) for name in ("where", "said", "written")]
