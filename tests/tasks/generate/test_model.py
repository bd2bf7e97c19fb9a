"""What a trained model can do beside measuring: next units, completions, classes, lines, orders; and its file."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from elman import cells
from elman.errors import ConfigError, DataError, ElmanError
from elman.tasks.generate.model import TrainedModel, build_module, load
from elman.vocabulary.characters import Characters
from elman.vocabulary.vocabulary import learn_vocabulary
from forged import forge

TEXT = "please stay at home\nI am reading an article\nstay here please , I am at home .\n"


def some_model(unit: str = "word", text: str = TEXT, cell=cells.lstm, **changes) -> TrainedModel:
    vocabulary = learn_vocabulary(text, unit)
    configuration = {"embedding": 5, "hidden": 11, "layers": 2, "classes": [], "given": "language", **changes}
    torch.manual_seed(3)
    module = build_module(cell, len(vocabulary), configuration)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(4.0)
    return TrainedModel(module=module.eval(), vocabulary=vocabulary, configuration=configuration, versions={})


@torch.no_grad()
def log_probabilities(model: TrainedModel, numbers: list[int], given: int | None = None) -> torch.Tensor:
    """Return log P of each next unit, (N, V), with torch's LSTM and nothing of ours but the weights."""
    module = model.module
    theirs = nn.LSTM(5, 11, 2).double()
    ours = dict(module.recurrent.named_parameters())
    for layer in range(2):
        getattr(theirs, f"weight_ih_l{layer}").copy_(ours[f"W_l{layer}"])
        getattr(theirs, f"weight_hh_l{layer}").copy_(ours[f"U_l{layer}"])
        getattr(theirs, f"bias_ih_l{layer}").copy_(ours[f"b_l{layer}"])
        getattr(theirs, f"bias_hh_l{layer}").zero_()
    embedded = module.embedding.weight.double()[torch.tensor(numbers)]
    if given is not None:
        embedded = embedded + module.given.weight.double()[given]
    output, _ = theirs(embedded)
    return torch.log_softmax(output @ module.readout.weight.double().t() + module.readout.bias.double(), 1)


def test_next_words_are_those_of_the_softmax_in_order():
    model = some_model()
    words = model.vocabulary
    prompt = [words.end, *(words.words.index(word) for word in ("please", "stay", "at"))]
    expected = log_probabilities(model, prompt)[-1].exp()
    found = model.next("please stay at", top=len(words))
    assert [word for word, _ in found] == [words.words[i] for i in expected.argsort(descending=True)]
    for word, share in found:
        assert share == pytest.approx(float(expected[words.words.index(word)]), rel=1e-5)
    assert sum(share for _, share in found) == pytest.approx(1.0)
    assert model.next("please stay at", top=3) == found[:3]


@pytest.mark.parametrize("unit", ["character", "subword"])
def test_next_works_in_every_unit(unit):
    model = some_model(unit)
    found = model.next("please stay at", top=5)
    expected = (
        log_probabilities(model, model.vocabulary.encode("please stay at").tolist())[-1].exp().sort(descending=True)
    )
    assert [share for _, share in found] == pytest.approx(expected.values[:5].tolist(), rel=1e-5)
    assert [unit for unit, _ in found] == [model.vocabulary.show(i) for i in expected.indices[:5].tolist()]


def test_a_prompt_with_unknown_words_is_refused():
    with pytest.raises(DataError, match=r"does not know the word 'stya'\. Did you mean 'stay'"):
        some_model().next("please stya")
    with pytest.raises(ConfigError, match="top is 0"):
        some_model().next("please", top=0)


def test_unknown_words_are_never_written():
    model = some_model()
    with torch.no_grad():
        model.module.readout.bias[model.vocabulary.unknown] = 50.0
    assert "<unk>" not in "".join(model.generate(length=50, seed=1))


def test_writing_ends_with_the_wanted_line():
    text = "".join(some_model("character").generate(lines=3, seed=1))
    assert text.count("\n") == 3
    assert text.endswith("\n")
    assert "".join(some_model("character").generate(lines=100, length=7, seed=1)) == text[:7] or len(text) < 7


@pytest.mark.parametrize(("unit", "units"), [("character", 500), ("word", 100), ("subword", 200)])
def test_the_usual_length_depends_on_the_unit(unit, units):
    assert len(list(some_model(unit).generate(seed=1))) == units


