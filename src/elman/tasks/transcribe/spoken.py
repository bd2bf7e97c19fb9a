"""Hold what is said in a sound: words and characters with their times.

>>> SpokenWord("so", 0.5, 0.81, 0.93).to_dict()
{'word': 'so', 'start': 0.5, 'end': 0.81, 'confidence': 0.93}
"""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class SpokenUnit:
    """A character with its time.

    Attributes:
        text: the character.
        start: where it begins, in the unit of its word.
        end: where it ends.
    """

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class SpokenWord:
    """A word of a transcript, with its time.

    Attributes:
        word: the word.
        start: where it begins: in seconds, or in frames where their distance in time is not known.
        end: where it ends.
        confidence: the geometric mean of the probabilities of its characters, 0 to 1.
        units: its characters in their order, each from where it begins to the next one.
    """

    word: str
    start: float
    end: float
    confidence: float
    units: tuple[SpokenUnit, ...] = ()

    def shift(self, seconds: float) -> "SpokenWord":
        """Return the word as it is said so much later."""
        units = tuple(replace(one, start=seconds + one.start, end=seconds + one.end) for one in self.units)
        return replace(self, start=seconds + self.start, end=seconds + self.end, units=units)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        times = {"start": round(self.start, 3), "end": round(self.end, 3)}
        return {"word": self.word, **times, "confidence": round(self.confidence, 4)}


@dataclass(frozen=True)
class Transcript:
    """What is said in an utterance.

    Attributes:
        text: the words.
        words: each with its time.
        seconds: the length of the sound; None for frames, whose distance in time is not known.
    """

    text: str
    words: tuple[SpokenWord, ...]
    seconds: float | None = None
