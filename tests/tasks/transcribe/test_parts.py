"""Speech is read, divided, encoded and padded; what a network says becomes texts with the times of their words."""

import csv
import json
import struct

import numpy as np
import pytest
import torch
from torch import nn

from elman.data.dataset import Sound
from elman.data.speech.opening import open_utterances
from elman.decoding.ctc.lattice import log_probability
from elman.encoders.mel import with_deltas
from elman.errors import ConfigError, DataError, ElmanError
from elman.tasks.transcribe.answering import transcribe, write_texts
from elman.tasks.transcribe.baseline import ConvolutionNetwork, train_baselines
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import SpeechEncoder, learn_encoder
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.module import SUBSAMPLING
from elman.tasks.transcribe.reading import encode_speech, read_speech, report_speech
from elman.tasks.transcribe.scores import score_transcripts
from elman.tasks.transcribe.settings import TranscribeSettings
from elman.training.splits import split
from elman.vocabulary.characters import Characters
from speakable import RATE, draw_speech, write_speech


def sounds_of(count, seed=9):
    sounds, texts, speakers = draw_speech(count, seed)
    return [Sound(samples, RATE) for samples in sounds], texts, speakers


def read(data, **options):
    settings = TranscribeSettings(**{"mels": 20, **options})
    found = read_speech(data, settings, quiet=True)
    return found, encode_speech(found, settings, quiet=True)


