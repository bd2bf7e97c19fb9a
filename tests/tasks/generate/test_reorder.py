"""Word ordering, against all permutations and against a beam search in plain Python."""

import itertools
import math

import pytest
import torch
from torch import nn

from elman import cells
from elman.errors import ConfigError, DataError
from elman.models import ordering
from elman.models.layers import Layers
from elman.tasks.generate import reorder
from elman.tasks.generate.module import LanguageModel
from elman.tasks.generate.reorder import order_words

WORDS, END = 23, 5


class TorchModel(nn.Module):
    """A language model of torch's own layers, whose probabilities are far from equal."""

    def __init__(self, kind):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 7)
        self.recurrent = getattr(nn, kind)(7, 11, num_layers=2)
        self.readout = nn.Linear(11, WORDS)
        with torch.no_grad():
            self.readout.weight.mul_(9)

    def forward(self, numbers, state=None):
        output, state = self.recurrent(self.embedding(numbers), state)
        return self.readout(output), state


@pytest.fixture(params=["LSTM", "GRU"])
def module(request):
    torch.manual_seed(7)
    return TorchModel(request.param).double()


def log_probability(module, words):
    """Read a whole sentence at once, without a search, and add up."""
    with torch.no_grad():
        logits, _ = module(torch.tensor([[END, *words]]).T)
    chances = logits[:, 0].log_softmax(1)
    return sum(float(chances[t, word]) for t, word in enumerate([*words, END]))


def best_permutation(module, bag):
    return max((log_probability(module, words), words) for words in set(itertools.permutations(bag)))


def plain_search(module, bag, beam, future=None):
    """Search with lists, reading each beginning from its start."""
    future = [0.0] * WORDS if future is None else future.tolist()
    kept = [()]
    for _ in bag:
        ranked = []
        for place, beginning in enumerate(kept):
            left = list(bag)
            for word in beginning:
                left.remove(word)
            for word in sorted(set(left)):
                new = (*beginning, word)
                with torch.no_grad():
                    logits, _ = module(torch.tensor([[END, *new[:-1]]]).T)
                chances = logits[:, 0].log_softmax(1)
                score = sum(float(chances[t, one]) for t, one in enumerate(new))
                rest = sum(future[one] for one in left) - future[word]
                ranked.append((-(score + rest), place, word, new))
        kept = [new for *_, new in sorted(ranked)[:beam]]
    return max((log_probability(module, words), words) for words in kept)


BAGS = [
    [3, 14, 9, 2, 20],
    [],
    [8],
    [6, 6, 6],
    [17, 4, 17, 1, 4, 17],  # 60 orders
    [0, 22, 11, 0],
    [10, 19, 7, 13, 12],
    [21, 2],
    [15, 16, 18, 15, 16, 15],
]


def expect(found, best):
    assert tuple(found.words) == tuple(best[1])
    assert found.log_probability == pytest.approx(best[0], rel=1e-12)


def test_a_beam_as_wide_as_all_orders_finds_the_most_likely_one(module):
    for bag, found in zip(BAGS, order_words(module, BAGS, end=END, beam=120), strict=True):
        expect(found, best_permutation(module, bag))


@pytest.mark.parametrize("beam", [1, 2, 5, 31])
@pytest.mark.parametrize("ahead", [False, True])
def test_any_beam_is_that_of_a_search_in_plain_python(module, beam, ahead):
    future = torch.randn(WORDS, dtype=torch.float64).sub(3) if ahead else None
    bags = [*BAGS, [1, 2, 3, 4, 6, 7, 8, 9, 10]]
    for bag, found in zip(bags, order_words(module, bags, end=END, beam=beam, future=future), strict=True):
        expect(found, plain_search(module, bag, beam, future))


def test_a_beam_of_one_is_greedy(module):
    bag = [1, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11]
    left, words = list(bag), []
    while left:
        with torch.no_grad():
            logits, _ = module(torch.tensor([[END, *words]]).T)
        words.append(max(left, key=lambda word: float(logits[-1, 0, word])))
        left.remove(words[-1])
    [found] = order_words(module, [bag], end=END, beam=1)
    expect(found, (log_probability(module, words), words))


def test_what_is_left_to_place_changes_what_is_kept(module):
    torch.manual_seed(2)
    future = torch.randn(WORDS, dtype=torch.float64) * 20
    bags = [torch.randperm(WORDS)[:9].tolist() for _ in range(11)]
    without = order_words(module, bags, end=END, beam=3)
    ahead = order_words(module, bags, end=END, beam=3, future=future)
    assert [one.words for one in ahead] != [one.words for one in without]
    for one in ahead:
        expect(one, (log_probability(module, one.words), one.words))


