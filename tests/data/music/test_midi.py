"""MIDI files: what mido would read wrongly is refused or read rightly, and what is written is read again."""

import io
import random
import struct

import mido
import pytest

from elman.data.music.midi import MidiChoice, count_bars, parse_midi, read_midi, write_midi
from elman.data.music.opening import open_music
from elman.data.music.piece import HELD, Playing, split_notes
from elman.errors import DataError
from playable import END, NOTE, draw_tune, midi_bytes, write_song, write_songs

QUARTER = ((60,), (188,), (188,), (188,))

REFUSED = {
    "empty": (b"", "is empty"),
    "text": (b"hello, this is not MIDI", "is no MIDI file"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(40), "it is a PNG image"),
    "cut in the header": (midi_bytes()[:12], "ends within its header"),
    "header alone": (midi_bytes()[:14], "0 of the 1 tracks"),
    "cut": (midi_bytes()[:-6], "0 of the 1 tracks"),
    "tracks missing": (midi_bytes(tracks=3), "1 of the 3 tracks"),
    "SMPTE": (midi_bytes(division=0xE728), "SMPTE"),
    "division 0": (midi_bytes(division=0), "0 ticks per quarter note"),
    "type 7": (midi_bytes(kind=7), "type 7"),
    "odd key signature": (midi_bytes(b"\x00\xff\x59\x02\x12\x01" + NOTE + END), "18 sharps"),
    "byte over 127": (midi_bytes(b"\x00\x90\x3c\xff" + NOTE + END), "data byte must be in range"),
    "running status at the start": (midi_bytes(b"\x00\x3c\x40" + END), "running status"),
    "a day of silence": (midi_bytes(b"\x00\x90\x3c\x40\xff\xff\xff\x7f\x80\x3c\x40" + END), "at most 200,000"),
    "no notes": (midi_bytes(END), "has no notes. Give other files"),
    "drums alone": (midi_bytes(b"\x00\x99\x24\x40\x60\x89\x24\x40" + END), "has no notes but those of drums"),
    "RMID without MIDI": (b"RIFF\x04\x00\x00\x00RMID", "RMID file without"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused_with_its_name_and_the_reason(case, tmp_path):
    raw, said = REFUSED[case]
    path = tmp_path / "a.mid"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=said) as error:
        open_music(path, MidiChoice())
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def wrap(raw):
    """Put a MIDI file into an RMID file, behind a chunk of odd length."""
    return b"RIFF" + bytes(4) + b"RMIDINFO\x03\x00\x00\x00abc\0data" + struct.pack("<I", len(raw)) + raw


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(midi_bytes(), id="plain"),
        pytest.param(midi_bytes(NOTE), id="no end of the track"),
        pytest.param(midi_bytes(kind=2), id="type 2"),
        pytest.param(
            b"RIFF" + bytes(4) + b"RMIDINFO\x03\x00\x00\x00abc\0data" + struct.pack("<I", 35) + midi_bytes(), id="RMID"
        ),
        pytest.param(midi_bytes(NOTE.replace(b"\x80\x3c", b"\x90\x3c\x00\x00\x80\x3c", 1) + END), id="ended twice"),
    ],
)
def test_an_unusual_file_is_read_rightly(raw):
    assert [piece.frames for piece in parse_midi(raw, "a", MidiChoice()).pieces] == [QUARTER]


def test_an_endless_note_goes_on_to_the_end_of_its_track(tmp_path):
    raw = midi_bytes(b"\x00\x90\x3c\x40\x83\x60\xb0\x07\x40" + END)
    found = parse_midi(raw, "a", MidiChoice())
    assert found.pieces[0].frames == QUARTER
    assert found.endless == 1
    (tmp_path / "a.mid").write_bytes(raw)
    assert "1 note that no event ends" in open_music(tmp_path, MidiChoice()).notes[-1]


def test_the_tracks_of_type_2_are_pieces_of_their_own():
    file = mido.MidiFile(type=2)
    for pitch in (60, 67, 71):
        track = file.add_track()
        track += [mido.Message("note_on", note=pitch), mido.Message("note_off", note=pitch, time=120)]
    written = io.BytesIO()
    file.save(file=written)
    found = parse_midi(written.getvalue(), "a", MidiChoice())
    assert [(piece.where, piece.frames) for piece in found.pieces] == [
        ("a track 1", ((60,),)), ("a track 2", ((67,),)), ("a track 3", ((71,),)),
    ]  # fmt: skip


def test_notes_are_those_that_mido_reads(tmp_path):
    notes = draw_tune(3, bars=5)
    path = write_song(tmp_path / "a.mid", notes, program=25, tempo=97, signature=(3, 4))
    piece = read_midi(path, MidiChoice()).pieces[0]
    assert split_notes(piece.frames) == sorted(((s, e, p) for s, e, p, _ in notes), key=lambda n: (n[0], -n[2]))
    assert piece.playing.tempo == pytest.approx(97, rel=1e-4)
    assert (piece.playing.beats, piece.playing.unit, piece.playing.program) == (3, 4, 25)
    assert piece.since[:14] == (*range(12), 0, 1)
    loud = [v for s, _, _, v in notes if piece.since[s] == 4]
    assert piece.playing.velocity(4) == round(sum(loud) / len(loud))


