"""Scores of captions: the numbers of a public implementation, and what must not change a score."""

import pytest

from elman.errors import DataError
from elman.scores import captions
from elman.scores.captions import score_captions
from elman.scores.cider import score_cider

WRITTEN = [
    "a dog runs on the grass",
    "two birds",
    "a man rides a red bike down a steep hill",
    "dog dog dog swims",
    "children",
]
REFERENCES = [
    ["a brown dog runs over the grass", "the dog is running on green grass", "a dog on grass"],
    ["two birds sit on a wire", "two small birds", "birds"],
    ["a man on a red bike rides down a hill", "a cyclist in red rides a bike down a steep hill"],
    ["a dog swims", "the dog is in the water", "a wet dog"],
    ["children play in the park", "a group of children"],
]
# Of pycocoevalcap 1.2 on the same captions, which have a different number of references and one of a single word.
CIDER = [1.99362339, 2.03905694, 4.34576399, 1.00219293, 1.19629041]
BLEU = [0.83700243438527, 0.7444172278945105, 0.5255330292982521, 0.39438297197491806]


def test_cider_has_the_numbers_of_a_public_implementation():
    assert score_cider(WRITTEN, REFERENCES) == pytest.approx([100 * score for score in CIDER], rel=1e-7)


def test_bleu_of_each_order_has_the_numbers_of_a_public_implementation():
    found = score_captions(WRITTEN, REFERENCES)
    assert found.bleu == pytest.approx([100 * score for score in BLEU], rel=1e-6)
    assert found.cider == pytest.approx(211.5385532799178, rel=1e-7)
    assert found.interval[0] < found.cider < found.interval[1]
    assert found.bleu_interval[0] < found.bleu[-1] < found.bleu_interval[1]
    assert (found.count, found.distinct) == (5, 5)


def test_repeating_what_is_right_and_saying_more_does_not_pay():
    references = [["a wet dog swims"], *REFERENCES[1:]]
    right, *_ = score_cider(["a wet dog swims", *WRITTEN[1:]], references)
    assert right == pytest.approx(1000)
    for worse in ("a wet dog swims swims swims", "a wet dog swims in the deep cold water of the lake at night"):
        assert score_cider([worse, *WRITTEN[1:]], references)[0] < 0.9 * right


def test_without_sacrebleu_cider_is_all_there_is(monkeypatch):
    monkeypatch.setattr(captions, "has_sacrebleu", lambda: False)
    found = score_captions(WRITTEN, REFERENCES)
    assert (found.bleu, found.bleu_interval) == (None, None)
    assert found.said() == "CIDEr-D 211.5"
    assert found.to_dict()["bleu"] is None


@pytest.mark.parametrize(("texts", "references"), [([], []), (["a"], []), (["a"], [[]])])
def test_scores_need_a_caption_and_a_reference_of_each_picture(texts, references):
    with pytest.raises(DataError, match=r"pictures?\b"):
        score_captions(texts, references)
