"""Faults to plant in what puts words in order."""

from faults.fault import Fault

JUMBLE = "tests/tasks/translate/test_jumble.py"
REORDER = "tests/tasks/generate/test_reorder.py"

BAG_FAULTS = (
    Fault(
        "equal units of a bag are two candidates",
        "tasks/translate/ordering.py",
        "(equal & (places < places[:, None])).any(2)",
        "(equal & (places < 0)).any(2)",
        tests=JUMBLE,
        only="add_up_to_one",
    ),
    Fault(
        "a unit that is written stays among those that are left",
        "tasks/translate/ordering.py",
        "before = hits.cumsum(1) - hits",
        "before = 0 * hits",
        tests=JUMBLE,
        only="counted_as_in_plain_python",
    ),
    Fault(
        "an order is ranked among all units of a bag, the written ones too",
        "tasks/translate/reorder.py",
        "masked_fill(~may_follow, -torch.inf)",
        "masked_fill(~may_follow, -9.0)",
        tests=JUMBLE,
        only="wide_beam",
    ),
    Fault(
        "the order in which words are given reaches the model",
        "tasks/translate/reorder.py",
        "torch.tensor(sorted(bags[i]), dtype=torch.int32)",
        "torch.tensor(bags[i], dtype=torch.int32)",
        tests=JUMBLE,
        only="however_they_are_given",
    ),
    Fault(
        "the words of a sentence are not jumbled",
        "tasks/translate/jumble.py",
        "chance.shuffle(words)",
        "chance.random()",
        tests=JUMBLE,
        only="jumbled_after_the_split",
    ),
    Fault(
        "sources of other lengths are finished with the wrong words",
        "decoding/bags.py",
        "self._written[self._sources == source][0]",
        "self._written[0]",
        tests=JUMBLE,
        only="wide_beam",
    ),
    Fault(
        "a beginning is continued in the state of another",
        "decoding/bags.py",
        "(rows + parent).flatten()",
        "(rows + 0 * parent).flatten()",
        tests=REORDER,
        only="plain_python",
    ),
    Fault(
        "a word can be placed twice",
        "decoding/bags.py",
        "masked_fill(self._left == 0, -torch.inf)",
        "masked_fill(self._left < 0, -torch.inf)",
        tests=REORDER,
        only="wide_as_all",
    ),
    Fault(
        "the end of the sentence is left out of its probability",
        "decoding/bags.py",
        "(self._score + ends)[over]",
        "(self._score + 0 * ends)[over]",
        tests=REORDER,
        only="wide_as_all",
    ),
    Fault(
        "the word that is placed still counts as one to come",
        "decoding/bags.py",
        "sum_in_order(self._left * outlook, 2)[..., None] - outlook",
        "sum_in_order(self._left * outlook, 2)[..., None]",
        tests=REORDER,
        only="plain_python",
    ),
)
