"""Commands on models of words and of classes: next, reorder, generate, evaluate; and what they refuse."""

import json
import math
import re
import shlex
from pathlib import Path

import pytest
import torch

from elman.tasks import generate

LINES = "please stay at home\nI am reading an article\nstay here please , I am at home .\n"


@pytest.fixture(scope="session")
def words(tmp_path_factory):
    """Train one small model of words."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "lines.txt").write_text(LINES * 20)
    path = folder / "lines.elman.safetensors"
    generate.train(folder / "lines.txt", unit="word", hidden=31, window=11, epochs=30, output=path, quiet=True)
    return path


@pytest.fixture(scope="session")
def classes(tmp_path_factory):
    """Train one small model of two classes."""
    folder = tmp_path_factory.mktemp("classes") / "language"
    folder.mkdir()
    (folder / "double.txt").write_text("aabb\nbbaa\n" * 30)
    (folder / "single.txt").write_text("abab\nbaba\n" * 30)
    path = folder.parent / "m"
    generate.train(folder, hidden=13, window=11, epochs=3, output=path, quiet=True)
    return path


def refused(done, *parts: str) -> None:
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("elman: ")
    for part in parts:
        assert part in done.err


def test_the_sentences_of_the_articles(elman, words):
    out = elman("next", words, "please stay at").out
    share, word = out.splitlines()[0].split()
    assert word == "home"
    assert float(share.removesuffix("%")) > 50
    assert len(out.splitlines()) == 10
    assert elman("reorder", words, "article am I an reading").out == "I am reading an article\n"
    assert (
        elman("reorder", words, "article", "am", "I", "an", "reading", "--beam", 512).out == "I am reading an article\n"
    )


def test_next_as_json(elman, words):
    found = json.loads(elman("next", words, "please stay at", "--top", 3, "--json").out)
    expected = generate.load(words).next("please stay at", top=3)
    assert [(one["word"], one["probability"]) for one in found["next"]] == expected
    assert found["text"] == "please stay at"


def test_a_file_is_put_in_order_line_by_line(elman, words, tmp_path):
    (tmp_path / "jumbled.txt").write_text("home at stay please\n\narticle an I am reading\n")
    expected = "please stay at home\n\nI am reading an article\n"
    assert elman("reorder", words, "--file", "jumbled.txt").out == expected
    assert elman("reorder", words, "--file", "-", stdin=(tmp_path / "jumbled.txt").read_bytes()).out == expected
    lines = elman("reorder", words, "--file", "jumbled.txt", "--json", "--future-cost").out.splitlines()
    found = [json.loads(line) for line in lines]
    assert [one["order"] for one in found] == expected.split("\n")[:3]
    assert all(one["log_probability"] < 0 for one in found)


def test_words_are_written_with_their_spaces(elman, words):
    done = elman("generate", words, "--prompt", "please stay", "--lines", 2, "--seed", 1, "--temperature", 0.1)
    assert done.out.startswith("please stay at home\n")
    assert done.out.count("\n") == 2
    assert done.out.endswith("\n")


def test_a_class_is_written_like(elman, classes):
    done = elman("generate", classes, "--given", "language=double", "--lines", 50, "--seed", 1)
    assert done.out == "".join(generate.load(classes).generate(given="double", lines=50, seed=1))
    assert done.out != elman("generate", classes, "--given", "single", "--lines", 50, "--seed", 1).out


def test_training_on_a_folder_says_how_to_go_on(elman, tmp_path):
    for name in ("one", "two"):
        (tmp_path / "kinds" / name).mkdir(parents=True)
        (tmp_path / "kinds" / name / "a.txt").write_text(f"{name} of them\n" * 20)
    done = elman("train", "generate", "kinds", "--hidden", 7, "--window", 11, "--epochs", 1)
    step = next(line for line in done.out.splitlines() if line.startswith("next")).split()[2:]
    assert step == ["generate", "kinds.elman.safetensors", "--given", "kinds=one"]
    assert elman(*step, "--length", 9).code == 0
    assert "in 2 classes" in done.err


def test_evaluate_shows_what_units_share(elman, words):
    found = generate.load(words).evaluate("please stay at the home\n")
    line = json.loads(elman("evaluate", words, "-", "--json", stdin=b"please stay at the home\n").out)
    assert line == {
        "model": str(words),
        "loss": found.loss,
        "perplexity": math.exp(found.loss),
        "bits_per_character": pytest.approx(found.loss * 5 / math.log(2) / 18),
        "bits_per_byte": pytest.approx(found.loss * 5 / math.log(2) / 18),
        "words": 5,
        "unknown": 1,
        "learnt_from": 0,
    }
    table = elman("evaluate", words, "-", stdin=b"please stay at the home\n").out
    assert "5, 1 of them <unk>" in table
    assert "flattered" in table


def test_dynamic_evaluation_learns_from_what_it_reads(elman, words, tmp_path):
    (tmp_path / "new.txt").write_text("an article am I here\n" * 100)
    before = json.loads(elman("evaluate", words, "new.txt", "--json").out)["loss"]
    after = json.loads(elman("evaluate", words, "new.txt", "--json", "--dynamic", 0.5).out)["loss"]
    assert after < 0.7 * before


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def test_json_has_no_number_that_is_infinite(elman, words):
    model = generate.load(words)
    model.module.bias.data[model.vocabulary.unknown] = 9999.0
    model.save("sure-of-unk")
    done = elman("evaluate", "sure-of-unk", "-", "--json", stdin=b"please stay at home\n")
    found = json.loads(done.out, parse_constant=refuse_constant)
    assert found["loss"] > 9000
    assert found["perplexity"] is None


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["next", "MODEL", "please stya"], ["does not know the word 'stya'", "Did you mean 'stay'?"]),
        (["next", "MODEL", "please", "--top", "0"], ["top is 0"]),
        (["next", "MODEL", "please", "--given", "x"], ["has no classes"]),
        (["reorder", "MODEL", "home atx"], ["does not know the word 'atx'"]),
        (["reorder", "MODEL", "stay " * 200], ["200 words are too many", "the most is 100"]),
        (["reorder", "MODEL", "stay at", "--beam", "513"], ["The beam is 513", "1 to 512"]),
        (["reorder", "MODEL"], ["words or --file"]),
        (["reorder", "MODEL", "stay", "--file", "book.txt"], ["words or --file"]),
        (["reorder", "MODEL", "--file", "none.txt"], ["none.txt does not exist"]),
        (["reorder", "MODEL", "--file", "book.txt"], ["line 1: ", "does not know"]),
        (["generate", "MODEL", "--lines", "0"], ["number of lines is 0"]),
        (["generate", "MODEL", "-i", "--prompt", "stay"], ["--prompt has no use"]),
        (["generate", "MODEL", "-i", "--top-k", "3"], ["--top-k has no use"]),
        (["generate", "MODEL", "--interactive"], ["-i needs a terminal"]),
        (["evaluate", "MODEL", "book.txt", "--dynamic", "0"], ["dynamic is 0"]),
        (["evaluate", "MODEL", "."], ["a folder with"]),
    ],
)
def test_what_a_model_of_words_refuses(elman, words, arguments, parts):
    refused(elman(*[str(words) if part == "MODEL" else part for part in arguments]), *parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["generate", "MODEL"], ["one of its classes: double, single", "language=double"]),
        (["generate", "MODEL", "-i"], ["one of its classes: double, single", "language=double"]),
        (["generate", "MODEL", "--given", "triple"], ["one of its classes"]),
        (["evaluate", "MODEL", "book.txt"], ["one of its classes"]),
        (["reorder", "MODEL", "a b", "--given", "single"], ["model of characters", "--unit word"]),
    ],
)
def test_what_a_model_of_classes_refuses(elman, classes, arguments, parts):
    refused(elman(*[str(classes) if part == "MODEL" else part for part in arguments]), *parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--unit", "syllable"], ["character, word, subword"]),
        (["--vocabulary", "100"], ["no meaning for characters"]),
        (["--unit", "subword", "--vocabulary", "100"], ["no room for the 256 bytes"]),
        (["--unit", "word", "--tied", "--embedding", "7", "--hidden", "9"], ["--embedding 9, or --no-tied"]),
        (["--preset", "awd"], ["awd-lstm"]),
        (["--preset", "awd-lstm", "--cell", "mingru"], ["preset awd-lstm does not fit cell mingru"]),
        (["--forget-bias", "1", "--chrono", "9"], ["forget_bias and chrono"]),
        (["--cell", "elman", "--chrono", "9"], ["no gate of elman"]),
        (["--validation-data", "none.txt"], ["none.txt does not exist"]),
        (["--cell", "cfc"], ["reads dt"]),
        (["--given", "language"], ["given is 'language'", "a folder with a class each"]),
        (["--schedule", "cosine", "--decay", "0.5"], ["decay"]),
    ],
)
def test_a_training_that_cannot_begin(elman, tmp_path, arguments, parts):
    done = elman("train", "generate", "book.txt", *arguments)
    assert done.code == 2
    assert "Traceback" not in done.err
    for part in parts:
        assert part in done.err
    assert done.err.count("\n") == 1, done.err
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt"}


def test_a_cell_prints_for_a_paper(elman):
    done = elman("cells", "lstm", "--latex")
    assert done.out.startswith("\\begin{align*}")
    refused(elman("cells", "--latex"), "elman cells lstm --latex")


def test_the_list_has_one_line_for_each_cell_however_narrow_the_terminal(elman, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    import elman as package

    assert len(elman("cells").out.splitlines()) == len(package.cells.names())


@pytest.mark.slow
def test_the_readme_shows_what_the_commands_say(elman):
    root = Path(__file__).parents[2]
    readme = (root / "README.md").read_text(encoding="utf-8")
    (block,) = [part for part in re.findall(r"```console\n(.*?)```", readme, re.DOTALL) if "--unit word" in part]
    text = (root / "examples" / "sentences.txt").read_text(encoding="utf-8")
    assert "please stay at" not in text
    assert "I am reading an article" not in text
    examples = re.findall(r"^\$ elman ([^\n]*)\n((?:(?!\$)[^\n]*\n)*)", block, re.MULTILINE)
    assert [command.split()[0] for command, _ in examples] == ["train", "next", "reorder"]
    for command, expected in examples:
        done = elman(*(root / part if part.startswith("examples/") else part for part in shlex.split(command)))
        assert done.code == 0
        words = [line.split()[-1] for line in expected.splitlines()]
        # The shares differ in their last digits from processor to processor; the words may not.
        left_out = expected.strip() in ("", "…")
        assert left_out or [line.split()[-1] for line in done.out.splitlines()] == words


def test_a_search_prints_what_its_best_model_is_worth_and_how_to_train_it_again(elman, tmp_path):
    (tmp_path / "lines.txt").write_text(LINES * 20)
    shape = ("--unit", "word", "--hidden", 5, "--epochs", 2, "--window", 11)
    done = elman("train", "generate", "lines.txt", *shape, "--search", 2, "-o", "m")
    assert done.code == 0, done.err
    assert "without recurrence, a " in done.err
    assert "trial 2 of 2: loss" in done.err
    rows = dict(line.split(maxsplit=1) for line in done.out.splitlines() if line[0] != " ")
    assert rows["search"].startswith("best of 2 trials on the validation text; expect slightly worse results")
    assert rows["again"].startswith("elman train generate lines.txt --cell lstm --hidden 5 --unit word --window 11")
    again = elman(*shlex.split(rows["again"])[1:], "-o", "again")
    verdict = generate.load(tmp_path / "m").metrics["verdict"]
    assert "-gram model, which does without recurrence, reaches" in verdict
    for out in (done.out, again.out):
        assert rows["validation"] in out
        assert verdict in out


def test_the_command_that_trains_the_best_of_a_search_again_counts_updates_and_no_time(elman, tmp_path):
    (tmp_path / "lines.txt").write_text(LINES * 20)
    shape = ("--unit", "word", "--hidden", 5, "--window", 11, "--epochs", "auto", "--time-budget", "1s", "--quiet")
    done = elman("train", "generate", "lines.txt", *shape, "--search", 2, "-o", "m")
    assert done.code == 0, done.err
    rows = dict(line.split(maxsplit=1) for line in done.out.splitlines() if line[0] != " ")
    assert "--updates" in rows["again"]
    assert "time" not in rows["again"]
    again = elman(*shlex.split(rows["again"])[1:], "--quiet", "-o", "again")
    assert rows["validation"] in again.out
    one, other = (generate.load(tmp_path / name).weights() for name in ("m", "again"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_search_without_held_out_text_is_refused(elman, tmp_path):
    (tmp_path / "lines.txt").write_text(LINES * 20)
    done = elman("train", "generate", "lines.txt", "--validation", 0, "--window", 11, "--search", 2, "--quiet")
    refused(done, "search compares settings by what is held out", "drop search")
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt", "lines.txt"}


def test_evaluating_on_text_that_was_learnt_from_is_reported(elman, tmp_path):
    lines = [f"this is line {number} of the book, and no other line is like it" for number in range(200)]
    (tmp_path / "book.txt").write_text("\n".join(lines))
    assert elman("train", "generate", "book.txt", "--hidden", 7, "--epochs", 1, "-q", "-o", "m").code == 0
    done = elman("evaluate", "m", "book.txt")
    assert "of these 200 passages of text are in the training data" in " ".join(done.out.split())
    learnt = json.loads(elman("evaluate", "m", "book.txt", "--json").out)["learnt_from"]
    assert 175 <= learnt <= 180
    (tmp_path / "end.txt").write_text("\n".join(lines[185:]))
    assert "training data" not in elman("evaluate", "m", "end.txt").out


def test_held_out_lines_that_are_learnt_from_are_reported_before_the_training(elman, tmp_path):
    (tmp_path / "names.txt").write_text("anna\nbob\ncarla\ndieter\n" * 60)
    done = elman("train", "generate", "names.txt", "--hidden", 7, "--epochs", 1, "-o", "m")
    assert "lines held out are in the text to train on too" in " ".join(done.err.split())
