"""The recipe: a tiny model is trained on songs, scored, saved, loaded, and composes from the command line."""

import json
import math
import sys
from collections import Counter

import mido
import numpy as np
import pytest
import soundfile

from elman.cli import main
from elman.data.music.midi import MidiChoice
from elman.data.music.opening import open_music
from elman.data.music.piece import HELD, Piece, split_notes
from elman.errors import ConfigError, DataError
from elman.tasks import compose, generate
from elman.tasks.compose.baseline import _score_piece, count_notes
from playable import draw_tune, write_song, write_songs

TINY = {"hidden": 7, "note_hidden": 5, "embedding": 6, "batch": 4, "quiet": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    for name, lowest in (("anna", 50), ("bert", 62)):
        write_songs(folder / "songs" / name, 5, lowest=lowest, bars=2)
    write_song(folder / "tune.mid", [(n, n + 2, 66 + n % 5, 80) for n in range(0, 24, 2)])
    compose.train(folder / "songs", output=folder / "m", given="player", epochs=3, **TINY)
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)

    def give(command):
        monkeypatch.setattr(sys, "argv", ["elman", *command.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        out = capsys.readouterr()
        return ended.value.code or 0, out.out, out.err

    return give


def test_a_model_is_measured_and_compared(folder):
    model = compose.load(folder / "m")
    metrics = model.metrics
    assert metrics["validation"]["pieces"] == 2
    assert {"baseline", "repeated", "frequency"} <= metrics.keys()
    assert metrics["verdict"].startswith(f"{metrics['validation']['nats']:.3f} nats a frame.")
    assert metrics["validation_loss"] == pytest.approx(metrics["validation"]["nats"], rel=1e-6)
    assert model.music.classes == ("anna", "bert")
    assert model.music.playing["anna"].velocity(4) == 74


def test_a_file_is_loaded_as_it_was_saved(folder, tmp_path):
    model = compose.load(folder / "m")
    model.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (folder / "m").read_bytes()
    pieces = open_music(folder / "songs", model.music.choice, classes=True).parts[""]
    assert compose.load(tmp_path / "again").evaluate(pieces).nats == model.evaluate(pieces).nats
    assert model.evaluate(pieces).overlap.estimate == 8


def test_counts_of_notes_are_those_by_hand():
    frames = ((60,), (60 + HELD, 64), (67,), (67 + HELD,), ())
    piece = Piece("a", frames, (0,) * 5, (1,) * 5)
    counts = count_notes([piece])
    assert counts.sounded.tolist() == pytest.approx([3.5 / 6.5, 0.5 / 6.5, 2.5 / 6.5])  # of 5 that sounded 3 stop
    assert counts.silent[64] == pytest.approx(1.5 / 5)  # 4 frames where it did not sound before, one start
    loss, length, right, wrong, missed = _score_piece(piece, counts.alone, counts, repeat=True)
    expected, before = 0.0, Counter()
    for frame in frames:
        for pitch in range(128):
            starts, goes_on = pitch in frame, pitch + HELD in frame
            if before[pitch]:
                share = counts.sounded[2 if goes_on else 1 if starts else 0]
            else:
                share = counts.silent[pitch] if starts else 1 - counts.silent[pitch]
            expected -= math.log(share)
        before = Counter(note % HELD for note in frame)
    assert loss == pytest.approx(expected)
    assert (length, right, wrong, missed) == (5, 2, 3, 3)


def test_the_parts_of_a_data_set_are_used_for_what_they_are(tmp_path):
    drawn = np.random.default_rng(1)
    counts = {"train": 5, "valid": 3, "test": 2}
    parts = {
        part: [[[int(pitch)] for pitch in drawn.integers(50, 60, 9)] for _ in range(count)]
        for part, count in counts.items()
    }
    (tmp_path / "a.json").write_text(json.dumps(parts))
    model = compose.train(tmp_path / "a.json", grid=4, epochs=1, compare=False, **TINY)
    assert (model.metrics["training_pieces"], model.metrics["validation_pieces"]) == (5, 3)
    assert not model.music.onsets
    assert model.music.lowest == min(n for piece in parts["train"] for (n,) in piece) - 5
    with pytest.raises(ConfigError, match="has a part to validate on"):
        compose.train(tmp_path / "a.json", validation=0.5, **TINY)
    (tmp_path / "c.json").write_text(json.dumps({"test": parts["test"]}))
    with pytest.raises(DataError, match="no part to learn from"):
        compose.train(tmp_path / "c.json", **TINY)


@pytest.mark.parametrize("options", [{"notes": "independent"}, {"drums": True, "layers": 2}])
def test_other_models_learn(options, tmp_path):
    for number in range(5):
        write_song(tmp_path / f"{number}.mid", draw_tune(number), channel=9 if "drums" in options else 0)
    model = compose.train(tmp_path, epochs=1, compare=False, **TINY, **options)
    assert math.isfinite(model.metrics["validation"]["nats"])
    assert len(model.compose(bars=1, seed=1).frames) == 16


def test_music_is_written_from_the_command_line(run, folder):
    command = "compose m --given player=anna --bars 3 --seed 7"
    code, out, _ = run(f"{command} -o a.mid --picture a.png --report songs")
    assert code == 0
    first, second = out.splitlines()
    assert first.startswith("a.mid: 3 bars, ")
    assert first.endswith("; --seed 7")
    assert second.startswith("copied: ")
    assert (folder / "a.png").read_bytes()[1:4] == b"PNG"
    made = compose.load(folder / "m").compose(given="anna", bars=3, seed=7)
    heard = [m for m in mido.MidiFile(folder / "a.mid").tracks[0] if m.type == "note_on"]
    assert len(heard) == len(split_notes(made.frames)) > 3
    assert run(f"{command} -o b.mid")[0] == 0
    assert (folder / "b.mid").read_bytes() == (folder / "a.mid").read_bytes()
    code, out, _ = run(f"{command} -o a.wav --sound tone --json")
    facts = json.loads(out)
    assert (facts["bars"], facts["seed"]) == (3, 7)
    assert soundfile.info(folder / "a.wav").duration == pytest.approx(facts["seconds"] + 1, abs=0.01)


def test_a_primer_is_continued_and_left_out(run, folder):
    command = "compose m --given anna --bars 1 --seed 7 --primer tune.mid"
    run(f"{command} -o with.mid")
    run(f"{command} -o without.mid --without-primer")
    primer, whole, rest = (
        split_notes(open_music(folder / f"{name}.mid", MidiChoice()).parts[""][0].frames)
        for name in ("tune", "with", "without")
    )
    assert [note for note in whole if note[1] <= 24] == primer
    assert len(rest) == len([note for note in whole if note[1] > 24])


def test_a_melody_is_harmonised_and_tablature_printed(run, folder):
    code, out, _ = run("compose m --given bert --harmonise tune.mid --tab --seed 3 -o h.mid")
    assert code == 0
    assert out.splitlines()[0].startswith("e|-")
    made = open_music(folder / "h.mid", MidiChoice()).parts[""][0]
    tune = open_music(folder / "tune.mid", MidiChoice()).parts[""][0]
    assert [frame[0] for frame in made.frames] == [frame[0] for frame in tune.frames]


WRONG = {
    "compose m --given anna": "Nothing is to be written",
    "compose m --given anna -o a.mid --bars 0": "--bars",
    "compose m --given anna -o a.mp3": "a.mp3 is written as no music",
    "compose m --given anna -o none/a.mid": "the folder none does not exist",
    "compose m --given carl -o x.mid": "Give one, e.g. player=anna",
    "compose m --given anna -o x.mid --without-primer": "there is no primer",
    "compose m --given anna -o x.mid --primer no.mid": "no.mid does not exist",
    "compose m --given anna -o x.mid --primer m": "is no music",
    "compose m --given anna -o tune.mid --primer tune.mid": "which is read as",
    "compose m --given anna -o x.mid --harmonise tune.mid --bars 3": "harmonise and bars",
    "compose m --given anna -o x.mid --harmonise songs/anna/00.mid": "several notes at a time in bar 1",
    "compose m --given anna -o x.mid --sound tone": "no .wav is written",
    "compose m --given anna -o x.mid --track x": "no file is read",
    "compose m --given anna -o x.mid --temperature -1": "--temperature",
    "compose m --given anna -o x.mid --picture x.txt": "names no format for a picture",
    "compose words -o x.mid": "needs a model of music. Use: elman generate words",
    "generate m": "Use: elman compose m",
    "predict m tune.mid": "Use: elman compose m",
    "evaluate m songs/anna": "has 0 folders in it",
    "train compose songs -o x --grid 7": "must divide 1920",
    "train compose songs -o x --drums --track x": "drums and track are both given",
    "train compose songs -o x --drums": "None of 10 MIDI files has notes of drums",
    "train compose songs/anna -o x --given player": "has 0 folders in it",
    "train compose tune.mid -o x": "too few to learn from",
}


def test_wrong_commands_get_one_line_and_leave_nothing(run, folder):
    (folder / "book.txt").write_text("the cat sat on the mat.\n" * 9)
    small = {"hidden": 3, "embedding": 3, "window": 7, "batch": 2, "epochs": 1, "compare": False, "quiet": True}
    generate.train(folder / "book.txt", output=folder / "words", **small)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for command, said in WRONG.items():
        code, out, error = run(command)
        assert (code, out) == (2, ""), command
        assert said in error, (command, error)
        assert len(error.splitlines()) == 1, (command, error)
        assert error.startswith("elman: "), command
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_model_is_evaluated_and_inspected(run):
    code, out, _ = run("evaluate m songs --json")
    assert code == 0
    facts = json.loads(out)
    model = compose.load("m")
    pieces = open_music("songs", model.music.choice, classes=True).parts[""]
    assert facts["nats"] == pytest.approx(model.evaluate(pieces).nats)
    assert facts["learnt_from"] == 8
    code, out, _ = run("inspect m songs --json")
    assert code == 0
    assert json.loads(out)["verdict"]


def test_midi_without_its_library_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "mido", None)
    code, _, error = run("train compose songs -o x")
    assert (code, error) == (2, "elman: MIDI needs mido. Install it: pip install 'elman[compose]'.\n")


def test_a_file_whose_music_does_not_fit_its_module_is_refused(folder, tmp_path):
    model = compose.load(folder / "m")
    file = model.as_file()
    for change in ({"onsets": False}, {"classes": ["anna"]}, {"grid": 0}, {"playing": {}}):
        file.parts["music"] = {**model.music.to_dict(), **change}
        file.write(tmp_path / "bad")
        with pytest.raises(DataError, match="is damaged: its parts do not fit"):
            compose.load(tmp_path / "bad")
