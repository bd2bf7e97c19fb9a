"""The scores of transcripts: error rates of characters and of words.

>>> found = score_transcripts(["so good", "yes"], ["so good", "no"])
>>> found.said(), round(found.wer.rate, 2)
('CER 33.3%', 0.33)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elman.scores.errors import ErrorRate, score_errors


@dataclass(frozen=True)
class SpeechScores:
    """The scores of transcripts.

    Attributes:
        cer: the error rate of characters, by which models are compared.
        wer: that of words.
    """

    cer: ErrorRate
    wer: ErrorRate

    @property
    def measure(self) -> str:
        """Name the rate that models are compared by."""
        return self.cer.name

    @property
    def quality(self) -> float:
        """Return the rate of characters with the other sign, so that more is better."""
        return -(self.cer.rate or 0.0)

    def write(self, quality: float) -> str:
        """Write a quality as a rate."""
        return f"{-quality:.1%}"

    def differs(self, quality: float) -> bool:
        """Check whether a quality is outside the 95 % interval of this one; without an interval, whether it differs."""
        if self.cer.interval is None:
            return quality != self.quality
        low, high = self.cer.interval
        return not low <= -quality <= high

    def constant(self) -> str:
        """Return nothing: the most frequent transcript is compared by itself."""
        return ""

    def said(self) -> str:
        """Write the score in a few words."""
        return f"{self.measure} {self.write(self.quality)}"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {"cer": self.cer.to_dict(), "wer": self.wer.to_dict()}


def score_transcripts(
    texts: Sequence[str], references: Sequence[str], speakers: Sequence[str | None] | None = None
) -> SpeechScores:
    """Count the errors of transcripts.

    Args:
        texts: what was written.
        references: what is said.
        speakers: of each; the intervals draw all utterances of a speaker together. None, or a single speaker, draws
            utterances.

    Raises:
        ConfigError: jiwer is not installed.
        DataError: there are no texts, or not as many references.
    """
    groups = None
    if speakers is not None and len(set(speakers)) > 1:
        groups = [number if one is None else one for number, one in enumerate(speakers)]
    cer, wer = (score_errors(texts, references, unit=unit, groups=groups) for unit in ("character", "word"))
    return SpeechScores(cer, wer)
