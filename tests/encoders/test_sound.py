"""Sound: mel bands, log energies and MFCC against their formulas, written out in float64, and published values."""

import json
import math

import numpy as np
import pytest
import torch

from elman.data.dataset import Columns, Example, Sound
from elman.encoders import mel
from elman.encoders.encoder import learn_encoder, read_encoder
from elman.encoders.fronts import ConvolutionFront, FramesFront
from elman.encoders.mel import MelBands, cepstrum, hertz_of, mel_bank, mel_of, with_deltas
from elman.encoders.settings import InputSettings
from elman.errors import DataError
from elman.tasks.classify.settings import ClassifySettings
from tolerances import assert_close

SOUND = Columns({"clip": "sound"})

# librosa.mel_frequencies(n_mels=40, fmin=0, fmax=11025), as its documentation prints it.
FREQUENCIES = """
0. 85.317 170.635 255.952 341.269 426.586 511.904 597.221 682.538 767.855 853.173 938.49 1024.856 1119.114 1222.042
1334.436 1457.167 1591.187 1737.532 1897.337 2071.84 2262.393 2470.47 2697.686 2945.799 3216.731 3512.582 3835.643
4188.417 4573.636 4994.285 5453.621 5955.205 6502.92 7101.009 7754.107 8467.272 9246.028 10096.408 11025.
"""


def clip(samples: int, rate: int = 8000, seed: int = 1) -> Example:
    found = np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)
    return Example({"clip": Sound(found, rate)}, "a", f"{samples}.wav")


