"""Batches: every example once, padded with zeros, the same by seed, and none that depends on what fits in memory."""

import random

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from elman.data.dataset import Columns, Example
from elman.data.examples.survey import Survey
from elman.data.examples.values import Listed, open_values
from elman.encoders.batches import EncodedSet, answer, draw_batches
from elman.encoders.encoder import learn_encoder
from elman.encoders.settings import InputSettings
from elman.errors import DataError
from elman.vocabulary import pieces as pieces_file
from elman.vocabulary import tally as tally_file


class Numbers:
    """An encoder that gives an example's own numbers, and counts its calls."""

    def __init__(self, dtype=torch.float32):
        self.dtype, self.encoded = dtype, 0

    def encode(self, example):
        self.encoded += 1
        if example.values["x"] is None:
            raise DataError(f"{example.where} is broken.")
        return torch.tensor(example.values["x"], dtype=self.dtype)[:, None]

    def augment(self, steps, randomness):
        return steps[: 1 + int(torch.randint(len(steps), (), generator=randomness))]


def encoded(count=23, dtype=torch.float32, indices=None, **options):
    lengths = [1 + (7 * index) % 11 for index in range(count)]
    values = [[float(1 + index)] * length for index, length in enumerate(lengths)]
    examples = [Example({"x": value}, None, f"line {at}") for at, value in enumerate(values)]
    chosen = range(count) if indices is None else indices
    dataset, encoder = Listed(examples, Columns({"x": "series"})), Numbers(dtype)
    return EncodedSet(dataset, chosen, encoder, torch.arange(len(chosen)), **options), encoder


@pytest.mark.parametrize("seed", [None, 1])
def test_every_example_comes_once_with_its_target_and_padded_with_zeros(seed):
    examples, _ = encoded(indices=range(1, 23))
    randomness = None if seed is None else torch.Generator().manual_seed(seed)
    seen = []
    for batch in map(examples.batch, draw_batches(examples.lengths, 5, randomness)):
        assert batch.steps.shape == (int(batch.lengths.max()), len(batch.indices), 1)
        assert torch.equal(batch.targets, batch.indices)
        for column, (index, length) in enumerate(zip(batch.indices.tolist(), batch.lengths.tolist(), strict=True)):
            assert torch.equal(batch.steps[:length, column], examples.steps(index))
            assert bool((batch.steps[:length, column] == index + 2).all())
            assert not batch.steps[length:, column].any()
        seen += batch.indices.tolist()
    assert sorted(seen) == list(range(22))


def test_the_order_is_the_seed_s_and_changes_from_epoch_to_epoch():
    examples, _ = encoded()
    randomness = torch.Generator().manual_seed(1)
    first, second = (list(draw_batches(examples.lengths, 4, randomness)) for _ in range(2))
    again = list(draw_batches(examples.lengths, 4, torch.Generator().manual_seed(1)))
    assert first == again
    assert sorted(map(sorted, first)) != sorted(map(sorted, second))


def test_little_of_a_batch_is_padding():
    examples, _ = encoded(400)
    batches = list(map(examples.batch, draw_batches(examples.lengths, 8, torch.Generator().manual_seed(1))))
    padded = sum(batch.steps.shape[0] * len(batch.lengths) for batch in batches)
    assert int(examples.lengths.sum()) / padded > 0.9


def test_units_stay_whole_numbers():
    examples, _ = encoded(dtype=torch.int64)
    assert next(examples.batches(3)).steps.dtype == torch.int64
    assert examples.steps(4).dtype == torch.int64


def test_what_does_not_fit_in_memory_is_encoded_again_and_is_the_same():
    whole, encoder = encoded()
    bounded, again = encoded(most_bytes=9 * 620)
    for ours, theirs in zip(whole.batches(4), bounded.batches(4), strict=True):
        assert torch.equal(ours.steps, theirs.steps)
    assert encoder.encoded == 23
    assert 23 < again.encoded <= 23 + 23 - 8


TEXTS = Columns({"title": "text", "text": "text"})
GENOMES = Columns({"sequence": "letters"})


def some_units(columns):
    """Draw examples of few words in two columns, or of letters, some of them empty or too long."""
    drawn = random.Random(1)
    pieces = ["so", "So", "good,", "bad", "", "<eos>", "a\nb"] if columns is TEXTS else list("ACGT")
    between = " " if columns is TEXTS else ""
    values = [
        {name: between.join(drawn.choices(pieces, k=drawn.randrange(9))) for name in columns.inputs} for _ in "x" * 31
    ]
    return [Example(value, None, f"line {at}") for at, value in enumerate(values)]


WORDS = {"unit": "word"}


