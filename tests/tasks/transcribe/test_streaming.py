"""What is written of a sound that arrives is that of the whole sound: ln P bit for bit, the text and the times."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from elman.data.dataset import Sound
from elman.encoders.scaling import Moments
from elman.errors import ConfigError, DataError
from elman.tasks import transcribe
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import SpeechEncoder, as_example
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.listening import join_parts
from elman.tasks.transcribe.module import SUBSAMPLING, RowConvolution
from elman.tasks.transcribe.settings import TranscribeSettings
from elman.tasks.transcribe.streaming import ArrivingSteps, count_lag
from elman.training.splits import split
from elman.vocabulary.characters import Characters
from speakable import RATE, draw_speech
from untrained import make_transcriber, sound_of


@pytest.fixture(autouse=True)
def _times_of_steps(monkeypatch):
    """Keep the times at which words are written: what they are placed on is known only at the end of a sound."""
    for name in ("energies", "seconds"):
        monkeypatch.setattr(EncodedSpeech, name, lambda *_: None)


def whole_of(model, given):
    few = EncodedSpeech(as_speech([given]), model.encoder).batch([0])
    with torch.no_grad():
        return model.module(few.frames, few.lengths)[0][:, 0]


def pieces_of(samples, drawn):
    return np.split(samples, np.sort(drawn.integers(0, len(samples) + 1, drawn.integers(0, 40))))


def written(transcript):
    """Return a transcript without the last bits of how sure it is: an alignment sums in another order."""
    return transcript.text, [word.to_dict() for word in transcript.words]


def hear(stream, pieces):
    return [*[stream.hear(piece) for piece in pieces], stream.end()]


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("gru", {}),
        ("lstm", {"deltas": False, "frame": 31.0, "hop": 7.0}),
        ("gru", {"frame": 20.0, "hop": 25.0}),
        ("lstm", {"look_ahead": 3}),
        ("gru", {"look_ahead": 11, "deltas": False}),
    ],
)
def test_pieces_of_any_size_give_what_the_whole_sound_gives(cell, options):
    model, drawn = make_transcriber(cell, **options), np.random.default_rng(11)
    bands = model.encoder.features.bands
    whole, spoken = sound_of(1), 0
    edges = [bands.frame + count * bands.hop + off for count in (0, 3, 4, 5, 16) for off in (-1, 0, 1)]
    for length in (1, *edges, len(whole)):
        samples = whole[:length]
        expected, [text] = whole_of(model, Sound(samples, RATE)), model.transcribe([Sound(samples, RATE)], beam=1)
        spoken += len(text.words)
        for pieces in (pieces_of(samples, drawn), pieces_of(samples, drawn)):
            assert torch.cat(hear(ArrivingSteps(model.module, model.encoder), pieces)).equal(expected)
            assert written(join_parts(hear(model.stream(), pieces))) == written(text)
    assert spoken >= 15


def test_single_samples_and_empty_pieces_give_the_same():
    model, samples = make_transcriber(look_ahead=2), sound_of(3, 2500)
    single = [piece for at in range(len(samples)) for piece in (samples[at : at + 1], samples[:0])]
    assert torch.cat(hear(ArrivingSteps(model.module, model.encoder), single)).equal(
        whole_of(model, Sound(samples, RATE))
    )
    assert join_parts(hear(model.stream(), [])).text == ""


@pytest.mark.parametrize(("deltas", "look_ahead", "frames"), [(True, 0, 10), (False, 0, 6), (False, 5, 26)])
def test_a_step_is_known_exactly_with_the_last_sample_that_it_needs(deltas, look_ahead, frames):
    model, samples = make_transcriber(deltas=deltas, look_ahead=look_ahead), sound_of(5)
    step, lag = SUBSAMPLING * model.encoder.features.bands.hop, count_lag(model.encoder, look_ahead)
    assert lag == frames * 80 + 200
    for k in (0, 3, 7):
        behind = k * step + lag
        steps = ArrivingSteps(model.module, model.encoder)
        assert len(steps.hear(samples[: behind - 1])) == k
        assert len(steps.hear(samples[behind - 1 : behind])) == 1
    whole = whole_of(model, Sound(samples, RATE))
    for change, first in ((lag, 1), (lag - 1, 0)):
        other = samples.copy()
        other[change:] = 1000.0
        apart = (whole_of(model, Sound(other, RATE)) != whole).any(dim=1).nonzero()[0]
        assert int(apart) == first, "a step reads no sample behind its lag, and the last one within it"


def test_another_rate_and_16_bits_are_heard():
    model, drawn = make_transcriber(), np.random.default_rng(3)
    samples = sound_of(9, 20_000)
    [text] = model.transcribe([Sound(samples, 22_050)], beam=1)
    assert written(join_parts(hear(model.stream(rate=22_050), pieces_of(samples, drawn)))) == written(text)
    short = (samples * 2**13).astype(np.int16)
    [text] = model.transcribe([Sound(short.astype(np.float32) / 2**15, RATE)], beam=1)
    assert written(join_parts(hear(model.stream(), pieces_of(short, drawn)))) == written(text)


def test_frames_arrive_as_sound_does():
    model, drawn = make_transcriber(frames=5), np.random.default_rng(3)
    frames = drawn.normal(-4, 3, (83, 5)).astype(np.float32)
    [text] = model.transcribe([frames], beam=1)
    assert written(join_parts(hear(model.stream(), pieces_of(frames, drawn)))) == written(text)
    with pytest.raises(DataError, match=r"float32 of shape \(3, 4\) is no sound\. Give frames \(T, 5\)"):
        model.stream().hear(np.zeros((3, 4), np.float32))
    with pytest.raises(ConfigError, match="rate is given"):
        model.stream(rate=8000)


def test_a_row_convolution_adds_what_lies_ahead_and_zeros_behind_the_end():
    drawn = np.random.default_rng(5)
    rows = RowConvolution(7, 3).double()
    torch.nn.init.normal_(rows.weight)
    h, weight = drawn.normal(size=(11, 2, 7)), rows.weight.detach().numpy()
    expected = np.zeros_like(h)
    for t in range(11):
        for j in range(4):
            if t + j < 11:
                expected[t] += weight[j] * h[t + j]
    np.testing.assert_allclose(rows(torch.from_numpy(h)).detach().numpy(), expected)
    fresh = torch.randn(5, 7)
    assert RowConvolution(7, 3)(fresh).equal(fresh), "what lies ahead is learnt to be used"


def test_a_sound_that_waits_is_read_alone_as_in_a_batch():
    model = make_transcriber(look_ahead=4)
    few = EncodedSpeech(as_speech([Sound(sound_of(n, 4000 + 977 * n), RATE) for n in range(3)]), model.encoder)
    together = few.batch([0, 1, 2])
    with torch.no_grad():
        log_p, lengths = model.module(together.frames, together.lengths)
        for n in range(3):
            one = few.batch([n])
            alone, _ = model.module(one.frames, one.lengths)
            assert alone[:, 0].equal(log_p[: int(lengths[n]), n])


def test_how_long_a_model_waits_is_chosen_and_kept():
    assert [TranscribeSettings(**one).frames_ahead for one in ({}, {"streaming": True})] == [0, 40]
    assert TranscribeSettings(streaming=True, look_ahead=0).frames_ahead == 0
    with pytest.raises(ConfigError, match=r"look_ahead is how long a model waits.*Give streaming too"):
        TranscribeSettings(look_ahead=8)


def test_an_answer_is_held_in_constant_memory():
    model, held = make_transcriber(look_ahead=3), []
    stream = model.stream()
    for second in range(12):
        stream.hear(sound_of(second, RATE))
        held.append(len(stream._steps._frames))
        assert len(stream._steps._open) == 3
    assert max(held) < 30
    assert stream._steps._open.untyped_storage().nbytes() == 3 * 13 * 4
    assert stream._steps._frames.untyped_storage().nbytes() < 30 * 11 * 4


def test_what_cannot_be_heard_is_refused_and_the_stream_goes_on():
    model, samples = make_transcriber(), sound_of(4)
    stream = model.stream()
    parts = [stream.hear(samples[:4000])]
    for wrong, message in (
        (np.array([0.0, np.nan]), r"sample 1 \(from 0\) is NaN or infinite"),
        (np.array([np.inf]), "sample 0"),
        (np.array([1e300]), "sample 0"),
        (np.zeros((3, 2)), r"float64 of shape \(3, 2\) is no sound"),
        (np.zeros(3, np.int32), "int32 of shape"),
        ("abc", "is no sound. Give samples"),
    ):
        with pytest.raises(DataError, match=message):
            stream.hear(wrong)
    parts += [stream.hear(samples[4000:]), stream.end()]
    assert [written(join_parts(parts))] == [written(one) for one in model.transcribe([Sound(samples, RATE)], beam=1)]
    for go_on in (stream.end, lambda: stream.hear(samples)):
        with pytest.raises(ConfigError, match="stream has ended"):
            go_on()


def test_a_model_that_needs_the_end_of_a_sound_is_refused():
    with pytest.raises(ConfigError, match=r"from both ends.*Train one with --streaming"):
        make_transcriber(bidirectional=True).stream()
    with pytest.raises(ConfigError, match=r"with its own mean.*Train one with --streaming"):
        make_transcriber(running=False).stream()
    with pytest.raises(ConfigError, match="streaming writes before a sound has ended, and direction both"):
        TranscribeSettings(streaming=True, direction="both")
    assert [TranscribeSettings(**one).bidirectional for one in ({}, {"streaming": True}, {"direction": "forward"})] == [
        True,
        False,
        False,
    ]


def test_training_starts_the_running_mean_from_what_is_learnt_from_alone():
    sounds, texts, speakers = draw_speech(24)
    _, hold = split([None] * 24, share=0.25, seed=3, groups=speakers)
    heard = [Sound(samples, RATE) for samples in sounds]
    for index in hold:
        heard[index] = Sound(np.random.default_rng(1).uniform(-1, 1, 9001).astype(np.float32), RATE)
    model = transcribe.train(
        as_speech(heard, texts, speakers), streaming=True, validation=0.25, seed=3, compare=False,
        hidden=7, channels=5, layers=1, mels=20, epochs=1, look_ahead=9, quiet=True,
    )  # fmt: skip
    plain = replace(model.encoder, running=None)
    moments = Moments(20)
    for index in sorted(set(range(24)) - set(hold)):
        moments.add(plain.compute(as_example(heard[index], "it")))
    np.testing.assert_allclose(model.encoder.running.start.means, moments.scaling().means)
    np.testing.assert_allclose(model.encoder.running.start.deviations, moments.scaling().deviations)
    assert not model.module.recurrent.bidirectional
    assert model.module.steps_ahead == 3, "so many steps of four frames have the nine"
    assert SpeechEncoder.from_dict(model.encoder.to_dict()) == model.encoder
    [text] = model.transcribe(heard[:1], beam=1)
    assert written(join_parts(hear(model.stream(), [heard[0].samples]))) == written(text)


def test_a_running_mean_of_another_size_is_refused():
    running = make_transcriber().encoder.running
    with pytest.raises(DataError, match="running mean of this model has another size"):
        SpeechEncoder(None, 5, deltas=True, vocabulary=Characters.of("a"), running=running)
