"""Subwords that are drawn again for each epoch, in a training."""

import random

import torch

from elman.data.pairs.pair import Pair, PairSet
from elman.tasks import translate
from elman.tasks.translate.batches import EncodedPairs
from elman.tasks.translate.encoder import learn_pair_encoder
from elman.tasks.translate.redrawing import RedrawnPairs
from tolerances import assert_identical

NUMBERS = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]


def draw_pairs(count):
    chance = random.Random(11)
    drawn = [chance.choices(range(10), k=chance.randint(1, 5)) for _ in range(count)]
    return [Pair(" ".join(NUMBERS[n] for n in one), " ".join(map(str, one)), "") for one in drawn]


def encode(pairs, separate=False):
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    encoder = learn_pair_encoder(sources, targets, unit="subword", size=300, separate=separate)
    return EncodedPairs(pairs, encoder, 40), encoder


def test_each_epoch_has_other_subwords_of_the_same_texts():
    for separate in (False, True):
        pairs, encoder = encode(draw_pairs(71), separate)
        redrawn, chance = RedrawnPairs(pairs, encoder, 0.2), torch.Generator().manual_seed(3)
        epochs = [redrawn.epoch(chance).batch(range(71)) for _ in range(2)]
        for few in epochs:
            for row, pair in enumerate(pairs.pairs):
                source = few.source[: few.lengths[row], row].tolist()
                target = [unit for unit in few.written[:, row].tolist() if unit >= 0]
                assert (encoder.source.decode(source), encoder.target.decode(target[:-1])) == (pair.source, pair.target)
        assert epochs[0].source.tolist() != epochs[1].source.tolist()


def test_without_dropout_an_epoch_is_the_pairs_themselves():
    pairs, encoder = encode(draw_pairs(53))
    same = RedrawnPairs(pairs, encoder, 0.0).epoch(torch.Generator())
    for name in ("source", "lengths", "read", "written"):
        assert_identical(name, getattr(same.batch(range(53)), name), getattr(pairs.batch(range(53)), name))


def train(**options):
    with_defaults = {"hidden": 8, "epochs": 2, "vocabulary": 300, "batch": 16, "quiet": True, "compare": False}
    return translate.train(PairSet("numbers", draw_pairs(120)), **{**with_defaults, **options})


def test_the_seed_decides_a_training_with_dropout_of_merges():
    one, same = (train(bpe_dropout=0.3).module.state_dict() for _ in range(2))
    other, off = train(bpe_dropout=0.3, seed=2).module.state_dict(), train().module.state_dict()
    for name, weight in one.items():
        assert torch.equal(weight, same[name]), name
    assert not torch.equal(one["target_embedding.weight"], other["target_embedding.weight"])
    assert not torch.equal(one["target_embedding.weight"], off["target_embedding.weight"])
