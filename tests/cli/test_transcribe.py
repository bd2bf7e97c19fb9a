"""Train a transcriber from the command line, transcribe files and folders, measure, and refuse what is not whole."""

import json

import numpy as np
import pytest
import soundfile

from elman.tasks import transcribe
from elman.tasks.transcribe.intake import as_speech
from speakable import RATE, write_speech

OPTIONS = {"hidden": 13, "channels": 16, "layers": 1, "mels": 20, "batch": 8, "learning_rate": 0.01, "epochs": 4}
FLAGS = [part for name, value in OPTIONS.items() for part in (f"--{name.replace('_', '-')}", value)]


def refused(done, *parts: str) -> None:
    assert done.code == 2, (done.out, done.err)
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("elman: ")
    for part in parts:
        assert part in done.err


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    path = write_speech(folder / "s.csv", 30)
    transcribe.train(path, output=folder / "m", quiet=True, compare=False, **OPTIONS)
    return folder / "m"


def test_training_says_what_there_is_what_came_of_it_and_what_is_next(elman, tmp_path):
    write_speech(tmp_path / "s.csv", 30)
    done = elman("train", "transcribe", "s.csv", *FLAGS)
    assert done.code == 0, done.err
    assert "s.csv: 30 utterances, 5 speakers." in done.err
    assert "24 utterances to learn from, 6 to validate on: log-mel of 20" in done.err
    assert "without recurrence, a network of convolutions" in done.err
    assert "validation  CER " in done.out
    next_ = next(line for line in done.out.splitlines() if line.startswith("next"))
    measured = elman(*next_.split()[2:])
    assert measured.code == 0, measured.err
    assert "WER" in measured.out
    refused(elman("train", "transcribe", "s.csv", *FLAGS), "exists", "--force")


def test_each_file_has_a_line_and_json_has_the_times_of_words(elman, model, tmp_path):
    write_speech(tmp_path / "new.csv", 3, seed=5)
    plain = elman("predict", model, "new")
    assert plain.code == 0, plain.err
    assert len(plain.out.splitlines()) == 3
    found = [json.loads(line) for line in elman("predict", model, "new", "--json").out.splitlines()]
    assert [one["text"] for one in found] == plain.out.splitlines()
    for one in found:
        assert one["file"].startswith("new/")
        assert [word["word"] for word in one["words"]] == one["text"].split()
        assert all(0 <= word["start"] < word["end"] for word in one["words"])


def test_evaluating_counts_errors_and_lists_the_worst(elman, model, tmp_path):
    write_speech(tmp_path / "new.csv", 6, seed=5)
    found = json.loads(elman("evaluate", model, "new.csv", "--json", "--worst", 2, "--beam", 1).out)
    assert found["cer"]["count"] == found["wer"]["count"] == 6
    assert len(found["worst"]) <= 2


def test_mistakes_get_one_line(elman, model, tmp_path):
    path = write_speech(tmp_path / "s.csv", 4)
    refused(elman("predict", model, "nowhere.wav"), "nowhere.wav does not exist")
    refused(elman("predict", model, "-"), "reads a sound from both ends")
    (tmp_path / "empty").mkdir()
    refused(elman("predict", model, "empty"), "empty has no sounds in it")
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    refused(elman("predict", model, "b.wav"), "b.wav")
    refused(elman("predict", model, path), "s.csv")
    np.save(tmp_path / "f.npy", np.zeros((9, 13), np.float32))
    refused(elman("predict", model, "f.npy"), "f.npy is frames of features, and the model reads sound")
    soundfile.write(tmp_path / "s" / "000.wav", np.full(RATE, np.nan, np.float32), RATE, subtype="FLOAT")
    refused(elman("train", "transcribe", "s.csv"), "s.csv line 2")
    assert not list(tmp_path.glob("*.safetensors"))
    (tmp_path / "one.csv").write_text("path,text\ns/001.wav,so\n", encoding="utf-8")
    refused(elman("train", "transcribe", "one.csv"), "too few")


