"""Write pieces for a guitar as MIDI: a slow melody over broken chords, drawn by a few rules.

    python bench/scores/arpeggios.py FOLDER [--count 120] [--seed 1]

A piece has 8 bars of eighths, in one of twelve keys. Each bar has a chord of a major key, of four that follow each
other as I, vi, IV, V, or in another of three orders; its notes are broken upwards or down and up, the same way in the
whole piece. The melody has a note every half bar, of the chord, a step away from the last where there is one.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from elman.data.music.midi import write_midi
from elman.data.music.piece import Piece, Playing, SoundingNote, join_notes

GRID, BARS = 8, 8
_ORDERS = ((0, 5, 3, 4), (0, 3, 4, 0), (5, 3, 0, 4), (0, 4, 5, 3))
_SCALE = (0, 2, 4, 5, 7, 9, 11)
_WAYS = ((0, 1, 2, 3, 0, 1, 2, 3), (0, 1, 2, 3, 2, 1, 2, 3), (0, 2, 1, 2, 3, 2, 1, 2))
_LOWEST, _HIGHEST = 40, 76


def write_arpeggios(folder: Path, count: int, seed: int) -> None:
    """Write so many pieces as MIDI files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        notes = draw_arpeggio(random.Random(f"{seed} {number}"))  # noqa: S311 - the same pieces must come back
        frames = join_notes(notes, GRID * BARS)
        (folder / f"{number:03}.mid").write_bytes(write_midi(frames, Playing(tempo=96, program=24), GRID))


def draw_arpeggio(drawn: random.Random) -> list[SoundingNote]:
    """Draw the notes of a piece."""
    key, order, way = drawn.randrange(12), drawn.choice(_ORDERS), drawn.choice(_WAYS)
    notes, melody = [], 64 + key % 5
    for bar in range(BARS):
        degree = order[bar % 4]
        chord = [(key + _SCALE[(degree + step) % 7]) % 12 for step in (0, 2, 4)]
        bass = next(pitch for pitch in range(_LOWEST, 53) if pitch % 12 == chord[0])
        middle = [pitch for pitch in range(52, 66) if pitch % 12 in chord][:3]
        broken = [bass, *middle]
        for step, place in enumerate(way):
            start = GRID * bar + step
            notes.append(SoundingNote(start, start + 1, broken[place], 70 if step % 4 else 84))
        for half in (0, 4):
            above = [pitch for pitch in range(middle[-1] + 1, _HIGHEST + 1) if pitch % 12 in chord]
            near = sorted(above, key=lambda pitch: abs(pitch - melody))[:3]
            melody = drawn.choice(near)
            notes.append(SoundingNote(GRID * bar + half, GRID * bar + half + 4, melody, 96))
    return notes


def write_chorales(pieces: Sequence[Piece], folder: Path) -> None:
    """Write piano rolls of quarter notes as MIDI files: what sounds in two frames one after the other is held."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, piece in enumerate(pieces):
        notes: list[SoundingNote] = []
        sounding: dict[int, int] = {}
        for place in range(len(piece) + 1):
            now = set(piece.pitches(place)) if place < len(piece) else set()
            ended = [pitch for pitch in sounding if pitch not in now]
            notes += [SoundingNote(sounding.pop(pitch), place, pitch, 80) for pitch in ended]
            for pitch in now:
                sounding.setdefault(pitch, place)
        frames = join_notes(notes, len(piece))
        (folder / f"{number:03}.mid").write_bytes(write_midi(frames, Playing(tempo=80), 4))


def main() -> None:
    """Write the pieces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write_arpeggios(options.folder, options.count, options.seed)


if __name__ == "__main__":
    main()
