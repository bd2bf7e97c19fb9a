"""Which weights a fold keeps: those that are best in the other folds, and of those that were kept at validations."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from elman import cells
from elman.tasks import classify
from elman.tasks.classify.recipe import RECIPE
from elman.training.outcome import Outcome, Validation
from elman.training.progress import QuietProgress
from elman.training.snapshots import choose_update, keep_snapshot, take_snapshot

OPTIONS = {"hidden": 7, "batch": 4, "updates": 410, "seed": 5, "folds": 3, "alone": True, "learning_rate": 0.02}


def outcome_of(planned, seen, kept=None):
    history = [Validation(1, update, 0.0, *values) for update, *values in seen]
    kept = [update for update, *_ in seen] if kept is None else kept
    return Outcome(planned=planned, updates=seen[-1][0], history=history, snapshots={update: {} for update in kept})


def test_the_mean_loss_of_the_other_folds_decides_and_the_own_one_never():
    own = outcome_of(100, [(25, 9.0), (50, 0.1), (100, 9.0)])
    others = [outcome_of(200, [(50, 1.0), (100, 3.0), (200, 1.5)]), outcome_of(40, [(10, 2.0), (20, 2.0), (40, 1.0)])]
    assert choose_update(own, others) == 100
    others[1] = outcome_of(40, [(10, 2.0), (20, 2.0), (40, 1.6)])
    assert choose_update(own, others) == 25


def test_the_loss_between_two_validations_and_after_the_last_one():
    own = outcome_of(100, [(10, 0.0), (30, 0.0), (60, 0.0), (100, 0.0)])
    # At 10, 30, 60 and 100 % it is 0.9, 0.7, 0.5 and 0.5; the other one ends early, and stays at 0.8.
    other, ended = outcome_of(100, [(0, 1.0), (50, 0.5), (100, 0.5)]), outcome_of(10, [(1, 0.2), (3, 0.3), (4, 0.8)])
    sums = {10: 0.9 + 0.2, 30: 0.7 + 0.3, 60: 0.5 + 0.8, 100: 0.5 + 0.8}
    assert choose_update(own, [other, ended]) == min(sums, key=sums.get) == 30


def test_the_highest_score_decides_where_there_are_scores_and_the_loss_between_equal_ones():
    own = outcome_of(4, [(1, 0.5, 0.9), (2, 0.5, 0.1), (3, 0.5, 0.1), (4, 0.5, 0.1)])
    other = outcome_of(4, [(1, 0.1, 0.6), (2, 0.7, 0.8), (3, 0.6, 0.8), (4, 0.2, 0.7)])
    assert choose_update(own, [other]) == 3


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_never_the_best(loss):
    own = outcome_of(3, [(1, 0.5), (2, 0.5), (3, 0.5)])
    assert choose_update(own, [outcome_of(3, [(1, loss), (2, 2.0), (3, 3.0)])]) == 2


def test_a_fold_alone_keeps_its_own_best():
    alone = outcome_of(100, [(50, 1.0), (100, 2.0)])
    alone.best_update = 50
    assert choose_update(alone, []) == 50


def test_only_weights_that_were_kept_are_chosen_and_the_last_ones_always_are():
    module, outcome = nn.Linear(1, 1), Outcome(planned=100)
    for update in range(1, 101):
        outcome.updates = update
        outcome.history.append(Validation(1, update, 0.0, float(abs(update - 41))))
        with torch.no_grad():
            module.weight.fill_(float(update))
        take_snapshot(module, outcome)
        assert len(outcome.snapshots) <= 16
        assert update in outcome.snapshots
    assert all(float(kept["weight"]) == update for update, kept in outcome.snapshots.items())
    chosen = choose_update(outcome, [outcome])
    assert chosen == min(outcome.snapshots, key=lambda update: abs(update - 41))
    keep_snapshot(module, outcome, chosen)
    assert (float(module.weight.detach()), outcome.best_update) == (chosen, chosen)
    assert outcome.best.loss == abs(chosen - 41)


def test_every_network_of_a_model_has_the_weights_of_the_update_that_others_choose(tmp_path):
    path, drawn = tmp_path / "r.csv", random.Random(2)
    rows = [
        f"{drawn.choice('abcd')} {drawn.choice('pqrs')} {drawn.choice('xyz')},{drawn.choice('nm')}" for _ in range(47)
    ]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    settings = RECIPE.settings.of(OPTIONS)
    curves, kept, planned = [], [], []
    for split in RECIPE.divide(RECIPE.read([str(path)], settings, True), settings):
        parts = RECIPE.encode(split, settings, True)
        torch.manual_seed(settings.seed)
        model, seen = RECIPE.build(cells.find(RECIPE.cell), None, parts, settings, None), {}

        def hear(outcome, moment, improved, model=model, seen=seen):
            weights = {name: value.clone() for name, value in model.module.state_dict().items()}
            seen[outcome.updates] = (outcome.history[-1].validation_loss, weights)

        rate = RECIPE.usual_rate(settings, parts)
        own = RECIPE.settings.of({**OPTIONS, "learning_rate": rate})
        planned.append(RECIPE.fit(model, parts, own, QuietProgress(), hear).planned)
        curves.append({update: loss for update, (loss, _) in seen.items()})
        kept.append({update: weights for update, (_, weights) in seen.items()})
    trained = classify.train(path, output=tmp_path / "m", quiet=True, compare=False, **OPTIONS)
    chosen = []
    for number, own in enumerate(curves):
        sums = dict.fromkeys(own, 0.0)
        for at, other in enumerate(curves):
            if at != number:
                x, y = [update / planned[at] for update in other], list(other.values())
                for update in sums:
                    sums[update] += float(np.interp(update / planned[number], x, y))
        chosen.append(min(sums, key=sums.get))
    assert chosen != [min(own, key=own.get) for own in curves], "own validations would choose the same"
    assert [fold["best_update"] for fold in trained.metrics["folds"]] == chosen
    for one, weights, update in zip([trained, *trained.others], kept, chosen, strict=True):
        assert all(torch.equal(value, weights[update][name]) for name, value in one.module.state_dict().items())


def test_what_holds_the_choice_together_is_not_the_order_of_folds():
    drawn = random.Random(3)
    outcomes = [outcome_of(7, [(update, drawn.random()) for update in range(1, 8)]) for _ in range(4)]
    for number, own in enumerate(outcomes):
        others = [one for at, one in enumerate(outcomes) if at != number]
        means = [np.mean([one.history[at].validation_loss for one in others]) for at in range(7)]
        assert choose_update(own, others) == choose_update(own, others[::-1]) == 1 + int(np.argmin(means))
