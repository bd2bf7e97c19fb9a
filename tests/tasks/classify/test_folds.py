"""Several networks over folds: honest scores, one file, the same answers alone and in a batch."""

import random

import numpy as np
import pytest
import torch

from answerable import write_reviews, write_series, write_table
from elman.data import open_dataset
from elman.data.dataset import Columns
from elman.data.examples.survey import Survey
from elman.data.examples.values import open_values
from elman.encoders.batches import answer
from elman.errors import ConfigError, DataError
from elman.tasks import classify
from elman.tasks.classify.member import prefix_of
from elman.training import folds as training_folds
from elman.training.folds import draw_folds
from forged import forge

TINY = {"hidden": 5, "batch": 8, "epochs": 2, "quiet": True, "seed": 3, "folds": 3, "alone": True}
TEXTS = ["the film was good", "bad", "his play was bad, and my trip was good"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("folds")


@pytest.fixture(scope="module")
def model(folder):
    return classify.train(write_reviews(folder / "r.csv", 47), output=folder / "m", **TINY)


def test_the_answer_is_the_mean_of_the_networks(model, folder):
    data = open_dataset([folder / "r.csv"], like=model.columns)
    examples = model.encode(data)
    alone = [answer(model.module, examples)]
    alone += [answer(one.module, examples.encoded_by(one.encoder)) for one in model.others]
    assert len(alone) == 3
    assert torch.allclose(model.answer(examples), sum(alone) / 3 * model.blend.network, rtol=1e-6)
    assert not torch.allclose(alone[0], alone[1])


def test_one_file_holds_all_networks_and_answers_alone_as_in_a_batch(model, folder):
    again = classify.load(folder / "m")
    assert again.parameters == model.parameters == sum(value.numel() for value in again.weights().values())
    together = again.outputs(TEXTS)
    assert torch.equal(together, model.outputs(TEXTS))
    assert torch.equal(together, torch.cat([again.outputs([text]) for text in TEXTS]))
    assert again.parts() == model.parts()
    again.save(folder / "again")
    assert (folder / "again").read_bytes() == (folder / "m").read_bytes()


def test_every_example_is_recognised_that_one_of_the_networks_learnt_from(model, folder):
    for trained in (model, classify.load(folder / "m")):
        overlap = trained.compare_learnt(trained.encode(open_dataset([folder / "r.csv"], like=model.columns)).prints)
        assert (overlap.estimate, overlap.count) == (47, 47)


def test_every_example_is_scored_by_a_network_that_has_not_seen_it(model, folder):
    data = open_dataset([folder / "r.csv"])
    targets = [data[index].target for index in range(47)]
    folds = draw_folds(targets, 3, seed=3, hashes=Survey(data).prints)
    examples, right = model.encode(data), 0
    modules = [(model.module, model.encoder), *((one.module, one.encoder) for one in model.others)]
    for (module, encoder), fold in zip(modules, folds, strict=True):
        found = model.targets.decode(answer(module, examples.encoded_by(encoder)))
        right += sum(found[index] == targets[index] for index in fold)
    validation = model.metrics["validation"]
    assert (validation["count"], validation["accuracy"]) == (47, pytest.approx(right / 47))
    assert model.metrics["baseline"]["classes"][0]["support"] == targets.count(model.classes[0])
    assert [fold["validation_examples"] for fold in model.metrics["folds"]] == list(map(len, folds))


@pytest.mark.parametrize("kind", ["text", "number"])
def test_what_a_fold_holds_out_changes_nothing_of_its_network(kind):
    drawn = random.Random(4)
    names = [drawn.choice("ab") for _ in range(30)]
    if kind == "text":
        columns, targets = Columns({"t": "text"}, "y", "category"), names
        values = [f"{name} {number} {drawn.choice('pqr')}" for number, name in enumerate(names)]
    else:
        columns, targets = Columns({"u": "number", "v": "number"}, "y", "number"), [drawn.gauss(3, 2) for _ in names]
        values = [{"u": target + drawn.gauss(0, 1), "v": drawn.gauss(5, 9)} for target in targets]
    folds = draw_folds(targets, 3, seed=3)
    plain = classify.train(open_values(values, columns, targets), **{**TINY, "epochs": 1}, compare=False)
    for number, fold in enumerate(folds):
        others, answers = list(values), list(targets)
        for index in fold:
            others[index] = f"xyzzy {index}" if kind == "text" else {"u": 900.0 + index, "v": -1e4 - index}
            answers[index] = targets[index] if kind == "text" else -1000.0 * targets[index]
        found = classify.train(open_values(others, columns, answers), **{**TINY, "epochs": 1}, compare=False)
        same = [
            one.encoder.to_dict() == other.encoder.to_dict()
            and one.targets == other.targets
            and all(map(torch.equal, one.module.state_dict().values(), other.module.state_dict().values()))
            for one, other in zip([plain, *plain.others], [found, *found.others], strict=True)
        ]
        assert same == [at == number for at in range(3)]


def test_numbers_of_networks_with_other_scales_have_one_mean(tmp_path):
    path = write_table(tmp_path / "t.csv", 60)
    model = classify.train(path, target="price", output=tmp_path / "m", **TINY)
    assert len({one.targets.mean for one in [model, *model.others]}) == 3
    row = {"size": 2.0, "colour": "blue", "weight": 50.0}
    each = []
    for one in [model, *model.others]:
        examples = model.encode(open_dataset([path], like=model.columns)).encoded_by(one.encoder)
        each.append(one.targets.decode(answer(one.module, examples)))
    mean = np.mean(each, axis=0)
    data = open_dataset([path], like=model.columns)
    assert model.predict(data) == pytest.approx(mean, rel=1e-5)
    assert classify.load(tmp_path / "m").predict([row]) == model.predict([row])
    assert model.metrics["validation"]["count"] == 60


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 5), ({"folds": 1}, 1), ({"folds": 4}, 4), ({"validation": 0.3}, 1), ({"folds": None, "seed": 2}, 5)],
)
def test_few_examples_have_five_folds_unless_something_else_is_asked_for(options, count, monkeypatch, tmp_path):
    monkeypatch.setattr(training_folds, "FEW_EXAMPLES", 200)
    model = classify.train(
        write_series(tmp_path / "s.npz", 40), hidden=3, epochs=1, quiet=True, compare=False, **options
    )
    assert 1 + len(model.others) == count


