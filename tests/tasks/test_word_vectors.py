"""Word vectors, in every recipe that reads words: embeddings begin with them, and their size is theirs."""

import csv

import numpy as np
import pytest
import torch

from elman.errors import ConfigError
from elman.tasks import classify, tag, translate

WORDS = ("red", "green", "blue", "dog", "bird")
SIZE = 7
SMALL = {"hidden": 5, "epochs": 1, "batch": 8, "learning_rate": 1e-9, "compare": False}


def write_vectors(path, words=WORDS[:4], size=SIZE):
    drawn = np.random.default_rng(1).normal(size=(len(words), size)).round(4)
    path.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, drawn, strict=True)))
    return dict(zip(words, torch.from_numpy(drawn).float(), strict=True))


def sentences(count=30):
    drawn = np.random.default_rng(2)
    return [[str(word) for word in drawn.choice(WORDS, 4)] for _ in range(count)]


def train_tag(folder, **options):
    blocks = ["".join(f"{word} {'N' if word in WORDS[3:] else 'A'}\n" for word in one) for one in sentences()]
    (folder / "a.conll").write_text("\n".join(blocks))
    model = tag.train(folder / "a.conll", output=folder / "m", letter_hidden=3, **options)
    table = tag.load(folder / "m").module.embedding.weight
    return model, dict(zip(model.encoder.known, table[3:], strict=True)), 1.0


def train_classify(folder, **options):
    with (folder / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *([" ".join(one), one[0] in WORDS[3:]] for one in sentences())])
    model = classify.train(folder / "a.csv", output=folder / "m", **options)
    table = classify.load(folder / "m").module.front.embedding.weight
    return model, dict(zip(model.encoder.known, table[3:], strict=True)), 1.0


def train_translate(folder, **options):
    (folder / "a.tsv").write_text("".join(f"{' '.join(one)}\t{' '.join(reversed(one))}\n" for one in sentences()))
    model = translate.train(folder / "a.tsv", output=folder / "m", **{"unit": "word", **options})
    table = translate.load(folder / "m").module.target_embedding.weight
    words = model.encoder.source.vocabulary.words
    return model, dict(zip(words, table[: len(words)], strict=True)), None


RECIPES = [train_tag, train_classify, train_translate]


@pytest.mark.parametrize("train", RECIPES)
def test_embeddings_begin_with_vectors_and_the_report_says_for_how_many_words(train, tmp_path, capfd):
    given = write_vectors(tmp_path / "v.txt")
    model, found, factor = train(tmp_path, vectors=str(tmp_path / "v.txt"), **SMALL)
    assert model.configuration["embedding"] == SIZE
    if factor is None:  # as wide as the initial values of a table that is the readout as well
        factor = SIZE**-0.5 / torch.stack(list(given.values())).std(correction=0)
    for word, vector in given.items():
        torch.testing.assert_close(found[word], factor * vector, rtol=1e-4, atol=1e-5)
    assert found["bird"].detach().abs().sum() > 0
    said = capfd.readouterr().err.replace("\n", " ")
    assert "has vectors of 7 numbers for 4 of 5 words (80%)" in said


@pytest.mark.parametrize("train", RECIPES)
def test_another_size_of_the_embedding_is_refused(train, tmp_path):
    write_vectors(tmp_path / "v.txt")
    with pytest.raises(ConfigError, match=r"embedding is 64, and the vectors of .* have 7 numbers"):
        train(tmp_path, vectors=str(tmp_path / "v.txt"), embedding=64, quiet=True, **SMALL)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("train", "unit", "message"),
    [
        (train_classify, "character", "what is read here is characters, "),
        (train_translate, "character", "the unit is the character"),
        (train_translate, "subword", "the unit is the subword"),
    ],
)
def test_vectors_are_for_words_alone(train, unit, message, tmp_path):
    write_vectors(tmp_path / "v.txt")
    with pytest.raises(ConfigError, match=message):
        train(tmp_path, vectors=str(tmp_path / "v.txt"), unit=unit, quiet=True, **SMALL)
