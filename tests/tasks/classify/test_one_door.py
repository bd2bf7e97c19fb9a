"""Classifiers take examples through one door, in fit, predict, score and evaluate, of estimators and trained models."""

import copy
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GridSearchCV
from torch.utils.data import DataLoader

from elman.data import open_dataset
from elman.errors import DataError
from elman.tasks import Classifier, Regressor, classify

QUICK = {"hidden": 5, "epochs": 1, "seed": 2}
TEXTS, LABELS = ["a good film", "a bad film"] * 20, ["yes", "no"] * 20


class Table:
    """A data frame with named columns; iteration gives the names, as that of pandas does."""

    def __init__(self, **columns):
        self.columns, self._values = list(columns), columns

    def __len__(self):
        return len(next(iter(self._values.values())))

    def __iter__(self):
        return iter(self.columns)

    def __getitem__(self, name):
        return np.asarray(self._values[name])


@pytest.fixture(scope="module")
def of_texts():
    """Train on texts once; tests read it and do not change it."""
    return Classifier(**QUICK).fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def of_table(tmp_path_factory):
    """Train on a table of two numbers once, of which the first decides."""
    rows = np.random.default_rng(1).normal(size=(60, 2))
    path = tmp_path_factory.mktemp("table") / "t.csv"
    lines = [f"{size},{cost},{'big' if size > 0 else 'small'}" for size, cost in rows]
    path.write_text("\n".join(["size,cost,label", *lines]))
    return classify.train(path, **{**QUICK, "epochs": 5}, quiet=True), rows


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a good film", "is one text, 'a good film'"),
        (b"a good film", "is bytes"),
        (Path("reviews.csv"), r"is the path 'reviews\.csv'"),
        ({"text": "a good film"}, "is a mapping with the keys text"),
        ({"text": TEXTS}, "is a mapping with the keys text"),
        (np.array("a good film"), "is a single value"),
        ({"a good film", "a bad film"}, "is a set"),
        (None, "is a single value, None"),
        (DataLoader(TEXTS), "is a DataLoader"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_thing_is_refused_wherever_examples_are_read(of_texts, given, said):
    model = of_texts.model_
    for read in (
        of_texts.predict,
        of_texts.predict_proba,
        lambda X: of_texts.score(X, LABELS),
        lambda X: Classifier(**QUICK).fit(X, LABELS),
        lambda X: Regressor(**QUICK).fit(X, range(40)),
        model.predict,
        model.probabilities,
        model.outputs,
        lambda X: model.evaluate(X, LABELS),
    ):
        with pytest.raises(DataError, match=said):
            read(given)


def test_every_form_of_the_same_texts_has_the_same_answers(of_texts):
    texts = TEXTS[:3]
    expected = of_texts.predict_proba(texts)
    array = np.array(texts, dtype=object)
    for form in (tuple(texts), iter(texts), (text for text in texts), np.array(texts), array, array[:, None]):
        np.testing.assert_array_equal(of_texts.predict_proba(form), expected)
    for form in (iter(texts), array, array[:, None], Table(label=[1, 2, 3], text=texts)):
        np.testing.assert_array_equal(of_texts.model_.probabilities(form).double().numpy(), expected[:, [0, 1]])
    assert of_texts.predict([]).shape == (0,)
    assert of_texts.model_.predict(iter(())) == []


def test_targets_are_no_text_and_have_a_row_each(of_texts):
    model, labels = of_texts.model_, ["yes", "no", "yes"]
    expected = model.evaluate(TEXTS[:3], labels).to_dict()
    assert model.evaluate(iter(TEXTS[:3]), iter(labels)).to_dict() == expected
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        assert model.evaluate(TEXTS[:3], np.array(labels)[:, None]).to_dict() == expected
    for y, said in (("pnp", "is one text"), (b"pnp", "is bytes"), ({"y": labels}, "is a mapping")):
        with pytest.raises(DataError, match=f"targets {said}"):
            model.evaluate(TEXTS[:3], y)
        with pytest.raises(DataError, match=f"y {said}"):
            Classifier(**QUICK).fit(TEXTS, y)
    with pytest.raises(DataError, match="groups is one text"):
        Classifier(**QUICK).fit(TEXTS, LABELS, groups="ab" * 20)
    with pytest.raises(DataError, match="sample_weight is one text"):
        Classifier(**QUICK).fit(TEXTS, LABELS, sample_weight="1" * 40)


@pytest.mark.parametrize("entry", [None, 3, ["a", "film"], b"a film", float("nan")], ids=repr)
def test_an_entry_that_is_no_text_is_named(of_texts, entry):
    for read in (of_texts.predict, of_texts.model_.predict):
        with pytest.raises(DataError, match="example 2, text: this is no text"):
            read(["a good film", entry])


def test_targets_that_are_masked_or_complex_are_refused():
    for y, said in (
        (np.ma.masked_array([0, 1] * 20, [True] + [False] * 39), "missing"),
        (np.ma.masked_array(LABELS, [True] + [False] * 39), "masked values"),
        (np.array([1j, 0] * 20), "Complex data not supported"),
    ):
        with pytest.raises(DataError, match=said):
            Classifier(**QUICK).fit(TEXTS, y)


def test_columns_are_matched_by_name_in_any_order(of_table):
    model, rows = of_table
    size, cost = rows.T
    expected = model.probabilities([{"size": a, "cost": b} for a, b in rows])
    assert not model.probabilities(Table(size=cost, cost=size)).allclose(expected, atol=1e-3)
    assert model.probabilities([{"cost": b, "size": a} for a, b in rows]).equal(expected)
    assert model.probabilities(Table(more=["x"] * 60, cost=cost, size=size)).equal(expected)
    for frame, said in (
        (Table(size=size), r"no column cost\. It has: size\."),
        (Table(Size=size, cost=cost), r"no column size\. Did you mean Size\? It has: Size, cost\."),
        (Table(a=size, b=cost), r"no column size, cost\. It has: a, b\."),
    ):
        with pytest.raises(DataError, match=said):
            model.predict(frame)
    with pytest.raises(DataError, match="example 1 is no mapping"):
        model.predict(rows)


def test_a_dataset_has_the_columns_of_the_model(of_table, tmp_path):
    model, rows = of_table
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["label,cost,size", *(f"{'big' if a > 0 else 'small'},{b},{a}" for a, b in rows)]))
    expected = model.probabilities([{"size": a, "cost": b} for a, b in rows])
    assert model.probabilities(open_dataset(path)).equal(expected)
    assert model.probabilities(open_dataset(path, like=model.columns)).equal(expected)
    for header, said in (
        (
            "label,cost,Size",
            r"no column size \(number\)\. Did you mean Size\? It has: cost \(number\), Size \(number\)",
        ),
        ("label,cost,other", r"no column size \(number\)\. It has: cost \(number\), other \(number\)"),
    ):
        path.write_text(path.read_text().replace(path.read_text().split("\n")[0], header, 1))
        for read in (model.predict, model.evaluate):
            with pytest.raises(DataError, match=said):
                read(open_dataset(path))
    with pytest.raises(DataError, match=r"no column size \(number\)\. It has: .*size \(category\)"):
        model.predict(open_dataset(path.with_name(write_words(path)), inputs=("size", "cost"), target="label"))
    with pytest.raises(DataError, match="targets are given with a dataset"):
        model.evaluate(open_dataset(path, like=None), ["big"] * 60)


