"""Cut long recordings at their pauses, so that an hour is written in the memory of some pieces.

A piece has 30 seconds at most. Its end is looked for in the last 20 of them: the middle of the quietest third of a
second. Recordings of up to 30 seconds are never cut.

>>> sound = np.random.default_rng(1).normal(size=40 * 1000).astype(np.float32)
>>> sound[20000:20600] = 0
>>> [(start, len(piece)) for start, piece in cut_at_pauses([sound], rate=1000)]
[(0, 20150), (20150, 19850)]
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

MOST_SECONDS = 30.0
"""The longest piece, and the longest recording that is not cut."""

_LEAST_SECONDS = 10.0
_PAUSE = 0.3  # seconds; the gaps inside of words are shorter
_SLOT = 0.01  # seconds over which energy is measured


def cut_at_pauses(blocks: Iterable[NDArray[np.float32]], rate: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the pieces of a sound, each with the number of its first sample; where they are cut is its own alone.

    Args:
        blocks: its samples, in blocks of any size.
        rate: samples a second.
    """
    most, start = round(MOST_SECONDS * rate), 0
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) > most:
            cut = find_pause(held[:most], rate)
            yield start, held[:cut]
            held, start = held[cut:], start + cut
    if len(held):
        yield start, held


def find_pause(samples: NDArray[np.float32], rate: int) -> int:
    """Return the middle of the quietest pause in samples (N,), 10 seconds or more from their beginning.

    Of equally quiet ones the first is taken. A constant offset is no energy.
    """
    slot = max(1, round(_SLOT * rate))
    slots = samples[: len(samples) // slot * slot].reshape(-1, slot)
    # A sample alone has no deviation; where a slot has so few, its own size must do.
    energies = slots.var(axis=1, dtype=np.float64) if slot > 1 else (slots[:, 0] - samples.mean(dtype=np.float64)) ** 2
    width = max(1, round(_PAUSE * rate / slot))
    sums = np.convolve(energies, np.ones(width), "valid")
    least = min(round(_LEAST_SECONDS * rate / slot), len(sums) - 1)
    quietest = least + int(sums[least:].argmin())
    return int((quietest + width / 2) * slot)
