"""Use the tagger as scikit-learn would."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from elman.errors import ConfigError, DataError
from elman.tasks import Tagger, tag
from elman.tasks.tag.model import as_sentences
from taggable import make_chunks, make_sentences

SMALL = {"hidden": 11, "letter_hidden": 5, "batch": 8, "epochs": 16, "learning_rate": 0.02, "dropout": 0.1}


def test_a_tagger_fits_predicts_scores_and_is_saved(tmp_path):
    words, tags = zip(*make_sentences(60), strict=True)
    model = Tagger(**SMALL, input_dropout=0.0)
    assert model.fit(words, tags) is model
    assert model.predict(words[:3]) == list(tags[:3])
    assert model.score(words, tags) == 1.0
    assert model.classes_ == ["ADJ", "DET", "NOUN", "VERB"]
    model.save(tmp_path / "m")
    assert tag.load(tmp_path / "m").predict(words[:3]) == list(tags[:3])


def test_labels_are_learnt_with_tags_and_chunks_are_scored():
    words, tags, labels = zip(*make_chunks(60), strict=True)
    model = Tagger(**SMALL, input_dropout=0.0).fit(words, tags, labels)
    assert model.predict_labels(words[:5]) == list(labels[:5])
    assert model.score(words, tags) > 0.9


def test_it_is_cloned_with_its_parameters():
    model = Tagger(hidden=np.int64(7), crf=True)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert "crf=True" in repr(copy)
    assert copy.set_params(hidden=5).hidden == 5


def test_what_cannot_be_learnt_is_refused():
    with pytest.raises(ConfigError, match="has learnt nothing yet"):
        Tagger().predict([["so"]])
    with pytest.raises(DataError, match="sentence 1 has 1 word and 2 tags"):
        Tagger().fit([["so"]], [["A", "B"]])
    with pytest.raises(DataError, match="There are no sentences"):
        Tagger().fit([], [])
    with pytest.raises(DataError, match="There are 2 sentences and tags for 1"):
        Tagger().fit([["so"], ["no"]], [["A"]])


GIVEN = {
    "a text": ("so good", "sentences is one text, 'so good'"),
    "bytes": (b"so", "sentences is bytes"),
    "a mapping": ({"words": ["so"]}, "sentences is a mapping with the keys words"),
    "a path": (Path("a.conllu"), "sentences is the path 'a.conllu'"),
    "a set": ({("so",)}, "sentences is a set"),
    "texts": (["so good", "no"], "sentence 1 is one text, 'so good'"),
    "an array of texts": (np.array(["so good", "no"]), "sentence 1 is one text, 'so good'"),
    "a column of texts": (np.array([["so good"], ["no"]]), "sentence 1 is one word with spaces, 'so good'"),
    "a mapping as sentence": ([{"so": 1}], "sentence 1 is a mapping"),
    "bytes as words": ([[b"so"]], "sentence 1 is not a list of words"),
    "numbers": ([[1, 2]], "sentence 1 is not a list of words"),
}


@pytest.mark.parametrize("form", GIVEN)
def test_what_is_no_list_of_sentences_is_refused(form):
    given, said = GIVEN[form]
    with pytest.raises(DataError) as error:
        as_sentences(given)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        [["so", "good"], ["no"]],
        (("so", "good"), ("no",)),
        (words for words in (["so", "good"], ["no"])),
        [np.array(["so", "good"]), np.array(["no"])],
        [(word for word in ("so", "good")), ["no"]],
        np.array([["so", "good"], ["no"]], dtype=object),
    ],
)
def test_sequences_of_sequences_of_words_are_sentences(given):
    assert [sentence.words for sentence in as_sentences(given)] == [("so", "good"), ("no",)]


@pytest.mark.parametrize(
    ("tags", "labels", "said"),
    [
        (["RB"], None, "The tags of sentence 1 is one text, 'RB'"),
        ("R", None, "tags is one text"),
        ([["RB", "JJ"]], "xy", "labels is one text"),
        ([["RB", "JJ"]], [["x"]], "The label of sentence 1 is list"),
        ([[None, "JJ"]], None, "The tags of sentence 1 are not texts"),
    ],
)
def test_tags_and_labels_that_are_no_lists_are_refused(tags, labels, said):
    with pytest.raises(DataError, match=said):
        as_sentences([["so", "good"]], tags, labels)


def test_labels_in_one_column_are_labels():
    sentences = as_sentences([["so"], ["no"]], None, np.array([["x"], ["y"]]))
    assert [sentence.label for sentence in sentences] == ["x", "y"]


def test_only_tagged_sentences_are_scored(tmp_path):
    words, tags = zip(*make_sentences(20), strict=True)
    model = Tagger(**{**SMALL, "epochs": 1}).fit(words, tags).model_
    for given in ("a.conllu", Path("a.conllu"), [["so", "good"]], {"a": 1}, []):
        with pytest.raises(DataError, match="Give what open_tagged"):
            model.evaluate(given)
    overlap = model.evaluate(as_sentences(words, tags)).overlap
    assert overlap.count == 20
    assert overlap.estimate >= 16
