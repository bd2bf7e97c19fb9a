"""A run that goes on from a state: nothing of what it knows, does and leaves differs from one that never stopped."""

import copy
import dataclasses
import itertools
import json
import math
from collections.abc import Collection

import numpy as np
import pytest
import torch
from torch import nn

from elman import cells
from elman.errors import ElmanError
from elman.nn import Recurrent
from elman.training import glances
from elman.training.feed import Feed
from elman.training.loop import Trainer
from elman.training.outcome import describe_outcome
from elman.training.progress import QuietProgress
from elman.training.run import Run, Stopwatch
from elman.training.settings import TrainingSettings

T, B, I, H = 5, 3, 2, 7

RISING = [9.0, 7.0, 5.0, 5.5, 5.4, 5.3, 5.2, 5.1, 4.9, 6.0, 3.0, 3.5, 4.0, 3.1]
"""The tenth is the first that is worse than one more than five before it."""


class Reader(nn.Module):
    """Reads a sequence, and drops units at random."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.out, self.drop = Recurrent(cells.gru, I, H, recurrent_dropout=0.2), nn.Linear(H, 1), 0.3

    def forward(self, x, state):
        output, state = self.layer(x, state)
        return self.out(nn.functional.dropout(output[-1], self.drop, self.training)).square().mean(), state


@dataclasses.dataclass
class Case:
    """A training; its validations, and the updates whose gradient is not finite, are known."""

    per_epoch: int
    settings: dict
    validations: list
    cuts: tuple
    bad: Collection = ()
    cost: float = 0.0
    stopped: str = "epochs"


CASES = {
    "adamw": Case(50, {"optimizer": "adamw", "epochs": 3}, [3, 1, 2], (7, 50, 120), bad=(8, 52, 53, 120, 121)),
    "adam": Case(50, {"optimizer": "adam", "schedule": "constant", "epochs": 2, "clip_value": 0.01}, [2, 1], (1,)),
    "precise": Case(50, {"optimizer": "sgd", "precision": "64", "epochs": 2}, [2, 1], (33,)),
    "accumulated": Case(8, {"accumulate": 3, "epochs": 7, "learning_rate": 0.1}, [1], (2, 3, 4)),
    "even": Case(6, {"accumulate": 3, "epochs": 5, "learning_rate": 0.1}, [1], (4,)),
    "step": Case(
        5, {"optimizer": "sgd", "schedule": "step", "decay_from": 2, "epochs": 6}, [9, 8, math.nan, 7, 7, 6], (9, 15)
    ),
    "plateau": Case(4, {"optimizer": "sgd", "schedule": "plateau", "epochs": 6}, [5, 6, 7, 4, 5, 3], (8, 10, 20)),
    "averaged": Case(3, {"optimizer": "asgd", "epochs": 14, "patience": 9}, RISING, (29, 30, 31, 36)),
    "always averaged": Case(5, {"average": 0.3, "epochs": 20}, [3, 1, 2], (7, 50, 63), bad=(52,)),
    "patience": Case(
        4,
        {"optimizer": "sgd", "schedule": "plateau", "epochs": 9, "patience": 1 / 3},
        [2, 1, 3, 4, 5],
        (8, 12, 15, 16),
        stopped="patience",
    ),
    "time": Case(
        1000,
        {"time_budget": "60s", "epochs": "auto"},
        list(range(40, 0, -1)),
        (3, 8, 30),
        cost=0.2,
        stopped="time budget",
    ),
}


@pytest.fixture
def clock(monkeypatch):
    """Give the time, which only a test moves."""
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    return now


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    monkeypatch.setattr(glances, "_SHARE", math.inf)
    monkeypatch.setattr(glances, "_AGE", 3.0)


class Watched(Trainer):
    """Calls a function after each update and its validation."""

    def _first_loss(self, epoch, run):
        self.between_updates()
        return super()._first_loss(epoch, run)


class Training:
    """All that a training consists of, made anew."""

    def __init__(self, case, clock, seed):
        torch.manual_seed(seed)
        self.case, self.clock, self.kept = case, clock, {}
        self.module = Reader()
        self.feed = Feed(self.draw, torch.Generator().manual_seed(seed))
        settings = TrainingSettings(**case.settings)
        if settings.precision == "64":
            self.module.double()
        self.trainer = Watched(self.module, settings, QuietProgress())
        self.trainer.between_updates = self.between_updates
        self.run = self.trainer.begin(settings.count_updates(case.per_epoch), case.cost)

    def fit(self):
        return self.trainer.go_on(self.run, self.losses, self.validate)

    def draw(self, chance):
        return torch.randperm(self.case.per_epoch, generator=chance).tolist()

    def losses(self):
        for number in self.feed.epoch():
            self.clock[0] += 1.0
            x = number / 10 + torch.randn(T, B, I, generator=self.feed.chance)
            if self.run.outcome.updates + 1 in self.case.bad:
                x *= math.inf
            loss, state = self.trainer.module(x.to(self.module.out.weight.dtype), self.feed.carried)
            self.feed.carried = state.detach() if state.isfinite().all() else None
            yield loss, B

    def between_updates(self):
        done = self.run.outcome.updates
        if done in self.case.cuts and done not in self.kept:
            self.kept[done] = self.states()

    def validate(self):
        self.clock[0] += 2.0
        return float(self.case.validations[len(self.run.outcome.history)])

    def states(self):
        mine = written(self.run.state_dict()), written(self.feed.state_dict())
        return *mine, *copy.deepcopy((self.module.state_dict(), self.trainer.optimizer.state_dict()))

    def load(self, kept):
        run, feed, module, optimizer = kept
        self.feed.load_state_dict(feed)
        self.module.load_state_dict(module)
        self.trainer.optimizer.load_state_dict(copy.deepcopy(optimizer))  # torch takes the tensors themselves
        self.run.load_state_dict(run)


def written(state):
    """Return what a file gives back of a state: JSON, and tensors beside it."""
    tensors = []

    def lift(value):
        assert isinstance(value, torch.Tensor), f"{type(value)} is not plain data"
        tensors.append(value.detach().clone())
        return {"tensor": len(tensors) - 1}

    text = json.dumps(state, default=lift)
    return json.loads(text, object_hook=lambda found: tensors[found["tensor"]] if "tensor" in found else found)


def exact(value):
    """Write all that an object consists of, each number to its last bit."""
    if isinstance(value, torch.Tensor):
        return [str(value.dtype), exact(value.detach().numpy())]
    if isinstance(value, np.ndarray):
        return [list(value.shape), value.tobytes()]
    if isinstance(value, dict):
        return [(name, exact(one)) for name, one in value.items()]
    if isinstance(value, list | tuple):
        return [exact(one) for one in value]
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, nn.Module | Stopwatch) or not hasattr(value, "__dict__"):
        return value if isinstance(value, int | str | None) else type(value).__name__
    return exact(vars(value))


def assert_the_same(mine: Training, other: Training):
    assert exact(mine.module.state_dict()) == exact(other.module.state_dict())
    assert exact(mine.trainer.optimizer.state_dict()) == exact(other.trainer.optimizer.state_dict())
    assert exact(mine.run) == exact(other.run), "an attribute is not in the state"
    assert exact(describe_outcome(mine.run.outcome)) == exact(describe_outcome(other.run.outcome))


WHOLE = {}


def train_whole(name, clock):
    """Train in one go, and keep the states on the way; return that, and torch's generator at the end."""
    if name not in WHOLE:
        training = Training(CASES[name], clock, seed=1)
        training.fit()
        WHOLE[name] = training, torch.get_rng_state()
    return WHOLE[name]


