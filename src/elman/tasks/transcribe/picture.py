"""Draw a sound: its features, the units that are heard in it, and the words that are written, above one axis of time.

>>> import pathlib, tempfile
>>> words = (SpokenWord("so", 0.1, 0.3, 0.9),)
>>> shown = ShownSpeech(np.zeros((50, 8)), np.full((13, 3), 1 / 3), ["s", "o"], Transcript("so", words, 0.5), 0.01)
>>> with tempfile.TemporaryDirectory() as folder:
...     picture = pathlib.Path(folder) / "so.png"
...     draw_speech(shown, picture)
...     picture.read_bytes()[1:4]
b'PNG'
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from elman.data.dataset import Sound
from elman.decoding.ctc.outputs import split_sources
from elman.scores.picture_files import drawable_name, figure_file, installed_fonts
from elman.tasks.transcribe.answering import hear
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.module import BLANK, SUBSAMPLING
from elman.tasks.transcribe.spoken import SpokenWord, Transcript

_MOST_FRAMES = 2000  # of a picture, 20 seconds by default; what is behind them is left out
_INCHES_A_FRAME = 0.022
_NARROWEST, _WIDEST = 7.0, 24.0
_LEAST_HEARD = 0.05  # a unit that is never likelier has no row
_HEIGHTS = 2.2, 0.5  # inches of the features and of the words
_INCHES_A_UNIT = 0.17
_MARGIN = 1.0
_WORD, _SURE = "#a6c9e5", "#0b6bb5"


@dataclass(frozen=True)
class ShownSpeech:
    """A sound that is drawn.

    Attributes:
        features: (T, D) log-mel energies, or the frames that were given.
        probabilities: (⌈T / 4⌉, V) of each unit at each step, that of the blank in column 0.
        names: of the units from 1.
        transcript: what is written.
        seconds_a_frame: the time from one frame to the next; None where it is not known.
    """

    features: NDArray[Any]
    probabilities: NDArray[Any]
    names: Sequence[str]
    transcript: Transcript
    seconds_a_frame: float | None


def show_speech(module: nn.Module, speech: EncodedSpeech, transcript: Transcript) -> ShownSpeech:
    """Collect what is drawn of the first of some utterances.

    Args:
        module: reads frames and lengths, and returns ln P and lengths.
        speech: the utterances.
        transcript: of the first.
    """
    encoder = speech.encoder
    given = speech.speech.read(0)
    if isinstance(given, Sound):
        assert encoder.features is not None
        given = encoder.features.compute(given).numpy()
    few = next(hear(module, speech))
    [rows] = split_sources(few.log_p[:, :1], few.lengths[:1], BLANK)
    names = [encoder.show(unit) for unit in range(1, encoder.units)]
    return ShownSpeech(given, np.exp(rows), names, transcript, encoder.seconds_a_frame)


def draw_speech(shown: ShownSpeech, path: Path) -> None:
    """Write a picture; of a long sound its beginning.

    Raises:
        ConfigError: the path has an ending that no picture has.
        ElmanError: the file cannot be written.
    """
    scale = shown.seconds_a_frame or 1.0
    frames = min(len(shown.features), _MOST_FRAMES)
    end = frames * scale
    heard = [unit for unit in range(1, shown.probabilities.shape[1]) if _is_heard(shown.probabilities[:, unit])]
    heights = [_HEIGHTS[0], _INCHES_A_UNIT * max(4, len(heard)), _HEIGHTS[1]]
    width = min(max(_NARROWEST, _INCHES_A_FRAME * frames), _WIDEST)
    with figure_file(path, (width, sum(heights) + _MARGIN)) as figure:
        features, units, words = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": heights})
        own = shown.features[:frames].T
        features.imshow(own, origin="lower", aspect="auto", cmap="magma", extent=(0, end, 0, 1))
        features.set_yticks([])
        features.set_ylabel("bands of the mel scale" if shown.seconds_a_frame else "features", fontsize=8)
        _draw_units(units, shown, heard, scale)
        _draw_words(words, shown.transcript.words, end)
        for word in shown.transcript.words:
            for axes, colour in ((features, "white"), (units, "0.7")):
                axes.axvline(word.start, color=colour, linewidth=0.6, linestyle="--")
        words.set_xlim(0, end)
        words.set_xlabel(_caption(shown, frames), fontsize=8)


def _is_heard(probabilities: NDArray[Any]) -> bool:
    return bool(probabilities.max() >= _LEAST_HEARD)


def _draw_units(axes: Any, shown: ShownSpeech, heard: Sequence[int], scale: float) -> None:
    """Draw how likely each unit is at each step, one row each; darker is likelier."""
    fonts = installed_fonts()
    if not heard:
        axes.text(0.5, 0.5, "nothing but blanks", transform=axes.transAxes, ha="center", va="center", fontsize=8)
        axes.set_yticks([])
        return
    until = len(shown.probabilities) * SUBSAMPLING * scale
    axes.imshow(
        shown.probabilities[:, heard].T,
        aspect="auto",
        cmap="Blues",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=(0, until, len(heard) - 0.5, -0.5),
    )
    axes.set_yticks(range(len(heard)), [drawable_name(shown.names[unit - 1], fonts, "?") for unit in heard])
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.set_ylabel("probability", fontsize=8)


def _draw_words(axes: Any, words: Sequence[SpokenWord], end: float) -> None:
    """Draw a bar for each word, wide as long as it lasts; the line below it says how sure it is."""
    fonts = installed_fonts()
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("words", fontsize=8, rotation=0, ha="right", va="center")
    for word in words:
        if word.start >= end:
            break
        wide = word.end - word.start
        axes.barh(0.55, wide, left=word.start, height=0.7, color=_WORD)
        axes.barh(0.08, wide * word.confidence, left=word.start, height=0.1, color=_SURE)
        name = drawable_name(word.word, fonts, "?")
        axes.text(word.start + wide / 2, 0.55, name, ha="center", va="center", fontsize=8, clip_on=True)


def _caption(shown: ShownSpeech, frames: int) -> str:
    unit = "frames" if shown.seconds_a_frame is None else "seconds"
    scale = shown.seconds_a_frame or 1.0
    every = len(shown.features)
    part = "" if frames == every else f": the first {frames * scale:g} of {every * scale:g}"
    return f"{unit}{part}; the line below a word is as long as its confidence is high"