def naive_bank(rate: int, transform: int, bands: int) -> np.ndarray:
    """Write Slaney's triangles out, a weight at a time."""
    top = mel_of(rate / 2)

    def hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)

    edges = [hertz(top * i / (bands + 1)) for i in range(bands + 2)]
    bank = np.zeros((bands, transform // 2 + 1))
    for band in range(bands):
        low, centre, high = edges[band : band + 3]
        for k in range(transform // 2 + 1):
            f = k * rate / transform
            height = (f - low) / (centre - low) if f < centre else (high - f) / (high - centre)
            bank[band, k] = max(0.0, height) * 2 / (high - low)
    return bank


def test_the_mel_scale_has_the_published_frequencies():
    mels = torch.linspace(0, mel_of(11025), 40, dtype=torch.float64)
    np.testing.assert_allclose(hertz_of(mels).numpy(), list(map(float, FREQUENCIES.split())), atol=5.1e-4)


@pytest.mark.parametrize(("rate", "transform", "bands"), [(8000, 256, 23), (16000, 512, 40), (11025, 512, 7)])
def test_bands_are_triangles_of_equal_area(rate, transform, bands):
    bank = mel_bank(rate, transform, bands)
    assert_close("bank", bank, torch.from_numpy(naive_bank(rate, transform, bands)), allowed=1e-11)


@pytest.mark.parametrize("at_once", [1, 5, 2**14])
@pytest.mark.parametrize(("samples", "steps"), [(1, 1), (199, 1), (200, 1), (201, 2), (280, 2), (1003, 12)])
def test_log_energies_are_those_of_the_formula_however_many_frames_are_transformed_at_once(
    samples, steps, at_once, monkeypatch
):
    """Frames of 200 samples, 80 apart, under a Hann window, transformed with zeros beside them: phases do not count."""
    monkeypatch.setattr(mel, "_FRAMES", at_once)
    own = MelBands(8000, 23, frame=25.0, hop=10.0)
    x = clip(samples).values["clip"].samples
    found = own.log_energies(torch.from_numpy(x))
    assert found.shape == (steps, 23)
    padded = np.concatenate([x.astype(np.float64), np.zeros(200)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(129), np.arange(200)) / 256)
    for step in range(steps):
        power = np.abs(turns @ (padded[80 * step : 80 * step + 200] * window)) ** 2
        expected = np.log(np.maximum(naive_bank(8000, 256, 23) @ power, 1e-8))
        np.testing.assert_allclose(found[step].numpy(), expected, atol=2e-3 if samples == 1 else 2e-5)


def test_silence_is_finite_and_no_band_is_always_empty():
    own = MelBands(8000, 128, frame=25.0, hop=10.0)
    assert own.log_energies(torch.zeros(800)).isfinite().all()
    noise = torch.from_numpy(clip(8000).values["clip"].samples)
    assert (own.log_energies(noise) > math.log(1e-8)).any(dim=0).all()


def test_mfcc_are_an_orthonormal_cosine_transform():
    x = torch.randn(5, 13, dtype=torch.float64)
    whole = cepstrum(x, 13)
    for k in range(13):
        scale = math.sqrt((1 if k == 0 else 2) / 13)
        expected = sum(x[:, n] * math.cos(math.pi * k * (2 * n + 1) / 26) for n in range(13)) * scale
        assert_close(f"coefficient {k}", whole[:, k], expected)
    assert_close("energy", whole.square().sum(1), x.square().sum(1))
    assert_close("fewer", cepstrum(x, 4), whole[:, :4])


def test_deltas_are_slopes_and_slopes_of_slopes():
    steps = torch.arange(11, dtype=torch.float64)
    found = with_deltas(torch.stack([3 * steps, steps**2], dim=1))
    assert_close("line", found[2:-2, 2], torch.full((7,), 3.0, dtype=torch.float64))
    assert_close("square", found[2:-2, 3], 2 * steps[2:-2])
    assert_close("second", found[4:-4, 5], torch.full((3,), 2.0, dtype=torch.float64))
    assert with_deltas(torch.ones(1, 2)).tolist() == [[1, 1, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 120),
        ({"mels": 20, "deltas": False}, 20),
        ({"features": "mfcc", "deltas": False}, 13),
        ({"features": "mfcc", "coefficients": 7, "deltas": True}, 21),
    ],
    ids=str,
)
def test_training_frames_have_mean_0_and_deviation_1_and_the_encoder_goes_through_json(options, size):
    data = [clip(samples, seed=samples) for samples in (50, 801, 4003)]
    encoder = learn_encoder(SOUND, iter(data), InputSettings(**options))
    frames = torch.cat([encoder.encode(example) for example in data])
    assert frames.shape == (1 + 9 + 49, size)
    assert frames.mean(0).abs().max() < 1e-4
    assert (frames.std(0, correction=0) - 1).abs().max() < 1e-4
    again = read_encoder(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    assert again.encode(data[1]).equal(encoder.encode(data[1]))
    assert encoder.front == FramesFront(size)


@pytest.mark.parametrize(
    ("options", "group", "centred"),
    [
        ({}, None, False),
        ({}, "speaker", True),
        ({"direction": "forward"}, "speaker", False),
        ({"direction": "forward", "normalise": "recording"}, None, True),
        ({"direction": "both", "normalise": "training"}, "speaker", False),
    ],
    ids=str,
)
def test_the_mean_of_a_recording_is_subtracted_where_new_groups_are_answered(options, group, centred):
    encoder = learn_encoder(Columns({"clip": "sound"}, group=group), [clip(900)], ClassifySettings(**options))
    assert encoder.front == FramesFront(40 if options.get("direction") == "forward" else 120, centred)
    assert ("and their slopes" in encoder.describe()) == (options.get("direction") != "forward")
    assert ("less the mean of each recording" in encoder.describe()) == centred
    assert read_encoder(encoder.to_dict()) == encoder


@pytest.mark.parametrize(
    "front", [FramesFront(6, True), ConvolutionFront(6, 2, True)], ids=lambda one: type(one).__name__
)
def test_what_colours_a_whole_recording_is_not_heard(front):
    module = front.build(embedding=3, word_dropout=0.0).eval()
    random = torch.Generator().manual_seed(1)
    steps, colour = torch.randn(11, 3, 6, generator=random), 5 * torch.randn(3, 6, generator=random)
    lengths = torch.tensor([11, 5, 1])
    with torch.no_grad():
        plain, coloured = module(steps, lengths), module(steps + colour, lengths)
        centred = torch.stack([row - row[:n].mean(0) for row, n in zip(steps.transpose(0, 1), lengths, strict=True)], 1)
        wanted = module.frames(centred, lengths)
        for number, length in enumerate(wanted[1].tolist()):
            assert_close("less the mean", plain[0][:length, number], wanted[0][:length, number])
            assert_close("coloured", coloured[0][:length, number], plain[0][:length, number])
            real = int(lengths[number])
            alone = module(steps[:real, number : number + 1], lengths[number : number + 1])[0]
            assert torch.equal(alone[:length, 0], plain[0][:length, number]), "alone as in a batch, bit for bit"


def test_all_sounds_are_brought_to_the_commonest_rate():
    encoder = learn_encoder(SOUND, [clip(800, 44100), clip(800, 8000), clip(801, 8000)], InputSettings())
    assert encoder.features.rate == 8000
    assert len(encoder.encode(clip(2 * 8000, 16000))) == len(encoder.encode(clip(8000, 8000)))
    assert encoder.describe() == "log-mel of 40 and their slopes, every 10 ms, at 8,000 Hz"
    assert learn_encoder(SOUND, [clip(4410, 44100)], InputSettings()).features.rate == 16000
    with pytest.raises(DataError, match="no sound to learn from"):
        learn_encoder(SOUND, [], InputSettings())


def test_a_sound_without_a_sample_in_each_frame_is_refused_by_name():
    for rate in (1, 79, 99):
        with pytest.raises(
            DataError, match=rf"800\.wav has {rate} samples a second, too few for frames of 25 ms every"
        ):
            learn_encoder(SOUND, [clip(800, rate)], InputSettings())
    assert learn_encoder(SOUND, [clip(800, 100)], InputSettings()).features.rate == 100
    encoder = learn_encoder(SOUND, [clip(800, 8000)], InputSettings())
    with pytest.raises(DataError, match=r"5\.wav has 1 samples a second, and the model reads 8,000"):
        encoder.encode(clip(5, 1))


def test_a_tone_is_loudest_in_its_band():
    own = MelBands(8000, 20, frame=25.0, hop=10.0)
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(8000) / 8000)
    centres = hertz_of(torch.linspace(0, mel_of(4000), 22, dtype=torch.float64))[1:-1]
    assert own.log_energies(tone).mean(0).argmax() == (centres - 1000).abs().argmin()


@pytest.mark.parametrize(
    "change",
    [{"rate": 0}, {"rate": 10**9}, {"mels": 10**6}, {"coefficients": 41}, {"features": "x"}, {"hop": 0.0}, {"size": 1}],
    ids=str,
)
def test_features_that_cannot_be_computed_are_refused(change):
    good = learn_encoder(SOUND, [clip(400)], InputSettings()).to_dict()
    with pytest.raises(DataError, match="Train"):
        read_encoder({**good, "features": {**good["features"], **change}})
