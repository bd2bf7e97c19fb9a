"""Composing: what is drawn, what is given, what is refused; and its probability, computed by another way."""

import dataclasses

import pytest
import torch

from elman.data.music.piece import HELD, Piece, Playing
from elman.errors import ConfigError, DataError
from elman.tasks.compose.batches import EncodedMusic
from elman.tasks.compose.composing import Playable
from elman.tasks.compose.copied import find_copied
from elman.tasks.compose.layout import MusicLayout, learn_playing
from elman.tasks.compose.model import TrainedComposer
from elman.tasks.compose.planning import number_of_bar
from tasks.compose.test_module import draw_piece, make_module


def make_model(notes="joint", onsets=True, classes=("anna", "bert"), **layout):
    module = make_module(notes, 1 + onsets, len(classes))
    # Notes near the middle of the range, and not too many.
    with torch.no_grad():
        pitches = torch.arange(128, dtype=torch.float64)
        likely = -((pitches - 60) ** 2) / 60 - 2
        bias = module.notes.readout.bias
        bias.copy_(torch.cat([likely.repeat(1 + onsets), torch.zeros(1)])[: len(bias)])
    playing = {name: Playing(90 + 30 * number, 3, 4) for number, name in enumerate(classes or ("",))}
    music = MusicLayout(8, onsets, given="player" if classes else "", classes=classes, playing=playing, **layout)
    return TrainedComposer(module=module, music=music, configuration={})


def melody_of(pitches, **more):
    frames, before = [], None
    for pitch in pitches:
        frames.append(() if pitch is None else (pitch + HELD,) if pitch == before else (pitch,))
        before = pitch
    count = tuple(place % 6 for place in range(len(frames)))
    return Piece("tune.mid", tuple(frames), count, tuple(6 - place for place in count), **more)


@pytest.mark.parametrize("notes", ["joint", "independent"])
@pytest.mark.parametrize("onsets", [True, False])
def test_the_probability_of_what_is_composed_is_that_of_the_model(notes, onsets):
    model = make_model(notes, onsets)
    primer = draw_piece(1, 6, onsets)
    primer = dataclasses.replace(primer, since=tuple(range(6)), until=tuple(range(6, 0, -1)), given="bert")
    made = model.compose(bars=4, primer=primer, given="bert", seed=3)
    assert made.frames[:6] == primer.frames
    assert len(made.written) == 4 * (8 if onsets else 6)
    assert any(made.written)
    whole = Piece("a", made.frames, made.plan.since, made.plan.until, given="bert", onsets=onsets)
    encoded = EncodedMusic([whole], model.music.classes, onsets)
    with torch.no_grad():
        found = model.module(*encoded.batch([encoded.whole(0)]))[6:].sum()
    assert made.log_p == pytest.approx(float(found), rel=1e-9)


def test_the_same_seed_gives_the_same_piece_and_temperature_0_needs_none():
    model = make_model()
    made = [
        model.compose(bars=2, given="anna", seed=seed, temperature=t)
        for seed, t in ((1, 1), (1, 1), (2, 1), (1, 0), (2, 0))
    ]
    assert made[0].frames == made[1].frames != made[2].frames
    assert made[3].frames == made[4].frames
    again = model.compose(bars=2, given="anna")
    assert model.compose(bars=2, given="anna", seed=again.seed).frames == again.frames


@pytest.mark.parametrize("notes", ["joint", "independent"])
def test_a_melody_stays_on_top(notes):
    model = make_model(notes)
    tune = melody_of([62, 62, None, None, 64, 60, 60, 67, None, 59, 59, 59])
    made = model.compose(melody=tune, given="anna", seed=5)
    assert len(made.frames) == len(tune)
    bound = 128
    for ours, theirs in zip(made.frames, tune.frames, strict=True):
        bound = theirs[0] % HELD if theirs else bound
        assert ours[: len(theirs)] == theirs
        assert all(note % HELD < bound for note in ours[len(theirs) :])
    assert any(len(frame) > 1 for frame in made.frames)
    assert any(frame and not given for frame, given in zip(made.frames, tune.frames, strict=True))


