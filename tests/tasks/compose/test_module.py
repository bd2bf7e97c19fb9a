"""The layers: an exact joint probability, the same alone and in a batch, whole and in windows."""

import itertools
import random

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from elman import cells
from elman.data.music.piece import HELD, Piece
from elman.models.layers import Layers
from elman.tasks.compose import batches, embedding, independent, joint
from elman.tasks.compose import scores as scores_module
from elman.tasks.compose.batches import EncodedMusic, PieceWindow
from elman.tasks.compose.module import MusicModel
from elman.tasks.compose.scores import measure_music
from tolerances import assert_close

SEED = 3


def make_module(notes="joint", kinds=2, classes=0, cell=cells.gru):
    torch.manual_seed(SEED)
    module = MusicModel(
        cell, Layers(hidden=11, layers=2), embedding=7, note_hidden=5, notes=notes, kinds=kinds, classes=classes
    )
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return module.double().eval()


def draw_piece(seed, length, onsets=True, pitches=range(40, 60)):
    drawn = random.Random(seed)
    frames, before = [], set()
    for _ in range(length):
        held = {pitch for pitch in before if onsets and drawn.random() < 0.5}
        new = set(drawn.sample(pitches, drawn.randint(0, 4))) - held
        before = held | new
        frames.append(tuple(sorted([*new, *(pitch + HELD for pitch in held)], key=lambda note: -(note % HELD))))
    count = tuple(place % 5 for place in range(length))
    return Piece("a", tuple(frames), count, tuple(5 - place for place in count), onsets=onsets)


@pytest.mark.parametrize("notes", ["joint", "independent"])
@pytest.mark.parametrize("kinds", [1, 2])
def test_the_probabilities_of_all_pieces_sum_to_one(notes, kinds, monkeypatch):
    # Three pitches and three frames: every piece there is.
    few = 3
    for file in (batches, embedding, joint, independent):
        monkeypatch.setattr(file, "PITCHES", few)
    symbols = [[()], *([(pitch + kind * few,) for kind in range(kinds)] for pitch in range(few))]
    frames = [
        tuple(itertools.chain(*notes_of))
        for notes_of in itertools.product(*([(), *ways] for ways in reversed(symbols[1:])))
    ]
    pieces = [
        piece
        for piece in itertools.product(frames, repeat=3)
        if all(
            note < few or any(note % few == other % few for other in before)
            for before, frame in itertools.pairwise([(), *piece])
            for note in frame
        )
    ]
    module = make_module(notes, kinds)
    encoded = EncodedMusic([Piece("a", piece, (0, 1, 2), (3, 2, 1)) for piece in pieces], [], kinds == 2)
    with torch.no_grad():
        found = module(*encoded.batch([encoded.whole(number) for number in range(len(pieces))]))
    assert len(pieces) == (8**3 if kinds == 1 else 13**3)
    assert float(found.sum(0).exp().sum()) == pytest.approx(1, abs=1e-9)


def test_a_note_cannot_go_on_that_did_not_sound():
    piece = Piece("a", ((50,), (50 + HELD, 40 + HELD)), (0, 1), (2, 1))
    encoded = EncodedMusic([piece], [], True)
    for notes in ("joint", "independent"):
        found = make_module(notes)(*encoded.batch([encoded.whole(0)])).detach()
        assert float(found[0]) > -1e6 > -1e8 > float(found[1])


def test_independent_notes_are_sigmoids():
    module = make_module("independent", 1)
    piece = draw_piece(1, 13, onsets=False)
    encoded = EncodedMusic([piece], [], False)
    batch = encoded.batch([encoded.whole(0)])
    found, _, context = module.read(batch)
    shares = module.notes.shares(context)
    logits = shares[:, 1] - shares[:, 0]
    wanted = torch.zeros(13, 128, dtype=torch.float64)
    for place in range(13):
        wanted[place, list(piece.pitches(place))] = 1
    expected = -F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(1)
    assert_close("ln P", found[:, 0], expected)


@pytest.mark.parametrize("notes", ["joint", "independent"])
@pytest.mark.parametrize("kinds", [1, 2])
def test_a_frame_written_note_by_note_has_the_same_probability(notes, kinds):
    module = make_module(notes, kinds)
    piece = draw_piece(2, 17, onsets=kinds == 2)
    encoded = EncodedMusic([piece], [], kinds == 2)
    batch = encoded.batch([encoded.whole(0)])
    found, _, context = module.read(batch)
    writer, summed = module.notes.open(context), torch.zeros(17, dtype=torch.float64)
    is_open = torch.ones(17, dtype=torch.bool)
    for rank in range(batch.notes.shape[2]):
        symbols = batch.notes[:, 0, rank]
        log_p = writer.logits().log_softmax(1).gather(1, symbols[:, None])[:, 0]
        summed += torch.where(is_open, log_p, 0.0)
        is_open &= symbols < encoded.end
        writer.push(symbols)
    assert not is_open.any()
    assert_close("ln P", found[:, 0], summed)


