"""Read all sounds of some speech once: durations, rates, channels, and what is wrong with them.

>>> import tempfile, soundfile
>>> from pathlib import Path
>>> from elman.data.speech.utterance import Utterance
>>> with tempfile.TemporaryDirectory() as folder:
...     soundfile.write(f"{folder}/a.wav", np.zeros((8000, 2)), 8000)
...     found = survey(UtteranceSet("a.csv", [Utterance(Path(folder, "a.wav"), "so good", "a.csv line 2")]))
>>> found.notes()[0]
'1.0 s of sound at 8,000 samples a second, 1.0 s in an utterance (median), 1.0 s at most.'
>>> found.notes()[1]
'In 1 utterance several channels are mixed to one: a.csv line 2.'
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from elman.data.dataset import Sound
from elman.data.speech.utterance import UtteranceSet
from elman.errors import DataError
from elman.phrases import format_duration, name_some

_FULL = 0.9995  # of the range; 32,752 of 16 bits
_RUN = 3  # samples at the limit, one after the other: a sine of full scale has fewer
_MOST_CLIPPED = 1e-3
_SHORTEST = 0.99  # of what the header promises; MP3 pads its ends
_MOST_NAMED = 5


@dataclass
class SpeechSurvey:
    """What was found in the sounds, or the frames, of some utterances.

    Attributes:
        name: what messages call the data.
        places: the file and line of each utterance.
        lengths: samples or frames of each.
        rates: samples a second of each; None for frames.
        size: numbers of a frame; None for sounds.
        mixed: those of several channels.
        clipped: those whose loudest parts are cut off.
        short: those that end before their header says.
    """

    name: str
    places: Sequence[str]
    lengths: list[int] = field(default_factory=list)
    rates: list[int | None] = field(default_factory=list)
    size: int | None = None
    mixed: list[int] = field(default_factory=list)
    clipped: list[int] = field(default_factory=list)
    short: list[int] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        """The duration of each utterance; none for frames, whose distance in time no file records."""
        return [length / rate for length, rate in zip(self.lengths, self.rates, strict=True) if rate]

    def notes(self) -> list[str]:
        """Say what was found, in sentences for the user."""
        if not self.seconds:
            median = f"{np.median(self.lengths):,.0f} in an utterance (median), {max(self.lengths):,} at most"
            return [f"{sum(self.lengths):,} frames of {self.size} numbers, {median}."]
        (usual, _), *others = Counter(self.rates).most_common()
        total, median, most = map(_duration, (sum(self.seconds), float(np.median(self.seconds)), max(self.seconds)))
        first = f"{total} of sound at {usual:,} samples a second, {median} in an utterance (median), {most} at most."
        rates = ", ".join(f"{rate:,}" for rate, _ in others)
        different = [number for number, rate in enumerate(self.rates) if rate != usual]
        lists = (
            (different, f"the rate is another, {rates} samples a second; they are resampled"),
            (self.mixed, "several channels are mixed to one"),
            (self.clipped, "the loudest parts are clipped"),
            (self.short, "the sound ends before its header says"),
        )
        noticed = [
            f"In {len(found):,} {'utterance' if len(found) == 1 else 'utterances'} {what}: {self._name(found)}."
            for found, what in lists
            if found
        ]
        return [first, *noticed]

    def _name(self, numbers: Sequence[int]) -> str:
        return name_some([self.places[number] for number in numbers], _MOST_NAMED)


def survey(speech: UtteranceSet, on_progress: Callable[[int, int], None] | None = None) -> SpeechSurvey:
    """Read every utterance.

    Args:
        speech: the utterances.
        on_progress: called with (utterances read, utterances in all).

    Raises:
        DataError: some cannot be read, or frames have different sizes; the message has the reason for the first, and
            names the others.
    """
    found = SpeechSurvey(speech.name, [one.where for one in speech.utterances])
    wrong: dict[int, str] = {}
    for number in range(len(speech)):
        try:
            _add(found, speech, number)
        except DataError as error:
            wrong[number] = str(error)
        if on_progress is not None:
            on_progress(number + 1, len(speech))
    if wrong:
        first, *others = wrong
        count = "1 utterance more is" if len(others) == 1 else f"{len(others):,} utterances more are"
        named = name_some([found.places[number] for number in others], _MOST_NAMED)
        raise DataError(f"{wrong[first]} {count} wrong: {named}." if others else wrong[first])
    return found


def _add(found: SpeechSurvey, speech: UtteranceSet, number: int) -> None:
    read = speech.read(number)
    if not isinstance(read, Sound):
        found.size = found.size or read.shape[1]
        if read.shape[1] != found.size:
            raise DataError(
                f"{found.places[number]}: {speech.utterances[number].place} has frames of {read.shape[1]} numbers, and "
                f"others have {found.size}. Give all the same."
            )
        found.lengths.append(len(read))
        found.rates.append(None)
        return
    header = speech.measure(number)
    found.lengths.append(len(read.samples))
    found.rates.append(read.rate)
    lists = (
        (found.mixed, header.channels > 1),
        (found.clipped, share_clipped(read.samples) > _MOST_CLIPPED),
        (found.short, len(read.samples) < _SHORTEST * header.samples),
    )
    for numbers, is_one in lists:
        if is_one:
            numbers.append(number)


def share_clipped(samples: NDArray[np.float32]) -> float:
    """Return the share of samples that are clipped: three or more in a row, at the end of the range.

    >>> share_clipped(np.array([0, 1, 1, 1, 0, 1, 0, -1], np.float32))
    0.375
    """
    at_limit = np.abs(samples) >= _FULL
    edges = np.flatnonzero(np.diff(at_limit, prepend=False, append=False))
    runs = edges[1::2] - edges[::2]
    return int(runs[runs >= _RUN].sum()) / len(samples)


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else format_duration(seconds)
