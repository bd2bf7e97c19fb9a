"""Draw a piece as a piano roll: time across in bars, pitches up, and what was given in another colour.

>>> import pathlib, tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     picture = pathlib.Path(folder) / "roll.png"
...     draw_roll([(60,), (188,), (67, 60)], (0, 1, 2), picture)
...     picture.read_bytes()[1:4]
b'PNG'
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from elman.data.music.piece import Frame, split_notes
from elman.scores.picture_files import figure_file
from elman.tasks.compose.planning import name_pitch

_BLACK_KEYS = (1, 3, 6, 8, 10)
_MOST_FRAMES = 1024  # of a picture; what is behind them is left out
_INCHES_A_FRAME, _INCHES_A_PITCH = 0.055, 0.09
_NARROWEST, _WIDEST, _LOWEST = 6.0, 26.0, 2.5
_MADE, _GIVEN = "#0b6bb5", "#e08a1e"
_KEY, _BAR, _OCTAVE = "0.94", "0.6", "0.8"


def draw_roll(
    frames: Sequence[Frame],
    since: Sequence[int],
    path: Path,
    *,
    primer: int = 0,
    melody: Collection[tuple[int, int]] = (),
) -> None:
    """Write a picture; of a long piece its beginning.

    Args:
        frames: what sounds.
        since: for each frame, how many there were since its bar started.
        path: ends in .png, .svg or .pdf.
        primer: so many frames at the start were given.
        melody: the start and pitch of each note that was given besides.

    Raises:
        ConfigError: the path has an ending that no picture has.
        ElmanError: the file cannot be written.
    """
    count = min(len(frames), _MOST_FRAMES)
    notes = split_notes(frames[:count])
    pitches = [pitch for _, _, pitch in notes] or [60]
    low, high = min(pitches) - 2, max(pitches) + 2
    width = min(max(_NARROWEST, 1 + _INCHES_A_FRAME * count), _WIDEST)
    with figure_file(path, (width, max(_LOWEST, 1 + _INCHES_A_PITCH * (high - low)))) as figure:
        axes = figure.subplots()
        for pitch in range(low, high + 1):
            if pitch % 12 in _BLACK_KEYS:
                axes.axhspan(pitch - 0.5, pitch + 0.5, color=_KEY, linewidth=0)
            if pitch % 12 == 0:
                axes.axhline(pitch - 0.5, color=_OCTAVE, linewidth=0.6)
        bars = [place for place in range(count) if place == 0 or since[place] <= since[place - 1]]
        for place in bars:
            axes.axvline(place, color=_BAR, linewidth=0.6)
        for start, end, pitch in notes:
            colour = _GIVEN if start < primer or (start, pitch) in melody else _MADE
            axes.barh(pitch, end - start, left=start, height=0.8, color=colour, edgecolor="white", linewidth=0.4)
        every = max(1, -(-len(bars) // 24))
        axes.set_xticks(bars[::every], [str(number) for number in range(1, len(bars) + 1, every)])
        named = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0] or [low]
        axes.set_yticks(named, [name_pitch(pitch) for pitch in named])
        axes.tick_params(labelsize=8, length=0)
        axes.set_xlim(0, count)
        axes.set_ylim(low - 0.5, high + 0.5)
        part = "" if count == len(frames) else f" (the first {count:,} of {len(frames):,} frames)"
        given = "; given notes are orange" if primer or melody else ""
        axes.set_xlabel(f"bars{part}{given}", fontsize=8)
