"""An utterance: a recording, or a part of one, and what is said in it; and a set of them.

>>> Utterance(Path("a.wav"), "so good", "a.csv line 2", start=1.5, end=3.0).place
'a.wav from 1.5 s to 3 s'
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.data.dataset import Sound
from elman.data.examples.arrays import Arrays
from elman.data.formats import features
from elman.data.formats.sound import SoundHeader, measure_sound, read_blocks, read_sound
from elman.errors import DataError

# Times in lists are rounded, and lists may count the frames of features: Kaldi accepts as much.
_MOST_BEHIND_THE_END = 0.5  # seconds


@dataclass(frozen=True)
class Utterance:
    """A recording, or a part of one, with its transcript.

    Attributes:
        audio: the file of the sound or of its frames.
        transcript: what is said, single spaces between words; empty where nothing is.
        where: the file, and the line in it, that names both.
        speaker: who speaks; None where it is not known.
        start: where the utterance begins in the file, in seconds.
        end: where it ends, in seconds; None for the end of the file.
        row: its number in a file of many examples; None in a file of its own.
    """

    audio: Path
    transcript: str
    where: str
    speaker: str | None = None
    start: float = 0.0
    end: float | None = None
    row: int | None = None

    @property
    def is_sound(self) -> bool:
        """Whether the file holds samples, and not frames of features."""
        return self.audio.suffix.lower() not in features.SUFFIXES

    @property
    def is_cepstra(self) -> bool:
        """Whether the file holds mel cepstra, as `.mfc` files do."""
        return self.audio.suffix.lower() == ".mfc"

    @property
    def place(self) -> str:
        """The file and the part of it, for messages."""
        if self.row is not None:
            return f"{self.audio} example {self.row}"
        if self.start == 0 and self.end is None:
            return str(self.audio)
        return f"{self.audio} from {self.start:g} s" + ("" if self.end is None else f" to {self.end:g} s")


@dataclass(frozen=True)
class UtteranceSet:
    """Utterances in their order.

    Attributes:
        name: what messages call the data.
        utterances: all of one kind, of sound or of frames.
        notes: what was inferred, in sentences for the user.
        packed: the frames of utterances with a `row`, by file.
    """

    name: str
    utterances: Sequence[Utterance]
    notes: Sequence[str] = ()
    packed: Sequence[Arrays] = ()

    def __len__(self) -> int:
        return len(self.utterances)

    @cached_property
    def speakers(self) -> list[str | None]:
        """The speaker of each: none may be on both sides of a split."""
        return [one.speaker for one in self.utterances]

    def read(self, index: int) -> Sound | NDArray[np.float32]:
        """Read the sound of one utterance, or its frames (T, D).

        Raises:
            DataError: it cannot be read, or its part is not in the file; the message names the list and its line.
        """
        one = self.utterances[index]
        try:
            if one.row is not None:
                arrays = next(arrays for arrays in self.packed if arrays.name == str(one.audio))
                frames: NDArray[np.float32] = next(iter(arrays[one.row].values.values()))
                return frames
            if not one.is_sound:
                return features.read_features(one.audio)
            if one.start == 0 and one.end is None:
                return read_sound(one.audio)
            return read_sound(one.audio, *_samples_of(one, measure_sound(one.audio)))
        except DataError as error:
            raise DataError(str(error) if one.where in str(error) else f"{one.where}: {error}") from error

    def blocks(self, index: int) -> Iterator[Sound]:
        """Read the sound of one utterance, of any length, in blocks of about a million samples.

        Raises:
            DataError: see :meth:`read`.
        """
        one = self.utterances[index]
        part = () if one.start == 0 and one.end is None else _samples_of(one, measure_sound(one.audio))
        try:
            yield from read_blocks(one.audio, *part)
        except DataError as error:
            raise DataError(str(error) if one.where in str(error) else f"{one.where}: {error}") from error

    def measure(self, index: int) -> SoundHeader:
        """Return the length, rate and channels of one utterance from the header of its sound.

        Raises:
            DataError: see :meth:`read`.
        """
        one = self.utterances[index]
        try:
            header = measure_sound(one.audio)
            first, behind = _samples_of(one, header)
        except DataError as error:
            raise DataError(str(error) if one.where in str(error) else f"{one.where}: {error}") from error
        return SoundHeader(behind - first, header.rate, header.channels)


def tidy(text: str) -> str:
    r"""Write a transcript with single spaces, none at its ends.

    >>> tidy("  so \n good ")
    'so good'
    """
    return " ".join(text.split())


def _samples_of(one: Utterance, header: SoundHeader) -> tuple[int, int]:
    """Return the first sample of an utterance and the one behind its last."""
    first = round(one.start * header.rate)
    behind = header.samples if one.end is None else round(one.end * header.rate)
    over = behind - header.samples
    if first < 0 or first >= header.samples or over > _MOST_BEHIND_THE_END * header.rate:
        raise DataError(f"{one.place} is outside the sound, which has {header.seconds:.2f} s. Correct the times.")
    behind = min(behind, header.samples)
    if behind <= first:
        raise DataError(f"{one.place} has no sample in it. Correct the times.")
    return first, behind
