"""CTC: the search, against a list of all texts with their scores; alone and in a batch; what is preferred."""

import itertools
import math

import numpy as np
import pytest
import torch

from elman.decoding.ctc import search
from elman.decoding.ctc.lattice import align, log_probability
from elman.decoding.ctc.outputs import read_greedily
from elman.decoding.ctc.preferences import Preferences
from elman.decoding.ctc.search import search_texts
from elman.errors import ConfigError, ElmanError, ShapeError


def outputs_of(steps, sources, units, seed, sharp=2.0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(steps, sources, units, generator=generator).double() * sharp).log_softmax(2)


class Bigrams:
    """A language model by a table; a state is the last unit, and calls are counted."""

    def __init__(self, units, seed=3, sharp=2.0):
        self.table = (
            (torch.randn(units + 1, units, generator=torch.Generator().manual_seed(seed)).double().mul(sharp))
            .log_softmax(1)
            .numpy()
        )
        self.rows = 0

    def begin(self):
        return -1, self.table[-1]

    def step(self, states, units):
        assert len(states) == len(units)
        self.rows += len(units)
        return list(units), self.table[list(units)], np.zeros(len(units))

    def log_probability(self, text, blank):
        return sum(self.table[one, other] for one, other in itertools.pairwise([-1, *text, blank]))


def score_of(rows, text, wishes):
    """Return the score of a text by its definition, from the text alone; −∞ where it may not be written."""
    [total] = log_probability(rows, [text], wishes.blank)
    words = [[]]
    for unit in text:
        if unit == wishes.space:
            words.append([])
        else:
            words[-1].append(unit)
    if wishes.only and text and any(word not in [list(one) for one in wishes.only] for word in words):
        return -math.inf
    hot = sum(len(word) for word in words if word in [list(one) for one in wishes.hot])
    total += wishes.bonus * len(text) + wishes.word_bonus * sum(map(bool, words)) + wishes.hot_bonus * hot
    if wishes.model:
        total += wishes.weight * wishes.model.log_probability(text, wishes.blank)
    return total


def all_texts(steps, units, blank):
    others = [unit for unit in range(units) if unit != blank]
    return [list(text) for n in range(steps + 1) for text in itertools.product(others, repeat=n)]


WISHES = {
    "nothing": {},
    "a model": {"model": Bigrams(4), "weight": 0.7},
    "bonuses": {"bonus": -0.4, "word_bonus": 1.3, "space": 2},
    "a model and bonuses": {"model": Bigrams(4, 5), "weight": 1.1, "bonus": 0.6, "word_bonus": -0.5, "space": 1},
    "hot words": {"hot": [[1, 3], [3], [1, 1]], "hot_bonus": 1.7, "space": 2},
    "hot texts": {"hot": [[1, 3, 2], [3, 2]], "hot_bonus": 0.9},
    "a closed vocabulary": {"only": [[1], [1, 3], [3, 3]], "space": 2},
    "known texts": {"only": [[1, 2], [1, 3, 1]]},
    "all of it": {
        "model": Bigrams(4, 7),
        "bonus": 0.3,
        "word_bonus": 0.8,
        "hot": [[3, 1], [1]],
        "hot_bonus": -0.6,
        "only": [[3, 1], [3], [1]],
        "space": 2,
    },
}


@pytest.mark.parametrize("name", WISHES)
@pytest.mark.parametrize(("steps", "seed"), [(1, 1), (3, 2), (5, 3)])
def test_a_wide_beam_finds_the_best_of_all_texts(name, steps, seed):
    wishes = Preferences(**WISHES[name])
    rows = outputs_of(steps, 1, 4, seed)
    [found] = search_texts(rows, preferences=wishes, width=512, best=5, least=0)
    own = rows[:, 0].numpy()
    scores = [(score_of(own, text, wishes), text) for text in all_texts(steps, 4, 0)]
    expected = sorted((one for one in scores if one[0] > -math.inf), reverse=True)[:5]
    assert [one.units for one in found] == [text for _, text in expected]
    assert [one.score for one in found] == pytest.approx([score for score, _ in expected])
    for one in found:
        assert one.log_probability == log_probability(own, [one.units])[0]
        assert one.alignment == align(own, one.units)