def write_words(path):
    """Write a table whose sizes are words."""
    path.with_name("w.csv").write_text("\n".join(["label,cost,size", *(f"big,{k}.5,{'ab'[k % 2]}" for k in range(60))]))
    return "w.csv"


def test_the_names_of_fit_are_those_of_predict():
    size, cost = np.random.default_rng(1).normal(size=(2, 40))
    model = Classifier(**QUICK).fit(Table(size=size, cost=cost), size > 0)
    assert model.feature_names_in_.tolist() == ["size", "cost"]
    assert model.n_features_in_ == 2
    assert model.predict(Table(size=size, cost=cost)).shape == (40,)
    for frame, said in (
        (Table(cost=cost, size=size), "must be in the same order"),
        (Table(size=size), "now missing:\n- cost"),
        (Table(size=size, cost=cost, more=cost), "unseen at fit time:\n- more"),
        (Table(Size=size, cost=cost), "unseen at fit time:\n- Size"),
    ):
        with pytest.raises(DataError, match=said):
            model.predict(frame)


def test_an_array_that_may_be_one_image_or_one_series_is_refused():
    drawn = np.random.default_rng(1)
    images = drawn.integers(0, 255, (20, 6, 5, 3), dtype=np.uint8)
    model = Classifier(**QUICK).fit(images, [0, 1] * 10)
    assert model.predict(images[:1]).shape == (1,)
    for read in (model.predict, model.model_.predict):
        with pytest.raises(DataError, match=r"one image, or 6 images of 5 × 3 pixels\? Give X\[None\]"):
            read(images[0])
    series = [drawn.normal(size=(7, 1)) for _ in range(20)]
    model = Classifier(**QUICK).fit(series, [0, 1] * 10)
    assert model.predict(series[:1]).shape == (1,)
    for read in (model.predict, model.model_.predict):
        with pytest.raises(DataError, match=r"one series of 7 steps, or 7 series of one step\? Give X\[None\]"):
            read(series[0])