class Echo(nn.Module):
    """A network that writes the largest number of every fourth frame."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(30.0))

    def forward(self, frames, lengths):
        return (self.weight * frames[::SUBSAMPLING]).log_softmax(2), -(-lengths // SUBSAMPLING)


def spell(path, units):
    """Return frames (T, V) whose steps are the units of a path."""
    return np.repeat(np.eye(units, dtype=np.float32)[path], SUBSAMPLING, axis=0)


@pytest.mark.parametrize("beam", [1, 5])
def test_texts_and_the_times_of_words_are_those_of_the_path(beam):
    vocabulary = Characters.of(" abc")
    frames_alone = SpeechEncoder(None, 5, deltas=False, vocabulary=vocabulary)
    space, a, b, c = (1 + vocabulary.numbers[one] for one in " abc")
    paths = [[0, a, a, b, 0, space, 0, c, c, 0, c], [0, 0, b], [space, a, space, space, 0]]
    speech = as_speech([spell(path, 5) for path in paths])
    found = transcribe(Echo(), EncodedSpeech(speech, frames_alone), frames_alone, beam)
    assert [one.text for one in found] == ["ab cc", "b", "a"]
    first, second = found[0].words
    assert (first.word, first.start, first.end) == ("ab", 1 * SUBSAMPLING, 4 * SUBSAMPLING)
    assert (second.word, second.start, second.end) == ("cc", 7 * SUBSAMPLING, 11 * SUBSAMPLING)
    assert 0.9 < second.confidence <= 1
    alone = [
        transcribe(Echo(), EncodedSpeech(as_speech([spell(path, 5)]), frames_alone), frames_alone, beam)
        for path in paths
    ]
    assert [one for (one,) in alone] == found
    told = EncodedSpeech(as_speech([spell(path, 5) for path in paths], ["ab cc", "b", "a"]), frames_alone)
    texts, loss = write_texts(Echo(), told, frames_alone)
    assert texts == [one.text for one in found]
    losses = []
    for index, units in enumerate(told.texts):
        few = told.batch([index])
        with torch.no_grad():
            rows = Echo()(few.frames, few.lengths)[0][:, 0].double().numpy()
        losses.append(-log_probability(rows, [units])[0] / len(units))
    assert loss == pytest.approx(np.mean(losses), rel=1e-4)


def test_times_of_sounds_are_in_seconds():
    encoder = learn_encoder(["ab"], RATE, None, mels=20, frame=25.0, hop=12.5, deltas=False)
    assert encoder.seconds_a_frame == 0.0125

    class Once(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, frames, lengths):
            log_p = torch.full((len(frames) // SUBSAMPLING, len(lengths), 3), -20.0)
            log_p[:, :, 0], log_p[3, :, 0], log_p[3, :, 2] = 20.0, -20.0, 20.0
            return log_p.log_softmax(2), lengths // SUBSAMPLING

    [found] = transcribe(
        Once(), EncodedSpeech(as_speech([Sound(np.zeros(RATE, np.float32), RATE)]), encoder), encoder, 1
    )
    (word,) = found.words
    # A frame of 25 ms is the time around its middle.
    assert (word.word, word.start, word.end) == ("b", pytest.approx(0.15625), pytest.approx(0.20625))
    assert word.to_dict() == {"word": "b", "start": 0.156, "end": 0.206, "confidence": 1.0}


def test_an_output_that_is_not_finite_is_refused():
    broken, encoder = Echo(), SpeechEncoder(None, 2, deltas=False, vocabulary=Characters.of("a"))
    broken.weight.data.fill_(float("nan"))
    with pytest.raises(ElmanError, match="not finite"):
        transcribe(broken, EncodedSpeech(as_speech([np.eye(2, dtype=np.float32)]), encoder), encoder, 1)


def test_speakers_are_on_one_side_and_the_report_says_what_is_odd(tmp_path):
    path = write_speech(tmp_path / "s.csv", 20)
    settings = {"seed": 2, "validation": 0.2}
    found, _ = read(path, **settings)
    assert not set(found.learn.speakers) & set(found.hold.speakers)
    assert len(found.learn) + len(found.hold) == 20
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    learnt = int(found.learn.utterances[0].where.split()[-1])
    rows[learnt - 1][1] = "ab " * 40 + "q"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    lines = list(report_speech(read(path, **settings)[1]))
    assert any(line.startswith(f"{path}: 20 utterances, 5 speakers") for line in lines)
    assert any(line.startswith("More characters than CTC") and f"line {learnt}." in line for line in lines)
    assert any(line.startswith("Characters that occur once: 'q'") for line in lines)


@pytest.mark.parametrize(("words", "held_out"), [(24, 8), (25, 4)])
def test_how_much_is_held_out_depends_on_how_many_words_are_said(words, held_out):
    sounds = [np.zeros((9, 5), np.float32) + n for n in range(40)]
    speech = as_speech(sounds, [" ".join(["so"] * words)] * 40, [str(n) for n in range(40)])
    parts = read_speech(speech, TranscribeSettings(), quiet=True)
    assert len(parts.hold) == held_out, "of fewer than a thousand words, a fifth"


def test_what_is_held_out_changes_nothing_of_what_is_learnt():
    sounds, texts, speakers = sounds_of(24)
    _, hold = split([None] * 24, share=0.25, seed=3, groups=speakers)
    said, heard = list(texts), list(sounds)
    for index in hold:
        said[index] = "dd é"
        heard[index] = Sound(np.random.default_rng(1).uniform(-1, 1, 9001).astype(np.float32), 2 * RATE)
    one, other = (
        read(as_speech(*both, speakers), validation=0.25, seed=3)[1] for both in ((sounds, texts), (heard, said))
    )
    assert one.encoder == other.encoder
    assert one.training.texts == other.training.texts
    chosen = list(range(len(one.training)))
    assert torch.equal(one.training.batch(chosen).frames, other.training.batch(chosen).frames)
    assert not torch.equal(one.held_out.lengths, other.held_out.lengths)
    assert any("never written: é" in line for line in report_speech(other))


def test_a_batch_is_padded_with_zeros_and_augmenting_changes_training_frames_alone():
    sounds, texts, _ = sounds_of(5)
    encoder = learn_encoder(texts, RATE, None, mels=20, frame=25.0, hop=10.0, deltas=True)
    speech = EncodedSpeech(as_speech(sounds, texts), encoder)
    few = speech.batch([3, 0, 4])
    assert few.frames.shape[1:] == (3, 60)
    assert [encoder.decode(units) for units in few.texts] == [texts[index] for index in (3, 0, 4)]
    for place, length in enumerate(few.lengths.tolist()):
        assert not few.frames[length:, place].any()
        own = few.frames[:length, place, :20]
        torch.testing.assert_close(own.mean(0), torch.zeros(20), atol=1e-4, rtol=0)
    chance = torch.Generator().manual_seed(1)
    varied = speech.batch([3, 0, 4], augment=chance)
    assert varied.frames.shape != few.frames.shape or not torch.equal(varied.frames, few.frames)
    assert varied.texts == few.texts
    for place, length in enumerate(varied.lengths.tolist()):
        frames = varied.frames[:length, place]
        torch.testing.assert_close(frames, with_deltas(frames[:, :20]), atol=1e-5, rtol=0)


def test_the_deviations_of_cepstra_are_those_within_the_utterances_to_learn_from(tmp_path):
    drawn = np.random.default_rng(1)
    frames = [drawn.normal(7 * number, 1 + np.arange(13), (31 + number, 13)).astype(">f4") for number in range(9)]
    for number, one in enumerate(frames):
        (tmp_path / f"{number}.mfc").write_bytes(struct.pack(">i", one.size) + one.tobytes())
    (tmp_path / "a.fileids").write_text("".join(f"{number}\n" for number in range(9)))
    (tmp_path / "a.transcription").write_text("".join(f"a b ({number})\n" for number in range(9)))
    _, parts = read(tmp_path / "a.fileids", validation=0.3)
    learnt = [int(one.audio.stem) for one in parts.training.speech.utterances]
    assert 0 < len(learnt) < 9
    within = np.concatenate([frames[number] - frames[number].mean(0) for number in learnt])
    np.testing.assert_allclose(parts.encoder.cepstra, within.std(0), rtol=1e-4)


def test_an_encoder_is_read_as_it_was_written():
    for encoder in (
        learn_encoder(["so good"], 16000, None, mels=30, frame=25.0, hop=10.0, deltas=True),
        learn_encoder(["ab"], None, 13, mels=30, frame=25.0, hop=10.0, deltas=False),
        learn_encoder(["ab"], None, 2, mels=30, frame=25.0, hop=10.0, deltas=False, cepstra=(2.0, 0.5)),
    ):
        plain = json.loads(json.dumps(encoder.to_dict()))
        assert SpeechEncoder.from_dict(plain) == encoder
        with pytest.raises(DataError, match="no deviation above 0"):
            SpeechEncoder.from_dict({**plain, "cepstra": [0.0] * encoder.size})
        with pytest.raises(DataError, match="another size"):
            SpeechEncoder.from_dict({**plain, "size": 0})


def test_the_rate_is_that_of_most_sounds_to_learn_from_and_16_khz_at_most():
    sounds, texts, _ = sounds_of(10)
    fast = [Sound(np.repeat(one.samples, 6), 6 * RATE) for one in sounds]
    assert read(as_speech(sounds, texts))[1].encoder.features.rate == RATE
    assert read(as_speech(fast, texts))[1].encoder.features.rate == 16000


def test_frames_and_sounds_are_not_taken_for_each_other():
    sounds, texts, _ = sounds_of(2)
    frames = learn_encoder(texts, None, 3, mels=20, frame=25.0, hop=10.0, deltas=False)
    heard = learn_encoder(texts, RATE, None, mels=20, frame=25.0, hop=10.0, deltas=False)
    with pytest.raises(DataError, match=r"sound 1 is sound, and the model reads frames of 3 numbers\. Give frames"):
        EncodedSpeech(as_speech(sounds), frames)
    with pytest.raises(DataError, match="sound 1 has frames of 4 numbers, and the model reads 3"):
        EncodedSpeech(as_speech([np.zeros((9, 4), np.float32)]), frames)
    with pytest.raises(DataError, match="sound 1 is frames of features, and the model reads sound"):
        EncodedSpeech(as_speech([np.zeros((9, 4), np.float32)]), heard)


def test_a_speaker_of_both_files_is_named(tmp_path):
    one, other = (write_speech(tmp_path / f"{name}.csv", 10, seed) for seed, name in enumerate("ab"))
    found = read_speech(one, TranscribeSettings(validation_data=str(other)), quiet=True)
    assert any("scores are too good: Ann, Bo" in note for note in found.notes)
    assert (len(found.learn), len(found.hold)) == (10, len(open_utterances(other)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "There is no list of sounds"),
        ("a.wav", "There is no list of sounds"),
        ([3], "sound 1 is no path, no Sound"),
        ([np.zeros(9, np.float32)], "sound 1 is no path, no Sound"),
        ([np.full((2, 2), np.nan, np.float32)], "sound 1"),
        ([Sound(np.array([0.0, np.nan], np.float32), RATE)], "sound 1 is no row of finite samples"),
        ([Sound(np.zeros(0, np.float32), RATE)], "sound 1 is no row of finite samples"),
    ],
)
def test_what_is_no_sound_is_refused(given, message):
    with pytest.raises(DataError, match=message):
        as_speech(given)


def test_too_little_to_learn_from_is_refused():
    sounds, texts, _ = sounds_of(6)
    with pytest.raises(DataError, match="too few"):
        read(as_speech(sounds[:1], texts[:1]))
    with pytest.raises(DataError, match="Nothing is said in the utterances held out"):
        read(as_speech(sounds, [""] * 6))
    with pytest.raises(DataError, match="6 sounds and 2 transcripts"):
        as_speech(sounds, texts[:2])
    slow = as_speech([Sound(np.zeros(60, np.float32), 30)] * 6, ["a"] * 6)
    with pytest.raises(DataError, match="30 samples a second, too few for frames of 25 ms"):
        read(slow)
    with pytest.raises(ConfigError, match="validation and validation_data"):
        TranscribeSettings(validation=0.1, validation_data="x.csv")


def test_scores_are_better_with_fewer_errors_and_speakers_are_drawn_together():
    said = ["ab cd", "ab", "cd ab", "cd"] * 5
    wrong = ["ab cd", "ab", "cd", "ad"] * 5
    speakers = ["Ann", "Ann", "Bo", None] * 5
    found = score_transcripts(wrong, said, speakers)
    assert found.cer.rate == pytest.approx((3 + 1) / 14)
    assert found.wer.rate == pytest.approx(2 / 6)
    assert found.quality == -found.cer.rate < score_transcripts(said, said).quality
    assert found.cer.interval != score_transcripts(wrong, said).cer.interval
    assert found.differs(-0.9)
    assert not found.differs(found.quality)


def test_a_baseline_is_the_same_alone_and_in_a_batch_and_stops_when_its_allowance_does():
    sounds, texts, speakers = sounds_of(12)
    _, parts = read(as_speech(sounds, texts, speakers), validation=0.3)
    found = [train_baselines(parts.training, parts.held_out, parts.encoder, seed=1, seconds=0.05) for _ in range(2)]
    assert found[0] == found[1]
    assert not found[0].finished
    assert "cut short" in found[0].what
    assert found[0].usual_text in texts
    network = ConvolutionNetwork(parts.encoder.width, parts.encoder.units).eval()
    few = parts.training.batch([0, 1, 2, 3])
    with torch.no_grad():
        together, lengths = network(few.frames, few.lengths)
        for place, length in enumerate(few.lengths.tolist()):
            alone, _ = network(few.frames[:length, place : place + 1], few.lengths[place : place + 1])
            assert torch.equal(alone[:, 0], together[: int(lengths[place]), place])
