"""Words are placed on the sound that is theirs, whenever CTC writes them; times are those of frames."""

import dataclasses

import numpy as np
import pytest

from elman.decoding.ctc.lattice import AlignedUnit
from elman.encoders.sound import Features
from elman.tasks.transcribe.encoder import SpeechEncoder, learn_encoder
from elman.tasks.transcribe.module import SUBSAMPLING
from elman.tasks.transcribe.timing import find_delay, find_sound, find_words, place_words, time_words
from elman.vocabulary.characters import Characters

PATTERN = "....####....######....."
SOUNDS = np.array([one == "#" for one in PATTERN])


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([range(5, 7), range(14, 15)], [range(4, 8), range(12, 18)]),  # inside the sound
        ([range(8, 11), range(20, 23)], [range(4, 8), range(12, 18)]),  # behind it, as a network writes that is late
        ([range(6), range(9, 19)], [range(4, 8), range(12, 18)]),  # from the silence before it on
        ([range(7, 14)], [range(4, 18)]),  # over a pause within a word
        ([range(13, 14), range(16, 17)], [range(12, 15), range(15, 18)]),  # two words without a pause
        ([range(13, 14), range(14, 15)], [range(12, 14), range(14, 18)]),
        ([range(2), range(5, 6)], [range(2), range(4, 8)]),  # no sound at all before it
        ([], []),
        ([range(9, 10), range(10, 11)], [range(4, 8), range(12, 18)]),  # one sound has one word
        ([range(2), range(9, 11)], [range(4, 8), range(12, 18)]),  # before it, as what is left of an early network
    ],
)
def test_a_word_is_the_stretch_of_sound_that_its_steps_point_to(spans, expected):
    assert place_words(spans, SOUNDS) == expected


@pytest.mark.parametrize("seed", range(7))
def test_words_never_overlap_and_none_is_empty(seed):
    drawn = np.random.default_rng(seed)
    for _ in range(50):
        sounds = np.repeat(drawn.random(11) < 0.6, drawn.integers(1, 9, 11))
        edges = np.sort(drawn.choice(len(sounds), 2 * min(5, len(sounds) // 2), replace=False)).tolist()
        spans = [range(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        found = place_words(spans, sounds)
        ends = [edge for one in found for edge in (one.start, one.stop)]
        assert ends == sorted(ends)
        assert min(map(len, found)) > 0
        assert ends[0] >= 0
        assert ends[-1] <= len(sounds)


def test_a_frame_sounds_where_it_is_nearer_to_speech_and_closures_are_short():
    energies = np.full(101, -3.0, np.float32)
    energies[20:40] = energies[47:60] = energies[69:90] = 5.0
    energies[19], energies[40] = -0.1, -0.3  # the limit is 0.35 of the way from -3 to 5, -0.2
    expected = np.zeros(101, bool)
    expected[19:60] = expected[69:90] = True
    assert (find_sound(energies) == expected).all()
    assert not find_sound(np.zeros(13, np.float32)).any()


@pytest.mark.parametrize("delay", [-47, -3, 0, 19, 61])
def test_a_delay_is_found_and_taken_away(delay):
    drawn = np.random.default_rng(3)
    written, spoken = [], []
    for _ in range(23):
        sounds = np.zeros(700, bool)
        at, words = 90, []
        while at < 560:
            length = int(drawn.integers(20, 45))
            words.append(range(at, at + length))
            sounds[at : at + length] = True
            at += length + int(drawn.integers(10, 50))
        spoken.append((words, sounds))
        middles = [(word.start + word.stop) // 2 + delay for word in words]
        written.append(([range(middle - 6, middle + 6) for middle in middles], sounds))
    found = find_delay(written)
    assert abs(found - delay) <= 3
    encoder = learn_encoder(["ab"], 8000, None, mels=20, frame=25.0, hop=10.0, deltas=False)
    for (spans, sounds), (words, _) in zip(written, spoken, strict=True):
        aligned = [AlignedUnit((1,), span.start // SUBSAMPLING, span.stop // SUBSAMPLING, 0.5) for span in spans]
        places = [("a", range(number, number + 1)) for number in range(len(words))]
        energies = np.where(sounds, 1.0, 0.0).astype(np.float32)
        timed = time_words(aligned, places, dataclasses.replace(encoder, delay=found), energies, None)
        expected = [encoder.time_of(word.start) for word in words]
        np.testing.assert_allclose([one.start for one in timed], expected)


@pytest.mark.parametrize("seed", range(5))
def test_outside_of_a_sound_there_is_silence(seed):
    drawn = np.random.default_rng(seed)
    sounds = np.repeat(drawn.random(13) < 0.5, 17)
    spans = [range(at, at + 11) for at in (3, 60, 71, 140)]
    share = sounds.mean()

    def agree(delay):
        places = [t - delay for span in spans for t in span]
        return sum((sounds[place] if 0 <= place < len(sounds) else 0.0) - share for place in places)

    agreed = {delay: agree(delay) for delay in range(-150, 151)}
    best = max(agreed, key=lambda delay: (agreed[delay], -delay))
    good = {delay for delay, one in agreed.items() if one >= 0.98 * agreed[best]}
    first, last = best, best
    while first - 1 in good:
        first -= 1
    while last + 1 in good:
        last += 1
    assert abs(find_delay([(spans, sounds)]) - (first + last) / 2) <= 1


def test_without_sound_there_is_no_delay():
    assert find_delay([]) == find_delay([([range(3, 5)], np.zeros(31, bool))]) == 0


def test_characters_have_their_proportions_within_the_word():
    encoder = learn_encoder(["ab c"], 8000, None, mels=20, frame=25.0, hop=10.0, deltas=False)
    space, a, b, c = (1 + encoder.vocabulary.numbers[one] for one in " abc")
    energies = np.where(np.arange(80) // 20 % 2, 1.0, 0.0).astype(np.float32)
    units = [(a, 10, 11), (b, 11, 12), (space, 12, 13), (c, 15, 18)]
    aligned = [AlignedUnit((unit,), first, behind, 0.5) for unit, first, behind in units]
    first, second = time_words(aligned, find_words([a, b, space, c], encoder), encoder, energies, 0.79)
    assert [(unit.text, unit.start, unit.end) for unit in first.units] == [
        ("a", pytest.approx(0.2075), pytest.approx(0.3075)),
        ("b", pytest.approx(0.3075), pytest.approx(0.4075)),
    ]
    assert (second.word, second.start, second.end) == ("c", pytest.approx(0.6075), 0.79)
    plain = SpeechEncoder(None, 5, deltas=False, vocabulary=Characters.of(" abc"))
    [again, _] = time_words(aligned, find_words([a, b, space, c], plain), plain, None, None)
    assert (again.start, again.end) == (10 * SUBSAMPLING, 12 * SUBSAMPLING)


def test_the_time_of_a_frame_counts_whole_samples():
    features = Features("log-mel", 11_025, 20, 13, False, 25.0, 10.0)
    encoder = SpeechEncoder(features, 20, deltas=False, vocabulary=Characters.of("a"))
    # 10 ms are 110.25 samples, of which a frame moves by 110; in ten minutes that makes more than a second.
    assert encoder.time_of(60_000) == pytest.approx(60_000 * 110 / 11_025 + 0.0075)


def test_words_stand_between_spaces():
    encoder = SpeechEncoder(None, 5, deltas=False, vocabulary=Characters.of(" ab"))
    assert find_words([1, 2, 3, 1, 1, 2], encoder) == [("ab", range(1, 3)), ("a", range(5, 6))]
    assert find_words([], encoder) == []
