"""What is held out: shares of classes, whole groups, and the same every time."""

import random
from collections import Counter

import pytest

from elman.errors import DataError
from elman.training.splits import default_share, leave_out_copies, split


def test_each_class_keeps_its_share_and_none_is_lost():
    targets = ["a"] * 101 + ["b"] * 53 + ["c"] * 2
    training, held_out = split(targets, share=0.2, seed=7)
    assert sorted(training + held_out) == list(range(156))
    assert Counter(targets[index] for index in held_out) == {"a": 20, "b": 11, "c": 1}


def test_numbers_and_labels_are_split_whatever_they_are():
    training, held_out = split([1.0, 2.0, 3.0, 5.0, 8.0], share=0.4, seed=1)
    assert (len(training), len(held_out)) == (3, 2)


def test_the_same_seed_gives_the_same_split_and_another_another():
    targets = ["a", "b"] * 50
    assert split(targets, share=0.1, seed=3) == split(targets, share=0.1, seed=3)
    assert split(targets, share=0.1, seed=3) != split(targets, share=0.1, seed=4)


def test_a_group_is_never_on_both_sides():
    groups = [f"speaker {index % 11}" for index in range(330)]
    targets = ["a" if index % 3 else "b" for index in range(330)]
    training, held_out = split(targets, share=0.2, seed=1, groups=groups)
    assert not {groups[index] for index in training} & {groups[index] for index in held_out}
    assert 30 <= len(held_out) <= 100
    assert {targets[index] for index in held_out} == {"a", "b"}


def test_an_example_without_a_group_is_its_own():
    groups = ["one"] * 10 + [None] * 10
    training, held_out = split(["a", "b"] * 10, share=0.3, seed=1, groups=groups)
    assert len({index < 10 for index in held_out}) == 1 or all(index >= 10 for index in training)
    assert held_out


def test_held_out_copies_are_left_out_and_what_is_learnt_from_stays():
    hashes = [index % 37 if index < 100 else index for index in range(700)]
    training, held_out = split([1.5] * 700, share=0.2, seed=3, hashes=hashes)
    plain = split([1.5] * 700, share=0.2, seed=3)
    assert training == plain[0]
    assert held_out == [index for index in plain[1] if hashes[index] not in {hashes[at] for at in training}]
    assert len(plain[1]) > len(held_out) > 100


def test_copies_are_drawn_together_with_the_share_of_those_that_differ():
    drawn = random.Random(5)
    hashes = [drawn.randrange(400) for _ in range(700)]
    targets = ["ab"[number % 3 == 0] for number in hashes]
    training, held_out = split(targets, share=0.2, seed=3, hashes=hashes, together=True)
    assert sorted(training + held_out) == list(range(700)), "none is left out"
    apart, learnt = ({hashes[index] for index in part} for part in (held_out, training))
    assert not apart & learnt
    assert len(apart) == pytest.approx(0.2 * len(apart | learnt), abs=1)


def test_a_class_whose_examples_are_copies_of_others_is_not_lost():
    # The only examples of class c equal examples of class a.
    hashes, targets = [*range(30), 3, 4], ["a", "b"] * 15 + ["c", "c"]
    for seed in range(12):
        training, held_out = split(targets, share=0.5, seed=seed, hashes=hashes, together=True)
        assert {targets[index] for index in training} == {"a", "b", "c"}
        assert held_out


def test_copies_are_drawn_apart_where_nothing_else_is_there():
    training, held_out = split(["a", "b"] * 20, share=0.2, seed=3, hashes=[1, 2] * 20, together=True)
    assert (len(training), len(held_out)) == (32, 8)


def test_different_examples_are_split_as_without_hashes():
    targets = ["a", "b", "b"] * 30
    for together in (False, True):
        found = split(targets, share=0.2, seed=3, hashes=range(90), together=together)
        assert found == split(targets, share=0.2, seed=3)


def test_copies_stay_where_too_few_would_remain_or_none_of_a_class():
    assert leave_out_copies([1, 1, 1, 2], [1], [""] * 4) == [0, 1, 2, 3]
    assert leave_out_copies([1] * 50 + list(range(100, 110)), [1], [""] * 60) == list(range(50, 60))
    assert leave_out_copies([1, 1, 2, 3, 4, 5], [1], ["a", "b", "b", "b", "b", "b"]) == [0, 2, 3, 4, 5]


def test_no_class_is_held_out_as_a_whole():
    groups = ["p"] * 4 + ["q"] * 4 + ["r"] * 4
    targets = ["a", "b"] * 4 + ["a", "c", "c", "a"]
    training, _ = split(targets, share=0.4, seed=1, groups=groups)
    assert {targets[index] for index in training} == {"a", "b", "c"}


def test_of_few_large_groups_one_is_held_out_though_it_is_more_than_was_wanted():
    groups = ["p"] * 8 + ["q"] * 8 + ["r"] * 8
    training, held_out = split(["a", "b"] * 12, share=0.2, seed=1, groups=groups)
    assert (len(training), len(held_out)) == (16, 8)


@pytest.mark.parametrize(
    ("targets", "groups", "said"),
    [
        (["a", "a", "b"], None, "A class has one example: 'b'"),
        (["1.5", "2.5", "3.5"], None, "say --target-kind number"),
        (["a"], None, "1 example is too few"),
        ([], None, "0 examples are too few"),
        (["a", "b"], ["x", "x"], "All examples are of the group 'x'"),
        (["a", "b"], ["x", "y"], "occurs in one group alone"),
    ],
)
def test_what_cannot_be_split_is_refused(targets, groups, said):
    with pytest.raises(DataError, match=said):
        split(targets, share=0.5, seed=1, groups=groups)


def test_a_large_set_holds_out_no_more_than_it_takes():
    assert default_share(999) == 0.2
    assert default_share(1000) == 0.1
    assert round(default_share(10**6) * 10**6) == 10_000
