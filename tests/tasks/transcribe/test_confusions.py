"""What is wrong in transcripts: counted by hand; and what a training does without the library that counts."""

import sys

import pytest

from elman.data.dataset import Sound
from elman.errors import ConfigError
from elman.tasks import transcribe
from elman.tasks.transcribe.commands import summarise
from elman.tasks.transcribe.confusions import Confusion, count_confusions, find_worst, score_speakers
from elman.tasks.transcribe.intake import as_speech
from speakable import RATE, draw_speech

SAID = ["so good", "a dog runs", "", "so good", "yes", "go on"]
WRITTEN = ["so  gold", "dog run", "oh no", "so gold", "yes home", ""]


def test_words_are_counted_that_are_written_for_others():
    assert count_confusions(WRITTEN, SAID) == [
        Confusion("good", "gold", 2),
        Confusion("a", "", 1),
        Confusion("go", "", 1),
        Confusion("on", "", 1),
        Confusion("runs", "run", 1),
        Confusion("", "home", 1),
        Confusion("", "no", 1),
        Confusion("", "oh", 1),
    ]


def test_speakers_are_scored_alone_the_worst_first():
    found = score_speakers(WRITTEN, SAID, ["Ann", "Bo", "Ann", "Cy", "Cy", None])
    assert [one["speaker"] for one in found] == ["Ann", "Cy", "Bo"]
    assert [one["utterances"] for one in found] == [2, 2, 1]
    assert found[0]["wer"] == pytest.approx(3 / 2)
    assert found[1]["cer"] == pytest.approx(6 / 10)
    assert score_speakers(WRITTEN, SAID, ["Ann"] * 6) == score_speakers(WRITTEN, SAID, [None] * 6) == []


def test_the_worst_transcripts_come_first():
    where = [f"line {number}" for number in range(6)]
    found = find_worst(WRITTEN, SAID, where, 3)
    assert [one["where"] for one in found] == ["line 2", "line 4", "line 5"]
    assert find_worst(["so  good"], ["so good"], where, 3) == []


def test_a_training_without_the_library_that_counts_errors_chooses_by_loss(monkeypatch, capsys):
    sounds, texts, _ = draw_speech(16)
    data = as_speech([Sound(samples, RATE) for samples in sounds], texts)
    monkeypatch.setitem(sys.modules, "jiwer", None)
    options = {"hidden": 5, "channels": 7, "layers": 1, "mels": 20, "epochs": 2, "unit": "subword"}
    model = transcribe.train(data, **options)
    said = capsys.readouterr().err
    assert said.count("jiwer is not installed, so errors are not counted") == 1
    assert "CER" not in said
    assert summarise(model)[0][1].startswith(f"{model.metrics['validation_loss']:.3f} nats per unit")
    assert model.encoder.subwords is not None
    assert len(model.predict([Sound(sounds[0], RATE)])) == 1
    with pytest.raises(ConfigError, match="Error rates need jiwer"):
        model.evaluate(data)
