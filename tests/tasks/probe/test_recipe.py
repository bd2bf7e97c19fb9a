"""The examination: it measures the memory of networks whose memory is known."""

import json

import pytest
import torch
from torch import nn

import elman
from elman.errors import CellError, ConfigError, ShapeError
from elman.tasks.probe import clock as probe_clock
from elman.tasks.probe import recipe as module
from elman.tasks.probe.exam import describe_longest
from elman.tasks.probe.networks import CellReader, WindowReader, count_parameters
from elman.tasks.probe.picture import draw_exam
from elman.tasks.probe.problems import PROBLEMS
from elman.tasks.probe.recipe import lengths_up_to, probe
from elman.tasks.probe.settings import ProbeSettings


class Adder(nn.Module):
    """A network that adds marked numbers exactly in sequences up to a length, and is off by one in longer ones."""

    def __init__(self, longest: int) -> None:
        super().__init__()
        self.longest = longest
        self.idle = nn.Parameter(torch.zeros(3))
        self.seen: list[torch.Tensor] = []

    def forward(self, inputs):
        self.seen.append(inputs)
        wrong = float(len(inputs) > self.longest)
        return (inputs.prod(2).sum(0) + wrong + 0 * self.idle.sum())[None, :, None]


@pytest.fixture
def adders(monkeypatch):
    """Let the cells of an exam be adders, of these lengths in turn; return those that were built."""
    built = []

    def use(*longest: int, build=Adder) -> list[nn.Module]:
        lengths = iter(longest)

        def make(*arguments):
            built.append(build(next(lengths)))
            return built[-1]

        monkeypatch.setattr(module, "CellReader", make)
        return built

    return use


def test_the_longest_length_is_that_of_the_memory(adders):
    adders(50, 1000)
    exam = probe(["gru", "lstm"], task="adding", length=200, updates=60, quiet=True)
    short, long, _ = exam.results
    assert exam.lengths == (10, 20, 50, 100, 200)
    assert (short.name, short.longest, short.ended) == ("gru", 50, "not solved")
    assert (long.name, long.longest, long.ended, long.solved) == ("lstm", 200, "solved", True)
    assert [(r.length, r.solved, r.updates) for r in short.rungs] == [
        (10, True, 50), (20, True, 50), (50, True, 50), (100, False, 60),
    ]  # fmt: skip
    assert short.rungs[-1].error == pytest.approx(1.0)
    assert short.error_at_longest == pytest.approx(1.0)
    assert long.rungs[-1].error < 1e-10
    assert long.error_at_longest is None


def test_every_network_is_trained_and_tested_with_the_same_examples_and_never_twice_with_one(adders):
    built = adders(10, 10)
    probe(["gru", "lstm"], task="adding", length=10, batch=125, updates=50, quiet=True)
    one, other = built
    assert len(one.seen) == len(other.seen) == 50 + 8 + 8
    assert all(torch.equal(a, b) for a, b in zip(one.seen, other.seen, strict=True))
    first = {tuple(inputs[:, 0, 0].tolist()) for inputs in one.seen}
    assert len(first) == len(one.seen)


def test_each_of_two_tests_has_a_thousand_examples(adders):
    built = adders(10)
    probe(["gru"], task="adding", length=10, batch=7, updates=50, quiet=True)
    assert sum(inputs.shape[1] for inputs in built[0].seen[50:]) == 2 * 1000


def test_a_cell_keeps_its_weights_from_length_to_length_and_the_window_does_not(monkeypatch):
    readers, windows = [], []

    def note(into, kind):
        def build(*arguments):
            into.append(kind(*arguments))
            return into[-1]

        return build

    monkeypatch.setattr(module, "CellReader", note(readers, CellReader))
    monkeypatch.setattr(module, "WindowReader", note(windows, WindowReader))
    exam = probe(["gru"], task="order", length=20, hidden=7, updates=300, quiet=True)
    assert len(readers) == 1
    assert [len(r.rungs) for r in exam.results] == [2, len(windows)]
    assert exam.results[0].rungs[0].parameters == 7 * 3 * (6 + 7 + 1) + 7 + 4 * (7 + 1)
    assert [r.parameters for r in exam.results[1].rungs] == [6 * t * 7 + 7 + 4 * 7 + 4 for t in (10, 20)][
        : len(windows)
    ]


