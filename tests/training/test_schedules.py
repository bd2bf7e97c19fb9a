"""The course of the learning rate, batches that are joined, and weights that are averaged: every update is known."""

import itertools
import math
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from elman.errors import ConfigError
from elman.training.averaging import WeightAverage
from elman.training.loop import Trainer
from elman.training.progress import QuietProgress
from elman.training.settings import TrainingSettings
from tolerances import assert_close

SLOPE = torch.tensor([0.6, -0.2, 0.3], dtype=torch.float64)


class Point(nn.Module):
    """Three numbers; the loss of an update is their product with a given gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor([0.5, -1.0, 2.0]))

    def forward(self, slope):
        return self.place @ slope


@dataclass
class Watch(QuietProgress):
    """Remember where the module was after each update, and what was said."""

    module: nn.Module
    places: list[torch.Tensor] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.places.append(self.module.place.detach().clone())

    def update(self, moment):
        self.places.append(self.module.place.detach().clone())

    def note(self, text):
        self.notes.append(text)


def train(updates_per_epoch, validations=(), slope=lambda update: SLOPE, fit=None, **options):
    """Train a point on slopes; return the watch, the outcome and the module."""
    with torch.random.fork_rng():
        module = Point().double()
    watch = Watch(module)
    settings = TrainingSettings(**{"precision": "64", "weight_decay": 0.0, **options})
    trainer = Trainer(module, settings, watch)
    given, updates = iter(validations), iter(range(10**6))

    def losses():
        for _ in range(updates_per_epoch):
            yield trainer.module(slope(next(updates))), 7

    validate = (lambda: next(given)) if validations else None
    return watch, trainer.fit(losses, updates_per_epoch, validate, **fit or {}), module


def rates(watch):
    """Measure what each update of plain gradient descent moved, in units of the slope."""
    return [float((a - b) @ SLOPE / (SLOPE @ SLOPE)) for a, b in itertools.pairwise(watch.places)]


def plain(**options):
    # asgd is gradient descent without momentum for as long as nothing gets worse, so a move shows the rate.
    return {"optimizer": "asgd", "learning_rate": 0.5, "clip_norm": 10.0, "patience": 100, **options}


def falling(count):
    return [100.0 - n for n in range(count)]


def test_step_lowers_the_rate_after_each_epoch_from_one_epoch_on():
    # Zaremba et al. 2014, section 4.1, with decay_from 2: the third epoch is the first with a lower rate.
    watch, outcome, _ = train(3, falling(5), **plain(schedule="step", decay=0.5, decay_from=2, epochs=5))
    expected = [0.5] * 6 + [0.25] * 3 + [0.125] * 3 + [0.0625] * 3
    assert rates(watch) == pytest.approx(expected)
    assert outcome.stopped == "epochs"


def test_plateau_lowers_the_rate_after_each_validation_that_is_not_the_best():
    validations = [5.0, 4.0, 4.0, 6.0, 3.0, math.nan, 2.0]
    watch, _, _ = train(2, validations, **plain(schedule="plateau", decay=0.1, epochs=7))
    expected = [0.5] * 6 + [0.05] * 2 + [0.005] * 4 + [0.0005] * 2
    assert rates(watch) == pytest.approx(expected)


def test_the_factor_of_a_falling_rate_is_a_half_unless_told():
    watch, _, _ = train(1, [5.0, 6.0, 4.0], **plain(schedule="plateau", epochs=3))
    assert rates(watch) == pytest.approx([0.5, 0.5, 0.25])


def test_patience_ends_a_plateau():
    _, outcome, _ = train(2, [1.0] * 9, **plain(schedule="plateau", epochs=9, patience=1 / 3))
    assert (outcome.stopped, outcome.updates) == ("patience", 8)


def test_constant_is_constant_from_the_first_update():
    watch, _, _ = train(4, falling(3), **plain(epochs=3))
    assert rates(watch) == pytest.approx([0.5] * 12)


def test_a_constant_rate_of_adam_warms_up():
    watch, _, _ = train(60, optimizer="adam", schedule="constant", learning_rate=0.5, epochs=1)
    # Adam moves by its learning rate where the gradient is constant.
    moved = [float(a[0] - b[0]) for a, b in itertools.pairwise(watch.places)]
    assert moved == pytest.approx([0.5 * min(1.0, n / 50) for n in range(1, 61)], rel=1e-6)


@pytest.mark.parametrize("options", [{"optimizer": "asgd"}, {"optimizer": "sgd", "schedule": "plateau"}])
def test_what_waits_for_validations_refuses_to_train_without(options):
    with pytest.raises(ConfigError, match=r"waits for validations, and nothing is held out"):
        train(3, epochs=1, **options)


def test_what_steers_by_validations_validates_at_the_end_of_each_epoch():
    for options in (plain(), plain(schedule="plateau"), plain(schedule="step", decay_from=1)):
        _, outcome, _ = train(311, falling(3), **{**options, "epochs": 3}, fit={"validation_cost": 500.0})
        assert [one.update for one in outcome.history] == [311, 622, 933]


@pytest.mark.parametrize(
    ("updates_per_epoch", "cost", "expected"),
    [
        (1000, 0.0, [250, 500, 750, 1000]),
        (1000, 24.0, [250, 500, 750, 1000]),
        (1000, 33.25, [333, 666, 999, 1000]),
        (400, 90.0, [400, 800, 1000]),
        (13, 90.0, [50, 100]),
    ],
)
def test_ten_times_the_cost_of_a_validation_is_trained_before_the_next(updates_per_epoch, cost, expected):
    epochs = math.ceil(expected[-1] / updates_per_epoch)
    _, outcome, _ = train(updates_per_epoch, falling(30), epochs=epochs, optimizer="sgd", fit={"validation_cost": cost})
    assert [one.update for one in outcome.history][: len(expected) - 1] == expected[:-1]


def test_a_tenth_of_the_time_budget_waits_for_a_costly_validation(monkeypatch):
    now = iter(range(10**6))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(now)))
    _, outcome, _ = train(
        500, falling(400), epochs="auto", optimizer="sgd", time_budget="1000s", fit={"validation_cost": 4.5}
    )
    gaps = [b.update - a.update for a, b in itertools.pairwise(outcome.history)]
    assert len(gaps) >= 2
    assert min(gaps[:-1]) >= 45


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_accumulated_batches_are_one_update_on_the_joined_batch(optimizer):
    # Eleven batches of different sizes, four an update: the last update of an epoch has three.
    torch.manual_seed(3)
    sizes = [2, 5, 3, 7, 1, 11, 2, 13, 3, 5, 17]
    batches = [(torch.randn(n, 3).double(), torch.randn(n, 2).double()) for n in sizes]
    joined = [tuple(map(torch.cat, zip(*batches[at : at + 4], strict=True))) for at in (0, 4, 8)]
    options = {"optimizer": optimizer, "precision": "64", "epochs": 3, "clip_norm": 0.5, "learning_rate": 0.3}

    def fitted(batches, accumulate):
        torch.manual_seed(1)
        module = nn.Linear(3, 2).double()
        settings = TrainingSettings(**options, accumulate=accumulate)
        trainer = Trainer(module, settings, QuietProgress())
        # Not `trainer.module`, which rounds what it returns to float32.
        outcome = trainer.fit(
            lambda: ((mse_loss(module(x), y), len(x)) for x, y in batches), settings.count_updates(len(batches))
        )
        return module, outcome

    ours, outcome = fitted(batches, 4)
    other, expected = fitted(joined, 1)
    assert (outcome.updates, outcome.epoch, outcome.stopped) == (9, expected.epoch, "epochs")
    assert outcome.training_loss == pytest.approx(expected.training_loss, rel=1e-12)
    assert_close("weight", ours.weight, other.weight)
    assert_close("bias", ours.bias, other.bias)


def wandering(update):
    return SLOPE * math.cos(update) + torch.tensor([0.0, 0.1, -0.2]) * math.sin(2.5 * update)


# The best is the third. The tenth is the first that is worse than one more than five before it: 6 > 5, the best of the
# first four; the ninth, 4.9, is not worse than any of the first three.
WORSE = [9.0, 7.0, 5.0, 5.5, 5.4, 5.3, 5.2, 5.1, 4.9, 6.0, 3.0, 3.5, 4.0]


def test_averaging_starts_when_a_validation_is_worse_than_more_than_five_before():
    watch, outcome, module = train(3, WORSE, slope=wandering, **plain(epochs=13))
    assert len(watch.notes) == 1
    assert watch.notes[0].startswith("update 30: ")
    assert (outcome.best_update, outcome.best_loss) == (33, 3.0)
    # The mean of the weights from the trigger to the best validation, both included (algorithm 1).
    assert_close("place", module.place, torch.stack(watch.places[30:34]).mean(0))


def average(places, share):
    """Return the weighted mean of places, each weight multiplied out."""
    weights = [1.0]
    for t in range(1, len(places)):
        new = 1 / (1 + share * t)
        weights = [weight * (1 - new) for weight in weights] + [new]
    assert sum(weights) == pytest.approx(1.0)
    return sum(weight * place for weight, place in zip(weights, places, strict=True))


@pytest.mark.parametrize("share", [1.0, 0.3, 0.07])
def test_with_average_a_mean_that_forgets_is_validated_and_kept(share):
    seen = []

    def validate():
        seen.append(module.place.detach().clone())
        return [5.0, 2.0, 3.0][len(seen) - 1]

    module = Point().double()
    watch, updates = Watch(module), iter(range(10**6))
    settings = TrainingSettings(precision="64", optimizer="adam", learning_rate=0.3, epochs=3, average=share)
    trainer = Trainer(module, settings, watch)
    outcome = trainer.fit(lambda: ((trainer.module(wandering(next(updates))), 7) for _ in range(53)), 53, validate)
    assert [one.update for one in outcome.history] == [53, 106, 159]
    for place, update in zip(seen, (53, 106, 159), strict=True):
        assert_close(f"update {update}", place, average(watch.places[: update + 1], share))
    assert torch.equal(module.place, seen[1])
    if share == 1.0:
        assert_close("plain mean", seen[0], torch.stack(watch.places[:54]).mean(0))


def test_about_the_share_of_the_last_updates_counts():
    # Of ten thousand updates and a share of 0.1 the last two thousand have 1 − 0.8^10 of the weight.
    module = nn.Linear(1, 1, bias=False).double()
    mean = WeightAverage(module, 0.1)
    for update in range(1, 10_001):
        nn.init.constant_(module.weight, float(update > 8000))
        mean.add()
    mean.apply()
    assert module.weight.item() == pytest.approx(1 - 0.8**10, abs=1e-3)


def test_without_validations_the_mean_stays_at_the_end():
    watch, _, module = train(11, slope=wandering, optimizer="sgd", epochs=2, average=0.4)
    assert_close("place", module.place, average(watch.places, 0.4))


def test_averaging_changes_no_update():
    watch, _, _ = train(9, [3.0], slope=wandering, optimizer="adam", epochs=2, average=0.2)
    other, _, _ = train(9, [3.0], slope=wandering, optimizer="adam", epochs=2)
    assert_close("places", torch.stack(watch.places), torch.stack(other.places))


def test_average_is_refused_where_the_optimiser_averages():
    with pytest.raises(ConfigError, match="asgd averages by itself"):
        TrainingSettings(optimizer="asgd", average=0.1)


def test_five_validations_before_are_not_enough():
    # Worse than the first of six only: the seventh compares with the first.
    watch, _, _ = train(1, [1.0, 2.0, 2.0, 2.0, 2.0, 2.0], **plain(epochs=6))
    assert watch.notes == []
    watch, _, _ = train(1, [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], **plain(epochs=7))
    assert len(watch.notes) == 1


def test_while_averaging_training_goes_on_from_the_weights_themselves():
    watch, _, _ = train(3, WORSE, slope=wandering, **plain(epochs=13))
    other, _, _ = train(3, falling(13), slope=wandering, **plain(epochs=13))
    assert other.notes == []
    assert_close("places", torch.stack(watch.places), torch.stack(other.places))


def test_averages_are_validated_shown_and_saved():
    seen = []
    validations = iter(WORSE)
    module = Point().double()
    watch = Watch(module)
    trainer = Trainer(module, TrainingSettings(precision="64", **plain(epochs=13)), watch)
    updates = iter(range(10**6))

    def validate():
        seen.append(module.place.detach().clone())
        return next(validations)

    def validated(outcome, moment, improved):
        assert torch.equal(module.place, seen[-1])

    trainer.fit(lambda: ((trainer.module(wandering(next(updates))), 7) for _ in range(3)), 3, validate, validated)
    for epoch, place in enumerate(seen, start=1):
        start = 30 if epoch > 10 else 3 * epoch
        assert_close(f"epoch {epoch}", place, torch.stack(watch.places[start : 3 * epoch + 1]).mean(0))


def test_ctrl_c_while_an_average_is_validated_keeps_the_best_average():
    def validated(outcome, moment, improved):
        if outcome.updates == 36:
            raise KeyboardInterrupt

    watch, outcome, module = train(3, WORSE, slope=wandering, **plain(epochs=13), fit={"validated": validated})
    assert (outcome.stopped, outcome.best_update) == ("interrupted", 33)
    assert_close("place", module.place, torch.stack(watch.places[30:34]).mean(0))


def test_patience_counts_afresh_when_averaging_starts():
    _, outcome, _ = train(1, [1.0] + [2.0] * 20, **plain(epochs=21, patience=1 / 3))
    assert (outcome.stopped, outcome.updates) == ("patience", 7 + 7)


def test_asgd_decays_weights_by_the_gradient_of_half_their_square():
    watch, _, _ = train(2, [1.0], slope=lambda update: 0 * SLOPE, **plain(epochs=1, weight_decay=0.3))
    assert_close("place", watch.places[2], watch.places[0] * (1 - 0.5 * 0.3) ** 2)


def test_without_a_trigger_asgd_is_torchs_gradient_descent():
    _, _, module = train(5, falling(2), slope=wandering, **plain(epochs=2, weight_decay=0.01))
    other = Point().double()
    optimizer = torch.optim.SGD(other.parameters(), lr=0.5, weight_decay=0.01)
    for update in range(10):
        optimizer.zero_grad()
        other(wandering(update)).backward()
        optimizer.step()
    assert_close("place", module.place, other.place)