def test_what_is_preferred_is_an_option_and_tuning_says_which_options_to_use(elman, model, tmp_path):
    write_speech(tmp_path / "new.csv", 4, seed=5)
    (tmp_path / "t.txt").write_text("ab cad\nbad\ndab ca bc\n" * 5, encoding="utf-8")
    (tmp_path / "w.txt").write_text("ab\nbad\n", encoding="utf-8")
    closed = elman("predict", model, "new", "--only", "w.txt")
    assert closed.code == 0, closed.err
    assert set(closed.out.split()) <= {"ab", "bad"}
    preferred = elman("predict", model, "new", "--language-model", "t.txt", "--hot", "bc,ca", "--bonus", 2)
    assert preferred.code == 0, preferred.err
    assert preferred.out != elman("predict", model, "new").out
    done = elman("evaluate", model, "new.csv", "--language-model", "t.txt", "--tune", "--confused", 3, "--beam", 3)
    assert done.code == 0, done.err
    told = next(line for line in done.out.splitlines() if line.startswith("tuned"))
    options = told.split("tuned")[1].split(",")[0].split()
    assert "too good" in done.out
    again = json.loads(
        elman("evaluate", model, "new.csv", "--language-model", "t.txt", *options, "--json", "--beam", 3).out
    )
    assert f"{again['cer']['rate']:.1%}" in done.out
    assert len(again["speakers"]) == 4
    refused(elman("predict", model, "new", "--weight", 0.3), "none is given")
    refused(elman("predict", model, "new", "--only", "s.txt"), "s.txt")
    (tmp_path / "w.txt").write_text("ab\nBAD\n", encoding="utf-8")
    refused(elman("predict", model, "new", "--only", "w.txt"), "w.txt line 2: 'BAD' has 'A', 'B', 'D'")
    refused(elman("predict", model, "new", "--hot", "ab", "--beam", 1), "A beam of 1 is greedy")
    refused(elman("predict", model, "new", "--hot-bonus", 2), "hot_bonus is about hot words")
    refused(elman("evaluate", model, "new.csv", "--tune"), "tune is about a language model")
    refused(elman("predict", model, "new", "--language-model", model), "is no language model but a model for")


def test_subtitles_go_to_standard_output_or_to_a_file_for_each_sound(elman, model, tmp_path):
    write_speech(tmp_path / "new.csv", 3, seed=5)
    lines = elman("predict", model, "new/000.wav", "--json").out
    shown = elman("predict", model, "new/000.wav", "--srt")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("1\n00:00:0") == bool(json.loads(lines)["words"])
    assert elman("predict", model, "new/000.wav", "--vtt").out.startswith("WEBVTT\n")
    (tmp_path / "out").mkdir()
    done = elman("predict", model, "new", "--textgrid", "-o", "out")
    assert done.code == 0, done.err
    assert done.out.split() == [f"out/00{number}.TextGrid" for number in range(3)]
    assert (tmp_path / "out" / "000.TextGrid").read_text(encoding="utf-8") == elman(
        "predict", model, "new/000.wav", "--textgrid"
    ).out
    refused(elman("predict", model, "new", "--textgrid", "-o", "out"), "out/000.TextGrid exists, and is never overwr")
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_forms_that_do_not_go_together_are_refused(elman, model, tmp_path):
    write_speech(tmp_path / "new.csv", 2, seed=5)
    (tmp_path / "again").mkdir()
    soundfile.write(tmp_path / "again" / "000.wav", np.zeros(RATE), RATE)
    refused(elman("predict", model, "new", "--srt"), "--srt writes a file for each of 2 sounds", "-o")
    refused(elman("predict", model, "new", "--srt", "-o", "none"), "none is no folder. Make it first: mkdir -p none")
    refused(elman("predict", model, "new/000.wav", "--srt", "--vtt"), "--srt and --vtt are two forms")
    refused(elman("predict", model, "new/000.wav", "--srt", "--json"), "--json and --srt are two forms")
    refused(elman("predict", model, "new/000.wav", "-o", "again"), "--output is a folder of subtitles or TextGrids")
    both = elman("predict", model, "new/000.wav", "again/000.wav", "--vtt", "-o", "again")
    refused(both, "Two sounds have the name 000")
    refused(elman("predict", model, "new", "--picture", "p.png"), "--picture draws one sound, and 2 are given")
    refused(elman("predict", model, "new", "--picture", "p.txt"), "p.txt names no format")
    assert [path.name for path in (tmp_path / "again").iterdir()] == ["000.wav"]


