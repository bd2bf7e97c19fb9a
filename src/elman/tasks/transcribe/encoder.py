"""Turn speech into frames, and transcripts into units: what a transcriber keeps of its training data.

A sound becomes log-mel energies, frames that are given stay as they are; both are standardised by their own mean and
deviation in each utterance, which takes away what speaker and microphone have in common; where a sound is written as it
arrives, by the mean and deviation of what was heard so far. A unit is a character or a subword; its number is one more
than in the vocabulary, because 0 is the blank.

>>> encoder = SpeechEncoder(None, 13, deltas=True, vocabulary=Characters.of("so good"))
>>> encoder.width, encoder.encode_text("dogs"), encoder.decode([2, 4])
(39, [2, 4, 3, 5], 'do')
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.dataset import Example, Sound
from elman.data.plain import read_plain
from elman.encoders.augmentation import add_noise, mask_times, vary_bands, vary_cepstra, warp_tempo
from elman.encoders.mel import with_deltas
from elman.encoders.normalising import RunningScaling, normalise_utterance
from elman.encoders.sound import Features
from elman.errors import DataError
from elman.tasks.transcribe.subwords import SpokenSubwords, learn_subwords
from elman.vocabulary.characters import Characters
from elman.vocabulary.growth import Growth
from elman.vocabulary.subwords import Subwords

SPEECH = "speech"
"""The name of the sound, or of the frames, among the values of an example."""

_MOST_RATE = 16_000
_MILLISECONDS = 1000


@dataclass(frozen=True)
class SpeechEncoder:
    """An encoder of utterances.

    Attributes:
        features: what is computed from sounds; None where the data are frames.
        size: numbers of a frame, without their slopes.
        deltas: whether slopes are appended.
        vocabulary: the characters of the transcripts.
        cepstra: where the frames are cepstra, the deviation of each coefficient within the training utterances.
        running: how frames are standardised as they arrive; None where each utterance is, as a whole.
        learnt: the subwords that are written, as :class:`elman.vocabulary.subwords.Subwords` has them; None where
            units are characters.
        delay: how many frames after its sound the network writes a unit, on the average; below 0, before it.
    """

    features: Features | None
    size: int
    deltas: bool
    vocabulary: Characters
    cepstra: tuple[float, ...] | None = None
    running: RunningScaling | None = None
    learnt: str | None = None
    delay: int = 0

    def __post_init__(self) -> None:
        if self.running is not None and self.running.start.size != self.size:
            raise DataError("The running mean of this model has another size than its frames. Train it again.")
        if self.size < 1 or (self.features is not None and self.size != self.features.size):
            raise DataError("The frames of this model have another size than its features. Train it again.")
        if self.cepstra is not None and (len(self.cepstra) != self.size or not all(x > 0 for x in self.cepstra)):
            raise DataError("The cepstra of this model have no deviation above 0 for each number. Train it again.")
        _ = self.subwords

    @property
    def width(self) -> int:
        """Count the numbers of a frame that the network reads."""
        return 3 * self.size if self.deltas else self.size

    @cached_property
    def subwords(self) -> SpokenSubwords | None:
        """Return the subwords that are written; None where units are characters."""
        return None if self.learnt is None else SpokenSubwords.of(self.learnt, self.vocabulary.characters)

    @property
    def units(self) -> int:
        """Count the units, the blank among them."""
        return 1 + len(self.subwords or self.vocabulary)

    @property
    def space(self) -> int | None:
        """Return the number of the unit between two words; None where no transcript has one."""
        if self.subwords is not None:
            return 1 + self.subwords.space
        number = self.vocabulary.numbers.get(" ")
        return None if number is None else 1 + number

    @property
    def begins(self) -> frozenset[int]:
        """Return the numbers of units that have a space and the beginning of a word behind it."""
        return frozenset(() if self.subwords is None else (1 + number for number in self.subwords.begins))

    @property
    def spelling(self) -> list[bytes]:
        """Return the bytes of each unit in UTF-8; the blank has none."""
        subwords = self.subwords
        written = [one.encode() for one in self.vocabulary.characters] if subwords is None else subwords.spelling
        return [b"", *written]

    @property
    def seconds_a_frame(self) -> float | None:
        """Return the time from one frame to the next; None for frames that are given, which do not record it."""
        return None if self.features is None else self.features.seconds_a_frame

    def time_of(self, frame: float, seconds: float | None = None) -> float:
        """Return when a frame begins: in seconds, halfway between its middle and that of the one before, or in frames.

        Args:
            frame: its number.
            seconds: the length of the sound, which no time exceeds; None where it is not known.
        """
        if self.features is None:
            return frame
        surplus = max(0.0, self.features.frame - self.features.hop) / _MILLISECONDS
        return min(frame * self.features.seconds_a_frame + surplus / 2, float("inf") if seconds is None else seconds)

    def encode(self, example: Example) -> Tensor:
        """Compute the frames (T, width) of an example.

        Raises:
            DataError: it is a sound and the model reads frames, or the other way round; or its frames have another
                size.
        """
        frames = self.compute(example)
        normalised = normalise_utterance(frames) if self.running is None else self.running.apply(frames)[0]
        return with_deltas(normalised) if self.deltas else normalised

    def compute(self, example: Example) -> NDArray[np.float32]:
        """Compute the frames (T, size) of an example, neither standardised nor with slopes; see :meth:`encode`."""
        given = example.values[SPEECH]
        if isinstance(given, Sound):
            if self.features is None:
                raise DataError(
                    f"{example.where} is sound, and the model reads frames of {self.size} numbers. Give frames."
                )
            frames = self.features.compute(given, example.where).numpy()
        else:
            if self.features is not None:
                raise DataError(f"{example.where} is frames of features, and the model reads sound. Give sound.")
            frames = given
        if frames.shape[1] != self.size:
            raise DataError(
                f"{example.where} has frames of {frames.shape[1]} numbers, and the model reads {self.size}. "
                "Give as many."
            )
        return frames

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:
        """Vary the tempo, and the vocal tract where bands are known; mask stretches of time and bands; add noise."""
        frames = warp_tempo(steps[:, : self.size], randomness)
        if self.features is not None:
            frames = vary_bands(frames, self.size, randomness)
        elif self.cepstra is not None:
            frames = vary_cepstra(frames, torch.tensor(self.cepstra), randomness)
        frames = add_noise(mask_times(frames, randomness), randomness)
        return with_deltas(frames) if self.deltas else frames

    def encode_text(self, text: str) -> list[int]:
        """Return the units of a transcript; characters that the model does not know are left out."""
        if self.subwords is not None:
            return [1 + number for number in self.subwords.encode(text)]
        numbers = self.vocabulary.numbers
        return [1 + numbers[character] for character in text if character in numbers]

    def decode(self, units: Iterable[int]) -> str:
        """Return the text of some units, single spaces between words."""
        if self.subwords is not None:
            return self.subwords.decode(unit - 1 for unit in units)
        return " ".join(self.vocabulary.decode(unit - 1 for unit in units).split())

    def show(self, unit: int) -> str:
        """Write one unit so that its spaces are visible."""
        return (self.subwords or self.vocabulary).show(unit - 1)

    def describe(self) -> str:
        """Describe in one line what is read and written."""
        slopes = " with their slopes" if self.deltas else ""
        if self.features is None:
            read = f"frames of {self.size} numbers{slopes}"
        else:
            read = f"log-mel of {self.size}{slopes}, every {self.features.hop:g} ms, at {self.features.rate:,} Hz"
        known = "".join(self.vocabulary.show(number) for number in range(min(len(self.vocabulary), 60)))
        written = "" if self.subwords is None else f"{len(self.subwords):,} subwords of "
        return f"{read}; {written}{len(self.vocabulary):,} characters: {known}"

    def grown(self, found: "SpeechEncoder", growth: Growth) -> "SpeechEncoder":
        """Return this encoder with the characters that another writes besides; its subwords stay.

        Args:
            found: that of other utterances.
            growth: counts what is new.

        Raises:
            DataError: their frames have another size, or their sounds another rate.
        """
        read, given = (
            f"frames of {one.size} numbers"
            if one.features is None
            else f"sounds of {one.features.rate:,} samples a second"
            for one in (self, found)
        )
        if given != read:
            raise DataError(f"These are {given}, and the model reads {read}. Give such data, or train a new model.")
        known, new = self.vocabulary.characters, found.vocabulary.characters
        return replace(self, vocabulary=Characters.of("".join(growth.join("character", known, new))))

    def labels(self) -> list[Hashable]:
        """Return what each unit stands for: the blank, and a character or the number of a subword."""
        units = self.vocabulary.characters if self.subwords is None else self.subwords.kept
        return [("blank",), *units]

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "features": None if self.features is None else asdict(self.features),
            "size": self.size,
            "deltas": self.deltas,
            "vocabulary": {"characters": self.vocabulary.characters},
            "cepstra": None if self.cepstra is None else list(self.cepstra),
            "running": None if self.running is None else asdict(self.running),
            **({} if self.learnt is None else {"learnt": self.learnt}),
            "delay": self.delay,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SpeechEncoder":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing or of another kind.
        """
        return read_plain(cls, data, "encoder")