@pytest.mark.parametrize("grid", [8, 12, 16, 24])
def test_what_is_written_is_read_again(grid):
    drawn = random.Random(grid)
    frames, before = [], set()
    for _ in range(53):
        held = {pitch for pitch in before if drawn.random() < 0.6}
        new = {drawn.randint(30, 90) for _ in range(drawn.randint(0, 3))} - held
        frames.append(tuple(sorted([*new, *(pitch + HELD for pitch in held)], key=lambda n: -(n % HELD))))
        before = held | new
    while not frames[-1]:
        frames.pop()
    playing = Playing(tempo=80, beats=6, unit=8, program=24, velocities=(90, 0, 50))
    raw = write_midi(frames, playing, grid)
    (piece,) = parse_midi(raw, "a", MidiChoice(grid)).pieces
    a_bar, first = grid * 6 // 8, next(place for place, frame in enumerate(frames) if frame)
    skipped = first // a_bar * a_bar
    assert piece.frames == tuple(frames[skipped:])
    assert (piece.playing.tempo, piece.playing.beats, piece.playing.unit, piece.playing.program) == (
        pytest.approx(80), 6, 8, 24,
    )  # fmt: skip
    heard = mido.MidiFile(file=io.BytesIO(raw))
    assert heard.length == pytest.approx(len(frames) * 240 / (80 * grid), rel=1e-3)


def test_bars_are_counted_through_changes_of_the_time_signature():
    since, until = count_bars([(0, 3, 4), (12, 6, 8), (18, 2, 4)], 24, 8)
    assert since == (*range(6), *range(6), *range(6), *range(4), *range(2))
    assert until == (*range(6, 0, -1), *range(6, 0, -1), *range(6, 0, -1), *range(4, 0, -1), 4, 3)


def test_a_piece_begins_with_the_bar_of_its_first_note(tmp_path):
    path = write_song(tmp_path / "a.mid", [(35, 37, 60, 80)])
    piece = read_midi(path, MidiChoice()).pieces[0]
    assert piece.frames == ((), (), (), (60,), (188,))
    assert piece.since == (0, 1, 2, 3, 4)


def test_tracks_are_chosen_by_their_name_or_instrument(tmp_path):
    file = mido.MidiFile()
    for name, channel, program, pitch in (("Solo", 0, 26, 64), ("Low", 1, 33, 40), ("beat", 9, 0, 36)):
        track = file.add_track(name)
        track.append(mido.Message("program_change", channel=channel, program=program))
        track.append(mido.Message("note_on", channel=channel, note=pitch))
        track.append(mido.Message("note_off", channel=channel, note=pitch, time=120))
    path = tmp_path / "a.mid"
    file.save(path)
    chosen = {
        (track, drums): read_midi(path, MidiChoice(16, track, drums)).pieces[0].frames[0]
        for track, drums in ((None, False), ("guitar", False), ("low", False), ("BASS", False), (None, True))
    }
    assert list(chosen.values()) == [(64, 40), (64,), (40,), (40,), (36,)]
    with pytest.raises(DataError, match=r"track or instrument 'flute'\. There are: Low, Solo, bass, beat, guitar\."):
        open_music(path, MidiChoice(track="flute"))


def test_notes_between_two_frames_are_mentioned(tmp_path):
    path = write_song(tmp_path / "a.mid", [(n, n + 1, 60 + n, 80) for n in range(5)], ticks=480)
    raw = mido.MidiFile(path)
    raw.tracks[0][2].time += 45  # the second event of a note begins later, and so do all that follow
    raw.save(path)
    assert any("% of the notes start between two frames" in note for note in open_music(path, MidiChoice()).notes)


def test_a_folder_is_read_with_its_folders_and_classes(tmp_path):
    for name, count in (("anna", 2), ("bert", 3)):
        write_songs(tmp_path / name, count)
    plain, classes = open_music(tmp_path, MidiChoice()), open_music(tmp_path, MidiChoice(), classes=True)
    assert [piece.given for piece in plain.parts[""]] == [None] * 5
    assert [piece.given for piece in classes.parts[""]] == ["anna", "anna", "bert", "bert", "bert"]
    with pytest.raises(DataError, match="has 0 folders in it"):
        open_music(tmp_path / "anna", MidiChoice(), classes=True)
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="has no MIDI file"):
        open_music(tmp_path / "none", MidiChoice())


def test_damaged_files_are_read_or_refused(tmp_path):
    whole = write_song(tmp_path / "a.mid", draw_tune(1), program=3, name="lead").read_bytes()
    drawn = random.Random(5)
    for _ in range(150):
        raw = bytearray(whole)
        for _ in range(drawn.randint(1, 4)):
            raw[drawn.randrange(14, len(raw))] = drawn.randrange(256)
        raw = raw[: drawn.randint(1, len(raw))] if drawn.random() < 0.3 else raw
        try:
            found = parse_midi(bytes(raw), "a.mid", MidiChoice())
        except DataError as error:
            assert str(error).startswith("a.mid")  # noqa: PT017
        else:
            assert all(0 <= note < 2 * HELD for piece in found.pieces for frame in piece.frames for note in frame)
