"""Classifiers of text and forecasters as pages: what their scripts read and answer is what the model does."""

import numpy as np
import pytest
import torch

from browsed import (
    CLASSES,
    GENOMES,
    LABELS,
    NUMBERS,
    WORDS,
    export_page,
    forecaster_of,
    listener_of,
    needs_node,
    noise,
    parts_of,
    reader_of,
    run,
)
from elman.data.dataset import Example, Sound
from elman.data.formats.sound import resample
from elman.data.series.frequency import Frequency
from elman.export.pages.running import run_in_node
from elman.tasks.forecast.calendar import encode_cycles
from elman.tasks.forecast.page import obstacle
from elman.tasks.forecast.windows import measure_scale

WINDOWS = ["acgttac", "ggatcca", "tacagta"]
STRANGE = ["", "GOOD-good, x\u0130 don't 3.5 \x1c so\xa0bad?", "ACGTTG", "𝄞 a", "so " * 3000]


@needs_node
@pytest.mark.parametrize(
    ("texts", "kind", "pooling", "targets", "options"),
    [
        pytest.param(WORDS, "text", "max", CLASSES, {"unit": "word"}, id="words and letters"),
        pytest.param(WORDS, "text", "last", LABELS, {"unit": "character"}, id="characters"),
        pytest.param(WORDS, "text", "attention", NUMBERS, {"unit": "word", "letters": False}, id="a number"),
        pytest.param(GENOMES, "letters", "mean", CLASSES, {"kmer": 2, "convolution": True}, id="motifs"),
        pytest.param(WINDOWS, "letters", "max", CLASSES, {"kmer": 1}, id="places"),
        pytest.param(GENOMES, "letters", "mean", LABELS, {"kmer": 2, "both_strands": True}, id="strands"),
    ],
)
def test_a_page_reads_texts_as_the_encoder_does_and_answers_as_the_model(
    texts, kind, pooling, targets, options, tmp_path
):
    model = reader_of(texts, kind, pooling, targets, **options)
    agreement, page = export_page(model, tmp_path / "page.html")
    assert agreement.difference <= agreement.bound
    given = texts + STRANGE if kind == "text" else [*texts, "acgttg"]
    read = run(page, "return this.encode([one.text]);", [{"text": text} for text in given])
    upper = str if kind == "text" else str.upper
    examples = [Example({"text": upper(text)}, None, "here") for text in given]
    assert read == [model.encoder.encode(example).tolist() for example in examples]
    found = run_in_node(*parts_of(page), [{"steps": steps} for steps in read])
    outputs = model.outputs([example.values for example in examples])
    expected = outputs * targets.deviation + targets.mean if targets is NUMBERS else targets.probabilities(outputs)
    assert torch.allclose(torch.tensor(found), expected, rtol=1e-5, atol=1e-6)


@needs_node
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"features": "log-mel", "mels": 13, "normalise": "recording"}, id="log-mel less its mean"),
        pytest.param({"features": "mfcc", "mels": 13, "coefficients": 5, "deltas": True}, id="mfcc and slopes"),
        pytest.param({"features": "log-mel", "mels": 17, "deltas": True, "convolution": True}, id="an image"),
    ],
)
def test_a_page_hears_as_the_encoder_does_and_answers_as_the_model(options, tmp_path):
    model = listener_of(**options)
    agreement, page = export_page(model, tmp_path / "page.html")
    assert agreement.difference <= agreement.bound
    sounds = [noise(seed, samples) for seed, samples in ((1, 4001), (2, 90), (3, 777))]
    patch = "return new Frames(this.own.sound).of(one.samples).flat();"
    frames = run(page, patch, [{"samples": sound.samples.tolist()} for sound in sounds])
    encoded = [model.encoder.encode(Example({"sound": sound}, None, "here")) for sound in sounds]
    for found, expected in zip(frames, encoded, strict=True):
        assert torch.allclose(torch.tensor(found).view_as(expected), expected, atol=2e-4)
    found = run_in_node(*parts_of(page), [{"steps": steps.tolist()} for steps in encoded])
    expected = model.probabilities([{"sound": sound} for sound in sounds])
    assert torch.allclose(torch.tensor(found), expected, atol=1e-6)