@pytest.mark.parametrize(("name", "cut"), [(name, cut) for name, case in CASES.items() for cut in case.cuts])
def test_a_run_goes_on_as_if_it_had_never_stopped(name, cut, clock):
    whole, chance = train_whole(name, clock)
    assert whole.run.outcome.updates > cut
    again = Training(CASES[name], clock, seed=2)
    again.load(whole.kept[cut])
    assert again.run.outcome.updates == cut
    again.fit()
    assert_the_same(again, whole)
    assert torch.equal(torch.get_rng_state(), chance)


def test_the_cases_hold_what_may_be_lost(clock):
    trainings = {name: train_whole(name, clock)[0] for name in CASES}
    outcomes = {name: training.run.outcome for name, training in trainings.items()}
    assert {name: outcome.stopped for name, outcome in outcomes.items()} == {
        name: case.stopped for name, case in CASES.items()
    }
    assert outcomes["adamw"].best_update == 100, "the best stands before a cut"
    assert outcomes["patience"].best_update == 8
    assert outcomes["adamw"].skipped == 5
    assert outcomes["time"].seconds == pytest.approx(60, abs=5)
    assert trainings["averaged"].run.average is not None
    assert all(len(outcome.glances.seen) >= 3 for outcome in outcomes.values())


def test_a_fold_that_goes_on_has_the_time_that_it_was_given_at_first(clock):
    whole, _ = train_whole("time", clock)
    case = dataclasses.replace(CASES["time"], settings={**CASES["time"].settings, "time_budget": "31s"})
    again = Training(case, clock, seed=2)
    again.load(whole.kept[8])
    again.fit()
    assert again.run.outcome.updates == whole.run.outcome.updates


