"""Each example of a memory problem, read by a plain loop that knows only what the problem's source says."""

import math

import pytest
import torch

from elman.errors import ConfigError
from elman.tasks.probe.problems import PROBLEMS
from elman.tasks.probe.settings import TASKS

COUNT = 37


def drawn(task: str, length: int, count: int = COUNT, seed: int = 5):
    return PROBLEMS[task].draw(length, count, torch.Generator().manual_seed(seed))


def symbols(examples) -> list[list[int]]:
    """Return the symbols of each example, and insist that every step has exactly one."""
    inputs = examples.inputs
    assert ((inputs == 0) | (inputs == 1)).all()
    assert (inputs.sum(2) == 1).all()
    return inputs.argmax(2).T.tolist()


@pytest.mark.parametrize("length", [2, 3, 7, 53])
def test_adding_marks_one_number_in_each_half_and_asks_for_their_sum(length):
    examples = drawn("adding", length)
    assert examples.inputs.shape == (length, COUNT, 2)
    for n in range(COUNT):
        marked = [t for t in range(length) if examples.inputs[t, n, 1] == 1]
        assert len(marked) == 2
        assert marked[0] < length // 2 <= marked[1]
        assert (examples.inputs[:, n, 1].sum()) == 2
        assert examples.answers[0, n] == sum(examples.inputs[t, n, 0] for t in marked)
    assert ((examples.inputs[..., 0] >= 0) & (examples.inputs[..., 0] < 1)).all()


@pytest.mark.parametrize("length", [1, 5, 31])
def test_copy_asks_for_the_first_ten_letters_after_so_many_blanks(length):
    examples = drawn("copy", length)
    assert examples.inputs.shape == (length + 20, COUNT, 10)
    for n, read in enumerate(symbols(examples)):
        assert read == [*examples.answers[:, n].tolist(), *[8] * (length - 1), 9, *[8] * 10]
        assert all(letter < 8 for letter in read[:10])


@pytest.mark.parametrize("length", [10, 11, 47, 101])
def test_order_asks_which_two_signs_came_and_in_which_order(length):
    examples = drawn("order", length)
    for n, read in enumerate(symbols(examples)):
        places = [t for t, symbol in enumerate(read) if symbol < 2]
        assert len(places) == 2
        assert length // 10 <= places[0] < length // 5
        assert 2 * length // 5 <= places[1] < length // 2
        assert examples.answers[0, n] == [[0, 1], [2, 3]][read[places[0]]][read[places[1]]]


@pytest.mark.parametrize("length", [5, 6, 29])
def test_recall_asks_for_the_value_behind_the_key_that_comes_last(length):
    examples = drawn("recall", length)
    for n, read in enumerate(symbols(examples)):
        *before, asked = read
        places = [t for t, symbol in enumerate(before) if symbol < 4]
        assert len({before[t] for t in places}) == 2
        assert all(4 <= before[t + 1] < 8 for t in places)
        assert sum(symbol == 8 for symbol in before) == length - 5
        assert examples.answers[0, n] == before[before.index(asked) + 1] - 4


def test_recall_places_its_pairs_everywhere():
    firsts = {next(t for t, symbol in enumerate(read) if symbol < 4) for read in symbols(drawn("recall", 9, 500))}
    assert firsts == set(range(5))


@pytest.mark.parametrize("task", TASKS)
def test_guessing_has_the_documented_error(task):
    problem, count = PROBLEMS[task], 20_000
    answers = drawn(task, problem.shortest + 3, count).answers
    if problem.outputs == 1:
        error = problem.error(torch.ones(1, count, 1), answers)
    else:
        every = torch.full((problem.outputs,), 1 / problem.outputs)
        assert (answers.flatten().bincount() / answers.numel() - every).abs().max() < 0.01
        constant = torch.nn.functional.one_hot(torch.zeros_like(answers), problem.outputs).float()
        error = problem.error(constant, answers)
    assert error == pytest.approx(problem.guess, rel=0.03)
    assert problem.goal < problem.guess / 10


def test_errors_and_losses_are_those_of_the_textbook():
    numbers, wanted = torch.tensor([[[0.5], [1.5]]]), torch.tensor([[1.0, 1.25]])
    adding = PROBLEMS["adding"]
    assert adding.error(numbers, wanted) == adding.loss(numbers, wanted).item() == (0.25 + 0.0625) / 2
    scores, right = torch.tensor([[[1.0, 2.0, 0.0, 0.5]], [[3.0, 0.0, 0.0, 0.0]]]), torch.tensor([[1], [2]])
    order = PROBLEMS["order"]
    assert order.error(scores, right) == 0.5
    by_hand = [math.log(sum(map(math.exp, row[0]))) - row[0][k] for row, k in zip(scores.tolist(), (1, 2), strict=True)]
    assert order.loss(scores, right).item() == pytest.approx(sum(by_hand) / 2, rel=1e-6)


@pytest.mark.parametrize("length", [3, 4, 5, 6, 31])
def test_sentences_differ_only_in_their_first_word_which_tells_the_last(length):
    examples = drawn("sentence", length)
    assert examples.inputs.shape == (length, COUNT, 4 + 6)
    read = symbols(examples)
    assert [first for first, *_ in read] == examples.answers[0].tolist()
    assert len({tuple(rest) for _, *rest in read}) == 1
    assert set(examples.answers[0].tolist()) == {0, 1, 2, 3}
    assert (read[0][1], read[0][-1]) == (4, 9), "stay … at"
    assert min(read[0][1:]) >= 4, "no other word of the sentence may tell"


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_draws_the_same_and_another_does_not(task):
    one, same, other = (drawn(task, 23, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.inputs, same.inputs)
    assert torch.equal(one.answers, same.answers)
    assert not torch.equal(one.inputs, other.inputs)


@pytest.mark.parametrize("task", TASKS)
def test_a_length_without_room_is_refused(task):
    shortest = PROBLEMS[task].shortest
    assert drawn(task, shortest).answers.shape == (PROBLEMS[task].answers_due, COUNT)
    with pytest.raises(ConfigError, match=f"no room for {task}. Take {shortest} or more"):
        drawn(task, shortest - 1)