def test_a_sound_is_drawn(elman, model, tmp_path):
    write_speech(tmp_path / "new.csv", 1, seed=5)
    done = elman("predict", model, "new/000.wav", "--picture", "p.png")
    assert done.code == 0, done.err
    assert done.out == elman("predict", model, "new/000.wav").out
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_a_text_is_aligned_with_its_sound_and_all_texts_of_some_data_with_theirs(elman, model, tmp_path):
    path = write_speech(tmp_path / "new.csv", 3, seed=5)
    rows = path.read_text(encoding="utf-8").splitlines()[1:]
    texts = [row.split(",")[1] for row in rows]
    (tmp_path / "said.txt").write_text(texts[0].upper() + "!\n", encoding="utf-8")
    done = elman("align", model, "new/000.wav", "said.txt", "--json")
    assert done.code == 0, done.err
    assert "left out, because the model never writes it: !\n" in done.err
    found = json.loads(done.out)
    assert found["text"] == texts[0].upper() + "!"
    assert [word["word"] for word in found["words"]] == found["text"].split()
    assert elman("align", model, "new/000.wav", "-", stdin=texts[0].encode()).out.startswith('File type = "ooTextFile"')
    (tmp_path / "out").mkdir()
    done = elman("align", model, "new.csv", "-o", "out", "--quiet")
    assert done.out.split() == [f"out/00{number}.TextGrid" for number in range(3)]
    lines = elman("align", model, "new.csv", "--json").out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == texts


def test_what_cannot_be_aligned_is_refused(elman, model, tmp_path):
    write_speech(tmp_path / "new.csv", 2, seed=5)
    (tmp_path / "x.txt").write_text("ab " * 500, encoding="utf-8")
    (tmp_path / "y.txt").write_text("12\n", encoding="utf-8")
    refused(elman("align", model, "new/000.wav", "x.txt"), "000.wav: A text of 1,499 units cannot be aligned")
    refused(elman("align", model, "new/000.wav", "y.txt"), "'12') has no character that the model writes")
    refused(elman("align", model, "new/000.wav", "z.txt"), "z.txt does not exist")
    refused(elman("align", model, "new/000.wav"), "000.wav is no list of utterances")
    refused(elman("align", model, "new.csv"), "--textgrid writes a file for each of 2 sounds. Name a folder", "-o")
    refused(elman("align", "new.csv", "new/000.wav", "x.txt"), "new.csv is not a model")


def test_frames_have_no_seconds_so_they_have_no_subtitles(elman, tmp_path):
    frames = np.random.default_rng(1).standard_normal((12, 37, 5)).astype(np.float32)
    for number, one in enumerate(frames):
        np.save(tmp_path / f"{number:02}.npy", one)
    (tmp_path / "said.txt").write_text("ab", encoding="utf-8")
    speech = as_speech(list(frames), ["ab ba"[: 1 + number % 5] for number in range(12)])
    transcribe.train(speech, output=tmp_path / "m", quiet=True, compare=False, **{**OPTIONS, "epochs": 1})
    refused(elman("predict", "m", "00.npy", "--srt"), "need seconds, and m reads frames", "--json")
    refused(elman("align", "m", "00.npy", "said.txt"), "need seconds, and m reads frames", "--json")
    assert elman("align", "m", "00.npy", "said.txt", "--json").code == 0
    assert elman("predict", "m", "00.npy", "--picture", "p.svg").code == 0