def test_nothing_is_drawn_that_cannot_be_played():
    model = make_model()
    made = model.compose(bars=6, given="anna", seed=1, temperature=3, limits=Playable(55, 66, 2))
    pitches = [note % HELD for frame in made.frames for note in frame]
    assert 55 <= min(pitches) <= max(pitches) <= 66
    assert max(map(len, made.frames)) == 2


def test_bars_are_those_of_the_class_and_go_on_from_a_primer():
    model = make_model()
    made = model.compose(bars=2, given="bert", seed=1)
    assert made.plan.since == (*range(6), *range(6))
    assert made.plan.playing.tempo == 120
    primer = Piece("a", ((60,), (62,)), (0, 1), (8, 7), playing=Playing(50, 4, 4))
    made = model.compose(bars=2, primer=primer, given="player=anna", seed=1)
    assert made.plan.since == (*range(8), *range(8), *range(8))
    assert made.plan.playing.tempo == 50
    assert number_of_bar(made.plan.since, 23) == 3


def test_what_does_not_fit_is_refused():
    model = make_model(lowest=50, highest=70)
    roll = make_model(onsets=False, classes=())
    chord = Piece("tune.mid", ((60,), (188,), (67, 64)), (0, 1, 0), (2, 1, 2))
    cases = [
        (ConfigError, "bars is 0. Compose from 1", {"bars": 0}),
        (ConfigError, "temperature is -1", {"temperature": -1}),
        (ConfigError, "Give one, e.g. player=anna", {"given": "carl"}),
        (ConfigError, "seed is -1", {"seed": -1}),
        (ConfigError, "no use there", {"melody": melody_of([60]), "bars": 2}),
        (DataError, r"several notes at a time in bar 2 \(G4, E4\)", {"melody": chord}),
        (DataError, r"has the note C6, outside D3 to A#4", {"melody": melody_of([60, 84])}),
        (DataError, "no notes to harmonise", {"melody": melody_of([None, None])}),
        (DataError, "is a piano roll", {"primer": draw_piece(1, 3, onsets=False)}),
    ]
    for kind, said, options in cases:
        with pytest.raises(kind, match=said):
            model.compose(**{"given": "anna", **options})
    with pytest.raises(ConfigError, match="has no classes"):
        roll.compose(given="anna")
    # A MIDI primer for a model of piano rolls sounds as it does.
    made = roll.compose(bars=1, primer=melody_of([60, 60, 62]), seed=1)
    assert made.frames[:3] == ((60,), (60,), (62,))


def test_copied_passages_are_found_in_any_key():
    learnt = [draw_piece(seed, 40) for seed in range(3)]
    learnt = [dataclasses.replace(piece, where=f"{number}.mid") for number, piece in enumerate(learnt)]
    passage = tuple(tuple(note - 7 for note in frame) for frame in learnt[2].frames[11:23])
    found = find_copied([(99,), *passage, (98, 97)], learnt)
    assert (found.where, found.start, found.length, found.at, found.shift) == ("2.mid", 1, 12, 11, -7)
    assert found.notes == sum(note < HELD for frame in passage for note in frame)
    assert find_copied([(99,), (98,)], learnt) is None


def test_the_playing_of_pieces_is_learnt():
    pieces = [
        Piece("a", ((60,),), (0,), (1,), playing=Playing(tempo, beats, 4, program, velocities))
        for tempo, beats, program, velocities in (
            (90, 3, 24, (80, 0, 61)),
            (100, 4, 25, (90, 70)),
            (200, 4, 25, (70,)),
        )
    ]
    assert learn_playing(pieces) == Playing(100, 4, 4, 25, (80, 70, 61))
