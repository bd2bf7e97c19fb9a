"""Search: against a list of all that can be written, greedy, batches, ends, constraints, attention."""

import itertools
import math
import random

import pytest
import torch

from elman.decoding.constraints import Constraints
from elman.decoding.likeliest import find_likeliest
from elman.decoding.sampling import Sampling
from elman.decoding.search import Beam, Hypothesis, Writer, search
from elman.errors import ConfigError

END = 2


class Table(Writer):
    """Writes by a table: ln P of a unit depends on the source, and on the last two units."""

    def __init__(self, vocabulary=5, seed=1, sharp=2.0, sources=3, lengths=(4, 7, 2), first=0):
        generator = torch.Generator().manual_seed(seed)
        shape = (sources, vocabulary + 1, vocabulary + 1, vocabulary)
        self.table = (sharp * torch.randn(shape, generator=generator)).log_softmax(-1)[first:]
        self.looked = torch.rand(sources, vocabulary + 1, max(lengths), generator=generator)[first:]
        self.lengths = torch.tensor(lengths)[first:]
        for source, length in enumerate(self.lengths.tolist()):
            self.looked[source, :, length:] = 0
        self.calls = 0

    def begin(self, sources):
        nothing = torch.full((sources,), self.table.shape[3])
        return self._chances(torch.stack([torch.arange(sources), nothing, nothing], 1))

    def step(self, units, state):
        self.calls += 1
        return self._chances(torch.stack([state[:, 0], state[:, 2], units], 1))

    def _chances(self, state):
        return self.table[state[:, 0], state[:, 1], state[:, 2]], state

    def select(self, state, rows):
        return state[rows]

    def attention(self, state):
        return self.looked[state[:, 0], state[:, 2]]

    def log_probability(self, source, units):
        before, total = [self.table.shape[3]] * 2, 0.0
        for unit in [*units, END]:
            total += float(self.table[source, before[-2], before[-1], unit].double())
            before.append(unit)
        return total

    def all(self, source, longest):
        """List everything that can be written."""
        others = [unit for unit in range(self.table.shape[3]) if unit != END]
        return [units for n in range(longest + 1) for units in itertools.product(others, repeat=n)]


def exact(writer, source, longest, beam, keep=lambda _: True):
    return max(
        beam.score(writer.log_probability(source, units), len(units) + 1)
        for units in writer.all(source, longest)
        if keep(list(units))
    )


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_wide_beam_finds_the_best_of_all_that_can_be_written(seed, alpha):
    writer, beam = Table(seed=seed), Beam(512, length_penalty=alpha)
    found = search(writer, 3, end=END, longest=[4, 3, 0], beam=beam)
    for source, longest in enumerate([4, 3, 0]):
        [best] = found[source]
        assert best.score == pytest.approx(exact(writer, source, longest, beam), abs=1e-9)
        assert best.log_probability == pytest.approx(writer.log_probability(source, best.units), abs=1e-6)


def test_the_best_are_sorted_and_different():
    writer, beam = Table(), Beam(200, best=7, length_penalty=0.6)
    found = search(writer, 3, end=END, longest=[4, 4, 4], beam=beam)
    for source in range(3):
        scores = [one.score for one in found[source]]
        everything = sorted(
            (beam.score(writer.log_probability(source, units), len(units) + 1) for units in writer.all(source, 4)),
            reverse=True,
        )
        assert scores == pytest.approx(everything[:7], abs=1e-9)
        assert len({tuple(one.units) for one in found[source]}) == 7


def greedy(writer, source, longest):
    state = writer.select(writer.begin(len(writer.lengths))[1], torch.tensor([source]))
    chances, units = writer._chances(state)[0], []
    while len(units) < longest and int(chances[0].argmax()) != END:
        units.append(int(chances[0].argmax()))
        chances, state = writer.step(torch.tensor(units[-1:]), state)
    return units