def learn_encoder(
    texts: Sequence[str],
    rate: int | None,
    size: int | None,
    *,
    mels: int,
    frame: float,
    hop: float,
    deltas: bool,
    cepstra: tuple[float, ...] | None = None,
    unit: str = Characters.unit,
    most: int | None = None,
) -> SpeechEncoder:
    """Make the encoder of some training utterances.

    Args:
        texts: their transcripts.
        rate: samples a second of their sounds; None for frames.
        size: numbers of a frame where the data are frames.
        mels: bands.
        frame: milliseconds of a frame.
        hop: milliseconds from one to the next.
        deltas: append slopes.
        cepstra: see :class:`SpeechEncoder`.
        unit: `character` or `subword`.
        most: subwords, the 256 bytes included; None chooses by the number of texts.

    Raises:
        DataError: nothing is said in any, or the sounds have too few samples for such frames.
        ConfigError: `most` has no room for the bytes.
    """
    said = "".join(texts)
    if not said:
        raise DataError("Nothing is said in the utterances to learn from. Give some with a transcript.")
    vocabulary = Characters.of(said)
    learnt = learn_subwords(texts, most).vocabulary.learnt if unit == Subwords.unit else None
    if rate is None:
        assert size is not None
        return SpeechEncoder(None, size, deltas, vocabulary, cepstra, learnt=learnt)
    if rate * hop < _MILLISECONDS or rate * frame < 2 * _MILLISECONDS:
        raise DataError(
            f"The sounds have {rate:,} samples a second, too few for frames of {frame:g} ms every {hop:g} ms. Choose a "
            "longer --frame and --hop."
        )
    features = Features("log-mel", min(rate, _MOST_RATE), mels, 2, False, frame, hop)
    return SpeechEncoder(features, mels, deltas, vocabulary, learnt=learnt)


def as_example(given: Sound | np.ndarray[Any, Any], where: str, text: str | None = None) -> Example:
    """Make an example of a sound, or of frames (T, D)."""
    return Example({SPEECH: given}, text, where)
