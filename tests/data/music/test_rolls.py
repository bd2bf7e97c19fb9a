"""Piano rolls: JSON, NumPy's and MATLAB's files, their parts, and what is wrong with them."""

import json
import random

import numpy as np
import pytest
from scipy.io import savemat

from elman.data.music.matlab import read_mat
from elman.data.music.midi import MidiChoice
from elman.data.music.opening import open_music
from elman.errors import DataError
from playable import write_song

FRAMES = ((67, 60), (), (65,))


def roll(frames=FRAMES, width=88):
    lowest = 21 if width == 88 else 0
    found = np.zeros((len(frames), width), np.uint8)
    for row, frame in enumerate(frames):
        found[row, [note - lowest for note in frame]] = 1
    return found


def cells(*matrices):
    found = np.empty((1, len(matrices)), object)
    for number, matrix in enumerate(matrices):
        found[0, number] = matrix
    return found


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "f8", "i2", "i4", "f4"])
def test_a_matlab_file_is_read_as_scipy_writes_it(packed, dtype, tmp_path):
    path = tmp_path / "a.mat"
    values = {"traindata": cells(roll().astype(dtype), roll(((70,),)).astype(dtype)), "x": np.arange(6.0).reshape(2, 3)}
    savemat(path, values, do_compression=packed)
    found = read_mat(path)
    assert [one.tolist() for one in found["traindata"]] == [one.tolist() for one in values["traindata"][0]]
    assert found["x"].tolist() == [[0, 1, 2], [3, 4, 5]]


PARTS = {"train": 50, "valid": 51, "test": 52}


def test_the_parts_of_a_data_set_are_kept_apart(tmp_path):
    rolls = {part: (roll(), roll(((pitch,),), 128)) for part, pitch in PARTS.items()}
    lists = {part: [FRAMES, [[pitch]]] for part, pitch in PARTS.items()}
    savemat(tmp_path / "a.mat", {f"{part}data": cells(*both) for part, both in rolls.items()})
    (tmp_path / "a.json").write_text(json.dumps(lists))
    np.savez(tmp_path / "a.npz", **{f"{part}_{n}": both[n] for part, both in rolls.items() for n in range(2)})
    for name in ("a.mat", "a.json", "a.npz"):
        parts = open_music(tmp_path / name, MidiChoice(4)).parts
        assert {part: [piece.frames for piece in pieces] for part, pieces in parts.items()} == {
            part: [FRAMES, ((pitch,),)] for part, pitch in PARTS.items()
        }
        assert parts["test"][0].since == (0, 1, 2)
        assert not parts["test"][0].onsets


def test_a_list_of_frames_is_one_piece(tmp_path):
    (tmp_path / "a.json").write_text("[[60, 67, 60], [], [65]]")
    assert [piece.frames for piece in open_music(tmp_path / "a.json", MidiChoice()).parts[""]] == [FRAMES]


REFUSED = {
    "no json": ("a.json", b"[[60,", "is no JSON"),
    "too deep": ("a.json", b"[" * 100_000, "is no JSON"),
    "pitch 128": ("a.json", b"[[[60], [128]]]", "piece 1, frame 2 is no list of MIDI pitches"),
    "half a pitch": ("a.json", b"[[[60.5]]]", "frame 1 is no list"),
    "a text": ("a.json", b'{"train": "abc"}', "train is no list"),
    "no frames": ("a.json", b'{"train": []}', "no piece with a frame"),
    "no mat": ("a.mat", bytes(200), "no MATLAB file of level 5"),
    "level 7.3": ("a.mat", b"\x89HDF\r\n\x1a\n" + bytes(200), "level 7.3"),
    "other ending": ("a.txt", b"x", "is no music"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_file_is_refused(case, tmp_path):
    name, raw, said = REFUSED[case]
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=said) as error:
        open_music(tmp_path / name, MidiChoice())
    assert str(tmp_path / name) in str(error.value)


@pytest.mark.parametrize("matrix", [np.zeros((3, 87)), np.zeros(88), np.full((3, 88), np.nan), np.full((3, 88), -1)])
def test_a_matrix_that_is_no_piano_roll_is_refused(matrix, tmp_path):
    np.savez(tmp_path / "a.npz", x=matrix)
    with pytest.raises(DataError, match="array x has"):
        open_music(tmp_path / "a.npz", MidiChoice())


def test_piano_rolls_and_midi_are_not_mixed(tmp_path):
    (tmp_path / "a.json").write_text("[[60]]")
    write_song(tmp_path / "b.mid", [(0, 1, 60, 80)])
    with pytest.raises(DataError, match=r"is a piano roll, and .* is MIDI"):
        open_music([tmp_path / "a.json", tmp_path / "b.mid"], MidiChoice())


def test_damaged_matlab_files_are_read_or_refused(tmp_path):
    path, drawn = tmp_path / "a.mat", random.Random(3)
    for packed in (False, True):
        savemat(path, {"traindata": cells(roll(), roll())}, do_compression=packed)
        whole = path.read_bytes()
        for _ in range(60):
            raw = bytearray(whole)
            raw[drawn.randrange(128, len(raw))] = drawn.randrange(256)
            path.write_bytes(raw[: drawn.randint(120, len(raw))] if drawn.random() < 0.3 else raw)
            try:
                open_music(path, MidiChoice())
            except DataError as error:
                assert str(path) in str(error)  # noqa: PT017
