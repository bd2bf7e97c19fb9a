"""A feed gives every batch once an epoch, and from its state it goes on with the same batches and the same draws."""

import json
import random

import numpy as np
import pytest
import torch

from elman import cells
from elman.encoders.batches import draw_batches
from elman.models.layers import Layers
from elman.tasks.generate.module import LanguageModel
from elman.tasks.generate.recipe import feed_windows, window_losses
from elman.tasks.generate.settings import Settings
from elman.training.feed import Feed
from elman.training.windows import Streams

LENGTHS = torch.arange(1, 54)


def by_torch(seed):
    return Feed(lambda chance: list(draw_batches(LENGTHS, 4, chance)), torch.Generator().manual_seed(seed))


def by_numpy(seed):
    return Feed(lambda chance: list(chance.permutation(17)), np.random.default_rng(seed))


def by_python(seed):
    return Feed(lambda chance: chance.sample(range(23), 11), random.Random(seed))


def draw(chance):
    if isinstance(chance, torch.Generator):
        return float(torch.rand((), generator=chance))
    return float(chance.random())


def follow(feed, batches):
    """Take so many batches, each with a draw besides, as augmenting takes one; say where epochs ended."""
    seen = []
    while len(seen) < batches:
        for entry in feed.epoch():
            seen.append((str(entry), draw(feed.chance)))
            if len(seen) == batches:
                return seen
        seen.append("end")
    return seen


@pytest.mark.parametrize("make", [by_torch, by_numpy, by_python])
@pytest.mark.parametrize("cut", [0, 1, 5, 11, 14, 17, 29])
def test_a_feed_goes_on_where_its_state_was_taken(make, cut):
    whole = make(3)
    expected = follow(whole, 60)
    began = make(3)
    before, state = follow(began, cut), began.state_dict()
    again = make(4)
    follow(again, 3)
    again.load_state_dict(state)
    found = before + follow(again, 60 - cut)
    assert found[:60] == expected[:60]


@pytest.mark.parametrize("make", [by_torch, by_numpy, by_python])
def test_a_state_is_plain_data(make):
    feed = make(3)
    next(feed.epoch())

    def write(value):
        return value.tolist() if isinstance(value, torch.Tensor) else pytest.fail(f"{type(value)} is no plain data")

    json.dumps(feed.state_dict(), default=write)


def test_epochs_differ_and_each_has_every_example_once():
    feed = by_torch(5)
    first, second = ([number for batch in feed.epoch() for number in batch] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(len(LENGTHS)))
    assert first != second


@pytest.mark.parametrize("cut", [1, 3, 6, 7, 9])
def test_the_hidden_state_is_carried_over_the_cut(cut):
    torch.manual_seed(5)
    module = LanguageModel(cells.lstm, 7, Layers(hidden=11, layers=2), embedding=5)
    streams = Streams(torch.arange(3 * 93 + 1) * 5 % 7, 3)
    settings = Settings(window=17, shift_windows=True)

    def losses(feed, most):
        found = []
        while len(found) < most:
            for loss, _ in window_losses(module, streams, settings, feed):
                found.append(float(loss.detach()))
                if len(found) == most:
                    break
        return found

    whole = losses(feed_windows(streams, settings), 14)
    feed = feed_windows(streams, settings)
    before, state = losses(feed, cut), feed.state_dict()
    again = feed_windows(streams, settings)
    again.load_state_dict(state)
    assert before + losses(again, 14 - cut) == whole
    assert state["carried"] is not None
    assert not any(tensor.requires_grad for tensor in state["carried"])
