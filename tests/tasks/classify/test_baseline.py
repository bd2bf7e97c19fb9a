"""The model without recurrence: its bags and weights are scikit-learn's, and what it cannot know it does not know."""

import random

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from elman.data.dataset import Columns, Example
from elman.encoders.settings import InputSettings
from elman.encoders.targets import Targets
from elman.encoders.words import learn_words
from elman.tasks import classify
from elman.tasks.classify.baseline import linear as module
from elman.tasks.classify.baseline.bags import BagReader, Bags, LinearOnBags, _Sum
from elman.tasks.classify.baseline.frame_summaries import SummaryReader
from elman.tasks.classify.baseline.linear import train_baseline
from elman.tasks.classify.scoring import score_outputs
from elman.tasks.inspection import inspect_trained
from few_examples import encoded

TEXT, SERIES = Columns({"text": "text"}), Columns({"x": "series"})
CLASSES = Targets("category", ("a", "b", "c"))


def some_texts(count: int, seed: int, letters: str = "abcdefg"):
    """Make texts whose class is the most frequent of three letters."""
    drawn = random.Random(seed)
    texts = ["".join(drawn.choices(letters, k=drawn.randint(5, 23))) for _ in range(count)]
    answers = [max("abc", key=text.count) for text in texts]
    return texts, answers, encoded(texts, answers, CLASSES, TEXT)


