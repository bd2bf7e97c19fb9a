"""`elman evaluate` for a translation model: scores by length, the worst, another's translations, suspect pairs."""

import json
import random
import sys

import pytest
import sacrebleu

from elman.cli import app
from elman.errors import ConfigError, DataError
from elman.tasks import translate
from elman.tasks.translate.evaluation import score_lengths


def draw(count, seed):
    chance = random.Random(seed)
    sources = [" ".join(chance.choices("abcde", k=chance.randint(1, 5))) for _ in range(count)]
    return [(source, source.upper()) for source in sources]


def put(folder, name, pairs):
    (folder / f"{name}.a").write_text("".join(f"{one}\n" for one, _ in pairs))
    (folder / f"{name}.b").write_text("".join(f"{other}\n" for _, other in pairs))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    put(folder, "train", draw(60, 1))
    put(folder, "test", [*draw(29, 2), ("a b", ""), ("e e", "E E")])
    for name, seed in (("m", 1), ("other", 2)):
        translate.train(
            [folder / "train.a", folder / "train.b"],
            output=folder / f"{name}.elman.safetensors",
            unit="character",
            hidden=8,
            epochs=2,
            seed=seed,
            compare=False,
            quiet=True,
        )
    return folder


@pytest.fixture
def run(folder, capsys, monkeypatch):
    def call(*options):
        model, data = folder / "m.elman.safetensors", (folder / "test.a", folder / "test.b")
        monkeypatch.setattr(sys, "argv", ["elman", "evaluate", *map(str, (model, *data, "--beam", 1, *options))])
        with pytest.raises(SystemExit) as ended:
            app()
        return ended.value.code, *capsys.readouterr()

    return call


def written(folder):
    model = translate.load(folder / "m.elman.safetensors")
    pairs = [*draw(29, 2), ("e e", "E E")]
    return model.predict([one for one, _ in pairs], beam=1), [other for _, other in pairs]


def test_all_scores_are_there_and_those_of_the_libraries(run, folder):
    code, out, _ = run("--json", "--worst", 3)
    found, (texts, references) = json.loads(out), written(folder)
    assert code == 0
    assert found["count"] == 30
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(texts, [references]).score)
    assert found["cer"]["units"] == sum(map(len, references))
    assert found["wer"]["units"] == sum(len(one.split()) for one in references)
    assert found["chrf_interval"][0] <= found["chrf"] <= found["chrf_interval"][1]
    assert sum(part["pairs"] for part in found["by_length"]) == 30
    scores = [sacrebleu.sentence_chrf(one["written"], [one["target"]]).score for one in found["worst"]]
    assert scores == sorted(scores)
    wrong = [
        sacrebleu.sentence_chrf(one, [other]).score
        for one, other in zip(texts, references, strict=True)
        if one != other
    ]
    assert scores == pytest.approx(sorted(wrong)[:3], abs=1e-6)


def test_the_terminal_shows_them(run):
    code, out, _ = run("--worst", 1)
    assert code == 0
    for part in ("BLEU  ", "chrF  ", "CER  ", "WER  ", "By the length of the source:", "characters  pairs", "written"):
        assert part in out


def test_translations_of_another_are_compared_line_by_line_also_where_a_side_is_empty(run, folder):
    texts, references = written(folder)
    right = folder / "right.txt"
    for lines in ([*references[:29], "", references[29]], references):
        right.write_text("".join(f"{line}\n" for line in lines))
        code, out, _ = run("--json", "--against", right)
        found = json.loads(out)["against"]
        assert code == 0
        assert found["exact"]["others"] == 100
        assert found["chrf"]["others"] == pytest.approx(100)
        assert found["chrf"]["ours"] == pytest.approx(sacrebleu.corpus_chrf(texts, [references]).score)
        assert found["chrf"]["difference"] < 0
    code, out, _ = run("--against", right)
    assert "Against " in out


def test_a_model_is_compared_with_another_and_with_itself(run, folder):
    found = json.loads(run("--json", "--against", folder / "m.elman.safetensors")[1])["against"]
    assert {one["difference"] for one in found.values()} == {0}
    assert {one["p"] for one in found.values()} == {1}
    found = json.loads(run("--json", "--against", folder / "other.elman.safetensors")[1])["against"]
    other = translate.load(folder / "other.elman.safetensors")
    texts, references = other.predict([one for one, _ in [*draw(29, 2), ("e e", "")]], beam=1), written(folder)[1]
    assert found["chrf"]["others"] == pytest.approx(sacrebleu.corpus_chrf(texts, [references]).score)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("one\ntwo\n", "right.txt has 2 lines, and 2 files from"),
        (None, "right.txt does not exist"),
    ],
)
def test_translations_that_do_not_fit_are_refused_in_one_line(run, folder, content, message):
    path = folder / "right.txt"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=message):
        run("--against", path)


def test_suspect_pairs_are_listed_and_a_model_is_never_replaced(run, folder):
    code, _, _ = run("--suspects", folder / "s.tsv")
    lines = (folder / "s.tsv").read_text().splitlines()
    assert code == 0
    assert len(lines) == 31
    assert {int(line.split("\t")[1]) for line in lines[1:]} == {*range(1, 30), 31}
    (folder / "t.tsv").write_text("a\tb\n")
    with pytest.raises(ConfigError, match="no list of suspects"):
        run("--suspects", folder / "t.tsv")


def test_without_jiwer_a_note_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "jiwer", None)
    code, out, err = run()
    assert code == 0
    assert "pip install 'elman[transcribe]'" in err
    assert "CER" not in out


def test_parts_by_length_hold_each_pair_once_and_are_scored_alone():
    chance = random.Random(5)
    lengths = [chance.randint(1, 11) for _ in range(53)]
    references = [f"a dog runs home {n}" for n in range(53)]
    texts = [one if chance.random() < 0.5 else one.replace("dog", "cat") for one in references]
    found = score_lengths(lengths, texts, references)
    assert [part.shortest for part in found[1:]] > [part.longest for part in found[:-1]]
    for part in found:
        chosen = [n for n, length in enumerate(lengths) if part.shortest <= length <= part.longest]
        ours, right = [texts[n] for n in chosen], [references[n] for n in chosen]
        assert part.pairs == len(chosen)
        assert part.bleu == pytest.approx(sacrebleu.corpus_bleu(ours, [right]).score)
        assert part.chrf == pytest.approx(sacrebleu.corpus_chrf(ours, [right]).score)
    assert sum(part.pairs for part in found) == 53
    assert len(score_lengths([7] * 53, texts, references)) == 1