def test_the_same_seed_gives_the_same_exam_and_another_does_not():
    def errors(seed):
        exam = probe(["gru"], task="order", length=10, hidden=5, updates=60, seed=seed, quiet=True)
        return [rung.error for result in exam.results for rung in result.rungs]

    torch.rand(3)
    first = errors(3)
    torch.rand(7)
    assert errors(3) == first
    assert errors(4) != first


def test_each_seed_is_an_exam_of_its_own():
    options = {"task": "order", "length": 10, "hidden": 5, "updates": 60, "quiet": True}
    both = probe(["gru"], seed=3, seeds=2, **options)
    alone = [probe(["gru"], seed=seed, **options).results for seed in (3, 4)]
    assert [(r.name, r.seed) for r in both.results] == [
        ("gru", 3), ("gru", 4), ("feed-forward", 3), ("feed-forward", 4),
    ]  # fmt: skip
    errors = [[rung.error for rung in result.rungs] for result in both.results]
    assert errors == [[rung.error for rung in result.rungs] for pair in zip(*alone, strict=True) for result in pair]
    assert [r.seed for r in both.by_name()["gru"]] == [3, 4]


def test_a_sentence_needs_its_first_word_and_three_seeds_agree_on_it():
    exam = probe(task="sentence", length=5, hidden=16, updates=50, learning_rate=0.02, quiet=True)
    found = {name: [result.longest for result in results] for name, results in exam.by_name().items()}
    assert found == {
        "elman": [5, 5, 5], "last step": [None] * 3, "last 3 steps": [3, 3, 3], "feed-forward": [5, 5, 5],
    }  # fmt: skip
    assert exam.lengths == (3, 5)
    assert all(rung.error > 0.6 for result in exam.by_name()["last step"] for rung in result.rungs)
    assert describe_longest(exam.by_name()["last step"]) == "none"
    assert describe_longest([*exam.by_name()["elman"], *exam.by_name()["last step"]]) == "none to 5"


def test_the_rate_falls_to_a_tenth_and_goes_on_at_the_next_length(adders, monkeypatch):
    rates = []

    class Watched(torch.optim.Adam):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "Adam", Watched)
    adders(10)
    probe(["gru"], task="adding", length=20, updates=100, learning_rate=0.5, quiet=True)
    assert rates[0] == 0.5
    assert rates[49] == pytest.approx(0.5 - 0.45 * 49 / 100), "solved at 10"
    assert rates[50] == rates[49]
    assert rates[149] == pytest.approx(rates[49] - (rates[49] - 0.05) * 99 / 100), "not solved at 20"
    assert rates[150] == 0.5, "the next network begins anew"


