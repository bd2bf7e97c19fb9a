"""Say when each word of a text is said, from the outputs of a network that was trained with CTC and from its sound.

CTC leaves it to a network when it writes a word, and a network that has to hear a word to its end writes it late. What
it writes tells which stretch of sound is a word; where that stretch begins and ends, the sound tells: a frame sounds
where its energy is clearly above that of the pauses. A word whose steps lie in a pause
belongs to the sound before them. Between two words without a pause the border lies in the middle between what is
written of both. A word's characters have their proportions from the steps at which they are written.

>>> place_words([range(8, 12), range(16, 20)], np.array([False] * 3 + [True] * 6 + [False] * 4 + [True] * 9))
[range(3, 9), range(13, 22)]
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.decoding.ctc.lattice import AlignedUnit, join
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.module import SUBSAMPLING
from elman.tasks.transcribe.spoken import SpokenUnit, SpokenWord

_PAUSES, _SPEECH = 5, 95
"""Percentiles of the energy of the frames of an utterance: that of its pauses, and that of its speech."""
_SOUNDS = 0.35
"""Share of the way from one to the other above which a frame sounds: good for the joined digits learnt from."""
_CLOSURE = 8
"""Frames of less silence are part of a word, such as before a p, t or k."""


def find_words(units: Sequence[int], encoder: SpeechEncoder) -> list[tuple[str, range]]:
    """Return the words of a text, and which of its units are those of each."""
    places, first = [], 0
    for behind in range(len(units) + 1):
        is_space = behind < len(units) and units[behind] == encoder.space
        if behind == len(units) or is_space or units[behind] in encoder.begins:
            if behind > first:
                places.append((encoder.decode(units[first:behind]), range(first, behind)))
            first = behind + is_space
    return places


def time_words(
    aligned: Sequence[AlignedUnit],
    places: Sequence[tuple[str, range]],
    encoder: SpeechEncoder,
    energies: NDArray[np.float32] | None,
    seconds: float | None,
) -> tuple[SpokenWord, ...]:
    """Say when words are said.

    Args:
        aligned: all units of a text with the steps at which they are written.
        places: each word, and which of the units are its own, at least one.
        encoder: of the text.
        energies: (T,) ln of the energy of each frame of the sound; None for frames that were given, where the steps
            alone count.
        seconds: the length of the sound; None where it is not known.
    """
    wholes = [join([aligned[place] for place in own]) for _, own in places]
    spans = [range(one.first * SUBSAMPLING, one.behind * SUBSAMPLING) for one in wholes]
    placed = spans if energies is None else place_words(spans, find_sound(energies))
    words = []
    for (word, own), span, frames, whole in zip(places, spans, placed, wholes, strict=True):
        scale = len(frames) / len(span)
        starts = [frames.start + (aligned[place].first * SUBSAMPLING - span.start) * scale for place in own]
        times = [encoder.time_of(at, seconds) for at in (*starts, frames.stop)]
        units = [
            SpokenUnit(encoder.decode(aligned[place].units), start, end)
            for place, start, end in zip(own, times[:-1], times[1:], strict=True)
        ]
        words.append(SpokenWord(word, times[0], times[-1], whole.confidence, tuple(units)))
    return tuple(words)


def find_sound(energies: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which frames sound, (T,); short silences between two of them count as sound.

    Args:
        energies: (T,) ln of the energy of each frame.
    """
    low, high = np.percentile(energies, (_PAUSES, _SPEECH))
    sounds: NDArray[np.bool_] = energies > low + _SOUNDS * (high - low)
    loud = np.flatnonzero(sounds)
    for before, after in itertools.pairwise(loud):
        if after - before <= _CLOSURE:
            sounds[before:after] = True
    return sounds


def place_words(spans: Sequence[range], sounds: NDArray[np.bool_]) -> list[range]:
    """Return the frames of each word.

    Args:
        spans: the frames at which each word is written, in order, none empty.
        sounds: (T,) which frames sound.
    """
    found: list[range] = []
    earliest = 0
    end = range(len(sounds), len(sounds) + 1)
    for span, following in itertools.pairwise([*spans, end]):
        own = span.start + np.flatnonzero(sounds[span.start : span.stop])
        if not len(own):
            own = earliest + np.flatnonzero(sounds[earliest : span.start])[-1:]
        if len(own):
            first, behind = int(own[0]), int(own[-1]) + 1
            while first > earliest and sounds[first - 1]:
                first -= 1
            while behind < following.start and sounds[behind]:
                behind += 1
            if behind == following.start < len(sounds):
                behind = (max(int(own[-1]) + 1, first + 1) + following.start) // 2
        else:
            first, behind = span.start, span.stop
        found.append(range(first, behind))
        earliest = behind
    return found