@pytest.mark.parametrize("seed", range(20))
def test_a_beam_of_one_is_greedy_and_no_beam_is_worse(seed):
    writer = Table(seed=seed, vocabulary=7, sharp=0.7)
    own = [greedy(writer, source, 9) for source in range(3)]
    one = search(writer, 3, end=END, longest=[9] * 3, beam=Beam(1))
    assert [found[0].units for found in one] == own
    for width in (2, 3, 5):
        for alpha in (0.0, 1.0):
            beam = Beam(width, length_penalty=alpha)
            for source, (best,) in enumerate(search(writer, 3, end=END, longest=[9] * 3, beam=beam)):
                assert (
                    best.score >= beam.score(writer.log_probability(source, own[source]), len(own[source]) + 1) - 1e-6
                )


def test_answers_are_the_same_alone_and_in_a_batch():
    together = search(Table(sharp=0.5), 3, end=END, longest=[9, 4, 6], beam=Beam(4, best=3))
    for source, longest in enumerate([9, 4, 6]):
        [alone] = search(Table(sharp=0.5, first=source), 1, end=END, longest=[longest], beam=Beam(4, best=3))
        for one, other in zip(alone, together[source], strict=True):
            assert (one.units, one.log_probability, one.score) == (other.units, other.log_probability, other.score)
            assert torch.equal(one.attention, other.attention)


class Late(Writer):
    """The end is likely at once, then as good as impossible, and likely again behind six units that cost nothing."""

    steps = 0

    def begin(self, sources):
        return torch.tensor([[math.log(0.4), -math.inf, math.log(0.6)]]), 0

    def step(self, units, state):
        self.steps = state + 1
        chances = torch.tensor([[0.0, -math.inf, -1.0 if self.steps == 6 else -50.0]])
        return chances.repeat(len(units), 1), self.steps

    def select(self, state, rows):
        return state


def test_a_search_goes_on_while_a_longer_hypothesis_may_win():
    [[best]] = search(Late(), 1, end=END, longest=[8], beam=Beam(2, length_penalty=1.0))
    assert best.units == [0] * 6


def test_a_search_ends_when_no_longer_hypothesis_can_win():
    writer = Late()
    [[best]] = search(writer, 1, end=END, longest=[8], beam=Beam(2, length_penalty=0.0))
    assert best.units == []
    assert writer.steps == 0  # ln 0.6 cannot be beaten by ln 0.4 and what comes behind it


def test_no_hypothesis_is_longer_than_it_may_be():
    found = search(Table(sharp=0.1, vocabulary=11), 3, end=END, longest=[5, 0, 2], beam=Beam(5, best=5))
    assert [max(len(one.units) for one in of) <= most for of, most in zip(found, [5, 0, 2], strict=True)] == [True] * 3
    assert [one.units for one in found[1]] == [[]]


def test_attention_of_a_hypothesis_is_that_of_its_own_steps():
    writer = Table(sharp=0.5)
    for source, of in enumerate(search(writer, 3, end=END, longest=[6] * 3, beam=Beam(4, best=4))):
        for one in of:
            last = [writer.table.shape[3], *one.units]
            expected = writer.looked[source, last, : int(writer.lengths[source])]
            assert torch.equal(one.attention, expected)


def test_the_coverage_penalty_ranks_by_what_was_not_looked_at():
    writer, beam = Table(sharp=0.5), Beam(300, length_penalty=1.0, coverage_penalty=3.0)
    for source, (best,) in enumerate(search(writer, 3, end=END, longest=[3] * 3, beam=beam)):

        def score(units, source=source):
            seen = writer.looked[source, [5, *units], : int(writer.lengths[source])].double().sum(0)
            coverage = float(seen.clamp(max=1).log().sum())
            return writer.log_probability(source, units) / (len(units) + 1) + 3.0 * coverage

        assert best.score == pytest.approx(score(best.units), abs=1e-5)
        assert best.score == pytest.approx(max(map(score, writer.all(source, 3))), abs=1e-5)


