"""Places that are evenly spaced are where numpy says that they are, and exactly so."""

import math

import numpy as np
import pytest

from elman.flow.places import spread
from elman.models.view import choose_examples


@pytest.mark.parametrize("most", [2, 3, 7, 24])
def test_places_are_the_rounded_ones_of_numpy(most):
    for count in range(most, 200):
        assert spread(count, most) == np.linspace(0, count - 1, most).round().astype(int).tolist()


def test_a_single_place_is_the_last_and_a_single_example_the_first():
    assert spread(9, 1) == [8]
    assert choose_examples(9, 1) == [0]
    assert spread(0, 3) == choose_examples(0, 1) == []


def test_places_beyond_the_whole_numbers_of_float32_are_exact():
    count = 2**24 + 4
    assert spread(count, 4, math.floor) == [0, *(i * (count - 1) // 3 for i in (1, 2)), count - 1]
    assert choose_examples(57, 50)[7] == 8  # 7 · 56 / 49, which float32 puts below
