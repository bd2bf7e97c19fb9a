"""What a training keeps of its gradient step by step: when it looks, what it sees, and that looking changes nothing."""

import copy
import math

import pytest
import torch
from torch import nn

import elman
from elman import cells
from elman.flow import Clipping, Gates
from elman.flow.rounding import rounding_change
from elman.flow.verdict import judge_training
from elman.nn import Recurrent
from elman.tasks import generate
from elman.training import glances
from elman.training.glances import Glances
from elman.training.loop import Trainer
from elman.training.outcome import Outcome, describe_outcome
from elman.training.progress import QuietProgress
from elman.training.settings import TrainingSettings
from open_sizes import sizes_of

BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 20
T, B = 7, 3


class Reader(nn.Module):
    """Read a sequence; the last output answers, or the final state, or both."""

    def __init__(self, cell=cells.gru, answers="output") -> None:
        super().__init__()
        self.layer, self.out, self.answers = Recurrent(cell, 2, 5), nn.Linear(5, 1), answers

    def forward(self, x):
        output, state = self.layer(x)
        answer = {"output": output[-1], "state": state[0], "both": output[-1] + state[0]}[self.answers]
        return self.out(answer).square().mean()


@pytest.fixture
def at_once(monkeypatch):
    """Look at every update."""
    monkeypatch.setattr(glances, "_SHARE", math.inf)
    monkeypatch.setattr(glances, "_AGE", 0.0)


def train(module, updates=5, slope=1.0):
    batches = [torch.randn(T, B, 2) for _ in range(updates)]
    trainer = Trainer(module, TrainingSettings(optimizer="sgd", epochs=1), QuietProgress())
    return trainer.fit(lambda: ((slope * trainer.module(x), B) for x in batches), updates)


def look(module, update):
    seen = Glances(module)
    seen.prepare(update - 1)
    module(torch.randn(T, B, 2)).backward()
    return seen, seen.take(update)


@pytest.mark.usefixtures("at_once")
def test_looking_changes_no_weight_and_leaves_no_hook(monkeypatch):
    one, other = Reader(), None
    other = copy.deepcopy(one)
    torch.manual_seed(3)
    outcome = train(one)
    monkeypatch.setattr(glances, "_SHARE", 0.0001)
    torch.manual_seed(3)
    without = train(other)
    assert (len(outcome.glances.seen), len(without.glances.seen)) == (5, 0)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not one.layer._forward_hooks


def test_what_answers_is_what_sends_the_gradient():
    x, norms = torch.randn(T, B, 2), []
    for answers in ("output", "state", "both"):
        torch.manual_seed(5)
        module = Reader(answers=answers)
        with torch.no_grad():
            module.out.weight.div_(2 if answers == "both" else 1)  # the same answer from twice as much
        seen = Glances(module)
        seen.prepare(999_999)
        module(x).backward()
        seen.take(1_000_000)
        norms.append(seen.seen[0].layers["layer.l0"].gradient_norms.norms)
    assert norms[1] == pytest.approx(norms[0], rel=1e-5)
    assert norms[2] == pytest.approx(norms[0], rel=1e-5)


@pytest.mark.usefixtures("at_once")
def test_the_ledger_names_the_step_of_the_updates_that_were_looked_at():
    outcome = train(Reader())
    seen = {one.update: one.step for one in outcome.glances.seen}
    assert [line.step for line in outcome.ledger.lines] == [seen.get(update) for update in range(1, 6)]
    assert set(seen) == {1, 2, 3, 4, 5}
    assert all(step in range(T) for step in seen.values())


@pytest.mark.usefixtures("at_once")
def test_nothing_is_seen_of_a_gradient_that_is_not_finite():
    outcome = train(Reader(), slope=math.inf)
    assert (outcome.skipped, outcome.glances.seen) == (5, [])


# Of a layer with 2 inputs and 5 hidden units: 3 gates of 7 weights and a bias for each.
_UPDATE = glances._UPDATE_SECONDS + 3 * T * B * (3 * 5 * 8) / glances._MULTIPLICATIONS_A_SECOND
ENOUGH = (glances._SECONDS + T * glances._SECONDS_A_STEP) * 50 / _UPDATE


def test_a_look_waits_until_it_is_a_fiftieth_of_the_work():
    module = Reader()
    for update in (1, int(0.99 * ENOUGH)):
        assert look(module, update)[0].seen == []
        assert not module.layer._forward_hooks
    seen, step = look(module, int(1.01 * ENOUGH))
    assert list(seen.seen[0].layers) == ["layer.l0"]
    assert step in range(T)


@pytest.mark.parametrize(("age", "share", "waits"), [(1.5, 0.02, ENOUGH), (0.0, 0.01, 2 * ENOUGH)])
def test_the_next_look_waits_for_age_and_for_what_one_costs(age, share, waits, monkeypatch):
    monkeypatch.setattr(glances, "_AGE", age)
    monkeypatch.setattr(glances, "_SHARE", share)
    module, now = Reader(), int(2.01 * ENOUGH)
    seen, _ = look(module, now)
    seen.prepare(now + int(0.99 * waits))
    assert not module.layer._forward_hooks
    seen.prepare(now + int(1.02 * waits))
    assert module.layer._forward_hooks


