"""What is kept of the gradient of every update, and what stops a training that diverges."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from elman.errors import ElmanError
from elman.flow.ledger import DIVERGED_AFTER, MOST_LINES, Ledger
from elman.scores.measured import Measured
from elman.tasks import generate
from elman.training.loop import Trainer
from elman.training.progress import QuietProgress
from elman.training.settings import TrainingSettings

BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 20


class Two(nn.Module):
    """Two parameters; the loss is their product with a given gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.zeros(3))
        self.second = nn.Parameter(torch.zeros(2))

    def forward(self, slopes):
        return (self.first * slopes[:3]).sum() + (self.second * slopes[3:]).sum()


def train(slopes, validations=(), **options):
    module = Two()
    settings = {"optimizer": "sgd", "weight_decay": 0.0, "epochs": 1, **options}
    trainer = Trainer(module, TrainingSettings(**settings), QuietProgress())
    given = iter(validations)

    def losses():
        for slope in slopes:
            yield trainer.module(torch.tensor(slope)), 1

    return module, trainer.fit(losses, len(slopes), (lambda: next(given)) if validations else None)


def test_every_update_is_entered_with_its_norm_its_factor_and_what_supplied_most():
    slopes = [[3.0, 0.0, 4.0, 1.0, 0.0], [0.1, 0.0, 0.0, 0.0, 0.2], [0.0, 0.0, 0.3, 4.0, 3.0]]
    _, outcome = train(slopes, clip_norm=0.7)
    norms = [math.sqrt(26), math.sqrt(0.05), math.sqrt(25.09)]
    lines = outcome.ledger.lines
    assert [line.norm for line in lines] == pytest.approx(norms, rel=1e-6)
    assert [line.factor for line in lines] == pytest.approx([min(1, 0.7 / (n + 1e-6)) for n in norms], rel=1e-6)
    assert [outcome.ledger.names[line.parameter] for line in lines] == ["first", "second", "second"]
    assert (outcome.ledger.clipped, outcome.ledger.tenfold, outcome.ledger.left_out) == (2, 0, 0)
    assert outcome.ledger.supplier() == "second"


def test_the_factor_of_clipping_by_value_is_what_is_left_of_the_norm():
    _, outcome = train([[3.0, 0.0, 4.0, 0.0, 0.0]], clip_value=1.0)
    assert outcome.ledger.lines[0].factor == pytest.approx(math.sqrt(2) / 5, rel=1e-6)


def test_a_value_that_is_not_finite_is_flagged_with_its_parameter_and_never_clipped():
    module, outcome = train([[1.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 2.0, 1.0, math.inf]])
    (first, second) = outcome.ledger.lines
    assert (first.left_out, second.left_out, second.factor) == (0, 1, 0.0)
    assert outcome.ledger.names[second.parameter] == "second"
    assert math.isnan(second.norm)
    assert module.second.isfinite().all()
    verdict = outcome.ledger.verdict()
    assert verdict.name == "NON-FINITE"
    assert "1 of 2 updates" in verdict.line
    assert "update 2, in second" in verdict.line


@pytest.mark.parametrize("updates", [7, MOST_LINES, MOST_LINES + 1, 5003])
def test_a_long_training_is_kept_in_few_lines_that_add_up(updates):
    norms = np.exp(np.random.default_rng(3).normal(size=updates))
    losses = np.random.default_rng(4).uniform(size=updates)
    ledger = Ledger(("a",))
    for loss, norm in zip(losses, norms, strict=True):
        ledger.enter(float(loss), [float(norm)], min(1.0, 1 / float(norm)))
    lines = ledger.lines
    assert len(lines) <= MOST_LINES
    assert sum(line.updates for line in lines) == lines[-1].update == updates
    assert sum(line.norm * line.updates for line in lines) == pytest.approx(norms.sum(), rel=1e-12)
    assert sum(line.loss * line.updates for line in lines) == pytest.approx(losses.sum(), rel=1e-12)
    assert max(line.largest for line in lines) == norms.max()
    assert min(line.factor for line in lines) == min(1.0, 1 / norms.max())
    for share in (0.5, 0.9) if updates > 1000 else ():
        assert ledger.quantile(share) == pytest.approx(np.quantile(norms, share), rel=0.15)


