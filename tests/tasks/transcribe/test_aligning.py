"""A known text is aligned with its sound as the path says, in the spelling of the text; what does not fit is named."""

import numpy as np
import pytest
import torch
from torch import nn

from elman.errors import DataError
from elman.tasks.transcribe.aligning import align_texts, describe_doubts, spell
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.module import SUBSAMPLING
from elman.vocabulary.characters import Characters

VOCABULARY = Characters.of(" abc")
ENCODER = SpeechEncoder(None, 5, deltas=False, vocabulary=VOCABULARY)
SPACE, A, B, C = (1 + VOCABULARY.numbers[one] for one in " abc")
PATH = [0, A, A, B, 0, SPACE, 0, C, C, 0, C]


class Echo(nn.Module):
    """A network that writes the largest number of every fourth frame."""

    def __init__(self, weight=8.0):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, frames, lengths):
        return (self.weight * frames[::SUBSAMPLING]).log_softmax(2), -(-lengths // SUBSAMPLING)


def encode(*pairs):
    """Return texts with paths, which are written as frames."""
    frames = [np.repeat(np.eye(5, dtype=np.float32)[path], SUBSAMPLING, axis=0) for path, _ in pairs]
    return EncodedSpeech(as_speech(frames, [text for _, text in pairs]), ENCODER)


def align(*pairs, weight=8.0):
    return align_texts(Echo(weight), encode(*pairs), ENCODER)


def test_words_have_the_times_of_the_path_and_the_spelling_of_the_text():
    [found] = align((PATH, "Ab, cc!"))
    assert found.transcript.text == "Ab, cc!"
    first, second = found.transcript.words
    assert (first.word, first.start / SUBSAMPLING, first.end / SUBSAMPLING) == ("Ab,", 1, 4)
    assert (second.word, second.start / SUBSAMPLING, second.end / SUBSAMPLING) == ("cc!", 7, 11)
    assert [(unit.text, unit.start / SUBSAMPLING, unit.end / SUBSAMPLING) for unit in first.units] == [
        ("a", 1, 3),
        ("b", 3, 4),
    ]
    assert (found.fits, found.unknown, found.left_out) == (True, "!,", ())
    assert found.lost == pytest.approx(0, abs=1e-6)
    assert 0.9 < second.confidence <= 1
    assert describe_doubts([found], ["x.wav"]) == ["left out, because the model never writes it: !,"]


def test_what_is_lost_is_what_the_likeliest_path_has_more_for_each_character():
    few = encode((PATH, "ab ca")).batch([0])
    log_p, _ = Echo()(few.frames, few.lengths)
    # The path of the text has another unit at the last step alone.
    [found] = align((PATH, "ab ca"))
    assert found.lost == pytest.approx(float((log_p[-1, 0, C] - log_p[-1, 0, A]).detach()) / 5)
    assert not found.fits
    assert f"does not fit the sound of x.wav ({found.lost:.1f})" in describe_doubts([found], ["x.wav"])[0]


def test_a_doubtful_word_of_a_text_that_fits_is_named_with_its_time():
    path = [A, B, 0, SPACE, 0] * 5 + [C, 0]
    [found] = align((path, "ab ab ab ab ab a"), weight=2.0)
    assert found.fits
    [line] = describe_doubts([found], ["x.wav"])
    assert line == f"words with a confidence below 10%: a at {25 * SUBSAMPLING:.2f} of x.wav"


def test_characters_that_the_model_never_writes_are_left_out_and_words_of_nothing_else():
    [found] = align((PATH, "ab - 42 cc"))
    assert [word.word for word in found.transcript.words] == ["ab", "cc"]
    assert (found.unknown, found.left_out) == ("-24", ("-", "42"))
    [line] = describe_doubts([found], ["x.wav"])
    assert line == "left out, because the model never writes it: -24, and with them all of -, 42"
    assert found.to_dict()["left_out"] == ["-", "42"]
    assert spell("Aß C", "ac") == [("Aß", "a"), ("C", "c")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sound 2: its text .* is empty, so there is nothing to align"),
        ("42 x", "sound 2: its text .'42 x'. has no character that the model writes"),
        ("ab cc ab cc", "sound 2: A text of 11 units cannot be aligned with its sound: it needs 13 frames"),
    ],
)
def test_a_text_that_cannot_be_aligned_is_refused_with_its_place(text, message):
    with pytest.raises(DataError, match=message):
        align((PATH, "ab cc"), (PATH, text))


def test_a_text_without_a_space_among_the_characters_is_aligned_word_by_word():
    encoder = SpeechEncoder(None, 4, deltas=False, vocabulary=Characters.of("abc"))
    frames = np.repeat(np.eye(4, dtype=np.float32)[[1, 2, 0, 3, 1]], SUBSAMPLING, axis=0)
    [found] = align_texts(Echo(), EncodedSpeech(as_speech([frames], ["ab ca"]), encoder), encoder)
    assert [(word.word, word.start / SUBSAMPLING) for word in found.transcript.words] == [("ab", 0), ("ca", 3)]


def test_an_alignment_is_the_same_alone_and_among_others():
    pairs = [(PATH, "ab cc"), (PATH[:4], "ab"), (PATH * 2, "ab cc ab cc")]
    assert [one for pair in pairs for one in align(pair)] == align(*pairs)