@pytest.mark.parametrize("most_bytes", [2**20, 1500, 0])
@pytest.mark.parametrize(
    ("columns", "options"),
    [(TEXTS, WORDS), (TEXTS, {**WORDS, "letters": False}), (TEXTS, {"unit": "character"}), (GENOMES, {})],
)
def test_units_are_spelled_once_and_are_those_of_each_example_alone(columns, options, most_bytes):
    examples = some_units(columns)
    encoder = learn_encoder(columns, examples[:20], InputSettings(max_length=7, **options))
    kept = EncodedSet(Listed(examples, columns), range(31), encoder, torch.zeros(31), most_bytes=most_bytes)
    alone = [encoder.encode(example) for example in examples]
    assert kept.lengths.tolist() == list(map(len, alone))
    for batch in kept.batches(4):
        assert batch.steps.dtype == torch.int64
        assert torch.equal(batch.steps, pad_sequence([alone[index] for index in batch.indices.tolist()]))
    shuffled = kept.batches(4, shuffled_steps=torch.Generator().manual_seed(1))
    assert sum(int(batch.steps.sum()) for batch in shuffled) == sum(int(steps.sum()) for steps in alone)


def test_augmenting_changes_the_steps_and_their_number():
    examples, _ = encoded()
    chance = torch.Generator().manual_seed(1)
    varied = [examples.batch(chosen, augment=chance) for chosen in draw_batches(examples.lengths, 4, chance)]
    assert sum(int(batch.lengths.sum()) for batch in varied) < int(examples.lengths.sum())
    assert all(int(batch.lengths.min()) >= 1 for batch in varied)
    assert sum(int(batch.lengths.sum()) for batch in examples.batches(4)) == int(examples.lengths.sum())


def test_shuffled_steps_are_the_same_steps():
    steps = [torch.arange(9.0).tolist(), torch.arange(5.0).tolist()]
    dataset = Listed([Example({"x": one}, None, "") for one in steps], Columns({"x": "series"}))
    examples = EncodedSet(dataset, [0, 1], Numbers(), torch.zeros(2))
    (batch,) = examples.batches(2, shuffled_steps=torch.Generator().manual_seed(1))
    for column, index in enumerate(batch.indices.tolist()):
        found = batch.steps[: batch.lengths[column], column, 0]
        assert found.tolist() != steps[index]
        assert sorted(found.tolist()) == steps[index]


def test_a_broken_example_is_refused_before_training():
    dataset = Listed([Example({"x": None}, None, "file line 7")], Columns({"x": "series"}))
    with pytest.raises(DataError, match="file line 7 is broken"):
        EncodedSet(dataset, [0], Numbers(), torch.zeros(1))


def test_answers_come_in_the_order_of_the_examples():
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.tensor(2.0))

        def forward(self, steps, lengths):
            assert not self.training
            return self.factor * steps.sum(0) / lengths[:, None]

    examples, _ = encoded(300)
    module = Mean()
    assert answer(module, examples)[:, 0].tolist() == [2.0 * (index + 1) for index in range(300)]
    assert module.training


@pytest.mark.parametrize("most", [2**20, 9000, 0])
@pytest.mark.parametrize("kept", [2**20, 2500, 0])
@pytest.mark.parametrize("options", [{}, WORDS, {**WORDS, "letters": False, "max_length": 3}, {"unit": "character"}])
def test_texts_that_were_surveyed_are_learnt_and_encoded_as_one_after_the_other(monkeypatch, options, kept, most):
    drawn, columns = random.Random(3), Columns({"text": "text"}, "label", "category")
    pieces = ["so", "So", "good,", "don't!", "", "<eos>", "a\nb", "é", "\u2028", "漢字", *map(str, range(40))]
    texts = [" ".join(drawn.choices(pieces, k=drawn.randrange(9))) for _ in range(97)]
    monkeypatch.setattr(pieces_file, "_AT_ONCE", 10)
    survey = Survey(open_values(texts, columns, ["yes"] * 97), most_bytes=kept)
    learn, settings = sorted(drawn.sample(range(97), 70)), InputSettings(**options)
    alone = [Example({"text": texts[index]}, "yes", "") for index in learn]
    encoder = learn_encoder(columns, survey.read(learn), settings)
    assert encoder == learn_encoder(columns, alone, settings)
    found = EncodedSet(survey.dataset, learn, encoder, torch.zeros(70), examples=survey.read(learn), most_bytes=most)
    steps = [encoder.encode(example) for example in alone]
    assert found.lengths.tolist() == list(map(len, steps))
    for batch in found.batches(4):
        assert torch.equal(batch.steps, pad_sequence([steps[index] for index in batch.indices.tolist()]))
    with monkeypatch.context() as few:
        few.setattr(pieces_file, "MOST_COUNTED", 20)
        few.setattr(tally_file, "MOST_COUNTED", 20)
        assert learn_encoder(columns, survey.read(learn), settings) == learn_encoder(columns, alone, settings)