def test_groups_lie_in_one_fold_and_the_interval_is_theirs(tmp_path):
    drawn = random.Random(3)
    columns = Columns({"t": "text"}, "y", "category", group="who")
    names = [drawn.choice("ab") for _ in range(60)]
    groups = [f"s{number // 10}" for number in range(60)]
    data = open_values([f"{name} {n}" for n, name in enumerate(names)], columns, names, groups)
    model = classify.train(data, **TINY, compare=False)
    assert model.metrics["validation"]["independent"] < 60
    assert sum(fold["validation_examples"] for fold in model.metrics["folds"]) == 60


@pytest.mark.parametrize("name", ["validation", "validation_data"])
def test_folds_and_validation_data_exclude_each_other(name):
    with pytest.raises(ConfigError, match=f"folds is 3 and {name} is given"):
        classify.train("t.csv", **TINY, **{name: 0.2 if name == "validation" else "v.csv"})


def test_a_file_without_one_of_its_networks_is_damaged(model, folder):
    path = folder / "damaged"
    model.save(path)
    forge(path, lambda _, weights: [weights.pop(name) for name in list(weights) if name.startswith(prefix_of(2))])
    with pytest.raises(DataError, match="damaged"):
        classify.load(path)


def test_a_search_tries_on_one_split_and_gives_folds_to_the_best(tmp_path):
    pytest.importorskip("optuna")
    data = write_series(tmp_path / "s.npz", 30)
    model = classify.train(data, **{**TINY, "epochs": 1}, search=2, compare=False)
    assert len(model.others) == 2
    assert model.metrics["search"]["trials"] == 2
    assert model.metrics["validation"]["count"] == 30
