"""Pairs that do not belong together are found by a model that was trained on them, and by one that was not."""

import csv
import random

import pytest
import torch

from elman.data.pairs.pair import Pair
from elman.errors import ConfigError
from elman.tasks import translate
from elman.tasks.translate.batches import EncodedPairs
from elman.tasks.translate.suspicion import compare_sources, judge_pairs

PAIRS, WRONG = 1000, 50
OPTIONS = {"unit": "character", "hidden": 32, "epochs": 8, "learning_rate": 0.008, "dropout": 0.0, "batch": 32}


def draw(seed):
    chance = random.Random(seed)
    sources = ["".join(chance.choices("abcdefghij", k=chance.randint(4, 7))) for _ in range(PAIRS)]
    targets = [source[::-1].upper() for source in sources]
    wrong = sorted(chance.sample(range(PAIRS), WRONG))
    for one, other in zip(wrong, [targets[n] for n in [*wrong[1:], wrong[0]]], strict=True):
        targets[one] = other
    return sources, targets, {n + 1 for n in wrong}


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suspects")
    for name, seed in (("train", 1), ("test", 2)):
        sources, targets, _ = draw(seed)
        (folder / f"{name}.a").write_text("".join(f"{line}\n" for line in sources))
        (folder / f"{name}.b").write_text("".join(f"{line}\n" for line in targets))
    return folder


@pytest.fixture(scope="module")
def model(folder):
    paths = [folder / "train.a", folder / "train.b"]
    output = folder / "m.elman.safetensors"
    return translate.train(paths, output=output, quiet=True, suspects=str(folder / "suspects.tsv"), **OPTIONS)


def test_misaligned_pairs_are_the_first_after_a_training_on_them(model, folder):
    rows, wrong = read(folder / "suspects.tsv"), draw(1)[2]
    assert len(rows) == 100
    assert sum(int(row["line"]) in wrong for row in rows[:40]) >= 38
    sources, targets, _ = draw(1)
    for row in rows:
        assert (row["source"], row["target"]) == (sources[int(row["line"]) - 1], targets[int(row["line"]) - 1])
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_misaligned_pairs_of_other_data_are_the_first_too(model, folder):
    sources, targets, wrong = draw(2)
    pairs = [Pair(one, other, "", n) for n, (one, other) in enumerate(zip(sources, targets, strict=True), start=1)]
    found = judge_pairs(model, [EncodedPairs(pairs, model.encoder, 99)], pairs)
    assert sum(one.pair.line in wrong for one in found[:WRONG]) >= 48


def test_the_score_is_a_difference_of_log_probabilities_of_the_whole_model(model):
    pairs = [Pair("abcd", "DCBA", "", 1), Pair("hgfe", "EFGH", "", 2)]
    found = compare_sources(model, EncodedPairs(pairs, model.encoder, 99))
    encoder = model.encoder

    def log_probability(source, target):
        units = [encoder.target.end, *encoder.target.encode(target)]
        read = torch.tensor(units)[:, None]
        written = torch.tensor([*units[1:], encoder.target.end])
        source = torch.tensor(encoder.source.encode(source))[:, None]
        with torch.no_grad():
            chances = model.module(source, torch.tensor([len(source)]), read).double().log_softmax(2)[:, 0]
        return float(chances.gather(1, written[:, None]).sum())

    (a, x), (b, y) = (("abcd", "DCBA"), ("hgfe", "EFGH"))
    expected = [log_probability(b, x) - log_probability(a, x), log_probability(a, y) - log_probability(b, y)]
    assert found.tolist() == pytest.approx(expected, abs=1e-3)


def test_pairs_with_one_source_alone_tell_nothing(model):
    pairs = [Pair("abcd", "DCBA", "", n) for n in range(3)]
    assert compare_sources(model, EncodedPairs(pairs, model.encoder, 99)).tolist() == [0, 0, 0]
    assert judge_pairs(model, [EncodedPairs(pairs[:1], model.encoder, 99)], pairs) == []


def test_a_list_that_would_replace_data_is_refused_before_anything_is_read(folder):
    before = (folder / "train.a").read_bytes()
    (folder / "data.tsv").write_text("ein Hund\ta dog\n")
    with pytest.raises(ConfigError, match="one of the data"):
        translate.train(folder / "data.tsv", suspects=str(folder / "data.tsv"))
    assert (folder / "train.a").read_bytes() == before
