"""Use the tagger as scikit-learn would."""

import numpy as np
import pytest
from sklearn.base import clone

from elman.errors import ConfigError, DataError
from elman.tasks import Tagger, tag
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
    with pytest.raises(DataError, match="sentence 1 has 1 words and 2 tags"):
        Tagger().fit([["so"]], [["A", "B"]])
    with pytest.raises(DataError, match="There are no sentences"):
        Tagger().fit([], [])
    with pytest.raises(DataError, match="There are 2 sentences and tags for 1"):
        Tagger().fit([["so"], ["no"]], [["A"]])
