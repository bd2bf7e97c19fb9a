"""What is trained on: a plain text, or a folder with a class each."""

import pytest
import torch

from elman.errors import DataError
from elman.tasks.generate.corpus import Corpus, read_corpus
from elman.tasks.generate.reading import split
from elman.tasks.generate.settings import Settings
from elman.vocabulary.vocabulary import learn_vocabulary

NAMES = {"Italian": ["Abba", "Bella", "Conti"], "Irish": ["Byrne", "Daly"]}


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "language"
    root.mkdir()
    for name, lines in NAMES.items():
        (root / f"{name}.txt").write_text("\n".join([*lines, "", "  "]))
    (root / ".hidden").write_text("no class")
    return root


def examples(corpus: Corpus) -> set[tuple[str, str]]:
    """Read the examples back, character by character."""
    found, begun = set(), ""
    for character, number in zip(corpus.text, corpus.given.tolist(), strict=True):
        begun += character
        if character == "\n":
            found.add((corpus.classes[number], begun))
            begun = ""
    assert begun == ""
    return found


def test_in_a_folder_of_files_each_line_is_an_example_of_its_file(folder):
    corpus = read_corpus(folder)
    assert corpus.classes == ("Irish", "Italian")
    assert examples(corpus) == {(name, f"{line}\n") for name, lines in NAMES.items() for line in lines}


def test_in_a_folder_of_folders_each_file_is_an_example(tmp_path):
    for name, texts in {"happy": ["la la\nla\n", "tra la"], "sad": ["oh\n\noh\n"]}.items():
        (tmp_path / name).mkdir()
        for number, text in enumerate(texts):
            (tmp_path / name / f"{number}.txt").write_text(text)
    corpus = read_corpus(tmp_path)
    assert corpus.classes == ("happy", "sad")
    for name, text in (("happy", "la la\nla\n"), ("happy", "tra la\n"), ("sad", "oh\n\noh\n")):
        at = corpus.text.index(text)
        assert corpus.given[at : at + len(text)].tolist() == [corpus.classes.index(name)] * len(text)


def test_the_order_of_examples_is_that_of_the_seed(folder):
    assert read_corpus(folder, seed=3).text == read_corpus(folder, seed=3).text
    assert len({read_corpus(folder, seed=seed).text for seed in range(8)}) > 1


@pytest.mark.parametrize("unit", ["character", "word", "subword"])
def test_every_unit_has_the_class_of_its_example(folder, unit):
    corpus = read_corpus(folder)
    vocabulary = learn_vocabulary(corpus.text, unit)
    numbers, given = corpus.encode(vocabulary)
    assert len(numbers) == len(given)
    for number, name in enumerate(corpus.classes):
        own = vocabulary.decode(numbers[given == number].tolist())
        assert sorted(own.split()) == sorted(NAMES[name])


def test_a_plain_text_has_no_classes(tmp_path):
    (tmp_path / "a.txt").write_text("one\n")
    corpus = read_corpus([tmp_path / "a.txt"])
    assert (corpus.text, corpus.classes, corpus.given) == ("one\n", (), None)
    numbers, given = corpus.encode(learn_vocabulary("one\n", "character"))
    assert (len(numbers), given) == (4, None)


def test_a_part_keeps_text_and_classes_together():
    corpus = Corpus("aab\nb\n", ("x", "y"), torch.tensor([0, 0, 0, 0, 1, 1]))
    part = corpus.part(3, 6)
    assert (part.text, part.classes, part.given.tolist()) == ("\nb\n", ("x", "y"), [0, 1, 1])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "a folder with 0 classes"),
        ({"one.txt": "a\n"}, "a folder with 1 class"),
        ({"one.txt": "a\n", "two.txt": " \n"}, "two.txt has no line with text"),
        ({"one.txt": "a\n", "two/a.txt": "b\n"}, "holds folders .* and text files"),
        ({"one/a.txt": "a\n", "two/readme.md": "b\n"}, "two has no .txt file"),
        ({"one.txt": "a\n", "two.txt": b"\xff"}, "two.txt is not UTF-8"),
    ],
)
def test_a_folder_that_holds_no_classes_is_refused(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        read_corpus(tmp_path)


def test_held_out_examples_of_classes_are_no_copies_of_what_is_trained_on(tmp_path):
    root = tmp_path / "names"
    root.mkdir()
    (root / "one.txt").write_text("".join(f"name {number}\n" for number in range(100)) + "again\n" * 60)
    (root / "two.txt").write_text("".join(f"other {number}\n" for number in range(60)))
    corpus = read_corpus(root)
    training, held_out = split(corpus, Settings(validation=0.3))
    learnt = set(training.text.splitlines())
    assert "again" in learnt
    assert held_out.text
    assert not learnt & set(held_out.text.splitlines())
    assert len(held_out.given) == len(held_out.text)
    assert corpus.text.startswith(training.text)
    kept = [line for line in corpus.text[len(training.text) :].splitlines() if line != "again"]
    assert held_out.text.splitlines() == kept
