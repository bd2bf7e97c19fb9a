"""The training examples are recognised by hashes in the model file."""

import base64
import hashlib

import numpy as np
import pytest

from elman.errors import DataError
from elman.models.learnt import LearntExamples, Overlap, hash_example

MANY = 100_003


def hashes(first, last):
    return (hash_example(f"example {number}") for number in range(first, last))


def test_the_hash_is_that_of_blake2():
    digest = hashlib.blake2b("só".encode(), digest_size=8).digest()
    assert hash_example("só") == int.from_bytes(digest, "little")


def test_values_that_are_divided_otherwise_are_other_examples():
    assert len({hash_example(*values) for values in (("a", "b"), ("ab", ""), ("ab",), ("", "ab"))}) == 4


def test_few_examples_are_counted_exactly():
    overlap = LearntExamples.of(hashes(0, 7001)).compare(hashes(6501, 7501))
    assert overlap == Overlap(count=1000, checked=1000, learnt=500)


def test_the_share_of_many_examples_is_estimated_from_those_that_can_be_checked():
    learnt = LearntExamples.of(hashes(0, MANY))
    assert len(learnt.hashes) < 45_000
    overlap = learnt.compare(hashes(MANY // 2, 3 * MANY // 2))
    assert 7000 < overlap.checked < 9500
    assert abs(overlap.estimate / overlap.count - 0.5) < 0.03
    assert learnt.compare(hashes(0, MANY)).estimate == MANY
    assert learnt.compare(hashes(MANY, 2 * MANY)).learnt <= 1


def test_the_order_and_copies_of_the_examples_change_nothing():
    numbers = list(hashes(0, 17))
    assert LearntExamples.of(numbers[::-1] + numbers[:5]) == LearntExamples.of(numbers)


def test_a_sample_is_the_same_after_it_was_written_and_read():
    learnt = LearntExamples.of(hashes(0, 11))
    assert LearntExamples.from_dict(learnt.to_dict()) == learnt


@pytest.mark.parametrize(
    "data",
    [
        {"limit": 2**32 - 1},
        {"limit": 2**32, "hashes": ""},
        {"limit": -1, "hashes": ""},
        {"limit": 3, "hashes": "AAA"},
        {"limit": 3, "hashes": "é"},
        {"limit": 3, "hashes": base64.b64encode(b"12345").decode()},
        {"limit": 3, "hashes": base64.b64encode(np.array([5, 5], "<u4").tobytes()).decode()},
        {"limit": 3, "hashes": "", "more": 1},
    ],
)
def test_a_damaged_sample_is_refused(data):
    with pytest.raises(DataError, match="Train the model again"):
        LearntExamples.from_dict(data)


@pytest.mark.parametrize(
    ("overlap", "begins"),
    [
        (Overlap(500, 500, 312), "312 of these 500 rows are in the training data, so the scores are too good"),
        (Overlap(2000, 40, 20), "about 1,000 of these 2,000 rows are in the training data"),
        (Overlap(3, 3, 1), "1 of these 3 rows is in"),
    ],
)
def test_a_warning_names_the_number_of_learnt_examples(overlap, begins):
    assert overlap.warn("rows", "more").startswith(begins)


def test_without_learnt_examples_there_is_no_warning():
    assert Overlap(500, 500, 0).warn("rows", "more") is None
    assert Overlap(500, 0, 0).warn("rows", "more") is None
