"""Folds: every example is held out once, groups and equal examples stay together, and time ends early folds late."""

import random
from collections import Counter

import pytest

from elman.training import folds as training_folds
from elman.training.folding import Fit, train_folds
from elman.training.folds import draw_folds, hold_within, most_folds, need_folds
from elman.training.outcome import Outcome
from elman.training.progress import QuietProgress


def test_every_example_is_in_one_fold_with_its_share_of_each_class():
    targets = ["a"] * 53 + ["b"] * 29 + ["c"] * 7
    folds = draw_folds(targets, 5, seed=3)
    assert sorted(index for fold in folds for index in fold) == list(range(89))
    for name, count in Counter(targets).items():
        shares = [sum(targets[index] == name for index in fold) for fold in folds]
        assert max(shares) - min(shares) <= 1, (name, count)
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    assert folds != draw_folds(targets, 5, seed=4)


def test_a_group_is_in_one_fold_and_classes_are_balanced():
    drawn = random.Random(2)
    groups = [f"s{drawn.randrange(13)}" for _ in range(400)]
    targets = ["a" if drawn.random() < 0.3 else "b" for _ in groups]
    folds = draw_folds(targets, 4, seed=1, groups=groups)
    assert sorted(index for fold in folds for index in fold) == list(range(400))
    assert sum(len({groups[index] for index in fold}) for fold in folds) == len(set(groups))
    assert all(60 < len(fold) < 140 for fold in folds)
    assert all(0.2 < sum(targets[index] == "a" for index in fold) / len(fold) < 0.4 for fold in folds)


def test_a_class_in_two_of_many_groups_is_learnt_from_in_every_fold():
    drawn = random.Random(4)
    groups = [f"s{number // 5}" for number in range(100)]
    targets = ["rare" if group in ("s3", "s11") else drawn.choice("ab") for group in groups]
    folds = draw_folds(targets, 5, seed=1, groups=groups)
    assert sorted(index for fold in folds for index in fold) == list(range(100))
    assert sorted(sum(targets[index] == "rare" for index in fold) for fold in folds) == [0, 0, 0, 5, 5]
    assert min(map(len, folds)) >= 15


def test_equal_examples_are_in_one_fold():
    drawn = random.Random(5)
    hashes = [drawn.randrange(40) for _ in range(100)]
    folds = draw_folds(["ab"[number % 2] for number in hashes], 5, seed=1, hashes=hashes)
    assert sum(len({hashes[index] for index in fold}) for fold in folds) == len(set(hashes))


def test_a_class_is_never_held_out_as_a_whole():
    # All examples of c equal each other, and those of d equal one of a.
    hashes, targets = [*range(30), 50, 50, 50, 4], ["a", "b"] * 15 + ["c"] * 3 + ["d"]
    for fold in draw_folds(targets, 3, seed=2, hashes=hashes):
        apart = set(fold)
        assert {targets[index] for index in range(34) if index not in apart} == set("abcd")
        assert not apart & {30, 31, 32, 33, 4}


@pytest.mark.parametrize(
    ("targets", "groups", "most"),
    [
        (["a"] * 9 + ["b"] * 3, None, 3),
        (["a"] * 9 + ["b"], None, 9),
        ([1.5, 2.5, 3.5], None, 3),
        (["a", "b"] * 6, ["p", "p", "q", "q"] * 3, 2),
        (["a", "b"] * 2, ["p"] * 4, 1),
        (["a"] * 12 + ["b"] * 6, [*"pqrstu" * 2, *"pppqqq"], 6),
        (["a"] * 12 + ["b"] * 4, [*"pqrstu" * 2, *"ppqq"], 4),
        (["a"] * 12 + ["b"] * 4, [*"pqrstu" * 2, *"pppp"], 6),
    ],
)
def test_there_are_as_many_folds_as_the_rarest_class_has_examples_or_groups(targets, groups, most):
    assert most_folds(targets, groups, None) == most


def test_few_examples_and_few_groups_need_folds(monkeypatch):
    monkeypatch.setattr(training_folds, "FEW_EXAMPLES", 200)
    monkeypatch.setattr(training_folds, "FEW_GROUPS", 5)
    assert need_folds(199, None)
    assert not need_folds(200, None)
    assert need_folds(900, ["a", "b", "c", "d"] * 225)
    assert not need_folds(900, ["a", "b", "c", "d", "e"] * 180)


def test_weights_are_chosen_by_whole_groups_where_there_are_four():
    targets, groups = ["a", "b"] * 20, [f"s{index // 10}" for index in range(40)]
    learn, hold = hold_within(targets, seed=1, groups=groups)
    assert not {groups[index] for index in learn} & {groups[index] for index in hold}
    assert sorted(learn + hold) == list(range(40))
    learn, hold = hold_within(targets, seed=1, groups=[f"s{index // 20}" for index in range(40)])
    assert len(hold) == 8
    learn, hold = hold_within(["a", "b", "b"], seed=1)
    assert 0 in learn, "a class with one example is learnt from"


class Run:
    """Fits without a training, that end as they are said to."""

    def __init__(self, *ends):
        self.ends, self.budgets, self.trained = ends, [], []

    def one(self, number, left):
        self.budgets.append(left)
        if self.ends[number] == "at once":
            raise KeyboardInterrupt
        return Fit(number, None, None, Outcome(stopped=self.ends[number]))

    def train(self, seconds=None, equally=False):
        self.found = train_folds(
            self.one,
            len(self.ends),
            seconds=seconds,
            equally=equally,
            progress=QuietProgress(),
            trained=lambda fits: self.trained.append(len(fits)),
        )
        return [fit.model for fit in self.found.fits], self.found.stopped


@pytest.mark.parametrize(
    ("ends", "equally", "kept", "stopped"),
    [
        (("epochs", "patience", "epochs"), False, [0, 1, 2], "epochs"),
        (("epochs", "time budget", "epochs"), False, [0], "time budget"),
        (("time budget", "epochs", "epochs"), False, [0], "time budget"),
        (("time budget", "time budget", "time budget"), True, [0, 1, 2], "time budget"),
        (("epochs", "epochs", "interrupted"), True, [0, 1], "interrupted"),
        (("epochs", "at once", "epochs"), False, [0], "interrupted"),
        (("interrupted", "epochs", "epochs"), False, [0], "interrupted"),
    ],
)
def test_a_fold_that_is_cut_off_is_left_out_unless_it_is_the_first(ends, equally, kept, stopped):
    run = Run(*ends)
    assert run.train(100.0, equally) == (kept, stopped)
    assert run.trained == list(range(1, len(kept) + 1))
    wanted = [100.0 / (len(ends) - number) if equally else 100.0 for number in range(len(run.budgets))]
    assert run.budgets == pytest.approx(wanted, abs=0.5)


def test_no_fold_is_begun_when_the_time_is_over():
    run = Run("epochs", "epochs")
    assert run.train(seconds=0.0) == ([0], "time budget")
    with pytest.raises(KeyboardInterrupt):
        Run("at once").train()
