"""Re-ordering by a translation model: against all permutations, plain Python, and a language that is sorted."""

import gzip
import itertools
import json
import random
import sys
from collections import Counter

import pytest
import torch

from elman import cells
from elman.cli import main
from elman.data.pairs.pair import Pair, PairSet
from elman.decoding.constraints import Constraints
from elman.decoding.search import Beam
from elman.errors import ConfigError, DataError
from elman.models import ordering
from elman.models.layers import Layers
from elman.tasks import translate
from elman.tasks.inspection import inspect_model
from elman.tasks.translate.module import TranslationModel
from elman.tasks.translate.ordering import left_in_bags
from elman.tasks.translate.reading import read_pairs
from elman.tasks.translate.reorder import order_units
from elman.tasks.translate.settings import TranslateSettings

UNITS, END = 19, 17
BAGS = [[3, 14, 9, 2, 11], [8], [6, 6, 6], [16, 4, 16, 1, 4], [0, 13, 12, 0], [10, 5]]


@pytest.fixture(params=["bilinear", "additive"])
def module(request):
    torch.manual_seed(3)
    made = TranslationModel(
        cells.gru,
        Layers(hidden=13),
        source_units=UNITS,
        target_units=UNITS,
        shared=True,
        embedding=11,
        attention=request.param,
        bag=True,
    )
    with torch.no_grad():
        made.bias.normal_()
        made.join.weight.mul_(5)
    return made.double().eval()


def log_probability(module, words):
    """Give the whole order at once, as in training, and undo the mean of the loss."""
    source = torch.tensor(sorted(words))[:, None]
    read, written = torch.tensor([[END, *words]]).T, torch.tensor([[*words, END]]).T
    with torch.no_grad():
        return -float(module(source, torch.tensor([len(words)]), read, written)) * (len(words) + 1)


def test_the_probabilities_of_all_orders_of_a_bag_add_up_to_one(module):
    for bag in BAGS:
        orders = set(itertools.permutations(bag))
        assert sum(torch.tensor(log_probability(module, order)).exp() for order in orders) == pytest.approx(1.0)


def test_a_wide_beam_finds_the_likeliest_order(module):
    for bag, found in zip(BAGS, order_units(module, BAGS, end=END, beam=120), strict=True):
        best = max((log_probability(module, words), words) for words in set(itertools.permutations(bag)))
        assert tuple(found.units) == best[1]
        assert found.log_probability == pytest.approx(best[0], abs=1e-9)


def test_the_logits_are_those_of_the_loss_and_leave_out_what_is_not_left(module):
    words = [16, 4, 16, 1, 4]
    source = torch.tensor([4, 16, 1, 16, 4])[:, None]
    with torch.no_grad():
        chances = module(source, torch.tensor([5]), torch.tensor([[END, *words]]).T)[:, 0].log_softmax(1)
    assert float(sum(chances[t, word] for t, word in enumerate([*words, END]))) == pytest.approx(
        log_probability(module, words)
    )
    for t in range(6):
        may = {END} if t == 5 else set(words[t:])
        assert set(chances[t].isfinite().nonzero()[:, 0].tolist()) == may


def test_what_is_left_is_counted_as_in_plain_python():
    generator, lengths = torch.Generator().manual_seed(5), [7, 3, 5, 1]
    bags = torch.randint(4, (4, 7), generator=generator)
    orders = [bags[b, :length][torch.randperm(length, generator=generator)] for b, length in enumerate(lengths)]
    written = torch.nn.utils.rnn.pad_sequence(orders, padding_value=-1)
    found = left_in_bags(bags, torch.tensor(lengths), written)
    for b, length in enumerate(lengths):
        bag = bags[b, :length].tolist()
        for t in range(7):
            left = Counter(bag) - Counter(orders[b][:t].tolist())
            expected = [
                s < length and left[unit] > 0 and bag.index(unit) == s for s, unit in enumerate(bags[b].tolist())
            ]
            assert found[b, t].tolist() == expected


