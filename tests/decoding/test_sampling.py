"""Sampling, against distributions worked out by hand."""

import math

import pytest
import torch

from elman.decoding.sampling import Sampling
from elman.errors import ConfigError, ElmanError

# softmax of these is (0.2, 0.4, 0.1, 0.3)
LOGITS = torch.log(torch.tensor([2.0, 4.0, 1.0, 3.0], dtype=torch.float64))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.2, 0.4, 0.1, 0.3]),
        ({"temperature": 0.5}, [4 / 30, 16 / 30, 1 / 30, 9 / 30]),
        ({"temperature": 2.0}, None),
        ({"temperature": 0.0}, [0, 1, 0, 0]),
        ({"top_k": 1}, [0, 1, 0, 0]),
        ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_k": 9}, [0.2, 0.4, 0.1, 0.3]),
        ({"top_p": 0.39}, [0, 1, 0, 0]),
        ({"top_p": 0.41}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_p": 0.71}, [2 / 9, 4 / 9, 0, 3 / 9]),
        ({"top_p": 1.0}, [0.2, 0.4, 0.1, 0.3]),
        # top-k first: of (4/7, 3/7) the first alone has 0.571
        ({"top_k": 2, "top_p": 0.57}, [0, 1, 0, 0]),
        ({"top_k": 2, "top_p": 0.58}, [0, 4 / 7, 0, 3 / 7]),
        # temperature first: the likeliest has 16/30 = 0.533
        ({"temperature": 0.5, "top_p": 0.53}, [0, 1, 0, 0]),
        ({"temperature": 0.5, "top_p": 0.54}, [0, 16 / 25, 0, 9 / 25]),
    ],
)
def test_distribution_is_the_one_worked_out_by_hand(options, expected):
    if expected is None:
        roots = [math.sqrt(2), 2, 1, math.sqrt(3)]
        expected = [root / sum(roots) for root in roots]
    found = Sampling(**options).distribution(LOGITS)
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_min_p_keeps_what_is_likely_enough_beside_the_likeliest():
    logits = torch.tensor([0.5, 0.1, 0.25, 0.15]).log()
    for least, kept in ((0.0, 4), (0.19, 4), (0.21, 3), (0.49, 2), (0.51, 1), (1.0, 1)):
        found = Sampling(min_p=least).distribution(logits)
        assert int((found > 0).sum()) == kept
        assert float(found.sum()) == pytest.approx(1.0)
    assert Sampling(0.5, min_p=0.24).distribution(logits)[2] > 0  # (0.25 / 0.5)² is 0.25
    for wrong in (-0.1, 1.5, math.nan):
        with pytest.raises(ConfigError, match="Min-p"):
            Sampling(min_p=wrong)


def test_what_is_impossible_is_never_drawn():
    found = Sampling().distribution(torch.tensor([-math.inf, 0.0, -math.inf, 0.0]))
    assert found.tolist() == [0, 0.5, 0, 0.5]
    for nothing in ([-math.inf, -math.inf], [math.inf, 0.0], [math.nan, 0.0]):
        with pytest.raises(ElmanError, match="not finite"):
            Sampling().distribution(torch.tensor(nothing))


def test_the_nucleus_is_the_smallest_set_that_reaches_its_probability():
    # Halves and quarters are exact in binary: the first character alone reaches one half.
    assert Sampling(top_p=0.5).distribution(torch.zeros(2)).tolist() == [1, 0]
    assert Sampling(top_p=0.75).distribution(torch.zeros(4)).tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


def test_of_equal_logits_the_lower_number_is_kept():
    assert Sampling(top_k=2).distribution(torch.zeros(5)).tolist() == [0.5, 0.5, 0, 0, 0]
    assert Sampling(temperature=0).distribution(torch.zeros(5)).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("temperature", [1e-300, 1e-3, 1e300])
def test_extreme_temperatures_stay_finite(temperature):
    found = Sampling(temperature).distribution(torch.tensor([-1e30, 0.0, 80.0]))
    assert found.isfinite().all()
    assert float(found.sum()) == pytest.approx(1.0)


def test_draws_follow_the_distribution():
    sampling, randomness = Sampling(top_k=3), torch.Generator().manual_seed(7)
    counts = torch.zeros(4)
    for _ in range(3000):
        counts[sampling.draw(LOGITS, randomness)] += 1
    expected = torch.tensor([2 / 9, 4 / 9, 0, 3 / 9])
    # three standard deviations of a share near 1/2 among 3000 draws
    assert (counts / 3000 - expected).abs().max() < 3 * math.sqrt(0.25 / 3000)
    assert counts[2] == 0


def test_same_seed_same_draws():
    one, two = (torch.Generator().manual_seed(3) for _ in range(2))
    sampling = Sampling()
    assert [sampling.draw(LOGITS, one) for _ in range(40)] == [sampling.draw(LOGITS, two) for _ in range(40)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"top_k": 0}, "Top-k is 0"),
        ({"top_k": -3}, "Top-k is -3"),
        ({"top_p": 0.0}, r"Top-p is 0\.0"),
        ({"top_p": 1.01}, r"Top-p is 1\.01"),
        ({"top_p": math.nan}, "Top-p is nan"),
    ],
)
def test_values_outside_their_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Sampling(**options)


def test_units_are_drawn_as_often_as_their_probability_says_by_one_number_each():
    distribution, chance = Sampling().distribution(LOGITS), torch.Generator().manual_seed(3)
    drawn = torch.tensor([Sampling().draw(LOGITS, chance) for _ in range(2000)])
    assert torch.allclose(drawn.bincount(minlength=4) / 2000, distribution.float(), atol=0.04)
    numbers = torch.rand(2000, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    bounds = [0.2, 0.6, 0.7, 1.0]
    assert drawn.tolist() == [next(k for k, end in enumerate(bounds) if number < end) for number in numbers.tolist()]


def test_the_least_number_draws_nothing_that_is_impossible(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *sizes, **options: torch.zeros(*sizes, dtype=options["dtype"]))
    assert Sampling().draw(torch.tensor([-math.inf, 0.0, 0.0]), torch.Generator()) == 1
