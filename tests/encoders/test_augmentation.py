"""Augmentation: drawn from its generator alone, within its bounds, and different every time."""

import math

import pytest
import torch

from elman.data.dataset import Columns, Example, Sound
from elman.encoders import augmentation
from elman.encoders.augmentation import (
    add_noise,
    change_speed,
    crop_frames,
    mask_bands,
    mask_times,
    move_image,
    vary_bands,
    vary_cepstra,
    warp_bands,
    warp_tempo,
)
from elman.encoders.encoder import learn_encoder
from elman.encoders.mel import cepstrum
from elman.encoders.settings import InputSettings
from tolerances import assert_close

T, D = 101, 40


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "vary",
    [
        lambda x, g: mask_bands(x, D, g),
        mask_times,
        crop_frames,
        lambda x, g: move_image(x[None], g)[0],
        warp_tempo,
        lambda x, g: warp_bands(x, D, g),
        lambda x, g: vary_cepstra(x[:, :13], torch.arange(13.0, 0, -1), g),
        add_noise,
    ],
    ids=["bands", "times", "crop", "image", "tempo", "vocal tract", "cepstra", "noise"],
)
def test_a_seed_gives_one_result_and_leaves_the_input_and_torchs_chance_alone(vary):
    x = torch.randn(T, D)
    before, state = x.clone(), torch.get_rng_state()
    results = [vary(x, drawn(seed)) for seed in range(20)]
    assert all(result.equal(vary(x, drawn(seed))) for seed, result in enumerate(results))
    assert len({tuple(result.flatten().tolist()) for result in results}) > 5
    assert x.equal(before)
    assert torch.get_rng_state().equal(state)


def test_masks_are_stretches_of_bands_or_times_of_bounded_width():
    bands, times = torch.zeros(D), torch.zeros(T)
    for seed in range(300):
        masked = mask_bands(torch.ones(T, 3 * D), D, drawn(seed))
        assert masked.equal(masked[:1].expand(T, -1))
        assert masked[0, :D].equal(masked[0, D : 2 * D])
        assert int((masked[0, :D] == 0).sum()) <= 2 * D * 0.25
        bands += masked[0, :D] == 0
        masked = mask_times(torch.ones(T, D), drawn(seed))
        assert masked.equal(masked[:, :1].expand(-1, D))
        assert int((masked[:, 0] == 0).sum()) <= 2 * T * 0.1
        times += masked[:, 0] == 0
    assert (bands > 0).all()
    assert (times > 0).all()


def test_a_crop_keeps_at_least_nine_tenths_in_their_order():
    lengths, starts = set(), set()
    for seed in range(300):
        cropped = crop_frames(torch.arange(T)[:, None], drawn(seed)).flatten()
        assert cropped.diff().eq(1).all()
        lengths.add(len(cropped))
        starts.add(int(cropped[0]))
    assert lengths == set(range(91, 102))
    assert {0, 1, 10} <= starts <= set(range(11))


@pytest.mark.parametrize("length", [1, 2, 9])
def test_short_clips_survive(length):
    x = torch.ones(length, D)
    for seed in range(30):
        assert len(crop_frames(mask_times(x, drawn(seed)), drawn(seed))) >= 1


def test_a_tempo_stretches_time_and_keeps_both_ends():
    lengths = set()
    line = torch.stack([torch.linspace(-1, 1, T), torch.linspace(3, 0, T)], 1)
    for seed in range(300):
        warped = warp_tempo(line, drawn(seed))
        assert_close(
            "tempo", warped, torch.stack([torch.linspace(-1, 1, len(warped)), torch.linspace(3, 0, len(warped))], 1)
        )
        lengths.add(len(warped))
    assert 88 < min(lengths) < 91
    assert 113 < max(lengths) < 116
    assert len(warp_tempo(torch.ones(1, 3), drawn(1))) == 1


def test_cepstra_are_varied_as_the_energies_are_from_which_they_come():
    energies = torch.randn(T, D, dtype=torch.float64)
    deviations = torch.rand(D, dtype=torch.float64) + 0.5
    for seed in range(5):
        varied = vary_cepstra(cepstrum(energies, D) / deviations, deviations, drawn(seed))
        assert_close("cepstra", varied, cepstrum(vary_bands(energies, D, drawn(seed)), D) / deviations)