def test_lines_that_are_joined_keep_what_was_left_out():
    ledger = Ledger(("a", "b"))
    for update in range(MOST_LINES + 1):
        bad = update == 5
        ledger.enter(math.nan if bad else 1.0, [1.0, math.nan if bad else 0.0], 1.0)
    assert sum(line.left_out for line in ledger.lines) == 1
    (found,) = (line for line in ledger.lines if line.left_out)
    assert (found.update, found.parameter, found.norm) == (6, 1, 1.0)


@pytest.mark.parametrize(("bad", "expected"), [(10, "HEALTHY"), (11, "EXPLODING")])
def test_exploding_is_more_than_a_tenth_of_the_updates_clipped_more_than_tenfold(bad, expected):
    ledger = Ledger(("W",))
    for update in range(100):
        ledger.enter(1.0, [10.1 if update < bad else 0.5], 1 / 10.1 if update < bad else 1.0)
    assert ledger.verdict().name == expected
    assert ("to clip at" in ledger.verdict().advice) == (expected == "EXPLODING")


def test_a_loss_that_stays_a_hundred_times_too_high_is_a_divergence_and_a_single_one_is_not():
    ledger = Ledger(("W",))
    for _ in range(20):
        ledger.enter(2.0, [1.0], 1.0)
    for loss in [*[500.0] * (DIVERGED_AFTER - 1), 2.0, *[500.0] * (DIVERGED_AFTER - 1)]:
        ledger.enter(loss, [1.0], 1.0)
        assert not ledger.diverged()
    ledger.enter(500.0, [1.0], 1.0)
    assert ledger.diverged()


@pytest.mark.parametrize("cell", ["elman_relu", "lstm"])
def test_an_unclipped_training_that_diverges_stops_with_update_parameter_and_advice(cell, tmp_path):
    path = tmp_path / "model"
    (tmp_path / "book.txt").write_text(BOOK)
    options = {"hidden": 13, "window": 11, "batch": 3, "epochs": 60, "quiet": True, "optimizer": "sgd"}
    with pytest.raises(ElmanError, match=r"diverged|cannot go on") as caught:
        generate.train(tmp_path / "book.txt", cell=cell, output=path, learning_rate=1000.0, clip_norm=1e30, **options)
    message = str(caught.value)
    assert "update" in message
    assert any(name in message for name in ("recurrent.", "readout.", "embedding."))
    assert "--learning-rate" in message
    if path.exists():
        kept = generate.load(path)
        assert all(p.isfinite().all() for p in kept.module.parameters())
        assert math.isfinite(kept.metrics["validation_loss"])


def test_weights_that_are_not_finite_are_not_kept_though_the_validation_does_not_see_them():
    module = Two()
    trainer = Trainer(module, TrainingSettings(optimizer="sgd", weight_decay=0.0, epochs=1), QuietProgress())
    found = iter([1.0, 0.5])

    def losses():
        for update in range(300):
            if update == 280:
                module.second.data[1] = math.inf
            yield trainer.module.module.first.sum(), 1

    outcome = trainer.fit(losses, 300, lambda: next(found))
    assert (outcome.best_update, outcome.best_loss) == (250, 1.0)
    assert all(p.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("loss", [math.inf, -math.inf, math.nan])
def test_a_loss_that_is_not_finite_is_never_the_best(loss):
    assert not Measured(loss, score=1.0).better_than(None)
    assert not Measured(loss, score=1.0).better_than(Measured(2.0, score=0.0))


def test_a_ledger_is_written_as_plain_data_with_the_model(tmp_path):
    (tmp_path / "book.txt").write_text(BOOK)
    model = generate.train(tmp_path / "book.txt", hidden=7, window=11, batch=3, epochs=2, quiet=True)
    rows, found = model.metrics["ledger"], model.metrics["gradient"]
    assert rows[-1][0] == found["updates"] == model.metrics["updates"]
    assert sum(found["supplied_most"]) == found["updates"]
    assert set(found["parameters"]) <= {name for name, _ in model.module.named_parameters()}
    assert all(0 < row[4] <= 1 and row[2] <= row[3] * 1.001 for row in rows)
