"""Train `elman train compose` on chorales of Bach, and on two styles, and measure what is composed.

`ROWS` names the rows. `jsb`: the piano rolls of JSB Chorales (Allan & Williams 2005, in the quarter notes of
Boulanger-Lewandowski et al. 2012), with the parts that its file has; nats a frame of the joint probability.
`jsb_independent`: the same, each pitch by itself. `two_styles`: one model of the chorales and of broken chords (see
`arpeggios.py`), which then composes in each style; a classifier of the training pieces says which style it hears.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.scores.arpeggios import GRID, write_arpeggios, write_chorales
from bench.scores.training_row import train_row
from elman.data.music.midi import MidiChoice
from elman.data.music.opening import open_music
from elman.data.music.piece import HELD, Frame
from elman.scores.share import wilson_interval
from elman.tasks import classify, compose
from elman.tasks.compose.copied import find_copied

STYLES = ("arpeggios", "chorales")
PIECES, COMPOSED, BARS = 100, 50, 8
_SMALL = {"hidden": 128, "note_hidden": 64, "embedding": 64, "window": 128, "epochs": 30}

Row = Callable[[Path, Path, int, dict[str, Any], bool], dict[str, Any]]


def jsb(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Learn the chorales."""
    return _train_chorales("jsb", data, scratch, seed, given, test)


def jsb_independent(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Learn them, each pitch by itself."""
    return _train_chorales("jsb_independent", data, scratch, seed, {"notes": "independent", **given}, test)


def _train_chorales(
    name: str, data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool
) -> dict[str, Any]:
    file = data / "polyphonic_music" / "JSB_Chorales.mat"
    model, row = train_row(name, compose, file, scratch, seed, given, grid=4)
    if test:
        row["test"] = model.evaluate(open_music(file, MidiChoice(4)).parts["test"]).to_dict()
    return row


def two_styles(
    data: Path,
    scratch: Path,
    seed: int,
    given: dict[str, Any],
    test: bool,  # noqa: ARG001 - as every row
) -> dict[str, Any]:
    """Learn two styles with one model, and let a classifier say which one each composed piece is in."""
    songs = scratch / "songs"
    chorales = open_music(data / "polyphonic_music" / "JSB_Chorales.mat", MidiChoice(4)).parts["train"][:PIECES]
    write_chorales(chorales, songs / "chorales")
    write_arpeggios(songs / "arpeggios", PIECES, seed)
    model, row = train_row(
        "two_styles", compose, songs, scratch, seed, {"given": "style", **given}, grid=GRID, **_SMALL
    )
    learnt = open_music(songs, MidiChoice(GRID), classes=True).parts[""]
    packed = scratch / "learnt.npz"
    rolls = [as_roll(piece.frames) for piece in learnt]
    longest = max(map(len, rolls))
    steps = np.stack([np.pad(roll, ((0, longest - len(roll)), (0, 0))) for roll in rolls])
    names = [STYLES.index(str(piece.given)) for piece in learnt]
    np.savez(packed, x=steps, y=names, lengths=list(map(len, rolls)), classes=STYLES)
    judge = classify.train(packed, cell="gru", hidden=32, epochs=8, seed=seed, quiet=True, compare=False)
    right, copied = 0, []
    for style in STYLES:
        for number in range(COMPOSED):
            made = model.compose(bars=BARS, given=style, seed=number)
            right += judge.predict([as_roll(made.frames)]) == [style]
            found = find_copied(made.frames, learnt)
            copied.append(0 if found is None else found.notes)
    count = COMPOSED * len(STYLES)
    row["styles"] = {
        "right": right / count,
        "interval": wilson_interval(right / count, count),
        "count": count,
        "judge": judge.metrics["validation"]["accuracy"],
        "copied": float(np.median(copied)),
    }
    return row


def as_roll(frames: Sequence[Frame]) -> np.ndarray[Any, Any]:
    """Return frames as rows of 128 pitches: 1 where a note starts, and a half where it goes on."""
    roll = np.zeros((len(frames), HELD), np.float32)
    for place, frame in enumerate(frames):
        for note in frame:
            roll[place, note % HELD] = 1.0 if note < HELD else 0.5
    return roll


ROWS: dict[str, Row] = {"jsb": jsb, "jsb_independent": jsb_independent, "two_styles": two_styles}
"""By name: takes the folder of all sets, a folder to write to, the seed, options, and whether the test part is read."""


def describe(row: dict[str, Any]) -> tuple[str, str, str]:
    """Write what was measured on the test part, on the validation part, and of the baselines."""
    tested = _say(row["test"]) if "test" in row else ""
    if "styles" in row:
        found = row["styles"]
        low, high = found["interval"]
        tested = (
            f"{found['right']:.1%} of {found['count']} composed pieces are heard as in their style (95 % interval "
            f"{low:.1%} to {high:.1%}), by a classifier that is right for {found['judge']:.1%} of the pieces held "
            f"out; median of the notes in a row that are copied: {found['copied']:.0f}"
        )
    metrics, beside = row["metrics"], ""
    if "baseline" in metrics:
        beside = "; ".join(
            f"{name} {metrics[key]['nats']:.2f}"
            for name, key in (
                (metrics["baseline"]["what"], "baseline"),
                ("the last frame again", "repeated"),
                ("by frequency", "frequency"),
            )
        )
    return tested, _say(metrics["validation"]), beside


def _say(scores: dict[str, Any]) -> str:
    low, high = scores["interval"]
    return f"{scores['nats']:.3f} nats a frame ({low:.3f} to {high:.3f}), accuracy {scores['accuracy']:.1%}"
