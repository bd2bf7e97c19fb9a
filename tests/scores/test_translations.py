"""BLEU and chrF against sacreBLEU's own, their intervals, and the paired bootstrap."""

import random

import numpy as np
import pytest
import sacrebleu

from elman.errors import DataError
from elman.scores.comparison import compare_texts
from elman.scores.ngrams import bleu_counts, bleu_of, chrf_counts, chrf_of
from elman.scores.resampling import RESAMPLES, p_of, resample
from elman.scores.translations import score_texts

WORDS = ["a", "the", "dog", "cat", "Dog", "runs", "sleeps,", "home", "!", "now", "très", "狗"]


def draw(count, seed=3, least=0):
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.randint(least, 13))) for _ in range(count)]


def spoil(texts, share, seed=7):
    chance = random.Random(seed)
    return [
        " ".join(chance.choice(WORDS) if chance.random() < share else word for word in one.split()) for one in texts
    ]


def test_sums_of_counts_give_the_scores_of_the_library_on_any_part():
    references = draw(53)
    texts = spoil(references, 0.3)
    texts[5] = references[7] = ""
    bleu, chrf = bleu_counts(texts, references), chrf_counts(texts, references)
    for part in (slice(0, 53), slice(3, 4), slice(5, 6), slice(7, 8), slice(10, 31)):
        ours, right = texts[part], [references[part]]
        assert bleu_of(bleu[part].sum(0)) == pytest.approx(sacrebleu.corpus_bleu(ours, right).score, abs=1e-9)
        assert chrf_of(chrf[part].sum(0)) == pytest.approx(sacrebleu.corpus_chrf(ours, right).score, abs=1e-9)


def test_scores_are_those_of_the_library_with_intervals_like_its_own():
    references = draw(211, least=3)
    texts = spoil(references, 0.3)
    found = score_texts(texts, references)
    assert found.bleu == sacrebleu.corpus_bleu(texts, [references]).score
    assert found.bleu_lc == sacrebleu.corpus_bleu(texts, [references], lowercase=True).score
    assert found.chrf == sacrebleu.corpus_chrf(texts, [references]).score
    for metric, (low, high), value in (
        (sacrebleu.BLEU(), found.interval, found.bleu),
        (sacrebleu.CHRF(), found.chrf_interval, found.chrf),
    ):
        other = metric.corpus_score(texts, [references], n_bootstrap=1000)
        assert low < value < high
        assert (high - low) / 2 == pytest.approx(other._ci, rel=0.15)
    assert found.to_dict()["chrf_interval"] == list(found.chrf_interval)


def test_a_draw_adds_up_as_many_examples_as_there_are_and_has_their_mean():
    counts = np.array([[1, 10], [1, 20], [1, 60]])
    drawn = resample(counts, 5)
    assert drawn.shape == (RESAMPLES, 2)
    assert (drawn[:, 0] == 3).all()
    assert drawn[:, 1].mean() == pytest.approx(90, rel=0.05)
    assert (drawn == resample(counts, 5)).all()
    grouped = resample(counts, 5, ["x", "y", "x"])
    assert set(map(tuple, grouped.tolist())) == {(4, 140), (3, 90), (2, 40)}
    with pytest.raises(DataError, match="0 examples"):
        resample(np.zeros((0, 2)), 5)


def test_the_better_of_two_is_found_and_the_same_differ_by_nothing():
    references = draw(97, least=3)
    good, bad = spoil(references, 0.2), spoil(references, 0.5, seed=8)
    for found in compare_texts(good, bad, references):
        low, high = found.interval
        assert 0 < low < found.difference < high
        assert found.p < 0.01
    for one, other in zip(compare_texts(good, bad, references), compare_texts(bad, good, references), strict=True):
        assert (one.difference, one.interval[0], one.p) == (-other.difference, -other.interval[1], other.p)
    for found in compare_texts(good, good, references):
        assert (found.difference, found.interval, found.p) == (0, (0, 0), 1)


def test_a_difference_is_more_certain_than_the_two_scores():
    references = draw(97, least=3)
    ours, others = spoil(references, 0.3), spoil(references, 0.3)
    others[::9] = spoil(references, 0.6, seed=9)[::9]
    [bleu, *_] = compare_texts(ours, others, references)
    low, high = score_texts(ours, references).interval
    assert bleu.interval[1] - bleu.interval[0] < 0.7 * (high - low)


def test_p_is_about_that_of_the_library():
    from sacrebleu.significance import PairedTest

    references = draw(151, least=3)
    ours = spoil(references, 0.30)
    others = spoil(references, 0.32, seed=21)
    test = PairedTest([("a", ours), ("b", others)], {"BLEU": sacrebleu.BLEU(references=[references])}, None, "ar", 1000)
    [bleu, *_] = compare_texts(ours, others, references)
    result = test()[1]["BLEU"]
    assert bleu.ours == pytest.approx(result[0].score)
    assert bleu.others == pytest.approx(result[1].score)
    assert bleu.p == pytest.approx(result[1].p_value, abs=0.1)


def test_p_counts_the_rarer_sign_twice_and_is_never_0():
    assert p_of([1.0] * 990 + [-1.0] * 10) == pytest.approx(22 / 1001)
    assert p_of([-1.0] * 1000) == pytest.approx(2 / 1001)
    assert p_of([1.0, -1.0] * 500) == 1


def test_texts_of_other_numbers_are_refused():
    with pytest.raises(DataError, match="1 texts, 2 others and 1 references"):
        compare_texts(["a"], ["a", "b"], ["a"])
    with pytest.raises(DataError, match="2 texts and 1 references"):
        score_texts(["a", "b"], ["a"])