@pytest.mark.parametrize("options", [{"lines": 0}, {"length": -1}])
def test_lengths_that_are_none_are_refused(options):
    with pytest.raises(ConfigError, match=r"is (0|-1)"):
        some_model().generate(**options)


def test_a_class_is_read_with_every_unit():
    model = some_model("character", classes=["Irish", "Italian"])
    numbers = model.vocabulary.encode("am").tolist()
    shares = {}
    for number, name in enumerate(["Irish", "Italian"]):
        expected = log_probabilities(model, numbers, given=number)[-1].exp()
        found = model.next("am", top=3, given=f"language={name}")
        assert [share for _, share in found] == pytest.approx(
            expected.sort(descending=True).values[:3].tolist(), rel=1e-5
        )
        assert found == model.next("am", top=3, given=name)
        shares[name] = found
    assert shares["Irish"] != shares["Italian"]
    assert list(model.generate(given="Irish", seed=1)) != list(model.generate(given="Italian", seed=1))


@pytest.mark.parametrize("given", [None, "Welsh", "colour=Irish", "language="])
def test_a_missing_or_unknown_class_is_refused_with_the_list_of_classes(given):
    model = some_model("character", classes=["Irish", "Italian"])
    with pytest.raises(ConfigError, match=r"Irish, Italian. Give one, e.g. language=Irish"):
        model.generate(given=given)


def test_a_class_for_a_model_without_is_refused():
    with pytest.raises(ConfigError, match="has no classes"):
        some_model().next("please", given="Irish")


@pytest.mark.parametrize("beam", [1, 2, 64])
@pytest.mark.parametrize("classes", [[], ["x", "y"]])
def test_an_order_has_the_score_that_the_model_gives_it(beam, classes):
    model = some_model(classes=classes)
    given = 1 if classes else None
    ((ordered, score),) = model.reorder(["home at stay please"], beam=beam, given="y" if classes else None)
    words = model.vocabulary

    def by_hand(order) -> float:
        numbers = [words.end, *(words.words.index(word) for word in order), words.end]
        table = log_probabilities(model, numbers[:-1], given)
        return sum(float(table[i, number]) for i, number in enumerate(numbers[1:]))

    assert sorted(ordered.split()) == ["at", "home", "please", "stay"]
    assert score == pytest.approx(by_hand(ordered.split()), rel=1e-5)
    if beam == 64:
        best = max(itertools.permutations(["home", "at", "stay", "please"]), key=by_hand)
        assert ordered.split() == list(best)


def test_many_sentences_are_ordered_at_once_each_for_itself():
    model = some_model()
    sentences = ["home at stay", "", "article an reading am I", "please"]
    together = model.reorder(sentences, beam=3)
    assert [text for text, _ in together] == [model.reorder([one], beam=3)[0][0] for one in sentences]
    assert together[1][0] == ""


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        (["please stya"], "^The model does not know the word 'stya'"),
        (["please", "stya"], "^line 2: The model does not know"),
        (["please " * 101], "^101 words are too many to put in order; the most is 100"),
    ],
)
def test_what_cannot_be_ordered_is_refused(sentences, message):
    with pytest.raises(DataError, match=message):
        some_model().reorder(sentences)


@pytest.mark.parametrize("beam", [0, 513])
def test_a_beam_out_of_range_is_refused(beam):
    with pytest.raises(ConfigError, match=f"{beam}"):
        some_model().reorder(["please stay"], beam=beam)


def test_only_words_are_put_in_order():
    with pytest.raises(ConfigError, match="model of characters"):
        some_model("character").reorder(["please stay"])


def test_a_word_that_is_begun_is_completed_and_a_space_asks_for_the_next():
    model = some_model()
    shares = dict(model.next("please", top=99))
    assert model.complete("please a", top=9) == sorted(
        ((word[1:], share) for word, share in shares.items() if word.startswith("a")), key=lambda pair: -pair[1]
    )
    (first, _), *_ = model.complete("please ")
    assert first == next(word for word in shares if not word.startswith("<"))
    assert model.complete("please zzz") == []


