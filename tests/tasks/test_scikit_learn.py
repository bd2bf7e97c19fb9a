"""scikit-learn's own checks of estimators pass, but for those of the tables below, which cannot apply.

And what it asks of estimators that its checks do not look at: its errors, its warnings, the names of columns.
"""

import pickle
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import DataConversionWarning
from sklearn.exceptions import NotFittedError as TheirNotFittedError
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_predict, cross_val_score
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

import elman
from elman.errors import ConfigError, DataError, NotFittedError
from elman.tasks import Captioner, Classifier, Forecaster, Regressor, Tagger, Transcriber, Translator
from few_examples import Frame
from forecastable import draw_values
from taggable import make_sentences

QUICK = {"cell": "mgu", "hidden": 5, "epochs": 1, "batch": 32, "dropout": 0.0}
SCORED = {**QUICK, "hidden": 13, "epochs": 6, "batch": 16, "learning_rate": 0.05}
FORECASTS = {"horizon": 2, "lookback": 3, "hidden": 5, "epochs": 1, "season": 3}

# Of these every check runs, but for:
FIT = (Classifier, Regressor)
CANNOT_APPLY = {
    "check_sample_weight_equivalence_on_dense_data": "an example of weight 2 is in one batch, two of weight 1 in two",
    "check_methods_sample_order_invariance": "torch's readout rounds a float32 by its place in the batch",
    "check_sample_weights_pandas_series": "it needs pandas",
    "check_classifier_data_not_an_array": "it needs pandas",
    "check_regressor_data_not_an_array": "it needs pandas",
    "check_array_api_input": "numpy's arrays alone are read",
    "check_classifiers_multilabel_output_format_decision_function": "there is no decision_function",
}
# The others call `fit` with rows X and targets y: a forecaster refuses a y, and a tagger reads sentences.
WITHOUT_FIT = (
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_estimators_unfitted",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
)
ASK_FOR_A_SCORE = ("check_classifiers_train", "check_regressors_train", "check_classifiers_classes")


def list_checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they do not inherit from scikit-learn
        found = [(kind, check) for kind in FIT for _, check in estimator_checks_generator(kind())]
    return [
        pytest.param(kind, check, id=f"{kind.__name__} {number} {check.func.__name__}")
        for number, (kind, check) in enumerate(found)
        if check.func.__name__ not in CANNOT_APPLY
    ]


@pytest.mark.parametrize(("kind", "check"), list_checks())
@pytest.mark.filterwarnings("default")  # some checks want a warning, some give one of their own
def test_a_check_passes(kind, check):
    check(kind(**(SCORED if check.func.__name__ in ASK_FOR_A_SCORE else QUICK)))


@pytest.mark.parametrize("name", WITHOUT_FIT)
@pytest.mark.parametrize("kind", [Captioner, Forecaster, Tagger, Transcriber, Translator])
def test_a_check_without_fit_passes(kind, name):
    getattr(estimator_checks, name)(kind.__name__, kind(hidden=5))


def test_tags_say_what_is_read_and_answered():
    tags = {kind: get_tags(kind()) for kind in (Classifier, Regressor, Forecaster, Tagger)}
    assert is_classifier(Classifier())
    assert is_regressor(Regressor())
    assert [one.estimator_type for one in tags.values()] == ["classifier", "regressor", None, None]
    assert [one.target_tags.required for one in tags.values()] == [True, True, False, True]
    assert [one.input_tags.one_d_array for one in tags.values()] == [False, False, True, False]
    assert [one.input_tags.three_d_array for one in tags.values()] == [True, True, False, False]
    assert [one.input_tags.string for one in tags.values()] == [True, True, False, True]
    assert [one.input_tags.allow_nan for one in tags.values()] == [True, True, True, False]
    assert tags[Classifier].classifier_tags.multi_label
    assert not tags[Classifier].non_deterministic
    assert get_tags(Forecaster(time_budget="1m")).non_deterministic


@pytest.mark.parametrize(
    ("kind", "methods"),
    [
        (Classifier, ("predict", "predict_proba")),
        (Regressor, ("predict",)),
        (Tagger, ("predict", "predict_labels")),
        (Forecaster, ("predict", "predict_interval")),
    ],
)
def test_an_estimator_that_is_not_fitted_raises_the_errors_of_both_libraries(kind, methods):
    for method in methods:
        with pytest.raises(
            NotFittedError, match=f"This {kind.__name__} has learnt nothing yet. Call fit first"
        ) as ours:
            getattr(kind(), method)([["so"]])
        assert all(
            isinstance(ours.value, one) for one in (TheirNotFittedError, ConfigError, ValueError, AttributeError)
        )
        again = pickle.loads(pickle.dumps(ours.value))
        assert type(again) is type(ours.value)
        assert str(again) == str(ours.value)
    for name in ("n_features_in_", "feature_names_in_", "classes_"):
        assert not hasattr(kind(), name)


