"""Train, keep, load, predict and measure a small translation model, as a user does."""

import io
import json
import random
import sys

import pytest
import torch

from elman.decoding.search import Beam
from elman.errors import ConfigError, DataError
from elman.tasks import Translator, translate
from elman.tasks.translate.batches import NOTHING, EncodedPairs
from elman.tasks.translate.encoder import PairEncoder, learn_pair_encoder
from elman.tasks.translate.module import TranslationModel
from elman.tasks.translate.reading import read_pairs
from elman.tasks.translate.settings import TranslateSettings

DIGITS = dict(zip("abcdefghij", "0123456789", strict=True))


def draw(count, seed=1):
    chance = random.Random(seed)
    return ["".join(chance.choices("abcdefghij", k=chance.randint(1, 5))) for _ in range(count)]


def answer(source):
    return "".join(DIGITS[letter] for letter in reversed(source))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translate")
    for name, count, seed in (("train", 900, 1), ("test", 60, 2)):
        sources = draw(count, seed)
        lines = "".join(f"{source}\t{answer(source)}\n" for source in sources)
        (folder / f"{name}.tsv").write_text(lines, encoding="utf-8")
    return folder


OPTIONS = {"unit": "character", "hidden": 32, "epochs": 14, "learning_rate": 0.008, "dropout": 0.0, "batch": 32}


@pytest.fixture(scope="module")
def model(folder):
    return translate.train(folder / "train.tsv", output=folder / "m.elman.safetensors", quiet=True, **OPTIONS)


def test_a_model_learns_to_write_texts_backwards_in_other_letters(model, folder):
    sources = draw(60, 2)
    written = model.predict(sources)
    right = sum(one == answer(source) for one, source in zip(written, sources, strict=True))
    assert right >= 54
    assert model.metrics["validation"]["exact"] > 0.85
    assert model.metrics["baseline"]["exact"] < model.metrics["validation"]["exact"]
    assert "units of the source shuffled" in model.metrics["verdict"]


def test_a_loaded_model_writes_the_same(model, folder):
    loaded = translate.load(folder / "m.elman.safetensors")
    sources = draw(20, 5)
    assert loaded.predict(sources, beam=3) == model.predict(sources, beam=3)
    assert loaded.encoder.to_dict() == model.encoder.to_dict()


def test_texts_are_answered_alike_alone_and_together(model):
    sources = draw(70, 7)
    together = model.hypotheses(sources, Beam(4, best=2))
    for source, found in zip(sources[::9], together[::9], strict=True):
        [alone] = model.hypotheses([source], Beam(4, best=2))
        assert [(one.units, one.log_probability) for one in alone] == [
            (one.units, one.log_probability) for one in found
        ]


def test_an_empty_text_has_an_empty_answer_and_unknown_letters_are_read(model):
    first, second, third = model.predict(["", "  ", "aé☃"])
    assert (first, second) == ("", "")
    assert isinstance(third, str)


def test_a_very_long_text_is_bounded_and_that_is_said(model, caplog):
    [_, written] = model.predict(["a", "ab" * 5000], beam=1)
    assert len(written) <= 2 * 1000 + 10
    assert [record.getMessage() for record in caplog.records] == [
        (
            "The text that begins with 'abababababababababab' has 10,000 units, and the first 1,000 are read. "
            "Split it into sentences."
        )
    ]


def test_no_texts_have_no_answers(model):
    assert model.predict([]) == []


def test_more_hypotheses_than_the_beam_holds_are_refused(model, folder, capsys, monkeypatch):
    path = folder / "m.elman.safetensors"
    with pytest.raises(ConfigError, match="3 hypotheses of each source are wanted from a beam of 2"):
        run(capsys, monkeypatch, "predict", path, "-", "--nbest", "3", "--beam", "2", given="abc\n")


@pytest.mark.parametrize("given", ["one text", b"bytes", {"a": 1}, [1], [None]])
def test_what_is_no_list_of_texts_is_refused(model, given):
    with pytest.raises(DataError, match="texts"):
        model.predict(given)


def test_an_estimator_fits_and_scores():
    sources = draw(200)
    targets = [answer(source) for source in sources]
    estimator = Translator(unit="character", hidden=8, epochs=1).fit(sources, targets)
    assert len(estimator.predict(sources[:3])) == 3
    assert 0 <= estimator.score(sources[:20], targets[:20]) <= 1
    with pytest.raises(DataError, match="200 sources and 199 targets"):
        estimator.fit(sources, targets[1:])


def test_what_is_held_out_changes_no_weight(folder, tmp_path):
    def train_with(wrong):
        hold = tmp_path / f"hold{wrong}.tsv"
        pairs = [(source, "9" if wrong else answer(source)) for source in draw(40, 9)]
        hold.write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
        options = {**OPTIONS, "epochs": 1, "select": "loss", "validation_data": str(hold)}
        return translate.train(folder / "train.tsv", quiet=True, compare=False, **options)

    one, other = train_with(False), train_with(True)
    assert one.encoder.to_dict() == other.encoder.to_dict()
    for name, weight in one.module.state_dict().items():
        assert torch.equal(weight, other.module.state_dict()[name]), name