def test_a_vocal_tract_moves_bands_by_a_factor_and_keeps_both_ends():
    bands = torch.arange(D, dtype=torch.float32)
    factors = []
    for seed in range(300):
        warped = warp_bands(torch.cat([bands, 3 * bands])[None], D, drawn(seed))[0]
        assert_close("slopes", warped[D:], 3 * warped[:D])
        moved = warped[:D]
        assert float(moved[0]) == 0
        assert abs(float(moved[-1]) - (D - 1)) < 1e-4
        assert (moved.diff() > 0).all()
        factor = float(moved[1])
        below = bands <= 0.8 * (D - 1) * min(factor, 1.0) / factor
        assert_close("bands", moved[below], factor * bands[below])
        factors.append(factor)
    assert 0.9 <= min(factors) < 0.905
    assert 1.095 < max(factors) <= 1.1001


def test_noise_has_a_deviation_of_up_to_a_tenth():
    deviations = [float(add_noise(torch.zeros(1009, D), drawn(seed)).std()) for seed in range(100)]
    assert min(deviations) < 0.01
    assert 0.09 < max(deviations) < 0.102


def test_a_speed_changes_the_length_and_the_pitch():
    rate, hertz = 8000, 440
    tone = Sound(torch.sin(2 * math.pi * hertz * torch.arange(2 * rate) / rate).numpy(), rate)
    pitches = set()
    for seed in range(30):
        played = change_speed(tone, drawn(seed))
        assert played.rate == rate
        seconds = len(played.samples) / rate
        spectrum = torch.fft.rfft(torch.from_numpy(played.samples.copy())).abs()
        pitch = float(spectrum.argmax()) / seconds
        assert abs(pitch * seconds - 2 * hertz) < 2
        pitches.add(round(pitch))
    assert pitches == {396, 440, 484}


def test_an_image_is_shifted_by_up_to_two_pixels(monkeypatch):
    monkeypatch.setattr(augmentation, "_MOST_TURNED", 0.0)
    down, right = torch.meshgrid(torch.arange(11.0), torch.arange(17.0), indexing="ij")
    shifts = []
    for seed in range(100):
        moved = move_image(torch.stack([down, right]), drawn(seed))[:, 3:-3, 3:-3]
        apart = moved - torch.stack([down, right])[:, 3:-3, 3:-3]
        assert_close("one shift for all pixels", apart, apart[:, :1, :1].expand_as(apart).clone(), allowed=1e-4)
        shifts.append(apart[:, 0, 0])
    shifts = torch.stack(shifts)
    assert shifts.abs().max() <= 2 + 1e-4
    assert (shifts.amax(0) > 1.7).all()
    assert (shifts.amin(0) < -1.7).all()


def test_an_image_is_turned_by_up_to_ten_degrees_and_keeps_its_form(monkeypatch):
    """Places are read off a picture of its own coordinates: distances stay, whatever the sides of the picture."""
    monkeypatch.setattr(augmentation, "_FARTHEST", 0.0)
    down, right = torch.meshgrid(torch.arange(21.0) - 10, torch.arange(41.0) - 20, indexing="ij")
    angles = []
    for seed in range(100):
        y, x = move_image(torch.stack([down, right]), drawn(seed))[:, 6:-6, 14:-14]
        assert_close("distance", x.square() + y.square(), (down.square() + right.square())[6:-6, 14:-14], allowed=1e-3)
        angles.append(math.degrees(math.atan2(float(y[4, -1]), float(x[4, -1]))))
    assert 9 < max(angles) < 10.01
    assert -9 > min(angles) > -10.01


@pytest.mark.parametrize("features", ["log-mel", "mfcc"])
def test_sound_is_cropped_and_masked_bands_only_of_log_mel(features):
    clip = Example({"clip": Sound(torch.randn(16000).numpy(), 8000)}, "a", "a.wav")
    encoder = learn_encoder(Columns({"clip": "sound"}), [clip], InputSettings(features=features, deltas=True))
    frames = encoder.encode(clip)
    varied = [encoder.augment(frames, drawn(seed)) for seed in range(20)]
    assert {len(x) for x in varied} <= set(range(int(0.9 * len(frames)), len(frames) + 1))
    assert any((x == 0).all(dim=1).any() for x in varied)
    assert any((x == 0).all(dim=0).any() for x in varied) == (features == "log-mel")