def test_the_likeliest_frame_is_written_from_its_likeliest_notes():
    module = make_module()
    encoded = EncodedMusic([draw_piece(4, 19)], [], True)
    _, _, context = module.read(encoded.batch([encoded.whole(0)]))
    written = module.likeliest(context)
    for place in range(19):
        one, symbols = module.notes.open(context.select(torch.tensor([place]))), []
        while not symbols or symbols[-1] != encoded.end:
            symbols.append(int(one.logits().argmax()))
            one.push(torch.tensor([symbols[-1]]))
        assert written[place, : len(symbols)].tolist() == symbols
        assert set(written[place, len(symbols) :].tolist()) <= {encoded.end}


def test_a_piece_has_the_same_probability_alone_and_in_a_batch():
    module = make_module(classes=2).float()
    pieces = [draw_piece(seed, length) for seed, length in ((1, 23), (2, 5), (3, 31))]
    encoded = EncodedMusic(pieces, [], True)
    together = module(*encoded.batch([encoded.whole(number) for number in range(3)]))
    for number, piece in enumerate(pieces):
        alone = module(*encoded.batch([encoded.whole(number)]))
        assert torch.equal(together[: len(piece), number], alone[:, 0])
        assert not together[len(piece) :, number].any()


def test_a_piece_in_parts_with_its_state_has_the_same_probability(monkeypatch):
    module = make_module()
    encoded = EncodedMusic([draw_piece(5, 29), draw_piece(6, 13)], [], True)
    whole = module(*encoded.batch([encoded.whole(0)]))[:, 0]
    first, state, _ = module.read(encoded.batch([PieceWindow(0, 0, 11)]))
    second, _, _ = module.read(encoded.batch([PieceWindow(0, 11, 29)]), state)
    assert_close("ln P", torch.cat([first, second])[:, 0], whole)
    scores = []
    for most in (1000, 7):
        monkeypatch.setattr(scores_module, "_AT_ONCE", most)
        scores.append(measure_music(module, encoded))
    assert scores[0].nats == pytest.approx(scores[1].nats, rel=1e-12)
    assert scores[0].accuracy == scores[1].accuracy
    both = module(*encoded.batch([encoded.whole(0), encoded.whole(1)]))
    assert scores[0].nats == pytest.approx(-float(both.detach().sum()) / 42, rel=1e-12)


def test_the_future_does_not_change_the_past():
    module = make_module()
    one, other = draw_piece(7, 17), draw_piece(7, 17)
    other = Piece("b", (*one.frames[:9], (41,), *one.frames[10:]), one.since, one.until)
    found = []
    for piece in (one, other):
        encoded = EncodedMusic([piece], [], True)
        found.append(module(*encoded.batch([encoded.whole(0)]))[:, 0])
    assert torch.equal(found[0][:9], found[1][:9])
    assert not torch.equal(found[0][10:], found[1][10:])


def test_accuracy_counts_pitches():
    module = make_module(kinds=1)
    piece = draw_piece(8, 23, onsets=False)
    encoded = EncodedMusic([piece], [], False)
    _, _, context = module.read(encoded.batch([encoded.whole(0)]))
    written = [{note for note in row if note < encoded.end} for row in module.likeliest(context).tolist()]
    there = [set(frame) for frame in piece.frames]
    right = sum(len(ours & theirs) for ours, theirs in zip(written, there, strict=True))
    every = sum(len(ours | theirs) for ours, theirs in zip(written, there, strict=True))
    assert measure_music(module, encoded).accuracy == pytest.approx(right / every)


def test_windows_cover_every_frame_once_and_are_transposed_within_the_range_of_midi():
    pieces = [draw_piece(1, 53), draw_piece(2, 7), draw_piece(3, 20, pitches=range(118, 128))]
    encoded = EncodedMusic(pieces, [], True)
    chance = torch.Generator().manual_seed(1)
    drawn = [window for few in encoded.draw(11, 3, chance) for window in few]
    for windows in (encoded.windows(11), encoded.windows(11, chance), drawn):
        covered = sorted((window.piece, frame) for window in windows for frame in range(window.start, window.stop))
        assert covered == [(number, frame) for number, piece in enumerate(pieces) for frame in range(len(piece))]
        assert max(window.stop - window.start for window in windows) <= 11
    windows = [PieceWindow(0, 3, 9), PieceWindow(2, 0, 20)]
    for _ in range(20):
        shifts = encoded.draw_shifts(windows, 5, chance)
        batch = encoded.batch(windows, shifts)
        for b, (piece, start, stop) in enumerate(windows):
            for place in range(start, stop):
                row = [note for note in batch.notes[place - start, b].tolist() if note < encoded.end]
                assert row == [note + shifts[b] for note in pieces[piece].frames[place]]
        assert np.abs(shifts).max() <= 5
        assert shifts[1] <= 127 - max(note % HELD for frame in pieces[2].frames for note in frame)
    assert batch.before[0, 0].tolist()[: len(pieces[0].frames[2])] == [n + shifts[0] for n in pieces[0].frames[2]]


def test_every_part_of_the_input_matters():
    module = make_module(classes=2)
    piece = draw_piece(9, 11)
    encoded = EncodedMusic([piece], [], True)
    batch = encoded.batch([encoded.whole(0)])
    plain = module(*batch)
    others = {"since": batch.since + 1, "until": batch.until + 1, "given": batch.given + 1}
    for name, value in {**others, "older": batch.older.roll(1, 0)}.items():
        assert not torch.equal(module(*batch._replace(**{name: value})), plain), name