def some_frames(count: int, seed: int, steps: int = 11):
    """Make frames whose class is the one of two numbers that varies more, and a third class where they go together."""
    drawn = np.random.default_rng(seed)
    answers = drawn.integers(3, size=count)
    scales = np.array([[3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [0.2, 0.2, 2.0]])[answers]
    values = [
        (drawn.normal(size=(drawn.integers(2, steps + 1) if steps > 1 else 1, 3)) * scale).astype(np.float32)
        for scale in scales
    ]
    names = [CLASSES.classes[k] for k in answers]
    return values, names, encoded(values, names, CLASSES, SERIES)


def test_bags_are_those_of_scikit_learn():
    texts, _, examples = some_texts(53, 1)
    asked, _, others = some_texts(31, 2, letters="abcdefgxyz")
    theirs = TfidfVectorizer(analyzer="char", sublinear_tf=True).fit(texts)
    reader = BagReader.learn(examples, range(53), most=100)
    for strings, part in ((texts, examples), (asked, others)):
        bags = reader.read(part, range(len(part)))
        dense = torch.zeros(len(part), len(reader))
        rows = torch.searchsorted(bags.starts, torch.arange(len(bags.units)), right=True) - 1
        dense[rows, bags.units] = bags.weights
        np.testing.assert_allclose(dense.numpy(), theirs.transform(strings).toarray(), atol=1e-6)


def test_a_unit_at_a_place_is_one_more_unit():
    def at_places(text):
        return [*text, *(f"{letter}{place}" for place, letter in enumerate(text[:5]))]

    drawn = random.Random(1)
    texts = ["".join(drawn.choices("abcdefg", k=5)) for _ in range(53)]
    others = ["".join(drawn.choices("abcdefgxyz", k=drawn.randint(1, 9))) for _ in range(31)]
    theirs = TfidfVectorizer(analyzer=at_places, sublinear_tf=True).fit(texts)
    examples = encoded(texts, ["a"] * 53, CLASSES, TEXT)
    reader = BagReader.learn(examples, range(53), most=1000, places=5)
    plain, _ = reader.state()
    assert plain == {"places": 5, "units": ord("g") + 1}
    named = [*"abcdefg", *(f"{letter}{place}" for place in range(5) for letter in "abcdefg")]
    order = [theirs.vocabulary_[name] for name in named if name in theirs.vocabulary_]
    for strings in (texts, others):
        bags = reader.read(encoded(strings, ["a"] * len(strings), CLASSES, TEXT), range(len(strings)))
        dense = torch.zeros(len(strings), len(reader))
        rows = torch.searchsorted(bags.starts, torch.arange(len(bags.units)), right=True) - 1
        dense[rows, bags.units] = bags.weights
        np.testing.assert_allclose(dense.numpy(), theirs.transform(strings).toarray()[:, order], atol=1e-6)


@pytest.mark.parametrize(("unit", "sizes"), [("word", (3, 4, 5)), ("character", (2, 3, 4))])
def test_ngrams_are_those_of_scikit_learn(unit, sizes):
    """Which column an n-gram has is up to the hash, so products of bags are compared."""

    def units_of(text):
        return text.split() if unit == "word" else list(text)

    def ngrams_of(text):
        parts = [f"<{part}>" for part in (text.split() if unit == "word" else [text])]
        return [part[at : at + n] for part in parts for n in sizes for at in range(len(part) - n + 1)]

    drawn = random.Random(3)
    texts, others = (
        [" ".join("".join(drawn.choices(letters, k=drawn.randint(1, 7))) for _ in range(5)) for _ in range(count)]
        for letters, count in (("abc", 53), ("abcz", 31))
    )
    encoder = learn_words(TEXT, [Example({"text": text}, None, "") for text in texts], InputSettings(unit=unit))
    ours, theirs = [], 0.0
    reader = None
    for strings in (texts, others):
        steps = [encoder.encode(Example({"text": text}, None, "")) for text in strings]
        examples = encoded(steps, ["a"] * len(steps), CLASSES, TEXT)
        reader = reader or BagReader.learn(examples, range(53), most=9999, ngrams=encoder.ngrams)
        bags = reader.read(examples, range(len(steps)))
        ours.append(torch.zeros(len(steps), len(reader)))
        rows = torch.searchsorted(bags.starts, torch.arange(len(bags.units)), right=True) - 1
        ours[-1][rows, bags.units] = bags.weights
    for analyzer in (units_of, ngrams_of):
        vectorizer = TfidfVectorizer(analyzer=analyzer, sublinear_tf=True).fit(texts)
        theirs = theirs + (vectorizer.transform(others) @ vectorizer.transform(texts).T).toarray() / 2
    np.testing.assert_allclose((ours[1] @ ours[0].T).numpy(), theirs, atol=1e-6)


def test_ngrams_are_left_out_where_they_do_not_fit(monkeypatch):
    monkeypatch.setattr(module, "_MOST_STEPS", 1009)
    training = some_texts(31, 1)[2]
    what = [train_baseline(training, training, CLASSES, units="letters", ngrams="units").what]
    monkeypatch.setattr(module, "_MOST_STEPS", 10_007)
    what += [train_baseline(training, training, CLASSES, units="letters", ngrams="units").what]
    assert what == ["a bag of letters", "a bag of letters with n-grams"]


def test_the_most_frequent_units_are_kept():
    texts = ["abc", "ab", "abd", "a"]
    reader = BagReader.learn(encoded(texts, ["a"] * 4, CLASSES, TEXT), range(4), most=2)
    bags = reader.read(encoded(["cdab", "cd"], ["a", "a"], CLASSES, TEXT), [0, 1])
    assert (len(reader), bags.units.tolist(), bags.starts.tolist()) == (2, [0, 1], [0, 2])


def test_the_gradient_of_bags_is_that_of_a_matrix():
    torch.set_default_dtype(torch.float64)
    reader = BagReader.learn(some_texts(53, 1)[2], range(53), most=100)
    examples = some_texts(31, 2, letters="abcxyz")[2]
    bags = reader.read(examples, range(31))
    bags = Bags(bags.units, bags.weights.double(), bags.starts)
    layer = LinearOnBags(len(reader), 5)
    with torch.no_grad():
        layer.weight.normal_()
    torch.autograd.gradcheck(lambda weight: _Sum.apply(weight, bags, bags.turned(len(reader))), (layer.weight,))
    dense = torch.zeros(31, len(reader))
    for unit, column in enumerate(torch.eye(len(reader))):
        layer_of_one = LinearOnBags(len(reader), 1)
        with torch.no_grad():
            layer_of_one.weight.copy_(column[:, None])
            dense[:, unit] = layer_of_one(bags)[:, 0]
    torch.testing.assert_close(layer(bags, bags.turned(len(reader))), dense @ layer.weight + layer.bias)


def test_the_weights_are_those_of_logistic_regression(monkeypatch):
    monkeypatch.setattr(module, "_PENALTIES", (0.3,))
    monkeypatch.setattr(module, "_SETTLED", 1e-7)
    texts, answers, training = some_texts(211, 1)
    asked, _, validation = some_texts(53, 2)
    ours = train_baseline(training, validation, CLASSES, units="letters")
    vectorizer = TfidfVectorizer(analyzer="char", sublinear_tf=True)
    theirs = LogisticRegression(C=1 / 0.3, tol=1e-8).fit(vectorizer.fit_transform(texts), answers)
    probabilities = CLASSES.probabilities(ours.outputs(validation))
    np.testing.assert_allclose(probabilities, theirs.predict_proba(vectorizer.transform(asked)), atol=2e-3)
    assert (ours.what, ours.parameters, ours.examples, ours.finished) == ("a bag of letters", 7 * 3 + 3, 211, True)


def test_a_bag_does_not_know_the_order_of_its_units():
    texts, answers, training = some_texts(101, 1)
    ours = train_baseline(training, training, CLASSES, units="letters")
    assert not ours.reads_order
    turned = encoded([text[::-1] for text in texts], answers, CLASSES, TEXT)
    assert torch.equal(ours.outputs(turned), ours.outputs(training))


def test_the_penalty_that_validates_best_is_chosen(monkeypatch):
    training, validation = some_texts(101, 1)[2], some_texts(101, 2)[2]
    qualities = []
    for penalties in ((1000.0,), (0.1,), (0.1, 1000.0)):
        monkeypatch.setattr(module, "_PENALTIES", penalties)
        outputs = train_baseline(training, validation, CLASSES, units="letters").outputs(validation)
        qualities.append(score_outputs(CLASSES, outputs, validation.targets).quality)
    assert qualities[0] < qualities[1] == qualities[2]


@pytest.mark.parametrize("units", ["letters", None])
def test_a_fold_learns_from_all_of_its_examples_and_never_hears_what_scores_it(units, monkeypatch):
    monkeypatch.setattr(module, "_EPOCHS", 23)
    monkeypatch.setattr(module, "_PENALTIES", (1000.0, 0.1))
    draw, columns = (some_texts, TEXT) if units else (some_frames, SERIES)
    values, answers, training = draw(101, 1)
    scored, right, fold = draw(53, 2)
    drawn = random.Random(3)
    shuffled = encoded(scored, drawn.sample(right, len(right)), CLASSES, columns)
    theirs = [train_baseline(training, one, CLASSES, units=units).outputs(fold) for one in (fold, shuffled)]
    assert not torch.equal(*theirs), "what scores it would choose otherwise"
    within = list(range(71)), list(range(71, 101))
    found = [train_baseline(training, one, CLASSES, units=units, within=within) for one in (fold, shuffled)]
    outputs = [one.outputs(fold) for one in found]
    assert torch.equal(*outputs)
    assert [one.examples for one in found] == [101, 101]
    few, judges = (encoded(values[part], answers[part], CLASSES, columns) for part in (slice(71), slice(71, 101)))
    assert not torch.equal(train_baseline(few, judges, CLASSES, units=units).outputs(fold), outputs[0])
    if units:
        monkeypatch.setattr(module, "_PENALTIES", (0.1,))
        assert torch.equal(train_baseline(training, fold, CLASSES, units=units).outputs(fold), outputs[0])


def test_frames_are_summarised_and_scaled():
    values, _, examples = some_frames(53, 1)
    found = SummaryReader.learn(examples, range(53)).read(examples, range(53))
    raw = np.array(
        [np.concatenate([f(v, axis=0) for f in (np.mean, np.std, np.min, np.max)] + [v[0], v[-1]]) for v in values]
    )
    np.testing.assert_allclose(found.numpy(), (raw - raw.mean(0)) / raw.std(0), atol=1e-5)


def test_examples_of_as_many_steps_are_read_whole():
    values = list(np.random.default_rng(3).normal(size=(53, 5, 3)).astype(np.float32))
    examples = encoded(values, ["a", "b", "c"] * 17 + ["a", "b"], CLASSES, SERIES)
    reader = SummaryReader.learn(examples, range(53))
    raw = np.stack(values).reshape(53, 15)
    np.testing.assert_allclose(reader.read(examples, range(53)).numpy(), (raw - raw.mean(0)) / raw.std(0), atol=1e-5)
    others = encoded([np.ones((2, 3), np.float32), np.ones((7, 3), np.float32)], ["a", "b"], CLASSES, SERIES)
    short, long = reader.read(others, [0, 1]).numpy()
    np.testing.assert_allclose(long, (1 - raw.mean(0)) / raw.std(0), atol=1e-5)
    np.testing.assert_allclose(short, (np.repeat([1, 0], [6, 9]) - raw.mean(0)) / raw.std(0), atol=1e-5)


def test_a_network_that_reads_all_steps_knows_their_order(monkeypatch):
    monkeypatch.setattr(module, "_EPOCHS", 60)

    def some(count):
        values = np.random.default_rng(count).normal(size=(count, 7, 1)).astype(np.float32)
        return encoded(list(values), ["a" if v[2] > v[4] else "b" for v in values[:, :, 0]], CLASSES, SERIES)

    ours = train_baseline(some(401), some(101), CLASSES, units=None)
    assert (ours.what, ours.reads_order) == ("a feed-forward network on all 7 steps at once", True)
    assert ours.parameters == (7 + 1) * 64 + 65 * 3
    test = some(211)
    assert score_outputs(CLASSES, ours.outputs(test), test.targets).quality > 0.9


def test_a_number_that_never_varies_is_ignored():
    values = [np.array([[5.0, number]], np.float32) for number in (1, 2, 3)]
    examples = encoded(values, ["a", "b", "c"], CLASSES, SERIES)
    reader = SummaryReader.learn(examples, range(3))
    assert len(reader) == 2
    other = encoded([np.array([[7.0, 2.0]], np.float32)], ["a"], CLASSES, SERIES)
    assert reader.read(other, [0]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("steps", [11, 1])
def test_a_network_reads_frames(steps, monkeypatch):
    monkeypatch.setattr(module, "_EPOCHS", 60)
    training, validation, test = (some_frames(count, count, steps)[2] for count in (401, 101, 211))
    ours = train_baseline(training, validation, CLASSES, units=None)
    accuracy = score_outputs(CLASSES, ours.outputs(test), test.targets).quality
    inputs = 3 if steps == 1 else 18
    assert accuracy > (0.6 if steps == 1 else 0.85)
    assert ours.parameters == (inputs + 1) * 64 + 65 * 3
    assert ours.what == "a feed-forward network" + (" on mean, deviation, extremes and ends" if steps > 1 else "")


@pytest.mark.parametrize("units", ["letters", None])
def test_the_same_seed_gives_the_same_model_and_leaves_other_chance_alone(units, monkeypatch):
    monkeypatch.setattr(module, "_EPOCHS", 11)
    training, validation = ((some_texts if units else some_frames)(count, count)[2] for count in (53, 31))
    state = torch.get_rng_state()
    first, second = (train_baseline(training, validation, CLASSES, units=units, seed=7) for _ in range(2))
    assert torch.equal(first.outputs(validation), second.outputs(validation))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("units", ["letters", None])
def test_it_ends_when_its_time_is_over_and_still_answers(units):
    training = (some_texts if units else some_frames)(53, 1)[2]
    ours = train_baseline(training, training, CLASSES, units=units, seconds=0.0)
    assert not ours.finished
    assert ours.what.endswith(" (cut short)")
    assert ours.outputs(training).shape == (53, 3)


@pytest.mark.parametrize("units", ["letters", None])
def test_it_learns_from_as_many_examples_as_fit_in_memory(units, monkeypatch):
    monkeypatch.setattr(module, "_EPOCHS", 11)
    monkeypatch.setattr(module, "_MOST_STEPS", 307)
    monkeypatch.setattr(module, "_MOST_NUMBERS", 307)
    training = (some_texts if units else some_frames)(101, 1)[2]
    ours = train_baseline(training, training, CLASSES, units=units)
    assert ours.examples < 40
    assert ours.outputs(training).shape == (101, 3)


@pytest.mark.parametrize("units", ["letters", None])
def test_labels_and_numbers_are_learnt_too(units, monkeypatch):
    monkeypatch.setattr(module, "_EPOCHS", 40)
    inputs, _, _ = (some_texts if units else some_frames)(211, 1)
    columns = TEXT if units else SERIES
    amounts = [one.count("a") / len(one) if units else float(np.abs(one[:, 0]).mean()) for one in inputs]
    numbers = Targets.learn("number", amounts)
    examples = encoded(inputs, amounts, numbers, columns)
    outputs = train_baseline(examples, examples, numbers, units=units).outputs(examples)
    assert score_outputs(numbers, outputs, examples.targets).r2 > 0.7
    middle = sorted(amounts)[105]
    answers = [("many", "some") if amount > middle else ("some",) * (amount > 0.05) for amount in amounts]
    labels = Targets.learn("labels", answers)
    examples = encoded(inputs, answers, labels, columns)
    outputs = train_baseline(examples, examples, labels, units=units).outputs(examples)
    assert score_outputs(labels, outputs, examples.targets).quality > 0.9


def test_data_whose_places_decide_need_order_though_the_network_has_learnt_nothing(tmp_path):
    drawn = random.Random(5)
    for name, at in (("early", 3), ("late", 17)):
        rows = [drawn.choices("ACGT", k=29) for _ in range(101)]
        texts = ["".join([*row[:at], *"TATAAT", *row[at + 6 :]]) for row in rows]
        (tmp_path / f"{name}.fa").write_text("".join(f">{name}{i}\n{text}\n" for i, text in enumerate(texts)))
    model = classify.train(tmp_path, hidden=3, epochs=1, learning_rate=1e-6, folds=1, quiet=True)
    assert model.metrics["baseline"]["what"].endswith("and their places")
    assert model.metrics["order_needed"] is True
    assert model.metrics["verdict"].startswith("Order matters, and the model makes no clear use of it: ")
    assert "these data do not need it" not in inspect_trained(model, [tmp_path], "a model", explain=False).flow.line
