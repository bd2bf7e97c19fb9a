"""The estimators keep scikit-learn's conventions: its own tools clone, search, pickle and score them."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted

from elman import cells
from elman.errors import ConfigError, DataError
from elman.tasks import Classifier, Regressor, classify

SMALL = {"cell": "gru", "hidden": 7, "epochs": 20, "batch": 8, "learning_rate": 0.03, "dropout": 0.0}


def draw_rows(count=48, seed=1):
    """Draw rows of three numbers of which the first decides."""
    rows = np.random.default_rng(seed).normal(size=(count, 3))
    return rows, (rows[:, 0] > 0).astype(np.int64)


def draw_series(count=40, seed=1):
    """Draw series of unequal lengths that rise or fall."""
    drawn = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    lengths = drawn.integers(3, 9, count)
    lines = [(2 * label - 1) * np.linspace(-1, 1, length) for label, length in zip(labels, lengths, strict=True)]
    return [np.stack([line, drawn.normal(0, 0.3, len(line))], axis=1) for line in lines], labels


@pytest.fixture(scope="module")
def of_rows():
    """Learn rows once; tests read it and do not change it."""
    return Classifier(**SMALL).fit(*draw_rows())


def test_labels_come_back_as_they_were_given(of_rows):
    rows, labels = draw_rows(30, seed=2)
    answers = of_rows.predict(rows)
    assert answers.dtype == labels.dtype
    assert of_rows.classes_.tolist() == [0, 1]
    assert of_rows.score(rows, labels) == accuracy_score(labels, answers) > 0.8
    assert of_rows.n_features_in_ == 3


@pytest.mark.parametrize("labels", [(9, 10), (-2.0, 3.0), (False, True), ("10", "9"), ("no", "yes")])
def test_probabilities_stand_in_the_order_of_classes(labels):
    rows, numbers = draw_rows()
    y = np.array(labels)[numbers]
    model = Classifier(**{**SMALL, "epochs": 2}).fit(rows, y)
    assert model.classes_.tolist() == sorted(labels)
    assert model.classes_.dtype == y.dtype
    shares = model.predict_proba(rows)
    assert shares.shape == (48, 2)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (model.classes_[shares.argmax(axis=1)] == model.predict(rows)).all()


def test_several_labels_at_once_come_back_as_columns():
    rows, _ = draw_rows(64)
    y = (rows > 0).astype(np.int64)[:, [1, 0, 2]]
    model = Classifier(**{**SMALL, "epochs": 40}).fit(rows, y)
    new, _ = draw_rows(40, seed=2)
    right, found = (new > 0).astype(np.int64)[:, [1, 0, 2]], model.predict(new)
    assert model.classes_.tolist() == [0, 1, 2]
    assert (found == (model.predict_proba(new) > 0.5)).all()
    assert ((found == right).mean(0) > 0.8).all()
    assert model.score(new, right) == accuracy_score(right, found)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([[0, 2]] * 24 + [[1, 1]] * 24, "other values than 0 and 1"),
        ([[0, 1]] * 24 + [[0, 0]] * 24, "Column 0 of y is 0 for every example"),
        ([[[0]]] * 48, "an array \\(48, 1, 1\\), and each example"),
    ],
)
def test_labels_that_are_no_columns_of_0_and_1_are_refused(y, said):
    with pytest.raises(DataError, match=said):
        Classifier(**SMALL).fit(draw_rows()[0], np.array(y))


def test_the_training_is_that_of_the_recipe(of_rows, tmp_path):
    of_rows.save(tmp_path / "m")
    loaded = classify.load(tmp_path / "m")
    rows, _ = draw_rows(5, seed=3)
    named = [dict(zip(("x1", "x2", "x3"), row, strict=True)) for row in rows]
    assert loaded.predict(named) == [str(label) for label in of_rows.predict(rows)]
    assert "baseline" not in of_rows.model_.metrics


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["so good", "so bad"] * 10, "text"),
        (np.array(["so good", "so bad"] * 10), "text"),
        (np.array(["so good", "so bad"] * 10, dtype=object), "text"),
        ([np.ones((5, 2)), np.zeros((3, 2))] * 10, "series"),
        ([np.ones(5), np.zeros(3)] * 10, "series"),
        ([torch.ones(5, 2), torch.zeros(3, 2)] * 10, "series"),
        (np.tile([[[1.0], [2.0]], [[2.0], [1.0]]], (10, 1, 1)), "series"),
        (np.array([[1.0, float("nan")], [-1.0, 2.0]] * 10), "number"),
        ([[1, 2], [3, 4]] * 10, "number"),
        (np.tile(np.eye(2, dtype=np.uint8) * 255, (20, 1, 1)), "image"),
        ([np.full((4, 3), shade, np.uint8) for shade in (3, 250)] * 10, "image"),
    ],
)
def test_what_can_be_read_is_recognised(values, kind):
    model = Classifier(**{**SMALL, "epochs": 1}).fit(values, [0, 1] * 10)
    assert set(model.model_.columns.inputs.values()) == {kind}
    assert model.predict(values).shape == (20,)
    assert model.predict_proba(values[:1]).shape == (1, 2)
    assert model.predict(values[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("values", "labels", "said"),
    [
        (["so good"] * 4, [0, 1, 0], "4 examples and 3 targets"),
        (np.zeros((4, 2)), [[0, 1]] * 4, "Column 0 of y is 0"),
        (np.zeros((4, 2)), [0.5, 1, 0.5, 1], "Use a Regressor"),
        (np.zeros((4, 2)), np.array([0, "0"] * 2, dtype=object), "do not compare"),
        ([], [], "no examples"),
        (np.zeros((0, 3)), [], "no examples"),
        ([3, 4], [0, 1], "of type int"),
        ([{"a": 1}], [0], "of type dict"),
        ([[1, 2], [3]], [0, 1], "no table of numbers"),
        (np.array([["a", "b"]]), [0], "cannot be read"),
        (np.zeros((2, 3, 4, 5)), [0, 1], "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused(values, labels, said):
    with pytest.raises(DataError, match=said):
        Classifier(**SMALL).fit(values, labels)


def test_tables_of_another_width_are_refused(of_rows):
    with pytest.raises(DataError, match="X has 4 features, but Classifier is expecting 3 features as input"):
        of_rows.predict(np.zeros((2, 4)))


def test_nothing_is_answered_before_anything_is_learnt():
    for ask in (
        lambda m: m.predict([]),
        lambda m: m.predict_proba([]),
        lambda m: m.score([], []),
        lambda m: m.save(""),
    ):
        with pytest.raises(ConfigError, match="This Classifier has learnt nothing yet"):
            ask(Classifier())
    with pytest.raises(NotFittedError):
        check_is_fitted(Classifier())
    failed = Classifier(hidden=0)
    with pytest.raises(ConfigError, match="hidden is 0"):
        failed.fit(*draw_rows())
    with pytest.raises(NotFittedError):
        check_is_fitted(failed)


def test_parameters_are_looked_at_in_fit_and_unknown_ones_at_once():
    with pytest.raises(TypeError, match="hiden"):
        Classifier(hiden=3)
    with pytest.raises(ConfigError, match="no parameter 'hiden'"):
        Classifier().set_params(hiden=3)
    with pytest.raises(TypeError, match="class_weights"):
        Regressor(class_weights=True)
    model = Classifier(hidden=3).set_params(hidden=5, cell="mgu")
    assert model.get_params()["hidden"] == 5
    assert repr(model) == "Classifier(cell='mgu', hidden=5)"


@pytest.mark.parametrize("cell", ["gru", cells.gru])
def test_clones_have_the_parameters_and_nothing_learnt(cell):
    model = Classifier(**{**SMALL, "cell": cell}, sizes={})
    copy = clone(model.fit(*draw_rows()))
    assert copy.get_params() == model.get_params()
    assert "model_" not in vars(copy)
    assert clone(Regressor(hidden=3)).hidden == 3


def test_cross_validation_keeps_classes_and_groups_apart():
    assert is_classifier(Classifier())
    assert is_regressor(Regressor())
    series, labels = draw_series()
    scores = cross_val_score(Classifier(**SMALL), series, labels, cv=2)
    assert scores.mean() > 0.8
    rows, labels = draw_rows()
    groups = np.arange(48) // 8
    scores = cross_val_score(
        Classifier(**SMALL), rows, labels, groups=groups, cv=GroupKFold(2), params={"groups": groups}, scoring="roc_auc"
    )
    assert scores.mean() > 0.8


def test_examples_of_a_group_are_not_divided():
    rows, labels = draw_rows()
    groups = np.repeat(np.arange(6), 8)
    model = Classifier(**{**SMALL, "epochs": 1}).fit(rows, labels, groups=groups)
    assert model.model_.metrics["validation_examples"] % 8 == 0
    with pytest.raises(DataError, match="48 examples and 5 groups"):
        Classifier(**SMALL).fit(rows, labels, groups=groups[:5])


def test_a_grid_is_searched_and_the_best_is_kept():
    rows, labels = draw_rows()
    grid = GridSearchCV(
        Classifier(**SMALL), {"learning_rate": np.array([1e-6, 0.03]), "hidden": np.array([5, 7])}, cv=2
    ).fit(rows, labels)
    assert grid.best_params_["learning_rate"] == 0.03
    assert grid.best_estimator_.model_.module.recurrent.hidden_size == grid.best_params_["hidden"]
    assert grid.score(rows, labels) > 0.8


def test_the_last_step_of_a_pipeline():
    rows, labels = draw_rows()
    steps = Pipeline([("scale", StandardScaler()), ("model", Classifier(**SMALL))]).fit(rows * 1000, labels)
    assert steps.score(rows * 1000, labels) > 0.8
    assert steps.set_params(model__hidden=9)["model"].hidden == 9
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    texts = Pipeline([("lower", lower), ("model", Classifier(**SMALL))]).fit(["So GOOD", "So BAD"] * 12, [1, 0] * 12)
    assert texts.predict(["good", "bad"]).tolist() == [1, 0]


def test_pickles_answer_alike(of_rows):
    rows, _ = draw_rows(9, seed=4)
    copy = pickle.loads(pickle.dumps(of_rows))
    assert np.array_equal(copy.predict_proba(rows), of_rows.predict_proba(rows))
    assert pickle.loads(pickle.dumps(Regressor(hidden=3))).hidden == 3


def test_numbers_are_answered_with_numbers():
    rows, _ = draw_rows(80)
    prices = 100 + 10 * rows[:, 0] - 5 * rows[:, 1]
    model = Regressor(**{**SMALL, "epochs": 30}).fit(rows, prices)
    assert model.score(rows, prices) == pytest.approx(r2_score(prices, model.predict(rows)), abs=1e-12)
    assert model.score(rows, prices) > 0.8
    assert cross_val_score(model.set_params(epochs=10), rows, prices, cv=2).mean() > 0.3
    with pytest.raises(DataError, match="use a Classifier"):
        Regressor(**SMALL).fit(rows, ["a", "b"] * 40)
    with pytest.raises(DataError, match="missing or infinite"):
        Regressor(**SMALL).fit(rows, np.where(prices > 110, np.nan, prices))