def test_forbidden_units_and_prefixes_hold():
    writer, beam = Table(), Beam(400, length_penalty=0.0)
    constraints = Constraints(forbidden=(1,), prefixes=[[3, 3], [], [4]])
    found = search(writer, 3, end=END, longest=[4] * 3, beam=beam, constraints=constraints)
    for source, prefix in enumerate(constraints.prefixes):
        [best] = found[source]
        assert best.units[: len(prefix)] == prefix
        assert 1 not in best.units
        keep = lambda units, prefix=prefix: units[: len(prefix)] == prefix and 1 not in units  # noqa: E731
        assert best.score == pytest.approx(exact(writer, source, 4, beam, keep), abs=1e-9)


def test_a_bag_is_written_whole_and_nothing_else():
    writer, beam = Table(), Beam(400, length_penalty=1.0)
    bags = [[3, 1, 3], [], [0, 4, 1, 3]]
    found = search(writer, 3, end=END, longest=[9] * 3, beam=beam, constraints=Constraints(bags=bags))
    for source, bag in enumerate(bags):
        [best] = found[source]
        assert sorted(best.units) == sorted(bag)
        assert best.score == pytest.approx(
            exact(writer, source, 4, beam, lambda units, bag=bag: sorted(units) == sorted(bag)), abs=1e-9
        )


def holds(units, phrase):
    return any(tuple(units[i : i + len(phrase)]) == phrase for i in range(len(units)))


@pytest.mark.parametrize("width", [3, 500])
def test_required_phrases_occur(width):
    writer, beam = Table(), Beam(width, length_penalty=0.0)
    required = [[(3, 1), (0,)], [], [(4, 4)]]
    found = search(writer, 3, end=END, longest=[5] * 3, beam=beam, constraints=Constraints(required=required))
    for source, phrases in enumerate(required):
        [best] = found[source]
        assert all(holds(best.units, phrase) for phrase in phrases)
        if width == 500:
            keep = lambda units, phrases=phrases: all(holds(units, one) for one in phrases)  # noqa: E731
            assert best.score == pytest.approx(exact(writer, source, 5, beam, keep), abs=1e-9)


def test_excluded_phrases_are_never_written():
    writer, beam = Table(seed=4), Beam(500, length_penalty=1.0)
    free = [best.units for [best] in search(writer, 3, end=END, longest=[4] * 3, beam=beam)]
    excluded = (*(tuple(units[-2:]) for units in free if len(units) > 1), (0, 0, 4))
    assert len(excluded) > 1
    found = search(writer, 3, end=END, longest=[4] * 3, beam=beam, constraints=Constraints(excluded=excluded))
    for source, [best] in enumerate(found):
        keep = lambda units: not any(holds(units, phrase) for phrase in excluded)  # noqa: E731
        assert keep(best.units)
        assert best.score == pytest.approx(exact(writer, source, 4, beam, keep), abs=1e-9)


PLAIN = Sampling()


def draw(writer, sources, seeds, best=1, sampling=PLAIN, longest=6, **options):
    randomness = [torch.Generator().manual_seed(seed) for seed in seeds]
    beam = Beam(max(best, 1), best=best)
    return search(
        writer,
        sources,
        end=END,
        longest=[longest] * sources,
        beam=beam,
        sampling=sampling,
        randomness=randomness,
        **options,
    )


def test_draws_are_as_frequent_as_they_are_likely():
    writer, counts, draws = Table(sources=1, lengths=(3,), vocabulary=3, sharp=0.7), {}, 2000
    for start in range(0, draws, 500):
        [found] = draw(writer, 1, [start], best=500, longest=2)
        for one in found:
            counts[tuple(one.units)] = counts.get(tuple(one.units), 0) + 1
            free = len(one.units) < 2  # at the longest length the end is certain, and has its own probability
            assert not free or one.log_probability == pytest.approx(writer.log_probability(0, one.units), abs=1e-5)
    assert sum(counts.values()) == draws
    for units in [(), (0,), (1,)]:
        share = math.exp(writer.log_probability(0, units))
        assert counts.get(units, 0) / draws == pytest.approx(share, abs=4 * math.sqrt(share / draws))


