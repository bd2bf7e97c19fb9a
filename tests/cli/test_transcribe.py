"""Train a transcriber from the command line, transcribe files and folders, measure, and refuse what is not whole."""

import json

import numpy as np
import pytest
import soundfile

from elman.tasks import transcribe
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
    refused(elman("evaluate", model, "new.csv", "--tune"), "tune is about a language model")
    refused(elman("predict", model, "new", "--language-model", model), "is no language model but a model for")
