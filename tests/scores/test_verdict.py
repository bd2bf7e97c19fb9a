"""Verdicts: a model that reads no order scores the same on shuffled steps; the sentences say what the figures say."""

import random

import pytest
import torch
from torch import nn

from elman.data.dataset import Columns
from elman.encoders.batches import answer
from elman.encoders.targets import Targets
from elman.scores.classes import ClassScores, NumberScores
from elman.scores.share import wilson_interval
from elman.scores.verdict import judge, needs_order
from elman.tasks.classify.scoring import score_outputs, shuffled_outputs
from few_examples import encoded

CLASSES = Targets("category", ("a", "b"))


class First(nn.Module):
    """Answer what the first step is."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, steps, lengths):
        return self.scale * torch.stack([(steps[0, :, 0] == ord(letter)).float() for letter in "ab"], dim=1)


class Sum(First):
    """Answer which there is more of."""

    def forward(self, steps, lengths):
        return self.scale * torch.stack([(steps[..., 0] == ord(letter)).float().sum(0) for letter in "ab"], dim=1)


def some_examples(count: int = 307):
    drawn = random.Random(1)
    texts = ["".join(drawn.choices("ab", k=drawn.choice((1, 5, 9)))) for _ in range(count)]
    return texts, encoded(texts, [text[0] for text in texts], CLASSES, Columns({"text": "text"}))


def score_shuffled(module, examples, **options):
    found = shuffled_outputs(module, examples, **options)
    return [score_outputs(CLASSES, outputs, examples.targets) for outputs in found]


def test_a_model_that_reads_the_first_step_is_right_as_often_as_a_drawn_step_is():
    texts, examples = some_examples()
    found = score_shuffled(First(), examples, shuffles=20)
    expected = sum(text.count(text[0]) / len(text) for text in texts) / len(texts)
    assert len(found) == 20
    assert len({one.quality for one in found}) > 5
    assert sum(one.quality for one in found) / 20 == pytest.approx(expected, abs=0.02)


def test_a_model_that_reads_no_order_scores_the_same_on_shuffled_steps():
    _, examples = some_examples()
    module = Sum()
    in_order = score_outputs(CLASSES, answer(module, examples), examples.targets)
    assert [one.confusion for one in score_shuffled(module, examples)] == [in_order.confusion] * 3


def test_the_same_seed_gives_the_same_orders():
    _, examples = some_examples()
    first, second, other = (score_shuffled(First(), examples, seed=seed) for seed in (3, 3, 4))
    assert first == second != other


def right(share: float, count: int = 1000) -> ClassScores:
    half = count // 2
    hits = round(share * half)
    return ClassScores(("no", "yes"), ((hits, half - hits), (half - hits, hits)), 0.5)


SHUFFLED = "with the steps shuffled."


@pytest.mark.parametrize(
    ("ours", "shuffled", "said"),
    [
        (right(0.82), [right(0.74), right(0.75)], f"Order matters: accuracy 82.0%, 74.5% {SHUFFLED}"),
        (right(0.82), [right(0.81)], f"Order makes no clear difference: accuracy 82.0%, 81.0% {SHUFFLED}"),
        (
            NumberScores(997, 3.0, 2.0, 0.7),
            [NumberScores(997, 3.5, 2.5, 0.6)],
            f"Order matters: RMSE 3, 3.5 {SHUFFLED}",
        ),
        (right(0.75), [right(0.82)], f"Order makes no clear difference: accuracy 75.0%, 82.0% {SHUFFLED}"),
        (
            right(0.52),
            [right(0.5)],
            f"Order makes no clear difference: accuracy 52.0%, 50.0% {SHUFFLED} Always answering no reaches 50.0%.",
        ),
        (
            right(0.53),
            [right(0.45)],
            (
                "The model reads the order (accuracy 53.0%, 45.0% with the steps shuffled), but that does not pay. "
                "Always answering no reaches 50.0%."
            ),
        ),
        (
            NumberScores(11, 3.0, 2.0, -0.1),
            [NumberScores(11, 3.5, 2.5, -0.2)],
            f"Order makes no clear difference: RMSE 3, 3.5 {SHUFFLED} Always answering the mean does as well.",
        ),
    ],
)
def test_the_order_of_steps_is_judged(ours, shuffled, said):
    assert judge(ours, 100, shuffled=shuffled) == said


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_what_is_equal_does_as_well_even_where_all_or_nothing_is_right(share):
    assert all(low <= share <= high for low, high in (wilson_interval(share, count) for count in range(1, 500)))


@pytest.mark.parametrize(
    ("share", "parameters", "said"),
    [
        (0.79, 25, "A bag of words reaches 79.0% with 1/4 of the parameters."),
        (0.83, 120, "A bag of words does about as well: 83.0% with about as many parameters."),
        (0.81, 70, "A bag of words does about as well: 81.0% with about as many parameters."),
        (0.90, 730, "A bag of words does better: 90.0% with 7 times the parameters."),
    ],
)
def test_the_model_without_recurrence_is_judged(share, parameters, said):
    other = {"other": right(share), "what": "a bag of words", "other_parameters": parameters}
    assert judge(right(0.82), 100, **other) == f"Accuracy 82.0%. {said}"
    both = judge(right(0.82), 100, shuffled=[right(0.7)], **other)
    if share < 0.8:
        assert both == f"Order matters: accuracy 82.0%, 70.0% {SHUFFLED} {said}"
    else:
        shuffled = "The model reads the order (accuracy 82.0%, 70.0% with the steps shuffled), but that does not pay."
        assert both == f"{shuffled} {said}"
    placed = judge(right(0.82), 100, shuffled=[right(0.7)], places=True, **other)
    assert placed == f"Order matters: accuracy 82.0%, 70.0% {SHUFFLED} {said}", "one that reads places reads the order"


def test_a_better_baseline_that_reads_places_shows_that_order_matters():
    """Where only places decide, a network that has learnt nothing scores the same on shuffled steps."""
    ours, shuffled, bag = right(0.583, 120), [right(0.517, 120)], right(1.0, 120)
    facts = {"other": bag, "what": "a bag of 4-mers and their places", "other_parameters": 25}
    assert judge(ours, 100, shuffled=shuffled, places=True, **facts).startswith(
        "Order matters, and the model makes no clear use of it: accuracy 58.3%, 51.7% with the steps shuffled. "
        "A bag of 4-mers and their places does better: 100.0% with 1/4 of the parameters."
    )
    assert needs_order(ours, shuffled=shuffled, other=bag, places=True) is True
    assert judge(ours, 100, shuffled=shuffled, **facts).startswith("Order makes no clear difference: ")
    nothing = [right(0.5)]
    assert needs_order(right(0.5), shuffled=nothing, other=right(0.9), places=True) is True, (
        "also at a constant's score"
    )


@pytest.mark.parametrize("share", [0.6, 0.81, 0.83])
def test_a_baseline_that_reads_places_and_is_not_clearly_better_shows_nothing(share):
    ours, shuffled, bag = right(0.81), [right(0.8)], right(share)
    assert needs_order(ours, shuffled=shuffled, other=bag, places=True) is False
    said = judge(ours, 100, shuffled=shuffled, other=bag, what="a bag", other_parameters=100, places=True)
    assert said.startswith("Order makes no clear difference: ")


@pytest.mark.parametrize(
    ("ours", "shuffled", "other", "needed"),
    [
        (right(0.52), [right(0.5)], None, None),
        (right(0.53), [right(0.45)], right(0.5), None),
        (NumberScores(11, 3.0, 2.0, -0.1), [NumberScores(11, 3.5, 2.5, -0.2)], None, None),
        (right(0.52), [right(0.5)], right(0.9), False),
        (right(0.82), [right(0.81)], None, False),
        (right(0.82), [right(0.7)], right(0.83), False),
        (right(0.82), [right(0.7)], right(0.75), True),
    ],
)
def test_a_network_that_learnt_nothing_does_not_know_whether_the_data_need_order(ours, shuffled, other, needed):
    assert needs_order(ours, shuffled=shuffled, other=other) is needed


@pytest.mark.parametrize(("share", "needed"), [(0.75, True), (0.81, None), (0.9, None)])
def test_a_constant_answer_may_have_scores_of_its_own(share, needed):
    assert needs_order(right(0.82), shuffled=[right(0.7)], constant=right(share)) is needed
    said = judge(right(0.82), 100, shuffled=[right(0.7)], constant=right(share))
    assert said.startswith("Order matters:") == (needed is True), "what is said is what is known"


@pytest.mark.parametrize(("share", "is_said"), [(0.6, True), (0.95, False)])
def test_a_baseline_that_was_cut_short_is_no_evidence_unless_it_is_better(share, is_said):
    targets = torch.tensor([0, 1] * 200)
    right = torch.nn.functional.one_hot(targets, 2).double()

    def score(share):
        wrong = torch.arange(len(targets)) >= share * len(targets)
        return score_outputs(CLASSES, torch.where(wrong[:, None], 1 - right, right), targets)

    for finished in (True, False):
        said = judge(score(0.8), 900, other=score(share), what="a network", other_parameters=900, finished=finished)
        assert ("says nothing of what it would reach" in said) == (is_said and not finished)