def test_a_run_that_is_over_stays_so(clock):
    for name in ("patience", "time", "step"):
        whole = Training(CASES[name], clock, seed=1)
        whole.fit()
        again = Training(CASES[name], clock, seed=2)
        again.load(whole.states())
        again.losses = None
        again.fit()
        assert_the_same(again, whole)


def test_what_was_kept_does_not_change_when_a_run_goes_on_from_it(clock):
    kept = train_whole("averaged", clock)[0].kept[36]
    before = exact(kept)
    again = Training(CASES["averaged"], clock, seed=2)
    again.load(kept)
    again.fit()
    assert exact(kept) == before


def test_updates_left_out_in_a_row_are_counted_over_the_cut(clock):
    case = Case(50, {"epochs": 1}, [1], (25,), bad=range(20, 31))
    whole = Training(case, clock, seed=1)
    with pytest.raises(ElmanError, match=r"not been finite for 11 updates, the last of them update 30\.") as expected:
        whole.fit()
    again = Training(case, clock, seed=2)
    again.load(whole.kept[25])
    with pytest.raises(ElmanError) as caught:
        again.fit()
    assert str(caught.value) == str(expected.value)


def test_long_ledgers_go_on_with_their_lines():
    # 600 updates are written in lines of four: each of two runs joins them at the same places. The loss has diverged
    # for 17 updates when the second begins.
    runs = [Run(nn.Linear(1, 1), TrainingSettings(epochs=1), 1000, limit=1.0) for _ in range(2)]
    for update in range(600):
        if update == 301:
            runs[1] = Run(nn.Linear(1, 1), TrainingSettings(epochs=1), 1000, limit=1.0)
            runs[1].load_state_dict(written(runs[0].state_dict()))
        for run in runs[: 1 + (update >= 301)]:
            norms = [math.sin(update) ** 2, math.cos(update) ** 2]
            run.outcome.ledger.enter(math.exp(update / 60), norms, 0.5, update % T)
    assert exact(runs[1].outcome.ledger) == exact(runs[0].outcome.ledger)
    assert runs[0].outcome.ledger.lines[0].updates == 4
    places = [line.update for line in runs[1].outcome.ledger.lines]
    assert {b - a for a, b in itertools.pairwise(places[:-1])} == {4}


def test_a_clock_that_has_not_ticked_yet_shows_no_pace(monkeypatch):
    monkeypatch.setattr(Stopwatch, "seconds", lambda self: 0.0)
    run = Run(nn.Linear(1, 1), TrainingSettings(epochs=1), 1000)
    run.counts.units = 13
    assert run.moment().units_per_second == 0