def test_scikit_learn_is_spoken_only_where_somebody_has_loaded_it(monkeypatch):
    sources = (Path(elman.__file__).parent).rglob("*.py")
    assert not [path for path in sources if re.search(r"^\s*(import|from) sklearn", path.read_text(), re.MULTILINE)]
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(NotFittedError) as raised:
        Classifier().predict([])
    assert type(raised.value) is NotFittedError
    rows = np.random.default_rng(1).normal(size=(30, 3))
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        Classifier(**QUICK).fit(rows, rows[:, :1] > 0, sample_weight=np.arange(30)).predict(rows)
    assert "sklearn" not in sys.modules


def test_one_column_of_answers_is_read_as_flat_and_warned_of():
    rows = np.random.default_rng(1).normal(size=(30, 3))
    for kind, y in ((Classifier, rows[:, 0] > 0), (Regressor, rows[:, 0])):
        flat = kind(**QUICK).fit(rows, y)
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            model = kind(**QUICK).fit(rows, y[:, None])
        np.testing.assert_array_equal(model.predict(rows), flat.predict(rows))
        with pytest.warns(DataConversionWarning):
            assert model.score(rows, y[:, None]) == flat.score(rows, y)


def test_columns_are_those_that_were_learnt():
    rows = np.random.default_rng(1).normal(size=(30, 3))
    model = Classifier(**QUICK).fit(Frame(rows, ["a", "b", "c"]), rows[:, 0] > 0)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.feature_names_in_.dtype == object
    answers = model.predict(Frame(rows, ["a", "b", "c"]))
    with pytest.raises(
        ValueError, match=r"should match those that were passed during fit.\nFeature names must be in the"
    ):
        model.predict(Frame(rows, ["b", "a", "c"]))
    with pytest.raises(
        DataError, match="unseen at fit time:\n- d\nFeature names seen at fit time, yet now missing:\n- b"
    ):
        model.predict_proba(Frame(rows, ["a", "d", "c"]))
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Classifier was fitted with"):
        np.testing.assert_array_equal(model.predict(rows), answers)
    model.fit(rows, rows[:, 0] > 0)
    assert not hasattr(model, "feature_names_in_")
    with pytest.warns(UserWarning, match="X has feature names, but Classifier was fitted without"):
        model.predict(Frame(rows, ["a", "b", "c"]))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.ones((4, 2)) * 1j, "Complex data not supported"),
        ([[1.0, 2j]] * 4, "complex data not supported"),
        ([np.ones((3, 2)) * 1j] * 4, "cannot be read"),
        ([[1.0, "3"]] * 4, "there is text among them"),
        (np.array([[1.0, "3"]] * 4, dtype=object), "there is text among them"),
        (np.zeros((4, 0)), "0 feature"),
        (np.zeros((1, 2)), "n_samples=1"),
    ],
)
@pytest.mark.parametrize("kind", FIT)
def test_what_would_be_read_wrongly_is_refused(kind, rows, said):
    with pytest.raises(DataError, match=said):
        kind(**QUICK).fit(rows, [0, 1, 0, 1][: len(rows)])


def test_answers_that_would_be_read_wrongly_are_refused():
    rows = np.random.default_rng(1).normal(size=(30, 3))
    model = Regressor(**QUICK).fit(rows, rows[:, 0])
    for y, said in (
        (rows[:, 0] * 1j, "complex"),
        (np.full(30, np.nan), "missing"),
        ([1.0], "the answers are"),
        (3, "a single"),
    ):
        with pytest.raises(DataError, match=said):
            model.score(rows, y)
    with pytest.raises(DataError, match="complex"):
        model.predict(rows * 1j)
    with pytest.raises(DataError, match="complex"):
        Forecaster(**FORECASTS).fit(draw_values(40) * 1j)


def test_a_forecaster_is_validated_on_later_steps_or_on_other_series():
    scores = cross_val_score(Forecaster(**FORECASTS), draw_values(90), cv=TimeSeriesSplit(2))
    assert np.isfinite(scores).all()
    series = [draw_values(30 + count, count) for count in range(4)]
    found = GridSearchCV(Forecaster(**FORECASTS), {"hidden": [3, 5]}, cv=KFold(2)).fit(series)
    assert found.predict(series).shape == (4, 2)
    assert pickle.loads(pickle.dumps(found)).best_params_ == found.best_params_


def test_a_tagger_is_validated():
    words, tags = zip(*make_sentences(24), strict=True)
    scores = cross_val_score(Tagger(hidden=5, letters=False, epochs=1), words, tags, cv=2)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_probabilities_of_examples_that_were_left_out():
    rows = np.random.default_rng(1).normal(size=(40, 3))
    y = np.where(rows[:, 0] > 0, "yes", "no")
    found = cross_val_predict(Classifier(**QUICK), rows, y, cv=2, method="predict_proba")
    assert found.shape == (40, 2)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
