"""Join spoken digits to recordings of several words, of which it is known when each begins and ends.

    python -m bench.scores.digits RECORDINGS TARGET [--rounds 3] [--seed 1]

RECORDINGS holds the Free Spoken Digit Dataset, `digit_speaker_index.wav`. TARGET/train gets recordings of the takes 5
to 49, TARGET/test of the takes 0 to 4, as the makers of the set divide it: WAV files, `joined.csv` for
`elman train transcribe`, and `times.csv` with the true times of the words.
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEST, TRAINING = range(5), range(5, 50)
"""Which takes of each digit by each speaker are for what."""

FEWEST, MOST = 3, 7
"""Digits in a recording."""
PAUSES = 0.1, 0.5
"""Seconds of silence before, between and behind the digits, each drawn evenly."""
NOISE = 0.01
"""Standard deviation of the added noise, in that of all samples of the recording: 40 dB below."""
WINDOW = 0.005
FLOOR = 10 ** (-30 / 10)
"""A word lasts from the first to the last window of so many seconds with this share of the energy of the loudest."""


@dataclass(frozen=True)
class JoinedDigits:
    """A recording of several digits.

    Attributes:
        audio: the WAV file.
        speaker: who says all of them.
        words: the digits as words.
        times: where each begins and ends, in seconds.
    """

    audio: Path
    speaker: str
    words: tuple[str, ...]
    times: tuple[tuple[float, float], ...]

    @property
    def text(self) -> str:
        """Return the transcript."""
        return " ".join(self.words)


def join_digits(
    source: Path, target: Path, *, indices: Collection[int], seed: int, rounds: int = 1
) -> list[JoinedDigits]:
    """Write recordings of joined digits, with a table of their transcripts and one of their times.

    In each round each take is used once, and each speaker's takes are put in a random order and cut into recordings.

    Args:
        source: the folder of the single digits.
        target: a folder to write to.
        indices: which takes of each digit are used.
        seed: of the orders, the pauses and the noise; the same seed writes the same files.
        rounds: how often.
    """
    takes: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(source.glob("*.wav")):
        _, speaker, index = file.stem.split("_")
        if int(index) in indices:
            takes[speaker].append(file)
    target.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    found = []
    for turn in range(rounds):
        for speaker, files in takes.items():
            drawn = [files[place] for place in chance.permutation(len(files))]
            for number, some in enumerate(_cut(drawn, chance)):
                audio = target / f"{speaker}_{turn}_{number:03d}.wav"
                times = _write_joined(some, audio, chance)
                words = tuple(WORDS[int(file.stem.split("_")[0])] for file in some)
                found.append(JoinedDigits(audio, speaker, words, times))
    texts = [(one.audio.name, one.text, one.speaker) for one in found]
    _write_table(target / "joined.csv", "audio text speaker", texts)
    rows = [
        (one.audio.name, word, f"{start:.4f}", f"{end:.4f}")
        for one in found
        for word, (start, end) in zip(one.words, one.times, strict=True)
    ]
    _write_table(target / "times.csv", "audio word start end", rows)
    return found


def measure_extent(samples: NDArray[np.float64], rate: int) -> tuple[int, int]:
    """Return the sample at which a clip of a word becomes loud, and that behind which it stays quiet."""
    wide = min(len(samples), max(1, round(WINDOW * rate)))
    energy = np.convolve(samples**2, np.ones(wide), "valid")
    loud = np.flatnonzero(energy >= FLOOR * energy.max())
    # A window counts where its middle is.
    return int(loud[0]) + wide // 2, int(loud[-1]) + wide // 2


def _cut(files: Sequence[Path], chance: np.random.Generator) -> list[Sequence[Path]]:
    """Cut into parts of a random size; no part is too small."""
    parts: list[Sequence[Path]] = []
    place = 0
    while place < len(files):
        left = len(files) - place
        sizes = [size for size in range(FEWEST, MOST + 1) if size == left or size <= left - FEWEST]
        size = int(chance.choice(sizes))
        parts.append(files[place : place + size])
        place += size
    return parts


def _write_joined(files: Sequence[Path], target: Path, chance: np.random.Generator) -> tuple[tuple[float, float], ...]:
    """Write the clips of some files one behind the other, and return when each word begins and ends."""
    rate = soundfile.info(files[0]).samplerate

    def pause() -> NDArray[np.float64]:
        return np.zeros(round(chance.uniform(*PAUSES) * rate))

    pieces, times = [pause()], []
    for file in files:
        clip = soundfile.read(file)[0]
        behind = sum(map(len, pieces))
        start, end = measure_extent(clip, rate)
        times.append(((behind + start) / rate, (behind + end) / rate))
        pieces += [clip, pause()]
    joined = np.concatenate(pieces)
    joined += chance.normal(0, NOISE * joined.std(), len(joined))
    soundfile.write(target, joined.clip(-1, 1), rate, subtype="PCM_16")
    return tuple(times)


def _write_table(path: Path, names: str, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names.split(), *rows])


def main() -> None:
    """Write both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--rounds", type=int, default=3, help="how often each take is used in training")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name, indices, rounds in (("train", TRAINING, options.rounds), ("test", TEST, 1)):
        target = options.target / name
        found = join_digits(options.recordings, target, indices=indices, seed=options.seed, rounds=rounds)
        minutes = sum(soundfile.info(one.audio).duration for one in found) / 60
        print(f"{name:<6} {len(found):,} recordings, {minutes:.1f} minutes: {target / 'joined.csv'}")


if __name__ == "__main__":
    main()
