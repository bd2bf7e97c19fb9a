"""The loop, on a module small enough to know every update in advance."""

import math
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

from elman.errors import ConfigError, ElmanError
from elman.training.loop import Trainer, gradient_norm
from elman.training.progress import QuietProgress
from elman.training.settings import TrainingSettings


class Point(nn.Module):
    """Three numbers; the loss of an update is their product with a given gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(3))
        self.other = nn.Parameter(torch.zeros(2))

    def forward(self, slope):
        return (self.place * slope).sum() + self.other.sum() * 0


@dataclass
class Ear(QuietProgress):
    """Remember what was said."""

    notes: list[str] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)

    def note(self, text):
        self.notes.append(text)

    def update(self, moment):
        self.norms.append(moment.gradient_norm)


def train(slopes, validations=(), ear=None, validated=None, **options):
    """Give one update for each slope in an epoch; return the module and the outcome."""
    module, ear = Point(), ear or Ear()
    trainer = Trainer(
        module, TrainingSettings(**{"optimizer": "sgd", "weight_decay": 0.0, "epochs": 1, **options}), ear
    )
    given = iter(validations)

    def losses():
        for slope in slopes:
            if isinstance(slope, BaseException):
                raise slope
            yield trainer.module(torch.tensor(slope)), 7

    outcome = trainer.fit(losses, len(slopes), (lambda: next(given)) if validations else None, validated)
    return module, outcome


def first_rate(**options) -> float:
    # The first update of the warm-up, and the cosine at its start.
    return options.get("learning_rate", 0.5) / 50


@pytest.mark.parametrize("limit", [0.5, 4.9])
def test_clipping_by_norm_scales_the_whole_gradient(limit):
    ear = Ear()
    module, _ = train([[3.0, 0.0, 4.0]], ear=ear, clip_norm=limit)
    expected = torch.tensor([3.0, 0.0, 4.0]) * (limit / 5) * -first_rate()
    assert torch.allclose(module.place, expected, rtol=1e-5)
    assert ear.norms == pytest.approx([5.0]), "what is shown is the norm before clipping"


def test_a_gradient_within_the_norm_is_left_alone():
    module, _ = train([[0.3, 0.0, 0.4]], clip_norm=0.5)
    assert torch.equal(module.place, torch.tensor([0.3, 0.0, 0.4]) * -first_rate())


def test_clipping_by_value_cuts_each_entry_and_replaces_the_default_norm():
    module, _ = train([[3.0, -0.5, -4.0]], clip_value=2.0)
    assert torch.allclose(module.place, torch.tensor([2.0, -0.5, -2.0]) * -first_rate(), rtol=1e-6)


def test_the_default_clips_to_norm_one():
    module, _ = train([[3.0, 0.0, 4.0]])
    assert torch.allclose(module.place, torch.tensor([0.6, 0.0, 0.8]) * -first_rate(), rtol=1e-5)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_a_gradient_that_is_not_finite_is_left_out_and_reported(bad):
    ear = Ear()
    module, outcome = train([[1.0, bad, 2.0], [0.1, 0.2, 0.2]], ear=ear)
    assert module.place.isfinite().all()
    assert module.place[1] < 0, "the second update is done"
    assert ear.notes == ["update 1 left out: the gradient of place is not finite"]
    assert outcome.skipped == 1


def test_a_gradient_that_stays_not_finite_ends_the_training():
    with pytest.raises(
        ElmanError, match=r"gradient of place has not been finite for 11 updates.*--learning-rate"
    ) as caught:
        train([[math.nan, 0.0, 0.0]] * 30)
    assert type(caught.value) is ElmanError


def test_a_norm_that_overflows_is_told_from_an_entry_that_does():
    ear = Ear()
    train([[3e38, 3e38, 3e38]], ear=ear)
    assert ear.notes == ["update 1 left out: the norm of the gradient (each entry is finite) is not finite"]


def test_the_weights_of_the_best_validation_stay():
    # 300 updates are validated at 250 and at the end; the second is worse.
    slopes = [[1.0, 0.0, 0.0]] * 300
    module, outcome = train(slopes, validations=[1.0, 2.0])
    half, _ = train(slopes[:250], validations=[1.0])
    assert [(v.update, v.validation_loss) for v in outcome.history] == [(250, 1.0), (300, 2.0)]
    assert outcome.best_update == 250
    assert outcome.best_loss == 1.0
    later, _ = train(slopes, validations=[2.0, 1.0])
    assert later.place[0] < module.place[0] < 0
    assert half.place[0] < 0


def test_without_validation_the_last_weights_stay():
    module, outcome = train([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert (module.place != 0).tolist() == [True, True, False]
    assert (outcome.best_update, outcome.history) == (2, [])


def test_a_validation_that_is_not_a_number_is_never_the_best():
    _, outcome = train([[1.0, 0.0, 0.0]] * 600, validations=[math.nan, 3.0, math.nan])
    assert (outcome.best_update, outcome.best_loss) == (500, 3.0)


def test_patience_is_the_share_of_the_updates_since_the_best_validation():
    worse = [1.0, 2.0, 0.5, 2.0, 2.0, 2.0, 2.0]
    _, outcome = train([[1.0, 0.0, 0.0]] * 50, validations=worse, epochs=7, patience=3 / 7)
    assert outcome.stopped == "patience"
    assert [v.validation_loss for v in outcome.history] == worse[:6]
    assert outcome.best_update == 150


def test_ctrl_c_keeps_the_best_so_far():
    slopes = [[1.0, 0.0, 0.0]] * 260
    module, outcome = train([*slopes, KeyboardInterrupt()], validations=[1.0])
    kept, _ = train([*slopes[:250], KeyboardInterrupt(), *slopes[:10]], validations=[1.0])
    assert outcome.stopped == "interrupted"
    assert (outcome.updates, outcome.best_update) == (260, 250)
    assert torch.equal(module.place, kept.place)


def test_ctrl_c_while_the_best_model_is_being_saved_or_sampled_keeps_that_model():
    seen = []

    def validated(outcome, moment, improved):
        seen.append(improved)
        if len(seen) == 2:
            raise KeyboardInterrupt

    slopes = [[1.0, 0.0, 0.0]] * 600
    module, outcome = train(slopes, validations=[2.0, 1.0], validated=validated)
    first, _ = train([*slopes[:255], KeyboardInterrupt(), *slopes[:344]], validations=[2.0])
    assert (outcome.stopped, outcome.best_update, outcome.best_loss) == ("interrupted", 500, 1.0)
    assert module.place[0] < first.place[0] < 0


def test_ctrl_c_before_the_first_validation_keeps_the_present_weights():
    module, outcome = train([[1.0, 0.0, 0.0], KeyboardInterrupt(), [1.0, 0.0, 0.0]], validations=[1.0])
    assert module.place[0] < 0
    assert (outcome.stopped, outcome.best_update, outcome.history) == ("interrupted", 1, [])


def test_the_time_budget_ends_an_endless_training(monkeypatch):
    now = iter(range(10**6))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(now)))
    _, outcome = train([[1.0, 0.0, 0.0]] * 5, validations=[1.0] * 40, epochs="auto", time_budget="300s", patience=1.0)
    assert outcome.stopped == "time budget"
    assert outcome.updates > 10
    assert len(outcome.history) >= 5, "each tenth is validated where updates are slow"
    assert outcome.history[-1].update == outcome.updates, "the end is validated"


def test_a_time_budget_cuts_a_training_off_and_changes_nothing_before(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def fit(**options):
        torch.manual_seed(4)
        module, ear, places = Point(), Ear(), []
        trainer = Trainer(module, TrainingSettings(epochs=4, learning_rate=0.1, patience=1.0, **options), ear)

        def losses():
            for _ in range(110):
                now[0] += 1.0
                places.append(module.place.detach().clone())
                yield trainer.module(torch.tensor([1.0, -0.5, 0.2])), 7

        return trainer.fit(losses, 110, lambda: 1.0), places, ear

    whole, places, _ = fit()
    cut, before, ear = fit(time_budget="250s")
    assert (whole.updates, whole.stopped, cut.stopped) == (440, "epochs", "time budget")
    assert 240 < cut.updates < 260
    assert all(torch.equal(*pair) for pair in zip(before, places, strict=False))
    shared = [one.update for one in whole.history if one.update < cut.updates]
    assert [one.update for one in cut.history] == [*shared, cut.updates]
    assert any("of its 440 updates" in note for note in ear.notes)


def test_updates_are_the_length_of_a_training_and_its_last_update_changes_nothing_before():
    rates = []

    def fit(**options):
        torch.manual_seed(4)
        trainer = Trainer(Point(), TrainingSettings(learning_rate=0.1, patience=1.0, **options), Ear())

        def losses():
            for _ in range(110):
                rates[-1].append(trainer.optimizer.param_groups[0]["lr"])
                yield trainer.module(torch.tensor([1.0, -0.5, 0.2])), 7

        rates.append([])
        return trainer.fit(losses, 110, lambda: 1.0)

    whole, cut, short = fit(epochs=2), fit(epochs=2, last_update=137), fit(updates=220)
    assert (whole.updates, whole.stopped) == (220, "epochs")
    assert (short.updates, short.stopped, short.epoch) == (220, "updates", 2)
    assert (cut.updates, cut.stopped) == (137, "last update")
    assert rates[0] == rates[2]
    assert rates[1] == rates[0][:137]
    assert rates[0][-1] < 0.1 * max(rates[0]) < rates[1][-1]
    assert [one.update for one in cut.history] == [110, 137]
    assert fit(updates=137).epoch == 2, "updates need not be whole epochs"
    assert fit(updates=50, last_update=70).stopped == "updates"


@pytest.mark.parametrize(("takes", "ends"), [(20.0, 61.0), (90.0, 121.0)])
def test_the_validation_at_the_end_is_within_the_time_budget(monkeypatch, takes, ends):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    trainer = Trainer(Point(), TrainingSettings(optimizer="sgd", time_budget="60s"), Ear())

    def losses():
        for _ in range(1000):
            now[0] += 1.0
            yield trainer.module(torch.tensor([1.0, 0.0, 0.0])), 7

    def validate():
        now[0] += takes
        return 1.0

    outcome = trainer.fit(losses, 1000, validate, validation_cost=3 * takes)  # a third of an update's second each
    assert outcome.stopped == "time budget"
    assert outcome.seconds <= ends, "at least half of the budget is for training"
    assert outcome.updates >= 30
    assert outcome.history[-1].update == outcome.updates


def test_the_learning_rate_warms_up_and_falls_to_a_fiftieth():
    # Slope 1 and norm 1: what an update of plain descent moves is the learning rate (momentum adds to it later).
    places = []

    class Watch(Ear):
        def update(self, moment):
            places.append(module.place[0].item())

    module = Point()
    trainer = Trainer(module, TrainingSettings(optimizer="adam", epochs=1, learning_rate=0.5), Watch())
    trainer.fit(lambda: ((trainer.module(torch.tensor([1.0, 0.0, 0.0])), 1) for _ in range(400)), 400)
    steps = [a - b for a, b in zip([0.0, *places], places, strict=False)]
    # Adam's update of a constant gradient is the learning rate itself.
    for update in (0, 24, 49, 199, 399):
        warm = min(1.0, (update + 1) / 50)
        cosine = 0.5 * (1 + math.cos(math.pi * update / 400))
        assert steps[update] == pytest.approx(0.5 * warm * (0.02 + 0.98 * cosine), rel=2e-3)


def test_a_device_that_is_not_there_is_told():
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA, so asking for it is no mistake")
    with pytest.raises(ConfigError, match="Cannot train on cuda"):
        Trainer(Point(), TrainingSettings(device="cuda"), Ear())


def test_the_norm_is_over_all_parameters():
    module = Point()
    module.place.grad = torch.tensor([2.0, 3.0, 6.0])
    assert gradient_norm(module) == 7.0
    module.other.grad = torch.tensor([24.0, 0.0])
    assert gradient_norm(module) == 25.0
    assert gradient_norm(Point()) == 0.0