def test_completions_end_with_a_word_and_have_their_probability():
    model = some_model("character")
    prompt = model.vocabulary.encode("please st").tolist()
    found = model.complete("please st", top=7)
    assert len(found) == 7
    assert found == sorted(found, key=lambda pair: -pair[1])
    for text, share in found:
        numbers = prompt + model.vocabulary.encode(text).tolist()
        table = log_probabilities(model, numbers)
        expected = sum(float(table[i - 1, numbers[i]]) for i in range(len(prompt), len(numbers)))
        assert math.log(share) == pytest.approx(expected, rel=1e-4)
        assert " " not in text[:-1].strip()
        greedy = [int(table[i - 1].argmax()) for i in range(len(prompt) + 1, len(numbers))]
        assert greedy == numbers[len(prompt) + 1 :], "behind its first character it is the likeliest"


def test_completions_of_subwords_are_text():
    found = some_model("subword").complete("please st", top=4)
    assert 1 <= len(found) <= 4
    assert all(text and 0 < share < 1 for text, share in found)


@pytest.mark.parametrize("training", [True, False])
def test_using_a_model_leaves_its_mode_as_it_was_and_drops_nothing(training):
    quiet = some_model()
    model = some_model(dropout=0.5, input_dropout=0.5, embedding_dropout=0.5)
    model.module.load_state_dict(quiet.module.state_dict())
    model.module.train(training)
    for use in (
        lambda one: "".join(one.generate(length=9, seed=1)),
        lambda one: one.next("please"),
        lambda one: one.complete("please "),
        lambda one: one.reorder(["home stay"]),
        lambda one: one.evaluate(TEXT),
        lambda one: one.evaluate(TEXT, dynamic=0.1),
    ):
        assert use(model) == use(quiet)
        assert all(part.training is training for part in model.module.modules())


def test_a_tied_model_reads_out_with_its_embedding():
    model = some_model(embedding=11, tied=True)
    module = model.module
    output = torch.randn(3, 11)
    assert torch.allclose(module.read_out(output), output @ module.embedding.weight.t() + module.bias)
    assert "readout.weight" not in module.state_dict()
    with pytest.raises(ConfigError, match="Use --embedding 11, or --no-tied"):
        some_model(embedding=5, tied=True)


def test_a_cell_that_reads_time_gaps_is_refused():
    with pytest.raises(ConfigError, match="cell cfc reads dt"):
        some_model(cell=cells.cfc)


@pytest.mark.parametrize("unit", ["character", "word", "subword"])
def test_every_kind_of_model_comes_back_from_its_file(tmp_path, unit):
    model = some_model(unit, classes=["x", "y"], embedding=11, tied=True, dropout=0.25, locked=True)
    model.save(tmp_path / "m")
    back = load(tmp_path / "m")
    assert (back.vocabulary, back.configuration) == (model.vocabulary, model.configuration)
    assert back.parameters == model.parameters
    assert list(back.generate(seed=1, given="y")) == list(model.generate(seed=1, given="y"))
    assert back.next("please", given="x") == model.next("please", given="x")


def test_without_a_line_end_among_the_characters_a_text_starts_with_the_first():
    model = some_model("character", text="abc")
    assert isinstance(model.vocabulary, Characters)
    assert list(model.generate(length=9, seed=1)) == list(model.generate("a", length=9, seed=1))


@pytest.mark.parametrize("given", ["a=b", "language=a=b"])
def test_a_class_may_have_an_equals_sign_in_its_name(given):
    model = some_model(classes=["b", "a=b"])
    expected = log_probabilities(model, [model.vocabulary.end], given=1)[-1].exp().max()
    assert model.next("", given=given)[0][1] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(("unit", "text"), [("character", "abc"), ("word", "please stay")])
def test_a_model_without_a_line_end_refuses_lines_without_a_length(unit, text):
    model = some_model(unit, text=text)
    with pytest.raises(ConfigError, match="never seen a line end"):
        model.generate(lines=2)
    assert len(list(model.generate(lines=2, length=5, seed=1))) <= 5


def test_a_model_that_is_not_finite_has_no_next_unit_and_no_loss():
    model = some_model()
    with torch.no_grad():
        model.module.readout.bias.fill_(math.nan)
    with pytest.raises(ElmanError, match="output is not finite"):
        model.next("please")
    with pytest.raises(ElmanError, match="loss is not finite"):
        model.evaluate("please stay at home")
    with pytest.raises(ElmanError, match=r"lower rate than 0\.5"):
        model.evaluate("please stay at home", dynamic=0.5)


