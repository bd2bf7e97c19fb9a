"""Measures: units of any length compare by bits, and a model that goes on learning is measured before it learns."""

import copy
import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from elman import cells
from elman.errors import ConfigError, DataError
from elman.models.layers import Layers
from elman.tasks.generate.corpus import Corpus
from elman.tasks.generate.model import TrainedModel, build_module
from elman.tasks.generate.module import LanguageModel
from elman.tasks.generate.scores import Evaluation, dynamic_loss, mean_loss
from elman.vocabulary.vocabulary import learn_vocabulary

TEXT = "the cat sat on the mat, and the dog sat on the log; où est le chat?\n" * 3


def some_module(units: int = 7, **options) -> LanguageModel:
    torch.manual_seed(5)
    layers, own = Layers.take({"embedding": 5, "hidden": 11, "layers": 2, **options})
    module = LanguageModel(cells.lstm, units, layers, **own)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(3.0)
    return module.eval()


def some_model(unit: str, text: str = TEXT, classes: tuple[str, ...] = ()) -> TrainedModel:
    vocabulary = learn_vocabulary(text, unit)
    configuration = {"embedding": 5, "hidden": 11, "classes": list(classes), "given": "kind"}
    torch.manual_seed(5)
    module = build_module(cells.gru, len(vocabulary), configuration).eval()
    return TrainedModel(module=module, vocabulary=vocabulary, configuration=configuration, versions={})


def test_bits_are_those_of_the_whole_text_over_its_characters_and_bytes():
    found = Evaluation(loss=2.5, units=20, characters=70, bytes=80)
    assert found.bits_per_character == pytest.approx(2.5 * 20 / 70 / math.log(2))
    assert found.bits_per_byte == pytest.approx(2.5 * 20 / 80 / math.log(2))
    assert found.perplexity == pytest.approx(math.exp(2.5))


@pytest.mark.parametrize("unit", ["character", "word", "subword"])
def test_a_model_that_knows_nothing_needs_the_same_bits_in_every_unit(unit):
    model = some_model(unit)
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.zero_()
    found = model.evaluate(TEXT)
    numbers = model.vocabulary.encode(TEXT)
    first = {"character": 1, "word": 3, "subword": len(model.vocabulary.decode(numbers[:1].tolist()))}[unit]
    assert found.units == len(numbers) - 1
    assert found.characters == len(TEXT) - first
    assert found.bytes == len(TEXT.encode()) - first
    whole = found.units * math.log2(len(model.vocabulary))
    assert found.bits_per_byte == pytest.approx(whole / found.bytes, rel=1e-6)
    assert found.bits_per_character == pytest.approx(whole / found.characters, rel=1e-6)


def test_unknown_words_are_counted():
    model = some_model("word")
    assert model.evaluate("the cow sat on the cow\n").unknown == 2
    assert some_model("character").evaluate("the cat").unknown == 0


def test_dynamic_evaluation_predicts_before_it_learns():
    module, numbers = some_module(), torch.randint(7, (50,))
    found = dynamic_loss(module, numbers, rate=0.3)

    # The same by the definition: 20 steps are predicted, then learnt from; the state is carried, its gradient is not.
    learner, state, total = copy.deepcopy(module), None, 0.0
    for start in range(0, 49, 20):
        inputs, targets = numbers[start : start + 20][: 49 - start], numbers[start + 1 : start + 21]
        logits, state = learner(inputs[:, None], state)
        loss = cross_entropy(logits.squeeze(1), targets)
        total += float(loss.detach()) * len(targets)
        gradients = torch.autograd.grad(loss, list(learner.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(learner.parameters(), gradients, strict=True):
                parameter.sub_(0.3 * gradient)
        state = tuple(one.detach() for one in state)
    assert found == pytest.approx(total / 49, rel=1e-5)
    assert abs(found - mean_loss(module, numbers)) > 1e-3


def test_dynamic_evaluation_leaves_the_model_as_it_was():
    module = some_module(dropout=0.5)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    numbers = torch.randint(7, (50,))
    assert dynamic_loss(module, numbers, 0.3) == dynamic_loss(module, numbers, 0.3)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_slow_learner_is_measured_like_one_that_does_not_learn():
    module, numbers = some_module(), torch.randint(7, (50,))
    assert dynamic_loss(module, numbers, 1e-9) == pytest.approx(mean_loss(module, numbers), rel=1e-6)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ConfigError, match="dynamic is"):
        some_model("character").evaluate(TEXT, dynamic=rate)


def test_a_large_vocabulary_is_read_in_shorter_windows_with_the_same_result():
    module, numbers = some_module(), torch.randint(7, (7 * 100 + 1,))
    whole = mean_loss(module, numbers, 7)
    whole_alone = mean_loss(module, numbers)
    from elman.tasks.generate import scores as evaluation

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "_MOST_LOGITS", 7 * 7 * 13)
        assert mean_loss(module, numbers, 7) == pytest.approx(whole, rel=1e-6)
        assert mean_loss(module, numbers) == pytest.approx(whole_alone, rel=1e-6)


@pytest.mark.parametrize("classes", [0, 2])
def test_each_stream_starts_from_what_the_two_hundred_units_before_it_leave_behind(classes):
    steps, streams = 230, 3  # a ring of three: the stream before is not the one behind
    module, numbers = some_module(classes=classes), torch.randint(7, (steps * streams + 1,))
    given = torch.randint(2, numbers.shape) if classes else None
    total = 0.0
    with torch.no_grad():
        for start in range(0, steps * streams, steps):
            before = max(0, start - 200)
            kinds = None if given is None else given[before + 1 : start + steps + 1, None]
            logits, _ = module(numbers[before : start + steps, None], given=kinds)
            targets = numbers[start + 1 : start + steps + 1]
            total += float(cross_entropy(logits[start - before :, 0], targets, reduction="sum"))
    assert mean_loss(module, numbers, streams, given) == pytest.approx(total / (steps * streams), rel=1e-6)


def test_progress_is_reported_up_to_the_end():
    told = []
    mean_loss(some_module(), torch.randint(7, (1201,)), on_progress=lambda done, total: told.append((done, total)))
    assert told == [(512, 1200), (1024, 1200), (1200, 1200)]


def test_a_model_with_classes_predicts_a_text_of_its_classes():
    corpus = Corpus("ab\nba\n", ("x", "y"), torch.tensor([0, 0, 0, 1, 1, 1]))
    model = some_model("character", corpus.text, ("x", "y"))
    found = model.evaluate(corpus)
    with torch.no_grad():
        numbers, given = corpus.encode(model.vocabulary)
        logits, _ = model.module(numbers[:-1, None], given=given[1:, None])
    assert found.loss == pytest.approx(float(cross_entropy(logits.squeeze(1), numbers[1:])), rel=1e-6)
    swapped = Corpus(corpus.text, ("x", "y"), 1 - corpus.given)
    assert abs(model.evaluate(swapped).loss - found.loss) > 1e-4
    for wrong in ("ab\nba\n", Corpus("ab\n", ("x", "z"), torch.tensor([0, 0, 1]))):
        with pytest.raises(DataError, match="one of its classes: x, y"):
            model.evaluate(wrong)


def test_a_model_without_classes_reads_no_folder():
    corpus = Corpus("ab\nba\n", ("x", "y"), torch.tensor([0, 0, 0, 1, 1, 1]))
    with pytest.raises(DataError, match="no classes"):
        some_model("character").evaluate(corpus)