class Tick:
    """A clock on which a second passes with every call."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1.0
        return self.now


def test_a_time_budget_is_shared_and_the_results_so_far_are_returned(adders, monkeypatch):
    adders(10, 1000)
    clock = Tick()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(probe_clock, "time", clock)
    exam = probe(["gru", "lstm"], task="adding", length=2000, time_budget="900s", updates=10**6, quiet=True)
    assert [result.ended for result in exam.results] == ["time budget"] * 3
    assert exam.results[0].longest == 10
    assert exam.results[1].longest > 10, "the first does not use up the time of the second"
    assert clock.now < 1000


def test_ctrl_c_keeps_what_is_known(adders):
    class Interrupted(Adder):
        def forward(self, inputs):
            if len(inputs) > self.longest:
                raise KeyboardInterrupt
            return super().forward(inputs)

    adders(1000, 20, build=Interrupted)
    exam = probe(["gru", "lstm"], task="adding", length=50, quiet=True)
    assert exam.interrupted
    assert [(r.name, r.longest, r.ended) for r in exam.results] == [("gru", 50, "solved"), ("lstm", 20, "interrupted")]


def test_a_gradient_that_is_not_finite_ends_a_network_and_not_the_exam(adders):
    class Broken(Adder):
        def forward(self, inputs):
            return super().forward(inputs) * (float("nan") if self.longest == 1 else 1.0)

    built = adders(1, 1000, build=Broken)
    exam = probe(["gru", "lstm"], task="adding", length=10, updates=50, quiet=True)
    assert [result.ended for result in exam.results[:2]] == ["not finite", "solved"]
    assert exam.results[0].rungs[0].updates == 11
    assert torch.equal(built[0].idle, torch.zeros(3)), "no such update is made"
    told = json.loads(json.dumps(exam.to_dict(), allow_nan=False))
    assert told["results"][0]["rungs"][0]["error"] is None


def test_an_exam_as_plain_data_is_complete(adders):
    adders(20)
    told = probe(["gru"], task="adding", length=50, updates=50, quiet=True).to_dict()
    assert json.loads(json.dumps(told)) == told
    assert (told["task"], told["goal"], told["lengths"]) == ("adding", 1e-3, [10, 20, 50])
    assert told["settings"]["batch"] == 32
    first = told["results"][0]
    assert (first["name"], first["longest"], first["updates"]) == ("gru", 20, 150)
    assert first["rungs"][1] | {"seconds": 0, "error": 0} == {
        "length": 20, "solved": True, "updates": 50, "parameters": 3, "seconds": 0, "error": 0,
    }  # fmt: skip


def test_luck_in_the_first_test_is_not_enough(adders):
    class Lucky(Adder):
        def forward(self, inputs):
            confirmed = sum(len(one[0]) == 125 for one in self.seen) >= 8  # the batches of the first test
            return super().forward(inputs) + float(confirmed)

    adders(10, build=Lucky)
    exam = probe(["gru"], task="adding", length=10, updates=50, quiet=True)
    assert exam.results[0].ended == "not solved"
    assert exam.results[0].rungs[0].error == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["cfc", "lem", "jordan", "lstm_projected", "lstm_layer_norm"])
def test_cells_with_open_sizes_and_side_inputs_can_be_examined(name):
    for problem in PROBLEMS.values():
        reader = CellReader(elman.cells.find(name), problem, ProbeSettings(hidden=7))
        examples = problem.draw(11, 3, torch.Generator().manual_seed(1))
        assert reader(examples.inputs).shape == (problem.answers_due, 3, problem.outputs)


def test_a_size_that_a_cell_leaves_open_can_be_given():
    settings, problem = ProbeSettings(hidden=7), PROBLEMS["order"]
    small, usual = (
        count_parameters(CellReader(elman.cells.lstm_projected, problem, settings, sizes)) for sizes in ({"h": 2}, None)
    )
    assert small == 4 * (7 * 6 + 7 * 2 + 7) + 2 * 7 + 4 * (2 + 1)
    assert usual == 4 * (7 * 6 + 7 * 7 + 7) + 7 * 7 + 4 * (7 + 1)


def test_the_answers_are_read_from_the_last_steps():
    problem = PROBLEMS["copy"]
    reader = CellReader(elman.cells.gru, problem, ProbeSettings(hidden=5))
    inputs = problem.draw(3, 2, torch.Generator().manual_seed(1)).inputs
    states, _ = reader.layer(inputs)
    assert torch.equal(reader(inputs), reader.readout(states[13:]))


def test_the_window_reader_of_the_last_steps_sees_no_other():
    problem = PROBLEMS["sentence"]
    window = WindowReader(problem, 3, 5)
    inputs = problem.draw(7, 2, torch.Generator().manual_seed(1)).inputs.requires_grad_()
    gradient = torch.autograd.grad(window(inputs).sum(), inputs)[0]
    assert (gradient[:4] == 0).all()
    assert (gradient[4:].abs().sum((1, 2)) > 0).all()


def test_the_window_reader_sees_every_step_of_its_own_example_alone():
    problem = PROBLEMS["recall"]
    window = WindowReader(problem, 9, 5)
    inputs = problem.draw(9, 3, torch.Generator().manual_seed(1)).inputs.requires_grad_()
    gradient = torch.autograd.grad(window(inputs)[0, 1].sum(), inputs)[0]
    assert (gradient[:, 1].abs().sum(1) > 0).all()
    assert (gradient[:, [0, 2]] == 0).all()


@pytest.mark.parametrize(
    ("longest", "start", "task", "expected"),
    [
        (7, None, "adding", (7,)),
        (10, None, "adding", (10,)),
        (600, None, "adding", (10, 20, 50, 100, 200, 500, 600)),
        (600, 600, "adding", (600,)),
        (40, 3, "copy", (3, 5, 10, 20, 40)),
        (2000, 30, "order", (30, 50, 100, 200, 500, 1000, 2000)),
    ],
)
def test_lengths_grow_from_the_first_to_the_longest(longest, start, task, expected):
    assert lengths_up_to(longest, start, PROBLEMS[task]) == expected


@pytest.mark.parametrize(
    ("cells", "options", "kind", "said"),
    [
        (["gru"], {"task": "sorting"}, ConfigError, "one of adding, copy, order, recall, sentence"),
        (["gru"], {"task": "order", "length": 9}, ConfigError, "Take 10 or more"),
        (["gru"], {"length": 20, "start": 30}, ConfigError, "length is 20 and start is 30"),
        (["gru"], {"start": 1, "length": 20}, ConfigError, "no room for adding"),
        (["gru", "gru"], {}, ConfigError, "gru is named 2 times"),
        (["gru"], {"sizes": {"h": 3}}, ConfigError, "leaves the size h open"),
        (["gru"], {"hidden": 0}, ConfigError, "hidden is 0"),
        (["gru"], {"seed": 2**32 - 2, "seeds": 3}, ConfigError, "the last must be below"),
        (["gru"], {"hiden": 3}, ConfigError, "Did you mean hidden"),
        (["gru"], {"time_budget": "soon"}, ConfigError, "90s, 10m or 1h30m"),
        (["grv"], {}, CellError, "Did you mean gru"),
        (["elman"], {"chrono": 50}, ConfigError, "no gate of elman weighs an old state"),
    ],
)
def test_what_cannot_be_examined_is_refused_before_anything_is_trained(cells, options, kind, said, monkeypatch):
    monkeypatch.setattr(module._Examination, "run", lambda self: pytest.fail("it has begun"))
    with pytest.raises(kind, match=said):
        probe(cells, quiet=True, **options)


def test_a_cell_that_cannot_read_the_inputs_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from elman import cell, tanh\n@cell\ndef own(x, h, *, U):\n    return tanh(U @ h + x)\n"
    )
    with pytest.raises(ShapeError):
        probe([f"{tmp_path}/mine.py:own"], quiet=True)


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_the_same_exam_is_drawn_the_same(adders, tmp_path, ending):
    adders(20, 50)
    exam = probe(["gru", "lstm"], task="adding", length=50, updates=50, quiet=True)
    for name in ("one", "other"):
        draw_exam(exam, tmp_path / f"{name}{ending}")
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"other{ending}").read_bytes()


def test_the_picture_names_each_network_its_longest_length_and_its_parameters(adders, tmp_path, monkeypatch):
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParamsDefault, "svg.fonttype", "none")
    adders(20, 5)
    exam = probe(["gru", "lstm"], task="adding", length=50, updates=50, quiet=True)
    draw_exam(exam, tmp_path / "exam.svg")
    drawn = (tmp_path / "exam.svg").read_text("utf-8")
    assert "gru: solved 20, 3 parameters" in drawn
    assert "lstm: solved none, 3 parameters" in drawn
    assert "feed-forward: solved none, 705 parameters" in drawn


@pytest.mark.slow
def test_at_600_steps_a_gru_adds_and_a_tanh_network_does_not():
    exam = probe(["gru", "elman"], task="adding", length=600, quiet=True)
    gru, tanh, window = exam.results
    assert gru.longest == 600
    assert gru.rungs[-1].error <= 1e-3
    assert tanh.longest is None or tanh.longest < 600
    assert tanh.error_at_longest > 1e-2
    assert window.longest is None or window.longest < 600


@pytest.mark.slow
def test_long_expressive_memory_adds_over_2000_steps():
    (lem, _) = probe(["lem"], task="adding", length=2000, quiet=True).results
    assert lem.longest == 2000
    assert lem.rungs[-1].error <= 1e-3