def test_many_sentences_together_are_ordered_as_each_alone(module, monkeypatch):
    torch.manual_seed(3)
    lengths = [3, 13, 7, 13, 1, 7, 0, 13, 2, 7]
    bags = [torch.randint(WORDS, (length,)).tolist() for length in lengths]
    alone = [order_words(module, [bag], end=END, beam=17)[0] for bag in bags]
    # A few rows at a time, and a few sentences at a time.
    monkeypatch.setattr(reorder, "_MOST_LOGITS", 5 * WORDS)
    monkeypatch.setattr(ordering, "_MOST_ROWS", 2 * 17)
    for found, one in zip(order_words(module, bags, end=END, beam=17), alone, strict=True):
        expect(found, (one.log_probability, one.words))


def test_no_more_logits_are_made_at_once_than_the_limit(module, monkeypatch):
    monkeypatch.setattr(reorder, "_MOST_LOGITS", 5 * WORDS + 1)
    rows = []
    module.register_forward_hook(lambda module, given, made: rows.append(given[0].numel()))
    order_words(module, [[1, 2, 3, 4], [6, 7, 8, 9]], end=END, beam=8)
    assert max(rows) == 5


def test_equal_beginnings_are_not_kept_twice(module):
    # Three words of which two are equal have three orders; a beam of three must hold them all.
    for bag in ([4, 9, 4], [9, 4, 9, 9]):
        rows = []
        hook = module.register_forward_hook(lambda module, given, made, rows=rows: rows.append(given[0].numel()))
        [found] = order_words(module, [bag], end=END, beam=24)
        hook.remove()
        beginnings = [len({order[:size] for order in itertools.permutations(bag)}) for size in range(1, len(bag) + 1)]
        assert rows == [1, *beginnings]
        expect(found, best_permutation(module, bag))


@pytest.mark.parametrize("cell", [cells.lstm, cells.gru])
def test_our_own_models_are_searched_in_float64_and_float32(cell):
    torch.manual_seed(11)
    ours = LanguageModel(cell, WORDS, Layers(hidden=11, layers=2, dropout=0.5), embedding=7)
    with torch.no_grad():
        ours.readout.weight.mul_(9)
    for dtype, accuracy in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        ours.to(dtype).train()
        found = order_words(ours, BAGS, end=END, beam=120)
        assert ours.training
        ours.eval()
        for bag, one in zip(BAGS, found, strict=True):
            best = best_permutation(ours, bag)
            assert tuple(one.words) == best[1]
            assert one.log_probability == pytest.approx(best[0], rel=accuracy)


class Indifferent(nn.Module):
    """Every word is as likely as every other."""

    def __init__(self):
        super().__init__()
        self.none = nn.Parameter(torch.zeros(1))

    def forward(self, numbers, state=None):
        return self.none.expand(*numbers.shape, WORDS), torch.zeros(1, numbers.shape[1], 1)


@pytest.mark.parametrize("beam", [1, 4, 512])
def test_of_equally_likely_orders_the_lower_numbers_come_first(beam):
    [found] = order_words(Indifferent(), [[9, 2, 9, 4, 1, 3]], end=END, beam=beam)
    assert found.words == [1, 2, 3, 4, 9, 9]
    assert found.log_probability == pytest.approx(-7 * math.log(WORDS), rel=1e-6)


def test_progress_counts_the_words_that_are_placed(module, monkeypatch):
    monkeypatch.setattr(ordering, "_MOST_ROWS", 2 * 2)
    told = []
    order_words(module, [[1, 2, 3], [], [4, 6], [7, 8, 9]], end=END, beam=2, on_progress=lambda *now: told.append(now))
    assert told == [(2, 8), (8, 8)]


def test_nothing_to_order_is_no_order(module):
    assert order_words(module, [], end=END) == []
    [found] = order_words(module, [[]], end=END)
    expect(found, (log_probability(module, []), []))


@pytest.mark.parametrize("beam", [0, 513])
def test_a_beam_outside_its_range_is_refused(module, beam):
    with pytest.raises(ConfigError, match=f"The beam is {beam}. Use a whole number from 1 to 512"):
        order_words(module, [[1]], end=END, beam=beam)


def test_a_sentence_that_is_too_long_is_refused_by_its_number(module):
    with pytest.raises(DataError, match=r"words\.txt line 2 has 101 words; at most 100 .* Split the sentence"):
        order_words(module, [[1], [2] * 101], end=END, where="words.txt line")
    [found] = order_words(module, [[2] * 100], end=END, beam=2)
    assert found.words == [2] * 100


@pytest.mark.parametrize("future", [torch.zeros(WORDS - 1), torch.full((WORDS,), -math.inf)])
def test_what_words_count_must_be_a_finite_number_each(module, future):
    with pytest.raises(ConfigError, match=r"future has shape .* one finite log-probability for each of the 23 words"):
        order_words(module, [[1]], end=END, future=future)
