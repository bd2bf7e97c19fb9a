"""Columns beside the words: the tag of a word is the mark of the word before it, which no word tells."""

import io
import random
import sys

import pytest

from elman.data.sentences.layout import SentenceLayout
from elman.data.sentences.opening import open_tagged, stream_tagged
from elman.errors import DataError
from elman.tasks import Tagger, tag
from elman.tasks.contract import Request
from elman.tasks.tag import commands
from elman.tasks.tag.encoder import TagEncoder, learn_tag_encoder

OPTIONS = {
    "hidden": 17, "letters": False, "embedding": 5, "batch": 8, "epochs": 14, "learning_rate": 0.03, "dropout": 0.0,
    "input_dropout": 0.0, "quiet": True,
}  # fmt: skip
MARKS = ("red", "green", "blue")


def draw(count: int, seed: int = 3) -> list[list[tuple[str, str, str, str]]]:
    """Return sentences of words, each with a mark, a case that says nothing, and a tag."""
    drawn, made = random.Random(seed), []
    for _ in range(count):
        marks = [drawn.choice(MARKS) for _ in range(drawn.randint(3, 6))]
        tags = ["first", *(mark.upper() for mark in marks[:-1])]
        made.append([(drawn.choice("uvwx"), mark, drawn.choice("np"), t) for mark, t in zip(marks, tags, strict=True)])
    return made


def write(path, columns="0123", count=60, seed=3, between=" ", header=""):
    blocks = ["".join(between.join(row[int(at)] for at in columns) + "\n" for row in one) for one in draw(count, seed)]
    path.write_text(header + "\n".join(blocks))
    return path