@needs_node
def test_a_page_resamples_as_the_reader_does(tmp_path):
    _, page = export_page(listener_of(features="log-mel", mels=13), tmp_path / "page.html")
    sound = noise(7, 3001).samples.cumsum().astype(np.float32)
    sound -= sound.mean()
    for own, rate in ((44_100, 16_000), (8_000, 11_025), (22_050, 8_000)):
        found = run(
            page,
            "return resample(one.samples, one.own, one.rate);",
            [{"samples": sound.tolist(), "own": own, "rate": rate}],
        )
        expected = resample(Sound(sound, own), rate).samples
        assert len(found[0]) == len(expected)
        assert np.abs(np.array(found[0]) - expected)[90:-90].max() < 2e-3 * np.abs(expected).max()


@needs_node
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"decode": "segment", "series": 3, "missing": True}, id="segment, of a series"),
        pytest.param({"decode": "direct", "cycles": ("day", "week")}, id="direct, calendar"),
        pytest.param(
            {"decode": "recursive", "cycles": ("week", "year"), "missing": True, "seasons": (2, 5)}, id="recursive"
        ),
        pytest.param({"decode": "segment", "seasons": (2, 5), "logarithms": True}, id="logarithms"),
    ],
)
def test_a_page_forecasts_as_the_model(options, tmp_path):
    agreement, _ = export_page(forecaster_of(**options), tmp_path / "page.html")
    assert agreement.difference <= agreement.bound


@needs_node
@pytest.mark.parametrize(
    "frequency",
    [
        Frequency("day", 1, 7),
        Frequency("minute", 15, 96),
        Frequency("business day", 2, 5),
        Frequency("month", 1, 12, day=31),
        Frequency("quarter", 1, 4, day=0),
    ],
    ids=lambda frequency: frequency.describe(),
)
def test_a_page_knows_the_calendar(frequency, tmp_path):
    _, page = export_page(forecaster_of(cycles=("day",)), tmp_path / "page.html")
    start = np.datetime64("2023-10-31T06:30", "us")
    start = frequency.timestamps(start, 1)[0]
    times = frequency.timestamps(start, 50)
    patch = "const times = timesAround(one.last, one.frequency, 40, 10); return encodeCycles(times, one.cycles).flat();"
    cycles = ("day", "week", "year")
    last = int(times[39].astype("datetime64[ms]").astype(np.int64))
    found = run(page, patch, [{"last": last, "frequency": frequency.to_dict(), "cycles": cycles}])
    np.testing.assert_allclose(found[0], encode_cycles(frequency, start, 50, cycles).ravel(), atol=1e-6)


@needs_node
def test_a_page_reads_what_is_pasted(tmp_path):
    _, page = export_page(forecaster_of(), tmp_path / "page.html")
    patch = """
    try {
      const { values, last } = readSeries(one.text);
      return [last, measureScale(values, 3), ...values];
    } catch (error) { return [error.message]; }
    """
    last = 1709251200000  # 2024-03-01
    for text, time, values in (
        ("1 2,5;4\n-1e1", None, [1, 2, 5, 4, -10]),
        ("day,sales\n2024-02-28,3.5\n2024-02-29,?\n2024-03-01,8\n", last, [3.5, None, 8]),
    ):
        found = run(page, patch, [{"text": text}])[0]
        numbers = np.array([np.nan if value is None else value for value in values])
        expected = [np.nan if time is None else time, measure_scale(numbers, 3), *numbers]
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert run(page, patch, [{"text": "1 2 three"}]) == [["“three” is no number."]]


def test_what_a_page_cannot_read_is_refused():
    assert "reads covariates (known)" in obstacle(forecaster_of(known=1))
    assert obstacle(forecaster_of()) == ""
