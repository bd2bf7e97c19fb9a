"""Processes that train one model together have the weights that one process has, and all of them the same bits."""

import pytest
import torch
import torch.distributed as dist

from elman.errors import ConfigError
from elman.tasks.transcribe import recipe as speech_recipe
from elman.training.ranks import Ranks, joined
from small_trainings import RECIPES, SMALL
from training_together import TRAININGS, distance, environments, prepare, train, train_together

EXACT = {"precision": "64", "epochs": 80}
DROPPED = {"dropout": 0.3, "recurrent_dropout": 0.2, "zoneout": 0.2}


def compare(folder, monkeypatch, count, names, options, after, bound):
    """Train in one process and in some, and compare the weights after each update and of each process."""
    monkeypatch.setattr(speech_recipe, "_LEFT", 1e3)  # so that sounds are varied, and few pieces leave the plateau
    written = prepare(folder, names)
    found = train_together(folder, count, written, options, after)
    for name in names:
        alone, sums = train(name, written[name], options.get(name, options["all"]), after)
        first = found[0][name]
        assert len(first[1]) == len(sums), "as many updates"
        assert alone.keys() == first[0].keys()
        for other in found[1:]:
            assert other[name][1] == first[1], "after each update all processes have the same sum of weights"
            for update, weights in other[name][0].items():
                assert all(torch.equal(weights[key], value) for key, value in first[0][update].items())
        for update, weights in alone.items():
            assert distance(first[0][update], weights)[0] < bound, (name, update)


def test_two_processes_train_as_one(tmp_path, monkeypatch):
    # A state that is carried and windows that are shifted; batches of one row, and moments of all rows; columns of
    # several kinds beside a text.
    options = {"all": {**EXACT, **DROPPED}, "transcribe": EXACT}
    compare(tmp_path, monkeypatch, 2, ["generate", "transcribe", "tickets"], options, [1, 30], 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "batch"), [(2, {}), (3, {"batch": 7})])
def test_every_recipe_trains_in_several_processes_as_in_one(count, batch, tmp_path, monkeypatch):
    compare(tmp_path, monkeypatch, count, list(TRAININGS), {"all": {**EXACT, **batch}}, [1, 200], 1e-9)


@pytest.mark.slow
def test_processes_that_go_on_from_a_model_begin_with_its_weights(tmp_path, monkeypatch):
    before = tmp_path / "before"
    before.mkdir()
    for name in ("generate", "classify"):
        recipe, _, _, own = RECIPES[name]
        recipe.train(prepare(before, [name])[name], output=tmp_path / f"{name}.model", **{**SMALL, **own})
        options = {"from_model": str(tmp_path / f"{name}.model"), **EXACT}
        compare(tmp_path, monkeypatch, 2, [name], {"all": options}, [1, 5], 1e-12)


@pytest.mark.slow
def test_after_an_update_in_32_bits_two_processes_have_the_weights_of_one(tmp_path, monkeypatch):
    compare(tmp_path, monkeypatch, 2, list(TRAININGS), {"all": {"epochs": 80}}, [1], 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("forecast", {**DROPPED, "decode": "segment"}),
        ("forecast", {**DROPPED, "decode": "recursive"}),
        ("caption", DROPPED),
        ("compose", DROPPED),
        ("sounds", {"dropout": 0.3, "input_dropout": 0.3}),
        ("translate", {"jumble": True, "scheduled_sampling": 0.0, "dropout": 0.3}),
        ("translate", {"coverage_loss": 0.5, "dropout": 0.3}),
        ("tag", {"crf": True, "dropout": 0.3}),
        ("generate", {"locked": True, "activation_penalty": 2.0, "embedding_dropout": 0.2, "weight_dropout": 0.2}),
    ],
)
def test_all_that_is_drawn_at_random_is_drawn_for_all_processes(name, options, tmp_path, monkeypatch):
    compare(tmp_path, monkeypatch, 2, [name], {"all": {**EXACT, "batch": 5, **options}}, [1, 50], 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["classify", "sounds", "tickets"])
def test_folds_in_two_processes_are_those_of_one(name, tmp_path, monkeypatch):
    options = {"precision": "64", "epochs": 4, "folds": 3, "dropout": 0.3}
    compare(tmp_path, monkeypatch, 2, [name], {"all": options}, [5, 10**9], 1e-9)


@pytest.mark.parametrize(("rows", "count"), [(7, 3), (2, 3), (1, 2), (64, 5)])
def test_every_row_belongs_to_one_process(rows, count):
    shares = [Ranks(number, count).share(rows) for number in range(count)]
    own = [list(range(rows))[share.index] for share in shares]
    assert [row for part, share in zip(own, shares, strict=True) if share.counts for row in part] == list(range(rows))
    assert all(len(part) >= 1 for part in own), "a process without rows computes one in vain, so that none waits"
    assert max(map(len, own)) - min(map(len, own)) <= 1


@pytest.mark.parametrize(("backend", "is_used"), [("gloo", True), ("cuda:gloo", False)])
def test_a_process_group_that_exists_is_used_and_kept_unless_it_is_for_devices_alone(backend, is_used, monkeypatch):
    for name, value in environments(2)[0].items():
        monkeypatch.setenv(name, value)
    dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    try:
        if is_used:
            with joined() as ranks:
                assert ranks.highest(7) == 7
        else:
            with pytest.raises(ConfigError, match=r"the backend cuda:gloo, .* Make it with"), joined():
                pass
        assert dist.is_initialized()
    finally:
        dist.destroy_process_group()