def test_the_blank_may_have_any_number():
    rows = outputs_of(5, 1, 3, 11)
    wishes = Preferences(blank=2, model=Bigrams(3, 2), hot=[[0, 1]])
    [found] = search_texts(rows, preferences=wishes, width=128, best=3, least=0)
    scores = sorted(((score_of(rows[:, 0].numpy(), text, wishes), text) for text in all_texts(5, 3, 2)), reverse=True)
    assert [one.units for one in found] == [text for _, text in scores[:3]]


def test_what_greedy_reading_gives_is_a_candidate():
    rows = outputs_of(31, 17, 11, 5, sharp=1.0)
    lengths = [31 - source for source in range(17)]
    greedy = read_greedily(rows, lengths)
    narrow = search_texts(rows, lengths, width=1)
    wide = search_texts(rows, lengths, width=16)
    better = 0
    for source, text in enumerate(greedy):
        [total] = log_probability(rows[: lengths[source], source].numpy(), [text])
        assert narrow[source][0].score >= total
        assert wide[source][0].score >= total
        better += wide[source][0].score > total
    assert better > 8


@pytest.mark.parametrize("name", ["a model", "hot words", "a closed vocabulary"])
def test_an_answer_is_the_same_alone_and_in_a_batch(name):
    rows, lengths = outputs_of(23, 5, 4, 9), [23, 7, 1, 13, 19]
    wishes = Preferences(**WISHES[name])
    together = search_texts(rows, lengths, preferences=wishes, width=5, best=3)
    for source, length in enumerate(lengths):
        alone = search_texts(rows[:length, source : source + 1].numpy(), preferences=wishes, width=5, best=3)
        assert alone == together[source : source + 1]


def test_a_closed_vocabulary_leaves_a_text_also_in_a_narrow_beam():
    rows = outputs_of(17, 7, 5, 13)
    wishes = Preferences(only=[[1, 2, 3, 4, 1, 2, 3, 4]])
    for found in search_texts(rows, preferences=wishes, width=2):
        assert found[0].units in ([], [1, 2, 3, 4, 1, 2, 3, 4])


def test_texts_that_left_the_beam_and_return_are_not_there_twice(monkeypatch):
    rows = outputs_of(41, 3, 5, 17, sharp=1.0)
    steps = search._SourceBeam.step

    def checked(self, time):
        new = steps(self, time)
        texts = [tuple(prefix.text()) for prefix in self._prefixes]
        assert len(set(texts)) == len(texts)
        return new

    monkeypatch.setattr(search._SourceBeam, "step", checked)
    search_texts(rows, width=3, preferences=Preferences(model=Bigrams(5)))


def test_beginnings_that_leave_the_beam_are_forgotten():
    model = Bigrams(7)
    beams = []
    begin = search._SourceBeam.__init__

    def remember(self, *arguments):
        begin(self, *arguments)
        beams.append((self, arguments[1]))

    rows = outputs_of(101, 1, 7, 19, sharp=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search._SourceBeam, "__init__", remember)
        search_texts(rows, width=4, preferences=Preferences(model=model))
    [(beam, root)] = beams
    kept, reached = {id(prefix) for prefix in beam._prefixes}, [root]
    leaves = []
    while reached:
        one = reached.pop()
        reached += one.children.values()
        leaves += [one] if not one.children else []
    assert all(id(leaf) in kept for leaf in leaves)
    assert model.rows > 100