def test_numbers_of_any_array_are_read_alike():
    rows = np.random.default_rng(1).normal(size=(40, 2))
    model = Regressor(**QUICK).fit(rows, rows[:, 0])
    expected = model.predict(rows)
    for form in (rows.tolist(), torch.tensor(rows, requires_grad=True), list(torch.tensor(rows)), rows.astype(object)):
        np.testing.assert_array_equal(model.predict(form), expected)
    with_missing = rows.copy()
    with_missing[0, 1] = np.nan
    masked = np.ma.masked_array(rows, np.isnan(with_missing))
    np.testing.assert_array_equal(model.predict(masked), model.predict(with_missing))
    for form, said in (
        (rows * 1j, "complex"),
        (rows.astype("M8[s]"), "times"),
        ([[1.0, 2.0], [3.0]], "no table"),
        (rows[0], r"Reshape your data"),
    ):
        with pytest.raises(DataError, match=said):
            model.predict(form)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"reviews.csv", "of type bytes"),
        ({"text": TEXTS}, "of type dict"),
        (Table(text=TEXTS), "of type Table"),
        ((text for text in TEXTS), "of type generator"),
        ([b"reviews.csv"], "of type list with items of type bytes"),
        ([["a", "b"]], "of type list with items of type list"),
        (None, "of type NoneType"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_training_reads_paths_or_a_dataset(given, said):
    with pytest.raises(DataError, match=f"The data are {said}"):
        classify.train(given, **QUICK, quiet=True)


def test_a_copy_a_pickle_and_a_worker_answer_alike(of_texts):
    expected = of_texts.predict_proba(TEXTS)
    for other in (copy.deepcopy(of_texts), pickle.loads(pickle.dumps(of_texts))):
        np.testing.assert_array_equal(other.predict_proba(TEXTS), expected)
    model = of_texts.model_
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again.predict(TEXTS) == model.predict(TEXTS)
    threads = joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(of_texts.predict_proba)(TEXTS[k::2]) for k in range(2)
    )
    for k in range(2):
        np.testing.assert_allclose(threads[k], expected[k::2], rtol=1e-6)


@pytest.mark.slow
def test_a_process_of_joblib_answers_alike(of_texts):
    expected = of_texts.predict_proba(TEXTS)
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(of_texts.predict_proba)(TEXTS[k::2]) for k in range(2))
    for k in range(2):
        np.testing.assert_allclose(found[k], expected[k::2], rtol=1e-6)


def test_the_workers_of_a_dataloader_predict(of_texts):
    expected = of_texts.predict_proba(TEXTS)
    loader = DataLoader(TEXTS, batch_size=7, num_workers=2, collate_fn=of_texts.predict_proba)
    np.testing.assert_allclose(np.concatenate(list(loader)), expected, rtol=1e-6)


def test_classes_and_texts_that_look_like_nothing_come_back_as_they_were_written(tmp_path):
    codes = ["NA", "None", "null", "nan", "DE", "True"]
    rows = [f"{code * 2}x {letter},{code}" for letter in "abcdefgh" for code in codes]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["text,code", *rows]))
    model = classify.train(
        path, **{**QUICK, "hidden": 12, "epochs": 20, "learning_rate": 0.02}, target="code", quiet=True
    )
    assert sorted(model.classes) == sorted(codes)
    assert model.predict(open_dataset(path, like=model.columns)) == [row.partition(",")[2] for row in rows]
    kinds = Classifier(**QUICK).fit(["a b", "b a"] * 6, ["NA", "nan"] * 6)
    assert kinds.classes_.tolist() == ["NA", "nan"]


def test_a_fitted_estimator_is_cloned_unfitted_and_a_grid_is_pickled():
    series = np.random.default_rng(1).normal(size=(40, 7, 2))
    labels = np.where(series[:, :, 0].mean(1) > 0, "b", "a")
    model = Classifier(**QUICK).fit(series, labels, sample_weight=np.ones(40))
    assert not hasattr(clone(model), "classes_")
    grid = GridSearchCV(Classifier(epochs=1), {"hidden": [3, 5]}, cv=2).fit(series, labels)
    assert (pickle.loads(pickle.dumps(grid)).predict(series) == grid.predict(series)).all()
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        assert Classifier(**QUICK).fit(series, labels[:, None]).predict(series).shape == (40,)
