"""Take sounds as callers give them in Python: paths, sounds, or frames.

>>> speech = as_speech([np.zeros((9, 13), np.float32)], ["so good"])
>>> speech.utterances[0].transcript, speech.read(0).shape
('so good', (9, 13))
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.dataset import Sound
from elman.data.formats import features
from elman.data.formats.sound import SoundHeader
from elman.data.speech.utterance import Utterance, UtteranceSet, tidy
from elman.errors import DataError
from elman.paths import check_path

Heard = str | PathLike[str] | Sound | NDArray[Any]
"""The path of a sound or of frames, a sound, or frames (T, D)."""


@dataclass(frozen=True)
class GivenSpeech(UtteranceSet):
    """Utterances of which some were given in memory.

    Attributes:
        given: these, by what messages call them.
    """

    given: Mapping[str, Sound | NDArray[np.float32]] = field(default_factory=dict)

    def read(self, index: int) -> Sound | NDArray[np.float32]:
        """Return the sound or the frames that were given, or read them."""
        found = self.given.get(self.utterances[index].where)
        return super().read(index) if found is None else found

    def blocks(self, index: int) -> Iterator[Sound]:
        """Return the sound that was given as one block, or read it."""
        found = self.given.get(self.utterances[index].where)
        return iter([found]) if isinstance(found, Sound) else super().blocks(index)

    def measure(self, index: int) -> SoundHeader:
        """Return the length, rate and channels of a sound."""
        found = self.given.get(self.utterances[index].where)
        return SoundHeader(len(found.samples), found.rate, 1) if isinstance(found, Sound) else super().measure(index)


def as_speech(
    sounds: Sequence[Heard], texts: Sequence[str] | None = None, speakers: Sequence[str] | None = None
) -> GivenSpeech:
    """Make utterances.

    Args:
        sounds: the path of each, a sound, or frames (T, D).
        texts: what is said in each; None where it is not known.
        speakers: of each; None where they are not known.

    Raises:
        DataError: there is none, one is something else or not finite, or there are not as many texts or speakers.
    """
    if isinstance(sounds, str | PathLike | Sound) or not len(sounds):
        raise DataError("There is no list of sounds. Give a list of paths, of sounds, or of frames (T, D).")
    for what, other in (("transcripts", texts), ("speakers", speakers)):
        if other is not None and len(other) != len(sounds):
            raise DataError(f"There are {len(sounds)} sounds and {len(other)} {what}. Give as many.")
    utterances: list[Utterance] = []
    given: dict[str, Sound | NDArray[np.float32]] = {}
    for number, one in enumerate(sounds):
        where = f"sound {number + 1}"
        audio = Path(where)
        if isinstance(one, str | PathLike):
            audio = check_path(one, "a sound")
            where = str(audio)
        elif isinstance(one, Sound):
            given[where] = _check(one, where)
        elif isinstance(one, np.ndarray) and one.ndim == 2:
            given[where], audio = features.as_steps(one, where), audio.with_suffix(".npy")
        else:
            raise DataError(f"{where} is no path, no Sound, and no array (T, D). Give one of them.")
        text = "" if texts is None else tidy(texts[number])
        utterances.append(Utterance(audio, text, where, None if speakers is None else speakers[number]))
    return GivenSpeech("sounds", utterances, given=given)


def _check(sound: Sound, where: str) -> Sound:
    if sound.samples.ndim != 1 or not len(sound.samples) or not np.isfinite(sound.samples).all():
        raise DataError(f"{where} is no row of finite samples. Give at least one.")
    return sound