def test_smoothing_gives_its_share_to_the_units_that_are_left():
    torch.manual_seed(1)
    model = TranslationModel(cells.gru, Layers(hidden=7), source_units=9, target_units=9, shared=True, bag=True).eval()
    source, length = torch.tensor([[2], [5], [2]]), torch.tensor([3])
    read, written = torch.tensor([[7], [5], [2], [2]]), torch.tensor([[5], [2], [2], [7]])
    chances = model(source, length, read)[:, 0].log_softmax(1)
    hard = -(chances[0, 5] + chances[1, 2] + chances[2, 2])
    even = -((chances[0, 5] + chances[0, 2]) / 2 + chances[1, 2] + chances[2, 2])
    expected = (0.7 * hard + 0.3 * even) / 4
    assert model(source, length, read, written, 0.3).item() == pytest.approx(expected.item(), rel=1e-5)


def test_sentences_are_ordered_alike_alone_and_together_and_however_they_are_given(module, monkeypatch):
    module.float()
    monkeypatch.setattr(ordering, "_MOST_ROWS", 4 * 5)
    together = order_units(module, BAGS, end=END, beam=5)
    for bag, found in zip(BAGS, together, strict=True):
        assert order_units(module, [bag[::-1]], end=END, beam=5) == [found]


WORDS = ["ant", "bee", "cow", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay", "koi", "lynx"]


def sentences(count, seed):
    chance = random.Random(seed)
    return [" ".join(sorted(chance.choices(WORDS, k=chance.randint(1, 7)))) for _ in range(count)]


@pytest.fixture
def elman(monkeypatch, capsys):
    """Run a command; return its code and what it wrote."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["elman", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jumble")
    for name, count, seed in (("train", 700, 1), ("test", 50, 2)):
        (folder / f"{name}.txt").write_text("\n".join(sentences(count, seed)) + "\n\n", encoding="utf-8")
    return folder


OPTIONS = {"jumble": True, "hidden": 32, "epochs": 6, "learning_rate": 0.01, "dropout": 0.0}


@pytest.fixture(scope="module")
def model(folder):
    path = folder / "m.elman.safetensors"
    return translate.train(folder / "train.txt", output=path, quiet=True, **OPTIONS)


def jumbled(texts, seed=7):
    chance = random.Random(seed)
    return [" ".join(chance.sample(text.split(), len(text.split()))) for text in texts]


def test_a_model_learns_to_sort(model, folder):
    texts = sentences(50, 2)
    found = model.reorder(jumbled(texts), beam=4)
    assert sum(text == one for (one, _), text in zip(found, texts, strict=True)) >= 45
    assert all(chance <= 0 for _, chance in found)
    assert model.metrics["validation"]["exact"] > 0.9
    assert model.metrics["shuffled"] == []
    assert translate.load(folder / "m.elman.safetensors").reorder(jumbled(texts), beam=4) == found


def test_the_order_of_the_words_that_are_given_changes_nothing(model):
    texts = sentences(30, 4)
    assert model.reorder(jumbled(texts, 1)) == model.reorder(jumbled(texts, 2))
    assert model.reorder(["", "fox"]) == [("", 0.0), ("fox", 0.0)]


def test_the_command_line_orders_measures_and_refuses(model, folder, elman):
    path = str(folder / "m.elman.safetensors")
    assert elman("reorder", path, "eel ant cow")[1] == "ant cow eel\n"
    (folder / "few.txt").write_text("dog bee\nhen\n", encoding="utf-8")
    assert elman("reorder", path, "--file", folder / "few.txt", "--beam", 2)[1] == "bee dog\nhen\n"
    line = json.loads(elman("reorder", path, "eel ant", "--json")[1])
    assert (line["words"], line["order"]) == ("eel ant", "ant eel")
    facts = json.loads(elman("evaluate", path, folder / "test.txt", "--json")[1])
    assert facts["exact"] >= 0.9
    assert facts["count"] == 50


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["reorder", "MODEL", "ant zebra"], "does not know the word 'zebra'"),
        (["reorder", "MODEL", "ant bee", "--future-cost"], "--future-cost has no meaning for"),
        (["reorder", "MODEL", "ant bee", "--given", "a"], "--given has no meaning for"),
        (["reorder", "MODEL", "ant bee", "--beam", "513"], "The beam is 513"),
        (["reorder", "MODEL", "ant " * 101], "101 words are too many"),
        (["predict", "MODEL", "few.txt"], "puts words in order. Use: elman reorder"),
        (["evaluate", "MODEL", "test.txt", "--suspects", "a.tsv"], "--suspects is about pairs"),
        (["train", "translate", "FOLDER"], "is a folder. Name"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(model, folder, elman, command, message):
    names = {"MODEL": folder / "m.elman.safetensors", "FOLDER": folder}
    jumbling = ["--jumble"] if command[0] == "train" else []
    code, _, said = elman(*[names.get(word, word) for word in command], *jumbling)
    assert code != 0
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "character"}, "jumble is about the order of words, and unit is character"),
        ({"separate": True}, "separate is True, and jumbled words are one text"),
        ({"wait": 2}, "wait is 2, and jumbled"),
        ({"source": "a"}, "source is 'a', and jumbled"),
        ({"suspects": "a.tsv"}, "suspects is 'a.tsv', and jumbled"),
        ({"layers": 2}, "layers is 2, and jumbled"),
    ],
)
def test_options_about_the_source_are_refused_beside_jumbling(options, message):
    with pytest.raises(ConfigError, match=message):
        TranslateSettings.of({"jumble": True, **options})
    with pytest.raises(ConfigError, match="tokenized says how words are separated, and unit is subword"):
        TranslateSettings.of({"tokenized": True})


def test_pairs_that_are_given_are_not_jumbled():
    with pytest.raises(DataError, match="X holds pairs, and jumble makes pairs from a text"):
        translate.train(PairSet("X", [Pair("a", "b", "")] * 9), jumble=True)


def test_another_order_or_a_constraint_is_refused(model):
    for beam, constraints in ((Beam(3, best=2), {}), (Beam(3), {"constraints": Constraints(forbidden=(1,))})):
        with pytest.raises(ConfigError, match="Ask for one order"):
            model.hypotheses(["eel ant"], beam, **constraints)


def test_a_model_that_was_trained_on_pairs_orders_nothing(folder):
    pairs = PairSet("X", [Pair(text, text.upper(), "") for text in sentences(30, 6)])
    other = translate.train(pairs, quiet=True, compare=False, unit="word", hidden=4, epochs=1)
    with pytest.raises(ConfigError, match="not trained to put words in order"):
        other.reorder(["ant bee"])
    assert not other.orders


def test_texts_are_jumbled_after_the_split_and_packed_ones_are_read(folder, tmp_path):
    packed = tmp_path / "train.txt.gz"
    packed.write_bytes(gzip.compress((folder / "train.txt").read_bytes()))
    settings = TranslateSettings.of({"jumble": True})
    found, again = read_pairs([packed], settings), read_pairs([folder / "train.txt"], settings)
    assert [pair.source for pair in found.hold] == [pair.source for pair in again.hold]
    assert not {pair.target for pair in found.learn} & {pair.target for pair in found.hold}
    for pair in (*found.learn, *found.hold):
        assert Counter(pair.source.split()) == Counter(pair.target.split())
    assert sum(pair.source != pair.target for pair in found.hold) > len(found.hold) / 2


def test_long_sentences_are_left_out_and_that_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("a b\n" + "c " * 9 + "\nd e\nf g\n", encoding="utf-8")
    found = read_pairs([tmp_path / "a.txt"], TranslateSettings.of({"jumble": True, "longest": 8}))
    assert len(found.data) == 3
    assert found.data.notes == [f"1 sentence of more than 8 words is left out: {tmp_path / 'a.txt'} line 2"]


def test_a_model_of_bags_is_inspected(model, folder):
    inspected = inspect_model(folder / "m.elman.safetensors", [str(folder / "test.txt")])
    assert inspected.flow.verdict
    assert "<svg" in inspected.report()
