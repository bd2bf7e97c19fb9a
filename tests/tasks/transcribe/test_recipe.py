"""Transcribers on speech of tones: trained, written, read again; alone as in a batch; nothing of what is held out."""

import json

import numpy as np
import pytest
import soundfile
import torch

from elman.data.dataset import Sound
from elman.data.speech.opening import open_utterances
from elman.errors import DataError
from elman.tasks import Transcriber, transcribe
from elman.tasks.contract import Request
from elman.tasks.inspection import inspect_model
from elman.tasks.transcribe import commands
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.recipe import entropy
from elman.tasks.transcribe.settings import EvaluateOptions
from elman.training.splits import split
from speakable import RATE, draw_speech, say, write_speech

TINY = {"hidden": 24, "channels": 24, "layers": 1, "mels": 20, "batch": 8, "learning_rate": 0.01, "quiet": True}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a model that knows the tones; tests read it and do not change it."""
    folder = tmp_path_factory.mktemp("speech")
    path = write_speech(folder / "speech.csv", 80)
    model = transcribe.train(path, **TINY, epochs=20, dropout=0.1, output=folder / "m", compare=True)
    return model, folder


def sounds_of(count, seed=9):
    sounds, texts, _ = draw_speech(count, seed)
    return [Sound(samples, RATE) for samples in sounds], texts


def test_a_model_writes_what_is_said_and_says_when(trained):
    model, _ = trained
    assert model.metrics["validation"]["cer"]["rate"] < 0.1
    drawn = np.random.default_rng(3)
    [found] = model.transcribe([Sound(say("cad ab", drawn), RATE)])
    assert found.text == "cad ab"
    first, second = found.words
    assert (first.word, second.word) == ("cad", "ab")
    assert first.start < 0.3
    assert first.end < second.start
    assert 0.4 < second.start < 0.9
    assert 0 < second.confidence <= 1


def test_words_lie_on_the_sound_that_is_theirs(trained):
    model, _ = trained
    drawn = np.random.default_rng(5)
    errors = []
    for text in ("cad ab", "bad dab", "ab ca bad", "dab cad"):
        samples = 0.003 * drawn.standard_normal(RATE // 2)
        times = []
        for word in text.split():
            said = say(word, drawn)
            loud = np.flatnonzero(np.abs(said) > 0.05) + len(samples)
            times.append((loud[0] / RATE, loud[-1] / RATE))
            samples = np.concatenate([samples, said, 0.003 * drawn.standard_normal(RATE // 7)])
        found = model.align(Sound(samples.astype(np.float32), RATE), text)
        errors += [
            (word.start - start, word.end - end)
            for word, (start, end) in zip(found.transcript.words, times, strict=True)
        ]
    assert np.abs(np.median(errors, axis=0)).max() < 0.02
    assert np.abs(errors).max() < 0.1


def test_the_limit_of_what_a_text_may_lose_lies_between_texts_that_are_said_and_others(trained):
    model, _ = trained
    sounds, texts = sounds_of(40)
    right = [model.align(sound, text).fits for sound, text in zip(sounds, texts, strict=True)]
    pairs = [(sound, texts[index - 7]) for index, sound in enumerate(sounds) if texts[index - 7] != texts[index]]
    wrong = [model.align(sound, text).fits for sound, text in pairs if len(text) <= len(texts[0]) + 5]
    assert np.mean(right) > 0.95
    assert len(wrong) > 20
    assert np.mean(wrong) < 0.1


@pytest.mark.parametrize("beam", [1, 7])
def test_an_answer_is_the_same_alone_and_among_others(trained, beam):
    model, _ = trained
    sounds, _ = sounds_of(7)
    together = model.transcribe(sounds, beam)
    assert [model.transcribe([one], beam)[0] for one in sounds] == together


def test_a_model_file_answers_as_the_model_did(trained):
    model, folder = trained
    sounds, texts = sounds_of(5)
    again = transcribe.load(folder / "m")
    assert again.transcribe(sounds) == model.transcribe(sounds)
    assert again.encoder == model.encoder == SpeechEncoder.from_dict(json.loads(json.dumps(model.encoder.to_dict())))
    scores, written = again.evaluate(as_speech(sounds, texts))
    assert written == again.predict(sounds)
    assert scores.cer.units == sum(map(len, texts))


def test_sounds_that_were_learnt_from_are_recognised_however_they_are_written_and_cut(trained, tmp_path):
    model, folder = trained
    again = transcribe.load(folder / "m")
    data = open_utterances([folder / "speech.csv"])
    learnt = again.compare_learnt(data).estimate
    assert learnt == model.metrics["training_utterances"] < len(data)
    longer = []
    for index, one in enumerate(data.utterances):
        sound = data.read(index)
        soundfile.write(tmp_path / f"{index}.flac", sound.samples, sound.rate)
        longer.append(Sound(np.append(sound.samples, np.float32(0.5)), sound.rate))
        assert one.transcript is not None
    assert again.compare_learnt(as_speech(sorted(tmp_path.glob("*.flac")))).estimate == learnt
    assert again.compare_learnt(as_speech([data.read(index) for index in range(len(data))])).estimate == learnt
    assert again.compare_learnt(as_speech(longer)).estimate == 0
    slower = [Sound(data.read(index).samples, RATE // 2) for index in range(len(data))]
    assert again.compare_learnt(as_speech(slower)).estimate == 0


def test_evaluate_warns_of_sounds_that_were_learnt_from(trained, tmp_path):
    model, folder = trained

    def evaluate(path):
        options = EvaluateOptions(beam=1)
        return commands.evaluate(Request(folder / "m", [str(path)], options, quiet=True, json=False, note=print))

    found = evaluate(folder / "speech.csv")
    assert found.facts["learnt_from"] == model.metrics["training_utterances"]
    assert "are in the training data" in str(found.shown[-1])
    assert evaluate(write_speech(tmp_path / "other.csv", 5, seed=2)).facts["learnt_from"] == 0


def test_a_verdict_compares_with_what_needs_no_recurrence(trained):
    metrics = trained[0].metrics
    assert metrics["verdict"].count("%") >= 3
    assert metrics["most_frequent"]["cer"]["rate"] > 0.4
    assert metrics["shuffled"][0]["cer"]["rate"] > metrics["validation"]["cer"]["rate"]


def test_its_layers_can_be_inspected(trained):
    _, folder = trained
    found = inspect_model(folder / "m", [str(folder / "speech.csv")])
    assert found.flow.verdict
    assert found.mattered


def test_what_is_held_out_changes_no_weight(tmp_path):
    sounds, texts, speakers = draw_speech(24)
    _, hold = split([None] * 24, share=0.25, seed=3, groups=speakers)
    noise = np.random.default_rng(1)
    found = []
    for poisoned in (False, True):
        said, heard = list(texts), [Sound(samples, RATE) for samples in sounds]
        for index in hold if poisoned else ():
            said[index] = "dd é"
            heard[index] = Sound(noise.uniform(-1, 1, 9001).astype(np.float32), 2 * RATE)
        data = as_speech(heard, said, speakers)
        found.append(transcribe.train(data, **TINY, epochs=1, validation=0.25, seed=3, compare=False))
    one, other = found
    assert len(one.metrics["history"]) == 1
    assert one.metrics["validation_loss"] != other.metrics["validation_loss"]
    assert one.parts() == other.parts()
    for (name, ours), theirs in zip(one.weights().items(), other.weights().values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_frames_are_learnt_from_and_a_model_of_frames_refuses_sound(tmp_path):
    drawn = np.random.default_rng(5)
    frames = [drawn.normal(size=(int(length), 3)).astype(np.float32) for length in drawn.integers(20, 60, 12)]
    model = Transcriber(hidden=5, channels=7, layers=1, epochs=1, validation=0.3, deltas=False).fit(frames, ["ab"] * 12)
    assert len(model.predict(frames[:2])) == 2
    assert model.model_.encoder.width == 3
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    with pytest.raises(DataError, match=r"a\.wav is sound, and the model reads frames of 3 numbers\. Give frames"):
        model.predict([tmp_path / "a.wav"])
    with pytest.raises(DataError, match="sound 1 has frames of 4 numbers, and the model reads 3"):
        model.predict([np.zeros((9, 4), np.float32)])


def test_one_who_leaves_the_blank_late_is_waited_for(monkeypatch):
    """Nothing that is written is better for four validations in a row; with patience 1 the training goes on."""
    sounds, texts = sounds_of(16)
    options = {**TINY, "learning_rate": 1e-5, "validation": 0.25, "compare": False, "patience": 1}
    model = transcribe.train(as_speech(sounds, texts), **options, epochs=260)
    assert len(model.metrics["history"]) >= 3
    assert model.stopped == "epochs"


def test_the_entropy_of_units_is_that_of_their_shares():
    assert entropy([[1] * 3, [2]]) == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))


def test_silence_and_other_rates_are_heard(trained):
    model, _ = trained
    sounds, texts = sounds_of(3)
    assert model.predict([Sound(np.zeros(50, np.float32), RATE), Sound(np.zeros(RATE, np.float32), RATE)])
    doubled = [Sound(np.repeat(one.samples, 2), 2 * RATE) for one in sounds]
    assert model.predict(doubled) == texts


def test_training_needs_something_that_is_said():
    sounds, _ = sounds_of(6)
    with pytest.raises(DataError, match="Nothing is said"):
        transcribe.train(as_speech(sounds, [""] * 6), **TINY)
