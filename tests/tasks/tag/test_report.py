"""What is said of sentences before they are learnt from names a few and counts the rest."""

from elman.encoders.lengths import Lengths
from elman.tasks.tag.report import TagReport

FIVE = "A (1), B (1), C (1), D (1), E (1)"


def test_rare_and_unseen_tags_are_named_and_the_rest_counted():
    few = dict.fromkeys("ABCDEFG", 1)
    report = TagReport(3, 2, 7, "words", Lengths(1, 2, 3, 3), few, {}, None, few, 1, 7, 0, None, 0)
    assert report.lines()[3:] == [
        f"few words to learn from: {FIVE} and 2 more",
        f"in the validation sentences alone: {FIVE} and 2 more; no model can predict them",
    ]