def write_conllu(path, count=60):
    blocks = [
        "".join(
            f"{at}\t{word}\t_\t{label}\t{mark}\tCase={case}\t_\t_\t_\t_\n"
            for at, (word, mark, case, label) in enumerate(one, 1)
        )
        for one in draw(count)
    ]
    path.write_text("\n".join(blocks))
    return path


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Train on a table with a header; tests read the model and do not change it."""
    folder = tmp_path_factory.mktemp("beside")
    write(folder / "a.csv", count=90, between=",", header="word,mark,case,tag\n")
    return tag.train(folder / "a.csv", beside="mark,case", output=folder / "m", **OPTIONS), folder


def predicted(model, data, json=False):
    request = Request(model, [str(data)], None, True, json, lambda _: None)
    return "".join(commands.predict(request))


def test_a_column_decides_and_the_baseline_reads_it_too(named):
    model, folder = named
    assert model.metrics["validation"]["accuracy"] > 0.85
    assert model.metrics["baseline"]["accuracy"] < 0.6
    again = tag.load(folder / "m")
    assert (again.layout, again.encoder) == (model.layout, model.encoder)
    assert model.layout.further_names == again.encoder.columns == ("mark", "case")
    sentences = open_tagged(
        [write(folder / "b.csv", seed=9, between=",", header="word,mark,case,tag\n")], like=again.layout
    )
    assert again.evaluate(sentences).accuracy > 0.85
    assert "mark (3 values), case (2 values)" in model.encoder.describe()


def test_columns_of_new_files_are_found_by_name(named):
    model, folder = named
    write(folder / "turned.csv", "2310", seed=9, between=",", header="case,tag,mark,word\n")
    write(folder / "bare.csv", "210", seed=9, between=",", header="case,mark,word\n")
    right = model.predict([[row[:3] for row in one] for one in draw(60, 9)])
    for name in ("turned.csv", "bare.csv"):
        data = open_tagged([folder / name], like=model.layout, tagged=False)
        assert [list(tags) for tags in model.answer(data.sentences).tags] == right
    assert predicted(folder / "m", folder / "bare.csv").splitlines()[:2] == [
        "case,mark,word,tag",
        ",".join([*draw(60, 9)[0][0][2::-1], right[0][0]]),
    ]


def test_sentences_that_arrive_are_read_with_their_columns(named, monkeypatch):
    model, folder = named
    text = "\n".join("".join("\t".join(row[:3]) + "\n" for row in one) for one in draw(7, 9))
    found = [(layout, one) for layout, one in stream_tagged(io.BytesIO(text.encode()), "-", model.layout)]
    assert [one.further for _, one in found] == [tuple(row[1:3] for row in one) for one in draw(7, 9)]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    written = predicted(folder / "m", "-")
    [right] = model.predict([[row[:3] for row in draw(7, 9)[0]]])
    assert [line.split("\t")[-1] for line in written.split("\n\n")[0].splitlines()] == right


@pytest.mark.parametrize(
    ("columns", "header", "message"),
    [
        pytest.param("023", "word,case,tag\n", "has no column 'mark'", id="a name is missing"),
        pytest.param("013", "", "no value of the column case beside the words is known", id="tags in its place"),
        pytest.param("01", "", "has 2 columns, and the training data of the model had 4", id="a column is missing"),
        pytest.param("0", "", "has no column 'mark', which the model reads beside each word", id="words alone"),
        pytest.param("0033", "", "no value of the column mark beside the words is known", id="another column"),
    ],
)
def test_a_file_without_a_column_is_refused(named, tmp_path, columns, header, message):
    _, folder = named
    path = write(tmp_path / "c.csv", columns, between=",", header=header)
    with pytest.raises(DataError, match=message):
        predicted(folder / "m", path)


def test_lines_of_words_are_refused(named, tmp_path, monkeypatch):
    model, folder = named
    for text in ("u v w x u v\nw u v x v w\n", "u v w x u\n"):
        (tmp_path / "lines.txt").write_text(text)
        with pytest.raises(DataError, match="column 'mark' and column 'case' beside each word"):
            predicted(folder / "m", tmp_path / "lines.txt")
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        with pytest.raises(DataError, match="column 'mark' and column 'case' beside each word"):
            predicted(folder / "m", "-")
    with pytest.raises(DataError, match="reads mark, case beside each word, and here 0 values"):
        model.predict([["u", "v"]])


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ("marks", "'marks' names none of them"),
        ("1", "column 1 is that of the words"),
        ("tag", "column tag is that of the tags"),
        ("mark,2", "column 2 is that of mark, which is named before"),
        ("", "'' names none of them"),
    ],
)
def test_a_column_that_cannot_be_read_is_refused(tmp_path, further, message):
    path = write(tmp_path / "a.csv", between=",", header="word,mark,case,tag\n")
    with pytest.raises(DataError, match=message):
        open_tagged([path], further=further)


def test_columns_are_named_by_numbers_and_those_of_conllu_by_theirs(tmp_path):
    right = [tuple(row[1:3] for row in one) for one in draw(60)]
    found = open_tagged([write(tmp_path / "a.conll")], further="2,3")
    assert [one.further for one in found.sentences] == right
    assert found.notes == [
        f"{tmp_path / 'a.conll'} has 4 columns; the word is column 1, the tag column 4; beside each word 2, 3 are read."
    ]
    assert SentenceLayout.from_dict(found.layout.to_dict()) == found.layout
    other = open_tagged([write_conllu(tmp_path / "a.conllu")], further="xpos,feats")
    assert [one.further for one in other.sentences] == [tuple((m, f"Case={c}") for m, c in one) for one in right]
    (tmp_path / "hole.tsv").write_text("u\tred\tX\nv\t\tY\n")
    with pytest.raises(DataError, match=r"hole.tsv line 2 has an empty column 2. Put `_`"):
        open_tagged([tmp_path / "hole.tsv"], further="2")


def test_the_estimator_takes_words_with_values():
    given = [[(word, mark) for word, mark, _, _ in one] for one in draw(90)]
    tags = [[row[3] for row in one] for one in draw(90)]
    model = Tagger(**OPTIONS).fit(given, tags)
    new = draw(20, 8)
    assert model.score([[row[:2] for row in one] for one in new], [[row[3] for row in one] for one in new]) > 0.85
    with pytest.raises(DataError, match="more values beside them"):
        model.predict([[("u", "red"), ("v",)]])
    with pytest.raises(DataError, match="beside each word"):
        model.predict([["u", "v"]])


def test_capitals_digits_and_endings_are_read():
    encoder = learn_tag_encoder([["walking", "talking", "UN"]], letters=False, min_count=1)
    encoder = encoder.learn_further((), (), shapes=True)
    assert encoder.further_sizes == [3 + 7, 3 + 1]
    words = ("Singing", "sing", "USA", "iPod", "42", "3rd", "--", "I", "ß", "Ångström")
    shapes = [encoder.values[0][encoder.spell(word)[1] - 3] for word in words]
    assert shapes == [
        "Capital", "lower", "CAPITALS", "mIxed", "digits", "with digits", "mark", "Capital", "lower", "Capital"
    ]  # fmt: skip
    assert [encoder.spell(word)[2] for word in words[:3]] == [3, 3, 1]
    assert TagEncoder.from_dict(encoder.to_dict()) == encoder
