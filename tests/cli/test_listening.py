"""Sound on standard input is written as it arrives, as its file would be; what cannot be is refused in one line."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from elman.tasks.contract import Request
from elman.tasks.transcribe.commands import predict
from elman.tasks.transcribe.settings import PredictOptions
from speakable import RATE
from untrained import make_transcriber, sound_of


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("listening") / "m"
    make_transcriber().save(path)
    return path


def pcm_of(seed, samples=9000):
    return (2**14 * sound_of(seed, samples)).astype("<i2")


def test_samples_are_written_as_their_file_is(elman, model, tmp_path):
    for rate in (RATE, 22_050):
        pcm = pcm_of(1)
        soundfile.write(tmp_path / "a.wav", pcm, rate)
        given = ["predict", model, "-", "--rate", rate] if rate != RATE else ["predict", model, "-"]
        plain = elman(*given, stdin=pcm.tobytes())
        assert plain.code == 0, plain.err
        assert plain.out == elman("predict", model, "a.wav", "--beam", 1).out
        assert len(plain.out) > 2
        words = [json.loads(line) for line in elman(*given, "--json", stdin=pcm.tobytes()).out.splitlines()]
        whole = json.loads(elman("predict", model, "a.wav", "--beam", 1, "--json").out)["words"]
        assert [(word["word"], word["confidence"]) for word in words] == [(w["word"], w["confidence"]) for w in whole]


def test_silence_is_an_empty_line_and_half_a_sample_is_named(elman, model):
    assert elman("predict", model, "-").out == "\n"
    assert elman("predict", model, "-", "--json").out == ""
    sent = pcm_of(2).tobytes()
    odd, even = elman("predict", model, "-", stdin=sent + b"\x01"), elman("predict", model, "-", stdin=sent)
    assert (odd.out, odd.code) == (even.out, 0)
    assert odd.err == "Standard input ends with half a sample, which is left out. Samples have 2 bytes.\n"
    assert even.err == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["-", "--beam", 7], "--beam has no meaning"),
        (["-", "a.wav"], "- is given with other data"),
        (["-", "--rate", 5], "has 5 samples a second, and the model reads 8,000"),
        (["a.wav", "--rate", 8000], "files name their own"),
    ],
)
def test_what_has_no_meaning_is_refused(elman, model, tmp_path, given, message):
    soundfile.write(tmp_path / "a.wav", pcm_of(1), RATE)
    done = elman("predict", model, *given, stdin=pcm_of(1).tobytes())
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert message in done.err


def test_a_sound_file_and_a_model_that_waits_for_the_end_are_refused(elman, model, tmp_path):
    soundfile.write(tmp_path / "a.wav", pcm_of(1), RATE)
    done = elman("predict", model, "-", stdin=(tmp_path / "a.wav").read_bytes())
    assert (done.code, done.err) == (
        2,
        "elman: Standard input begins like a sound file, and bare samples are read there. Name the file.\n",
    )
    make_transcriber(bidirectional=True).save(tmp_path / "both")
    done = elman("predict", "both", "-", stdin=b"")
    assert done.code == 2
    assert done.err == (
        "elman: The model reads a sound from both ends, so it writes at the end. Train one with --streaming.\n"
    )


def test_what_is_known_is_written_before_more_is_read(model, monkeypatch):
    pieces, read = np.split(pcm_of(1, 4 * RATE), 8), []

    class Arriving:
        def read1(self, most):
            assert most > 0
            read.append(len(read))
            return pieces[len(read) - 1].tobytes() if len(read) <= len(pieces) else b""

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Arriving()))
    written = predict(Request(model, ["-"], PredictOptions(), quiet=True, json=False, note=print))
    before = [len(read) for _ in written]
    assert before[0] == 1
    assert before == sorted(before)
    assert len(set(before)) > 4
