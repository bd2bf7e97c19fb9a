"""Train taggers from the command line, tag files and streams, measure, and refuse what is not whole."""

import json

import pytest

from elman.tasks import tag
from elman.tasks.tag.reading import read_sentences
from elman.tasks.tag.settings import TagSettings
from taggable import make_sentences, write_columns, write_conllu, write_folder

SMALL = ("--hidden", 11, "--letter-hidden", 5, "--batch", 8, "--epochs", 16, "--learning-rate", 0.02, "--dropout", 0.1)
OPTIONS = {"hidden": 11, "letter_hidden": 5, "batch": 8, "epochs": 16, "learning_rate": 0.02, "dropout": 0.1}


def refused(done, *parts: str) -> None:
    assert done.code == 2, (done.out, done.err)
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("elman: ")
    for part in parts:
        assert part in done.err


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Train three models, one of each form; tests read them and do not change them."""
    folder = tmp_path_factory.mktemp("tagged")
    data = {
        "conllu": write_conllu(folder / "a.conllu", 80),
        "columns": write_columns(folder / "a.conll", 80),
        "parallel": write_folder(folder / "trips", 80),
    }
    for form, path in data.items():
        tag.train(path, output=folder / form, quiet=True, compare=False, input_dropout=0.0, **OPTIONS)
    return folder


def test_training_says_what_there_is_what_came_of_it_and_what_is_next(elman, tmp_path):
    write_conllu(tmp_path / "some.conllu.gz", 60)
    done = elman("train", "tag", "some.conllu.gz", *SMALL)
    assert done.code == 0, done.err
    assert "some.conllu.gz is CoNLL-U; the tag of a word is its upos." in done.err
    assert "48 sentences with" in done.err
    assert "4 tags: DET" in done.err
    assert "without recurrence, a feed-forward network on each word and its letters" in done.err
    rows = dict(line.split(maxsplit=1) for line in done.out.splitlines() if line[0] != " ")
    assert rows["model"].startswith("some.elman.safetensors")
    assert rows["validation"].startswith("accuracy ")
    assert "with the words shuffled" in done.out
    assert elman(*rows["next"].split()[1:]).code == 0
    refused(elman("train", "tag", "some.conllu.gz", *SMALL), "exists", "--force")


def test_training_as_json(elman, tmp_path):
    write_folder(tmp_path / "trips")
    done = elman("train", "tag", "trips", *SMALL, "--json", "--quiet", "-o", "m")
    assert done.err == ""
    found = json.loads(done.out)
    assert found["model"] == "m"
    assert 0 < found["validation"]["f1"] <= 1
    assert 0 < found["validation"]["label_accuracy"] <= 1
    assert found["most_frequent"]["f1"] < 1


def test_conllu_is_written_with_its_comments_and_other_columns(elman, models, tmp_path):
    path = write_conllu(tmp_path / "new.conllu", 7, seed=11)
    right = path.read_text()
    path.write_text(right.replace("\tDET\t", "\t_\t").replace("\tNOUN\t", "\t_\t"))
    done = elman("predict", models / "conllu", "new.conllu")
    assert done.code == 0, done.err
    assert done.out == right


def test_columns_come_out_with_tags(elman, models, tmp_path):
    path = write_columns(tmp_path / "new.conll", 7, seed=11)
    right = path.read_text()
    path.write_text("\n".join(line.split(" ")[0] for line in right.splitlines()) + "\n")
    assert elman("predict", models / "columns", "new.conll").out == right + "\n"


def test_lines_of_words_get_lines_of_tags_and_a_label(elman, models, tmp_path):
    (tmp_path / "new.txt").write_text("fly from new york to rome\nprices from rome to york\n")
    done = elman("predict", models / "parallel", "new.txt")
    assert done.out == "O O B-from I-from O B-to\tflight\nO O B-from O B-to\tfare\n"
    assert elman("predict", models / "parallel", "-", stdin=(tmp_path / "new.txt").read_bytes()).out == done.out
    as_json = [json.loads(line) for line in elman("predict", models / "parallel", "new.txt", "--json").out.splitlines()]
    assert as_json[1] == {
        "words": ["prices", "from", "rome", "to", "york"],
        "tags": ["O", "O", "B-from", "O", "B-to"],
        "label": "fare",
    }


def test_a_stream_is_tagged_in_its_form(elman, models):
    [(words, tags)] = make_sentences(1, seed=12)
    block = "".join(f"{word}\n" for word in words) + "\n"
    found = elman("predict", models / "columns", "-", stdin=block.encode())
    assert found.out == "".join(f"{word} {tag}\n" for word, tag in zip(words, tags, strict=True)) + "\n"
    plain = elman("predict", models / "conllu", "-", stdin=" ".join(words).encode())
    assert plain.out == " ".join(tags) + "\n"
    refused(elman("predict", models / "conllu", "-"), "standard input is empty")
    refused(elman("predict", models / "conllu", "-", "a.conllu"), "- is given with other data")


def test_a_model_is_measured(elman, models, tmp_path):
    write_conllu(tmp_path / "new.conllu", 30, seed=11)
    done = elman("evaluate", models / "conllu", "new.conllu", "--worst", 3)
    assert done.code == 0, done.err
    assert done.out.startswith("accuracy ")
    assert "precision" in done.out
    found = json.loads(elman("evaluate", models / "conllu", "new.conllu", "--json", "--worst", 2).out)
    assert found["sentences"] == 30
    assert 0.9 < found["accuracy"] <= 1
    assert len(found["worst"]) <= 2
    write_folder(tmp_path / "trips", 30, seed=11)
    done = elman("evaluate", models / "parallel", "trips")
    assert done.out.startswith("F1 ")
    assert "label: accuracy" in done.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("so O\ngood\n", ["bad.conll line 2 has 1 column"]),
        ("so O\ngood B-x\n\n" * 9 + "no Q-x\n", ["bad.conll line 28: the tag 'Q-x' is outside the scheme iob2"]),
        ("so O\n\nno O\n", ["so there is nothing to learn"]),
        ("so O\n", ["1 example is too few"]),
        ("", ["bad.conll is empty"]),
    ],
)
def test_a_file_that_cannot_be_learnt_from_is_refused_with_its_line(elman, tmp_path, text, words):
    (tmp_path / "bad.conll").write_text(text)
    refused(elman("train", "tag", "bad.conll", "-q"), *words)
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt", "bad.conll"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.conll"], ["nowhere.conll does not exist"]),
        (["a.conll", "b.txt"], ["b.txt does not exist"]),
        (["a.conll", "--tags", "7"], ["'7' names none of them"]),
        (["a.conll", "--scheme", "bio"], ["none, iob1, iob2, iobes"]),
        (["a.conll", "--hidden", "0"], ["hidden is 0; it must be at least 1"]),
        (["a.conll", "--validation-data", "none.conll"], ["none.conll does not exist"]),
        (["a.conll", "-o", "none/m"], ["the folder none does not exist"]),
        (["a.conll", "--cell", "lstn"], ["Did you mean lstm?"]),
        (["."], [". has no file seq.in"]),
    ],
)
def test_a_training_that_cannot_begin(elman, tmp_path, arguments, words):
    write_columns(tmp_path / "a.conll", 20)
    done = elman("train", "tag", *arguments, "-q")
    refused(done, *words)
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt", "a.conll"}


def test_options_of_other_tasks_are_refused(elman, models):
    refused(elman("evaluate", models / "conllu", "a.conllu", "--dynamic", 0.1), "--dynamic has no meaning")
    refused(elman("predict", models / "conllu", "a.conllu", "--probabilities"), "answers with tags")
    refused(elman("generate", models / "conllu"), "is a model for 'tag', and `elman generate` needs a language model")


def test_a_damaged_model_is_refused(elman, models, tmp_path):
    (tmp_path / "m").write_bytes((models / "conllu").read_bytes()[:-5])
    refused(elman("predict", "m", "a.conllu"), "is not a model, or is cut short")


def test_evaluating_on_sentences_that_were_learnt_from_is_reported(elman, models, tmp_path):
    path = write_columns(tmp_path / "a.conll", 80)  # the training data, of which a fifth is held out
    done = elman("evaluate", models / "columns", path)
    assert "of these 80 sentences are in the training data, so the scores are too good." in " ".join(done.out.split())
    facts = json.loads(elman("evaluate", models / "columns", path, "--json").out)
    learnt = {tuple(words) for words, _ in make_sentences(80)}
    assert 64 <= facts["learnt_from"] < 80
    new = write_columns(tmp_path / "new.conll", 80, seed=12)
    same = sum(tuple(words) in learnt for words, _ in make_sentences(80, 12))
    facts = json.loads(elman("evaluate", models / "columns", new, "--json").out)
    assert facts["learnt_from"] <= same
    path.write_text("of X\nwhich X\n\nnothing X\nis X\n")
    assert "training data" not in elman("evaluate", models / "columns", path).out


def test_sentences_that_occur_again_are_not_held_out(tmp_path):
    words = [[f"w{number}", "x"] for number in range(60)] + [["same", "x"]] * 40
    path = tmp_path / "a.conll"
    path.write_text("".join("".join(f"{word} {word[0]}\n" for word in sentence) + "\n" for sentence in words))
    data = read_sentences(path, TagSettings(seed=2))
    learnt = {sentence.words for sentence in data.learn}
    assert len(data.learn) == 80
    assert data.left_out > 0
    assert data.left_out + len(data.hold) == 20
    assert not any(sentence.words in learnt for sentence in data.hold)


def test_a_table_with_sentence_numbers_is_tagged_in_its_form_and_the_replaced_tags_are_reported(elman, tmp_path):
    rows = [
        (f"Sentence: {number + 1}" * (not place), word, "NN", label)
        for number, (words, labels) in enumerate(make_sentences(40))
        for place, (word, label) in enumerate(zip(words, labels, strict=True))
    ]
    header = "Sentence #,Word,POS,Tag"
    (tmp_path / "gmb.csv").write_text("\n".join([header, *map(",".join, rows)]) + "\n")
    done = elman("train", "tag", "gmb.csv", *SMALL, "-o", "m")
    assert (
        "gmb.csv has 4 columns; the word is column 2 ('Word'), the tag column 4 ('Tag'), and column 1 numbers"
        in " ".join(done.err.split())
    )
    assert "32 sentences with" in done.err
    done = elman("predict", "m", "gmb.csv")
    assert "The sentences have tags, which the predicted ones replace." in done.err
    lines = done.out.splitlines()
    assert lines[0] == header
    assert [line.rsplit(",", 1)[0] for line in lines[1:]] == [",".join(row[:3]) for row in rows]
    assert {line.rsplit(",", 1)[1] for line in lines[1:]} <= {"DET", "NOUN", "VERB", "ADJ"}
    (tmp_path / "new.csv").write_text("POS,Word,Sentence #\nDT,the,1\nNN,dog,\nUH,so,2\n")
    done = elman("predict", "m", "new.csv")
    assert [line.rsplit(",", 1)[0] for line in done.out.splitlines()] == [
        "POS,Word,Sentence #", "DT,the,1", "NN,dog,", "UH,so,2",
    ]  # fmt: skip
    assert done.out.splitlines()[0].endswith(",Tag")
    assert done.err == ""
