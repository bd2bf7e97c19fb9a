"""Tune the weight and the bonus of a language model on utterances with transcripts.

One of the two is varied over a list of values while the other stays, in turns, until neither gets better; the network
hears the utterances once. The best has the fewest wrong characters, then words; of equals, it is what came first.

>>> tried = []
>>> def rates(weight, bonus):
...     tried.append((weight, bonus))
...     return abs(weight - 0.7) + abs(bonus - 1.0), 0.0
>>> climb(rates, 0.5, 0.5), len(tried) < 40
((0.7, 1.0), True)
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from elman.decoding.ctc.preferences import Preferences
from elman.encoders.batches import OnProgress
from elman.scores.errors import score_errors
from elman.tasks.transcribe.answering import Outputs, choose_beam, read
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.preferring import BONUS, WEIGHT

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0)
BONUSES = (-1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class Tuned:
    """What tuning has found.

    Attributes:
        weight, bonus: the best.
        tried: each pair with its CER and WER, in the order in which they were tried.
    """

    weight: float
    bonus: float
    tried: tuple[tuple[float, float, float, float], ...]

    @property
    def options(self) -> str:
        """Return the options of the command line."""
        return f"--weight {self.weight:g} --bonus {self.bonus:g}"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        names = ("weight", "bonus", "cer", "wer")
        return {
            "weight": self.weight,
            "bonus": self.bonus,
            "tried": [dict(zip(names, one, strict=True)) for one in self.tried],
        }


def tune(
    heard: Sequence[Outputs],
    transcripts: Sequence[str],
    encoder: SpeechEncoder,
    preferences: Preferences,
    beam: int | None = None,
    on_progress: OnProgress | None = None,
) -> Tuned:
    """Find the weight and the bonus with which the transcripts have the fewest errors.

    Args:
        heard: what the network says of all utterances.
        transcripts: what is said in each.
        encoder: of the transcripts.
        preferences: with a language model.
        beam: see :func:`elman.tasks.transcribe.answering.transcribe`.
        on_progress: called with (pairs tried, pairs that there are).

    Raises:
        ConfigError: see there; or jiwer is not installed.
        DataError: nothing is said.
    """
    width = choose_beam(beam, preferences)
    tried: list[tuple[float, float, float, float]] = []

    def rates(weight: float, bonus: float) -> tuple[float, float]:
        wishes = dataclasses.replace(preferences, weight=weight, bonus=bonus)
        texts = [""] * len(transcripts)
        for few in heard:
            for index, alignment in zip(few.chosen, read(few, width, wishes), strict=True):
                texts[index] = encoder.decode([one.unit for one in alignment.units])
        cer, wer = (score_errors(texts, transcripts, unit=unit).rate or 0.0 for unit in ("character", "word"))
        tried.append((weight, bonus, cer, wer))
        if on_progress is not None:
            on_progress(len(tried), len(WEIGHTS) * len(BONUSES))
        return cer, wer

    weight, bonus = climb(rates, WEIGHT, BONUS)
    return Tuned(weight, bonus, tuple(tried))


def climb(rates: Callable[[float, float], tuple[float, float]], weight: float, bonus: float) -> tuple[float, float]:
    """Vary one of two numbers while the other stays, in turns, until no value of either is better.

    Args:
        rates: what shall be small of a weight and a bonus.
        weight: the first.
        bonus: the first.
    """
    known: dict[tuple[float, float], tuple[float, float]] = {}

    def rank(pair: tuple[float, float]) -> tuple[float, float]:
        if pair not in known:
            known[pair] = rates(*pair)
        return known[pair]

    best = (weight, bonus)
    rank(best)
    while True:
        before = best
        best = min([best, *((one, best[1]) for one in WEIGHTS)], key=rank)
        best = min([best, *((best[0], one) for one in BONUSES)], key=rank)
        if best == before:
            return best
