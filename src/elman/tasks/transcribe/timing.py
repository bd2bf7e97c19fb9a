"""Say when each word of a text is said, from the outputs of a network that was trained with CTC and from its sound.

CTC leaves it to a network when it writes a word: one that has to hear a word to its end writes it late, and one that
hears a sound from both ends may write it long before it is said. So a training ends with measuring by how much
(:func:`find_delay`), and the steps are moved by that. They tell which stretch of sound is a word; where that stretch
begins and ends, the sound tells: a frame sounds where its energy is clearly above that of the pauses. A word whose
steps lie in a pause belongs to the nearest sound. Between two words without a pause the border lies in the middle
between what is written of both. A word's characters have their proportions from the steps at which they are written.

>>> place_words([range(8, 12), range(16, 20)], np.array([False] * 3 + [True] * 6 + [False] * 4 + [True] * 9))
[range(3, 9), range(13, 22)]
"""

import itertools
from collections.abc import Iterable, Sequence

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
_MOST_DELAY = 150
"""Frames."""
_AGREEMENT = 0.98
"""Share of the largest agreement that a delay must have to count."""
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
    spans = find_spans(aligned, [own for _, own in places])
    placed = spans
    if energies is not None:
        placed = place_words([_move(span, encoder.delay, len(energies)) for span in spans], find_sound(energies))
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


def find_spans(aligned: Sequence[AlignedUnit], words: Sequence[range]) -> list[range]:
    """Return the frames at which words are written.

    Args:
        aligned: all units of a text with the steps at which they are written.
        words: which of the units are those of each.
    """
    return [range(aligned[own[0]].first * SUBSAMPLING, aligned[own[-1]].behind * SUBSAMPLING) for own in words]


def find_delay(written: Iterable[tuple[Sequence[range], NDArray[np.bool_]]]) -> int:
    """Return how many frames after its sound a unit is written, on the average of some utterances; below 0, before it.

    It is the delay with which most of what is written falls on sound and least into pauses; of a stretch of equally
    good ones, the middle.

    Args:
        written: of each utterance the frames at which words are written, and which frames sound.
    """
    agreement = np.zeros(2 * _MOST_DELAY + 1)
    for spans, sounds in written:
        marks = np.zeros(len(sounds))
        for span in spans:
            marks[span.start : span.stop] = 1.0
        share = sounds.mean()
        padded = np.pad(sounds - share, _MOST_DELAY, constant_values=-share)  # there is silence before and behind
        # A mark at t with the delay d belongs to the sound at t − d.
        agreement += np.correlate(padded, marks, "valid")[::-1]
    good = np.flatnonzero(agreement >= _AGREEMENT * agreement.max())
    best = int(agreement.argmax())
    first = last = best
    while first - 1 in good:
        first -= 1
    while last + 1 in good:
        last += 1
    return (first + last) // 2 - _MOST_DELAY if agreement.max() > 0 else 0


def _move(span: range, delay: int, frames: int) -> range:
    """Return frames without a delay, within the sound."""
    first = min(max(0, span.start - delay), frames - 1)
    return range(first, max(first + 1, min(frames, span.stop - delay)))


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
        begin = max(earliest, span.start)
        own = begin + np.flatnonzero(sounds[begin : span.stop])
        if not len(own):
            # Sound that the next word is written on is its own.
            free = following.start
            while free > begin and free < len(sounds) and sounds[free] and sounds[free - 1]:
                free -= 1
            near = earliest + np.flatnonzero(sounds[earliest:free])
            own = near[np.abs(near - begin).argmin() :][:1] if len(near) else near
        if len(own):
            first, behind = int(own[0]), int(own[-1]) + 1
            while first > earliest and sounds[first - 1]:
                first -= 1
            while behind < following.start and sounds[behind]:
                behind += 1
            if behind == following.start < len(sounds):
                behind = (max(int(own[-1]) + 1, first + 1) + following.start) // 2
        else:
            first, behind = begin, max(begin + 1, span.stop)
        found.append(range(first, behind))
        earliest = behind
    return found