def test_unlikely_units_are_left_out_and_greedys_own_are_not():
    rows = np.log(np.array([[[0.34, 0.33, 0.33]], [[0.34, 0.33, 0.33]]]))
    assert [one.units for one in search_texts(rows, width=9, best=9, least=0.4)[0]] == [[]]
    rows = np.log(np.array([[[0.33, 0.34, 0.33]], [[0.33, 0.33, 0.34]]]))
    assert {tuple(one.units) for one in search_texts(rows, width=9, best=9, least=0.4)[0]} == {(), (1,), (2,), (1, 2)}


@pytest.mark.parametrize(
    ("options", "wishes", "error", "message"),
    [
        ({"width": 0}, {}, ConfigError, "The beam is 0"),
        ({"width": 513}, {}, ConfigError, "The beam is 513"),
        ({"best": 17}, {}, ConfigError, "17 texts are wanted from a beam of 16"),
        ({"least": 1.0}, {}, ConfigError, "The least probability is 1.0"),
        ({}, {"weight": -1.0}, ConfigError, "weight of the language model is -1.0"),
        ({}, {"hot_bonus": math.nan}, ConfigError, "The hot bonus is nan"),
        ({}, {"only": [[1, 2]], "space": 2}, ConfigError, "is empty or has a space in it"),
        ({}, {"hot": [[]]}, ConfigError, "is empty or has a space in it"),
        ({}, {"only": [[1, 4]]}, ConfigError, "Words have units from 0 to 4, and outputs have 4"),
        ({}, {"model": Bigrams(5)}, ShapeError, r"The language model gives \(5,\), and \(4,\) is needed"),
    ],
)
def test_what_cannot_work_is_refused(options, wishes, error, message):
    with pytest.raises(error, match=message):
        search_texts(outputs_of(3, 1, 4, 1), preferences=Preferences(**wishes), **options)


def test_a_language_model_that_gives_nan_is_refused():
    model = Bigrams(4)
    model.table[2] = math.nan
    with pytest.raises(ElmanError, match="The language model gives NaN"):
        search_texts(outputs_of(7, 1, 4, 1), preferences=Preferences(model=model), least=0)


def test_a_weight_of_0_calls_no_language_model():
    model = Bigrams(4, sharp=math.inf)
    rows = outputs_of(7, 2, 4, 1)
    assert search_texts(rows, preferences=Preferences(model=model, weight=0.0)) == search_texts(rows)


def read_by_the_book(rows, width):
    """Search as Hannun et al. 2014 write it, with a dictionary of texts; what greedy reading gives is kept too."""
    beam = {(): (1.0, 0.0)}
    for time, row in enumerate(rows.exp()):
        new = {}
        for text, (with_blank, with_unit) in beam.items():
            for unit, chance in enumerate(row.tolist()):
                extended = (*text, unit)
                if unit == 0:
                    adds = [(text, (with_blank + with_unit) * chance, 0.0)]
                elif text and unit == text[-1]:
                    adds = [(text, 0.0, with_unit * chance), (extended, 0.0, with_blank * chance)]
                else:
                    adds = [(extended, 0.0, (with_blank + with_unit) * chance)]
                for key, blanks, units in adds:
                    before = new.get(key, (0.0, 0.0))
                    new[key] = (before[0] + blanks, before[1] + units)
        kept = sorted(new, key=lambda text: -sum(new[text]))[:width]
        [greedy] = read_greedily(rows[: time + 1, None])
        beam = {text: new[text] for text in {*kept, tuple(greedy)}}
    totals = log_probability(rows.numpy(), list(beam))
    return [list(text) for _, text in sorted(zip(totals, beam, strict=True), reverse=True)][:width]


def test_a_narrow_beam_keeps_what_the_book_keeps():
    rows = outputs_of(19, 40, 5, 23, sharp=1.0)
    found = search_texts(rows, width=3, best=3, least=0)
    assert [[one.units for one in texts] for texts in found] == [read_by_the_book(rows[:, n], 3) for n in range(40)]
