"""Attention without recurrence: its size, its share of the work, and what is said of one that was cut short."""

import random

import pytest
import torch

from elman.data.pairs.pair import Pair
from elman.tasks.translate.baseline import AttentionOnly, choose_size, count_parameters, train_baselines
from elman.tasks.translate.batches import EncodedPairs
from elman.tasks.translate.encoder import learn_pair_encoder

LETTERS = "abcde"


def draw(count, seed):
    chance = random.Random(seed)
    texts = ["".join(chance.choices(LETTERS, k=chance.randint(1, 5))) for _ in range(count)]
    return [Pair(text, text.upper(), "") for text in texts]


@pytest.fixture(scope="module")
def parts():
    learn, hold = draw(193, 1), draw(31, 2)
    encoder = learn_pair_encoder(
        [pair.source for pair in learn], [pair.target for pair in learn], unit="character", size=None, separate=True
    )
    return EncodedPairs(learn, encoder, 50), EncodedPairs(hold, encoder, 50), encoder


@pytest.mark.parametrize("parameters", [5_000, 175_393, 4_813_890])
def test_it_has_about_as_many_parameters_as_the_model(parameters, parts):
    with torch.device("meta"):
        module = AttentionOnly(parts[2], choose_size(parts[2], parameters))
    assert count_parameters(module) == pytest.approx(parameters, rel=0.05)


def train(parts, seconds):
    return train_baselines(*parts, measure="exact", parameters=20_000, seed=1, seconds=seconds)


def test_it_is_trained_to_its_end_within_its_share_and_learns(parts):
    found = train(parts, 60.0)
    assert (found.updates, found.planned, found.finished) == (40, 40, True)
    assert found.what == "attention without recurrence (40 updates)"
    assert found.network.exact > found.copied.exact == 0.0


def test_one_that_is_cut_short_says_so_and_is_the_same_again(parts):
    whole = train(parts, 60.0)
    found = [train(parts, 0.015) for _ in range(2)]
    assert found[0] == found[1]
    assert 1 < found[0].updates < whole.updates
    assert not found[0].finished
    assert found[0].what == f"attention without recurrence (cut short after {found[0].updates} of 40 updates)"
    assert train(parts, 1e-9).updates == 1
    twice = train(parts, 0.03)
    assert abs(twice.updates - 2 * found[0].updates) <= 1
