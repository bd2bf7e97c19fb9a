"""Train, predict and evaluate from the command line, and what is refused there."""

import csv
import io
import json
import shlex
import shutil
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from answerable import write_reviews, write_series, write_sounds, write_table, write_tone
from elman.tasks import classify
from processes import interrupt, start_elman

SMALL = ("--hidden", 11, "--batch", 8, "--epochs", 8, "--learning-rate", 0.01, "--dropout", 0)
GOOD, BAD = "the film was good, and my trip was bad", "his joke was bad, and that play was good"
OPTIONS = {"hidden": 11, "batch": 8, "epochs": 8, "learning_rate": 0.01, "dropout": 0.0, "quiet": True}


def refused(done, *parts: str) -> None:
    assert done.code == 2, (done.out, done.err)
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("elman: ")
    for part in parts:
        assert part in done.err


def table_of(out: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out)))


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """Train one model of texts; tests read it and do not change it."""
    folder = tmp_path_factory.mktemp("reviews")
    path = folder / "m"
    classify.train(write_reviews(folder / "reviews.csv"), output=path, **OPTIONS)
    return path


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    """Train one model of rows that gives a number."""
    folder = tmp_path_factory.mktemp("prices")
    path = folder / "m"
    classify.train(write_table(folder / "t.csv"), target="price", output=path, **OPTIONS)
    return path


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Train one model of sound."""
    folder = tmp_path_factory.mktemp("tones")
    path = folder / "m"
    classify.train(write_sounds(folder / "tones", 12), output=path, **OPTIONS)
    return path


def test_training_says_what_there_is_what_came_of_it_and_what_is_next(elman, tmp_path):
    write_reviews(tmp_path / "reviews.csv")
    done = elman("train", "classify", "reviews.csv", *SMALL)
    assert done.code == 0, done.err
    assert "The target is label" in done.err
    assert "without recurrence, a bag of words with n-grams of letters: validation accuracy" in done.err
    assert "best so far" in done.err
    rows = dict(line.split(maxsplit=1) for line in done.out.splitlines() if line[0] != " ")
    assert rows["model"].startswith("reviews.elman.safetensors")
    assert rows["validation"].startswith("accuracy ")
    assert rows["next"] == "elman predict reviews.elman.safetensors reviews.csv"
    assert "with the steps shuffled" in done.out
    assert elman(*rows["next"].split()[1:]).code == 0
    refused(elman("train", "classify", "reviews.csv", *SMALL), "reviews.elman.safetensors exists", "--force")


def test_training_as_json(elman, tmp_path):
    write_series(tmp_path / "s.npz", 40)
    done = elman("train", "classify", "s.npz", *SMALL, "--json", "--quiet", "-o", "m")
    assert done.err == ""
    found = json.loads(done.out)
    assert found["model"] == "m"
    assert found["validation"]["count"] == 8
    assert 0 <= found["baseline"]["accuracy"] <= 1
    assert found["updates"] == 32


def test_a_search_says_how_to_train_its_best_model_again(elman, tmp_path):
    write_series(tmp_path / "a b.npz", 40)
    done = elman("train", "classify", "a b.npz", "--hidden", 5, "--epochs", 2, "--search", 3, "-o", "m")
    assert done.code == 0, done.err
    assert "trial 3 of 3: accuracy" in done.err
    rows = dict(line.split(maxsplit=1) for line in done.out.splitlines() if line[0] != " ")
    assert rows["search"].startswith("best of 3 trials")
    assert rows["again"].startswith("elman train classify 'a b.npz' --cell lstm --hidden 5 --epochs 2")
    again = elman(*shlex.split(rows["again"])[1:], "-o", "again")
    assert again.code == 0, again.err
    assert rows["validation"] in again.out
    assert (
        load_file(tmp_path / "m")["readout.weight"].tolist() == load_file(tmp_path / "again")["readout.weight"].tolist()
    )
    assert elman("train", "classify", "a b.npz", "--search", 0, "-o", "none").code == 2


def test_the_rows_of_a_table_come_out_with_answers(elman, reviews, tmp_path):
    (tmp_path / "new.csv").write_text(f'no,text\nr1,"{GOOD}"\nr2,"{BAD}"\n')
    done = elman("predict", reviews, "new.csv")
    assert done.err == ""
    found = table_of(done.out)
    assert list(found[0]) == ["no", "text", "prediction", "probability"]
    assert [row["no"] for row in found] == ["r1", "r2"]
    assert [row["text"] for row in found] == [GOOD, BAD]
    assert [row["prediction"] for row in found] == ["good", "bad"]
    assert all(0.5 <= float(row["probability"]) <= 1 for row in found)
    more = table_of(elman("predict", reviews, "new.csv", "--probabilities").out)
    for row in more:
        assert float(row["probability_good"]) + float(row["probability_bad"]) == pytest.approx(1, abs=1e-5)
        assert row["probability"] == row[f"probability_{row['prediction']}"]


def test_each_form_comes_out_as_it_went_in(elman, reviews, tmp_path):
    (tmp_path / "new.tsv").write_text(f"text\tno\n{GOOD}\t1\n")
    assert elman("predict", reviews, "new.tsv").out.splitlines()[0] == "text\tno\tprediction\tprobability"
    (tmp_path / "new.jsonl").write_text(json.dumps({"text": GOOD, "no": 1.5, "more": {"a": [1]}}) + "\n")
    line = json.loads(elman("predict", reviews, "new.jsonl").out)
    assert line.pop("probability") > 0.5
    assert line == {"text": GOOD, "no": 1.5, "more": {"a": [1]}, "prediction": "good"}
    assert json.loads(elman("predict", reviews, "new.tsv", "--json").out)["no"] == "1"


def test_the_model_alone_is_enough(elman, reviews, tmp_path):
    shutil.copy(reviews, tmp_path / "moved")
    (tmp_path / "new.csv").write_text(f'text,no\n"{BAD}",1\n')
    assert table_of(elman("predict", "moved", "new.csv").out)[0]["prediction"] == "bad"


@pytest.mark.parametrize("lines", [f"{GOOD}\n\n{BAD}\n", f'no,text\n1,"{GOOD}"\n2,"{BAD}"\n'])
def test_standard_input_is_answered(elman, reviews, lines):
    found = table_of(elman("predict", reviews, "-", stdin=lines.encode()).out)
    assert [row["prediction"] for row in found] == ["good", "bad"]
    assert [row["text"] for row in found] == [GOOD, BAD]


def test_a_line_is_answered_before_the_next_one_arrives(reviews):
    command = [sys.executable, "-m", "elman", "predict", str(reviews), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for text, answer in ((GOOD, "good"), (BAD, "bad")):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            line = process.stdout.readline() if line.startswith("text,") else line
            assert line.startswith(f'"{text}",{answer},')
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_a_reader_that_has_enough_is_no_failure(reviews, tmp_path):
    (tmp_path / "new.csv").write_text("text,no\n" + "it was good,1\n" * 20_000)
    command = f"{sys.executable} -m elman predict {reviews} {tmp_path / 'new.csv'} | head -n 2"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_files_of_sound_are_answered_by_name(elman, tones, tmp_path):
    write_tone(tmp_path / "a.wav", 2000.0, 0.1)
    write_tone(tmp_path / "b.wav", 300.0, 0.15)
    found = table_of(elman("predict", tones, "a.wav", "b.wav").out)
    assert [(row["file"], row["prediction"]) for row in found] == [("a.wav", "high"), ("b.wav", "low")]
    found = table_of(elman("predict", tones, "-", stdin=b"b.wav\n").out)
    assert found[0]["prediction"] == "low"


def test_numbers_are_answered_with_numbers(elman, prices, tmp_path):
    (tmp_path / "new.csv").write_text("weight,size,colour\n50,5,red\n,5,green\n")
    found = table_of(elman("predict", prices, "new.csv").out)
    assert list(found[0]) == ["weight", "size", "colour", "prediction"]
    assert 40 < float(found[0]["prediction"]) < 110
    answers = classify.load(prices).predict([{"weight": 50.0, "size": 5.0, "colour": "red"}])
    assert float(found[0]["prediction"]) == pytest.approx(answers[0], rel=1e-6)
    refused(elman("predict", prices, "new.csv", "--probabilities"), "--probabilities", "numbers")


def test_series_of_a_long_table_are_answered_by_their_id(elman, tmp_path):
    lines = ["id,x,label"]
    for series in range(30):
        rises = series % 2
        lines += [
            f"s{series},{step if rises else -step}.5,{'up' if rises else 'down'}" for step in range(3 + series % 4)
        ]
    (tmp_path / "long.csv").write_text("\n".join(lines))
    assert elman("train", "classify", "long.csv", *SMALL, "--epochs", 40, "-o", "m").code == 0
    (tmp_path / "new.csv").write_text("id,x\nb,1\nb,2\nb,3\na,-1\na,-2\na,-3\n")
    for found in (elman("predict", "m", "new.csv"), elman("predict", "m", "-", stdin=b"id,x\nb,1\nb,2\na,-1\na,-2\n")):
        assert [(row["id"], row["prediction"]) for row in table_of(found.out)] == [("b", "up"), ("a", "down")]


def test_evaluate_shows_scores_mistakes_and_a_picture(elman, reviews, tmp_path):
    write_reviews(tmp_path / "more.csv", 40, seed=2)
    done = elman("evaluate", reviews, "more.csv")
    assert done.code == 0, done.err
    assert done.out.startswith("accuracy ")
    assert "precision" in done.out
    (tmp_path / "odd.csv").write_text(f'text,label\n"{GOOD}",bad\n"{BAD}",bad\n')
    done = elman("evaluate", reviews, "odd.csv", "--worst", 3, "--confusion", "c.svg", "--json")
    found = json.loads(done.out)
    assert found["accuracy"] == 0.5
    assert [one["where"] for one in found["worst"]] == ["odd.csv line 2"]
    assert (tmp_path / "c.svg").read_text().startswith("<?xml")
    shown = elman("evaluate", reviews, "odd.csv", "--worst", 3).out
    assert "odd.csv line 2" in shown
    assert found["worst"][0]["text"][:20] in shown


def test_evaluate_refuses_what_the_model_cannot_know(elman, reviews, prices, trained, tmp_path):
    (tmp_path / "odd.csv").write_text("text,label\nit was good,fair\nit was bad,bad\n")
    refused(elman("evaluate", reviews, "odd.csv"), "'fair' (odd.csv line 2)", "bad, good")
    (tmp_path / "bare.csv").write_text("text,no\nit was good,1\n")
    refused(elman("evaluate", reviews, "bare.csv"), "target")
    refused(elman("evaluate", reviews, "odd.csv", "--dynamic", 0.1), "--dynamic", "'classify'")
    refused(elman("evaluate", trained, "book.txt", "--worst", 3), "--worst", "'generate'")
    refused(elman("evaluate", prices, "odd.csv", "--confusion", "c.png"), "--confusion", "number")
    refused(elman("evaluate", reviews, "odd.csv", "--confusion", "c.bmp"), "c.bmp")
    refused(elman("predict", trained, "book.txt"), "a model for 'generate'")
    refused(elman("generate", reviews), "a model for 'classify'")


@pytest.mark.parametrize(
    ("text", "options", "parts"),
    [
        ("text,label\ngood,a\nbad,a\n", (), ["'a'"]),
        ("text,label\ngood,a\nbad,a\nodd,b\n", (), ["A class has one example: 'b'"]),
        ("text,label\ngood,a\n", ("--target", "lable"), ["lable", "Did you mean label"]),
        ("text,label\ngood,a\n", ("--input", "txt"), ["txt", "Did you mean text"]),
        ('text,label\n"good,a\nbad,b\n', (), ["t.csv line 2", "quote"]),
        ("text,label\ngood,a\nbad\n", (), ["t.csv line 3", "1 cells"]),
        ("text,label\n", (), ["no row"]),
        ("", (), ["t.csv is empty"]),
        ("text,label\ngood,a\nbad,b\n" * 3, ("--hidden", "0"), ["hidden"]),
        ("text,label\ngood,a\nbad,b\n" * 3, ("--cell", "gruu"), ["gruu"]),
        ("text,label\ngood,a\nbad,b\n" * 3, ("--validation-data", "gone.csv"), ["gone.csv does not exist"]),
        ("text,label\ngood,a\nbad,b\n" * 3, ("-o", "no/m"), ["no/m", "mkdir"]),
        ("size,label\n1,a\nnan,b\n2,a\n3,b\n", (), ["t.csv line 3", "nan"]),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(elman, tmp_path, text, options, parts):
    (tmp_path / "t.csv").write_text(text)
    refused(elman("train", "classify", "t.csv", "--epochs", 1, "--quiet", *options), *parts)
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "book.txt"}


def test_a_damaged_sound_is_named(elman, tones, tmp_path):
    write_sounds(tmp_path / "tones", 3)
    (tmp_path / "tones" / "low" / "1.wav").write_bytes(b"RIFF")
    refused(elman("train", "classify", "tones", "--quiet"), "tones/low/1.wav")
    refused(elman("predict", tones, "tones/low/1.wav"), "tones/low/1.wav")


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_model(tmp_path):
    write_reviews(tmp_path / "reviews.csv")
    command = ["train", "classify", "reviews.csv", "--hidden", "7", "--epochs", "100000", "--patience", "100000"]
    process = start_elman(tmp_path, *command, "--folds", "1")
    out, err = interrupt(process, "best so far")
    assert process.returncode == 130
    assert "Traceback" not in err
    kept = "elman: interrupted; the best model so far is kept in reviews.elman.safetensors"
    assert err.splitlines()[-1] == f"{kept}; the same command with --resume goes on"
    assert "interrupted" in out
    model = classify.load(tmp_path / "reviews.elman.safetensors")
    assert model.predict(["it was good"])[0] in ("good", "bad")