def test_a_long_sequence_waits_longer_and_a_large_layer_less():
    for steps, hidden, expected in ((7, 5, 1.0), (700, 5, 21.9), (7, 512, 0.194)):
        layer = Recurrent(cells.gru, 2, hidden)
        call = {"layer": layer, "x": torch.empty(steps, 3, 2)}
        seen = {"layer": call}
        worth = glances._seconds_of_glance(seen) / glances._seconds_of_update(seen) * 50
        assert worth / ENOUGH == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("cell", "bias", "expected"),
    [(cells.gru, 40.0, "SATURATED"), (cells.elman, 40.0, "SATURATED"), (cells.elman_relu, -40.0, "DEAD")],
)
def test_stuck_gates_and_dead_units_are_the_verdict(cell, bias, expected):
    module = Reader(cell)
    with torch.no_grad():
        for name, parameter in module.layer.named_parameters():
            if name.startswith("b"):
                parameter.fill_(bias)
    seen, _ = look(module, 1_000_000)
    verdict = judge_training(Clipping(), seen.last_gates(), 7)
    assert verdict.name == expected
    assert verdict.line.endswith("at update 7")
    assert judge_training(Clipping(), look(Reader(), 1_000_000)[0].last_gates(), 7).name == "HEALTHY"


@pytest.mark.usefixtures("at_once")
def test_a_model_keeps_what_was_seen_in_few_numbers(tmp_path):
    (tmp_path / "book.txt").write_text(BOOK)
    options = {"hidden": 7, "window": 61, "batch": 3, "epochs": 2, "quiet": True, "layers": 2}
    model = generate.train(tmp_path / "book.txt", output=tmp_path / "model", **options)
    found = generate.load(tmp_path / "model").metrics["glances"]
    assert found == model.metrics["glances"]
    assert {tuple(seen["layers"]) for seen in found} == {("recurrent.l0", "recurrent.l1")}
    one = found[0]["layers"]["recurrent.l1"]
    assert len(one["at"]) == len(one["norms"]) == 40
    assert (one["at"][0], one["at"][-1]) == (0, 60)
    assert all(norm > 0 for norm in one["norms"])
    assert one["step"] in range(61)


@pytest.mark.parametrize(
    ("factor", "seen", "expected"),
    [
        (1.0, None, "HEALTHY"),
        (1.0, "SATURATED", "SATURATED"),
        (0.01, None, "EXPLODING"),
        (0.01, "SATURATED", "EXPLODING"),
        (0.01, "DEAD", "DEAD"),
    ],
)
def test_the_worse_of_both_verdicts_stands_with_the_model(factor, seen, expected, monkeypatch):
    outcome = Outcome()
    outcome.ledger.enter(1.0, [1.0], factor)
    stuck, dead = float(seen == "SATURATED"), float(seen == "DEAD")
    monkeypatch.setattr(outcome.glances, "last_gates", lambda: {"l0": Gates((), stuck, 0.0, dead)})
    assert outcome.judge_gradient().name == expected
    written = describe_outcome(outcome)["gradient"]
    assert (written["verdict"], written["updates"]) == (expected, 1)


class Notes(QuietProgress):
    """What a training says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@elman.cell
def difference(x, h, *, W, V, U):
    """Lose the digits that two products have in common."""
    return elman.tanh(256 * (W @ x - V @ x) + U @ h)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("cell", "precision", "said"), [(difference, "bf16", 1), (cells.gru, "bf16", 0), (difference, "32", 0)]
)
def test_a_gradient_that_rounding_changes_is_said_once(cell, precision, said):
    module, progress = Reader(cell), Notes()
    if cell is difference:
        module.layer.V_l0.data = module.layer.W_l0.data * (1 + 2.0**-9)
    trainer = Trainer(module, TrainingSettings(precision=precision, epochs=1), progress)
    batches = [torch.randn(T, B, 2) for _ in range(4)]
    outcome = trainer.fit(lambda: ((trainer.module(x), B) for x in batches), 4)
    assert outcome.updates == 4
    about = [text for text in progress.said if "bf16" in text]
    assert len(about) == said
    assert all("layer (difference)" in text and "--precision 32" in text for text in about)


@pytest.mark.parametrize("name", ["lstm", "lstm_layer_norm", "cfc"])
def test_the_change_by_rounding_is_that_of_the_layers_own_gradients(name):
    layer = Recurrent(cells.find(name), 3, 5, 2, bidirectional=True, batch_first=True, sizes=sizes_of(name))
    x, upstream = torch.randn(B, T, 3), torch.randn(B, T, 10)
    sides = {side: 0.5 + torch.rand(B, T) for side in layer.cell.sides}
    lengths, found = [7, 2, 5], []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            output, _ = layer(x, lengths=lengths, **sides)
        parts = torch.autograd.grad(output, list(layer.parameters()), upstream.to(output.dtype))
        found.append(torch.cat([part.flatten() for part in parts]).double())
    expected = float((found[1] - found[0]).norm() / found[0].norm())
    measured = rounding_change(layer, x, upstream, lengths, sides=sides)
    assert measured > 0
    assert math.isclose(measured, expected, rel_tol=1e-3)