def test_draws_are_the_same_alone_and_in_a_batch_and_sorted():
    together = draw(Table(sharp=0.5), 3, [7, 8, 9], best=4)
    for source in range(3):
        [alone] = draw(Table(sharp=0.5, first=source), 1, [7 + source], best=4)
        assert [one.units for one in alone] == [one.units for one in together[source]]
        scores = [one.score for one in alone]
        assert scores == sorted(scores, reverse=True)
        for one in together[source]:
            looked = Table(sharp=0.5).looked[source, [5, *one.units], : int(Table().lengths[source])]
            assert torch.equal(one.attention, looked)


def test_draws_keep_to_constraints_and_a_temperature_of_0_is_greedy():
    writer = Table(sharp=0.7)
    constraints = Constraints(forbidden=(1,), prefixes=[[3, 3], [], [4]])
    for source, found in enumerate(draw(writer, 3, [1, 2, 3], best=9, constraints=constraints)):
        assert all(one.units[: len(constraints.prefixes[source])] == constraints.prefixes[source] for one in found)
        assert not any(1 in one.units for one in found)
    cold = draw(writer, 3, [1, 2, 3], sampling=Sampling(0.0), longest=9)
    assert [one[0].units for one in cold] == [greedy(writer, source, 9) for source in range(3)]


@pytest.mark.parametrize("count", [3, 64, 700, 2048, 2053])
def test_the_likeliest_of_many_are_those_of_all(count):
    chances = torch.randn(7, count)
    chances[3, :] = -torch.inf
    chances[4, 2:] = -torch.inf
    chances[5, ::64] = 9 + torch.rand(len(range(0, count, 64)))  # far from each other
    chances[6, -3:] = 9 + torch.rand(3)  # at the end, behind what divides by 32
    most = min(11, count)
    values, units = find_likeliest(chances, most)
    assert torch.equal(values, chances.topk(most, dim=1).values)
    is_possible = values > -torch.inf
    assert torch.equal(chances.gather(1, units)[is_possible], values[is_possible])
    for row, possible in zip(units.tolist(), is_possible.sum(1).tolist(), strict=True):
        assert len(set(row[:possible])) == possible


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_of_equally_likely_units_the_first_come_first(dtype):
    chances = torch.randint(5, (11, 67)).to(dtype)
    _, units = find_likeliest(chances, 13)
    assert torch.equal(units, chances.sort(dim=1, descending=True, stable=True).indices[:, :13])


def test_what_leaves_nothing_to_write_gives_no_hypothesis():
    constraints = Constraints(forbidden=(0, 1, 2, 3, 4))
    assert search(Table(), 3, end=END, longest=[3] * 3, beam=Beam(2), constraints=constraints) == [[], [], []]


def test_no_sources_are_answered_with_nothing():
    assert search(Table(), 0, end=END, longest=[], beam=Beam(2)) == []


@pytest.mark.parametrize(
    "options",
    [
        {"width": 0},
        {"width": 513},
        {"width": 3, "best": 4},
        {"best": 0},
        {"length_penalty": -0.5},
        {"coverage_penalty": math.nan},
    ],
)
def test_beams_that_cannot_be_are_refused(options):
    with pytest.raises(ConfigError):
        Beam(**options)


def test_hypotheses_of_random_writers_have_the_probability_that_the_writer_gives():
    for seed in random.Random(5).sample(range(1000), 10):
        writer = Table(seed=seed, vocabulary=6, sharp=0.3)
        for source, of in enumerate(search(writer, 3, end=END, longest=[7] * 3, beam=Beam(3, best=3))):
            for one in of:
                assert isinstance(one, Hypothesis)
                assert one.log_probability == pytest.approx(writer.log_probability(source, one.units), abs=1e-5)