def test_one_character_of_several_subwords_has_a_cost():
    model = some_model("subword")
    found = model.evaluate("😀")
    assert (found.units, found.characters, found.bytes) == (3, 1, 4)


@pytest.mark.parametrize("layers", [10**4, 1e40, "x", None])
def test_a_forged_number_of_layers_is_refused_before_they_are_built(tmp_path, layers):
    model = some_model()
    model.configuration["layers"] = layers
    model.save(tmp_path / "m")
    with pytest.raises(DataError, match="damaged: its parts do not fit"):
        load(tmp_path / "m")


@pytest.mark.parametrize("changes", [{"classes": [None, "y"]}, {"classes": "xy"}, {"given": 3}])
def test_classes_without_names_are_refused(tmp_path, changes):
    model = some_model(classes=["x", "y"])
    model.configuration.update(changes)
    model.save(tmp_path / "m")
    with pytest.raises(DataError, match="the names of the classes are not texts"):
        load(tmp_path / "m")


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.int32])
def test_weights_of_two_kinds_are_refused(tmp_path, kind):
    model = some_model()
    model.module.readout.bias = nn.Parameter(model.module.readout.bias.to(kind), requires_grad=False)
    model.save(tmp_path / "m")
    with pytest.raises(DataError, match=r"weights of .*torch\.float32"):
        load(tmp_path / "m")


def lengthen(entry, rows):
    """Let the first state of a cell pass through more nodes; each reads the one before it."""
    graph = entry["cell"]["graph"]
    name, last = graph["outputs"][0]
    for row in rows:
        args = [last, *row.pop("args", [])]
        graph["nodes"].append({**row, "args": args, "shape": graph["nodes"][last]["shape"]})
        last = len(graph["nodes"]) - 1
    graph["outputs"][0] = [name, last]


def raise_to(entry, exponent):
    nodes = entry["cell"]["graph"]["nodes"]
    nodes.append({"op": "constant", "value": exponent})
    lengthen(entry, [{"op": "power", "args": [len(nodes) - 1]}])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda entry, _: raise_to(entry, 1e9), "an exponent is not 0", id="an exponent of 1e9"),
        pytest.param(lambda entry, _: raise_to(entry, -1e300), "an exponent is not 0", id="an exponent of -1e300"),
        pytest.param(lambda entry, _: lengthen(entry, [{"op": "tanh"}] * 12_000), "values", id="12,000 values more"),
    ],
)
def test_a_forged_cell_is_refused(tmp_path, change, said):
    some_model().save(tmp_path / "m")
    forge(tmp_path / "m", change)
    with pytest.raises(DataError, match=f"is damaged: .*{said}") as caught:
        load(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_a_cell_of_a_chain_of_1500_values_is_read_and_answers(tmp_path):
    some_model().save(tmp_path / "m")
    forge(tmp_path / "m", lambda entry, _: lengthen(entry, [{"op": "tanh"} for _ in range(1500)]))
    model = load(tmp_path / "m")
    assert math.isfinite(model.evaluate(TEXT.split(maxsplit=5)[0] + " " + TEXT.split(maxsplit=5)[1]).loss)


@pytest.mark.parametrize("given", ["a b", b"a b", {"x": "a"}, Path("a.txt"), [b"a"], [["a", "b"]], 3])
def test_reorder_refuses_what_is_no_list_of_texts(given):
    model = some_model()
    with pytest.raises(DataError, match=r"Give (a list of texts|one text)"):
        model.reorder(given)


def test_reorder_takes_any_sequence_of_texts():
    model = some_model()
    expected = model.reorder(["home at stay"], beam=3)
    for given in (("home at stay",), np.array(["home at stay"]), (text for text in ["home at stay"])):
        assert model.reorder(given, beam=3) == expected


@pytest.mark.parametrize("given", [b"a b", ["a"], Path("a.txt"), {"a": 1}, None])
def test_one_text_is_no_list_no_bytes_and_no_path(given):
    model = some_model()
    for ask in (model.evaluate, model.complete, model.next, lambda text: next(model.generate(text))):
        with pytest.raises(DataError, match=r"not a text. Give one text"):
            ask(given)


def test_the_name_of_a_file_is_not_measured_as_a_text(tmp_path):
    (tmp_path / "a.txt").write_text("a b")
    with pytest.raises(DataError, match="is the name of a file, not its text"):
        some_model().evaluate(str(tmp_path / "a.txt"))