def test_what_is_sampled_grows_from_nothing_and_the_options_of_a_training_are_kept(folder, tmp_path, monkeypatch):
    shares, sample = [], TranslationModel._sample

    def watch(self, target, counted, state, share):
        shares.append(share)
        return sample(self, target, counted, state, share)

    monkeypatch.setattr(TranslationModel, "_sample", watch)
    path = tmp_path / "m.elman.safetensors"
    options = {**OPTIONS, "hidden": 8, "epochs": 2, "input_feeding": True, "coverage_loss": 0.5}
    model = translate.train(
        folder / "train.tsv", output=path, quiet=True, compare=False, scheduled_sampling=0.4, **options
    )
    updates = model.metrics["updates"]
    assert shares == pytest.approx([0.4 * update / updates for update in range(1, updates)])
    loaded = translate.load(path)
    assert loaded.module.input_feeding
    assert loaded.predict(draw(9, 4)) == model.predict(draw(9, 4))


def test_pairs_of_one_source_are_on_one_side(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"s{n % 50}\tt{n}\n" for n in range(500)), encoding="utf-8")
    found = read_pairs(path, TranslateSettings())
    assert not {pair.source for pair in found.learn} & {pair.source for pair in found.hold}
    assert len(found.hold) >= 50


def run(capsys, monkeypatch, *arguments, given=""):
    from elman.cli import app

    monkeypatch.setattr(sys, "argv", ["elman", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8"))
    with pytest.raises(SystemExit) as ended:
        app()
    return ended.value.code, *capsys.readouterr()


def test_lines_that_arrive_are_answered_each_with_a_line(model, folder, capsys, monkeypatch):
    path = folder / "m.elman.safetensors"
    code, out, _ = run(capsys, monkeypatch, "predict", path, "-", given="abc\n\nj\n")
    assert (code, out.count("\n")) == (0, 3)
    assert out.splitlines()[1] == ""
    assert out.splitlines()[0] == model.predict(["abc"])[0]
    code, out, _ = run(
        capsys, monkeypatch, "predict", path, "-", "--nbest", "2", "--scores", "--align", "--beam", "3", given="abc\n"
    )
    lines = [line.split("\t") for line in out.splitlines()]
    assert [len(cells) for cells in lines] == [3, 3]
    assert float(lines[0][0]) >= float(lines[1][0])
    assert len(lines[0][2].split()) == len(lines[0][1])
    code, out, _ = run(capsys, monkeypatch, "predict", path, "-", "--json", given="abc\n")
    assert json.loads(out)["translations"][0]["text"] == model.predict(["abc"])[0]


def test_a_model_is_measured_on_pairs(model, folder, capsys, monkeypatch):
    code, out, _ = run(capsys, monkeypatch, "evaluate", folder / "m.elman.safetensors", folder / "test.tsv", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["count"] == 60
    assert found["exact"] >= 0.9
    assert "tok:13a" in found["signature"]


def test_an_encoder_is_inspected(model, folder, capsys, monkeypatch):
    path = folder / "m.elman.safetensors"
    code, out, _ = run(capsys, monkeypatch, "inspect", path, folder / "test.tsv", "--json")
    assert code == 0
    assert "verdict" in json.loads(out)


def test_units_are_numbered_and_written_back():
    sources, targets = ["ein Hund läuft", "eine Katze"] * 20, ["a dog runs", "a cat"] * 20
    for unit in ("character", "word", "subword"):
        for separate in (False, True):
            encoder = learn_pair_encoder(sources, targets, unit=unit, size=None, separate=separate)
            again = PairEncoder.from_dict(encoder.to_dict())
            for side, text in ((again.source, "ein Hund läuft"), (again.target, "a dog runs")):
                units = side.encode(text)
                assert side.decode(units) == text
                assert max(units) < side.end < side.size
            assert again.shared is not separate


def test_a_batch_reads_the_end_first_and_writes_it_last():
    encoder = learn_pair_encoder(["ab", "a"], ["ba", "b"], unit="character", size=None, separate=False)
    from elman.data.pairs.pair import Pair

    few = EncodedPairs([Pair("ab", "ba", ""), Pair("a", "b", "")], encoder, 9).batch([0, 1])
    end = encoder.target.end
    assert few.read.T.tolist() == [[end, 2, 1], [end, 2, end]]
    assert few.written.T.tolist() == [[2, 1, end], [2, end, NOTHING]]
    assert few.source.T.tolist() == [[1, 2], [1, end]]
    assert few.lengths.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wait": 2, "direction": "both"}, "Drop one"),
        ({"unit": "syllable"}, "character, word, subword"),
        ({"unit": "word", "bpe_dropout": 0.1}, "only subwords are merged"),
        ({"input_feeding": True, "recurrent_dropout": 0.2}, "a mask of its own"),
        ({"validation": 0.1, "validation_data": "a.tsv"}, "validated on one"),
        ({"beam": 3}, "beam"),
    ],
)
def test_options_that_cannot_be_are_refused(folder, options, message):
    with pytest.raises(ConfigError, match=message):
        translate.train(folder / "train.tsv", **options)


def test_pairs_that_were_learnt_from_are_recognised(model, folder, capsys, monkeypatch):
    path = folder / "m.elman.safetensors"
    _, out, _ = run(capsys, monkeypatch, "evaluate", path, folder / "train.tsv", "--beam", "1")
    assert "are in the training data" in out.replace("\n", " ")
    _, out, _ = run(capsys, monkeypatch, "evaluate", path, folder / "test.tsv", "--beam", "1", "--json")
    assert json.loads(out)["learnt_from"] < 40  # short sources are in both
