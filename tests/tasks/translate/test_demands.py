"""What a user asks of translations: prefixes, forbidden and required words, unknown words, draws, a picture."""

import io
import sys

import pytest
import torch

from elman.data.tables.records import read_waiting_lines
from elman.decoding.sampling import Sampling
from elman.decoding.search import Beam, Hypothesis
from elman.errors import ConfigError, DataError
from elman.tasks import translate
from elman.tasks.translate.demands import constrain, encode_phrase, read_phrases, write_copied
from elman.tasks.translate.encoder import learn_pair_encoder

SOURCES = ["rot blau gelb", "blau blau", "gelb rot rot blau", "rot", "gelb gelb blau"]
WORDS = {"rot": "red", "blau": "blue", "gelb": "yellow"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demands")
    generator = torch.Generator().manual_seed(3)
    lines = []
    for _ in range(120):
        words = [
            list(WORDS)[i]
            for i in torch.randint(3, (int(torch.randint(1, 6, (1,), generator=generator)),), generator=generator)
        ]
        lines.append(f"{' '.join(words)}\t{' '.join(WORDS[word] for word in words)}\n")
    (folder / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def model(folder):
    options = {"unit": "word", "separate": True, "hidden": 16, "epochs": 6, "batch": 16, "learning_rate": 0.01}
    return translate.train(
        folder / "pairs.tsv", output=folder / "m.elman.safetensors", quiet=True, compare=False, **options
    )


def test_every_answer_begins_with_its_prefix(model):
    answers = model.predict(SOURCES, prefix="yellow red")
    assert all(answer.split()[:2] == ["yellow", "red"] for answer in answers)
    own = ["red", "", "blue blue", "yellow", ""]
    for answer, prefix in zip(model.predict(SOURCES, prefix=own, beam=3), own, strict=True):
        assert answer.startswith(prefix)
    with pytest.raises(DataError, match="2 prefixes for 5 texts"):
        model.predict(SOURCES, prefix=["red", "blue"])


def test_phrases_are_forbidden_and_required(model):
    plain = model.predict(SOURCES)
    assert any("blue" in answer for answer in plain)
    assert not any("blue" in answer for answer in model.predict(SOURCES, forbid=["blue"]))
    assert not any("red red" in answer for answer in model.predict(SOURCES, prefix="red", forbid=["red red"]))
    assert all("yellow blue" in answer for answer in model.predict(SOURCES, require=["yellow blue"], beam=8))


def test_an_unknown_word_is_named(model):
    for demand in ({"prefix": "gren"}, {"forbid": ["gren"]}, {"require": ["gren"]}):
        with pytest.raises(DataError, match="does not know the word 'gren'"):
            model.predict(SOURCES, **demand)
    with pytest.raises(DataError, match="no word to write"):
        model.predict(SOURCES, forbid=[" "])
    with pytest.raises(ConfigError, match="cannot be required"):
        model.predict(SOURCES, require=["red"], sampling=Sampling())


def test_units_of_phrases_are_those_of_texts():
    sources, targets = ["ein Hund"] * 4, ["a dog runs"] * 4
    for unit in ("character", "word", "subword"):
        side = learn_pair_encoder(sources, targets, unit=unit, size=None, separate=True).target
        assert side.decode(encode_phrase(side, "a dog")) == "a dog"
    side = learn_pair_encoder(sources, targets, unit="character", size=None, separate=True).target
    with pytest.raises(DataError, match="never seen 'z'"):
        constrain(side, 1, prefix="z")


def test_unknown_words_are_replaced_by_what_they_looked_at(model):
    unknown = model.encoder.target.unknown
    red, blue = encode_phrase(model.encoder.target, "red blue")
    looks = torch.tensor([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.9, 0.05, 0.05]])
    one = Hypothesis([red, unknown, blue], -1.0, -1.0, looks)
    assert model.write(one) == "red <unk> blue"
    assert model.write(one, "Anna rot blau") == "red Anna blue"
    sides = learn_pair_encoder(["ab"], ["ba"], unit="character", size=None, separate=False)
    assert write_copied(sides.source, sides.target, "xa", [sides.target.unknown, 1], [0, 1]) == "xa"


@pytest.mark.parametrize("unit", ["word", "subword"])
def test_numbers_without_a_meaning_are_left_out(unit):
    side = learn_pair_encoder(["ab cd"] * 3, ["ba dc"] * 3, unit=unit, size=None, separate=False).target
    assert side.decode([*side.encode("ab cd"), side.size - 1]) == "ab cd"
    assert {side.size - 1, *side.vocabulary.encode("\n").tolist()} == set(side.unwritten)


def test_subwords_know_everything():
    sides = learn_pair_encoder(["ab"] * 3, ["ba"] * 3, unit="subword", size=None, separate=False)
    from elman.tasks.translate.demands import refuse_copying

    with pytest.raises(ConfigError, match="Drop copy_unknown"):
        refuse_copying(sides.target)


def test_draws_depend_on_the_seed_and_the_text_alone(model):
    sampling, beam = Sampling(1.0), Beam(5, best=3)
    units = lambda texts, seed: [  # noqa: E731
        [(one.units, one.log_probability) for one in found]
        for found in model.hypotheses(texts, beam, sampling=sampling, seed=seed)
    ]
    together = units(SOURCES, 1)
    assert [units([text], 1)[0] for text in SOURCES] == together
    assert units(SOURCES, 2) != together
    assert all(len(found) == 3 for found in together)
    cold = model.hypotheses(SOURCES, Beam(1), sampling=Sampling(0.0))
    greedy = model.hypotheses(SOURCES, Beam(1))
    assert [one[0].units for one in cold] == [one[0].units for one in greedy]


def test_phrases_come_from_a_file_or_a_text(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("red\n\nblue blue\n", encoding="utf-8")
    assert read_phrases(str(path)) == ["red", "blue blue"]
    assert read_phrases("red, blue blue,") == ["red", "blue blue"]
    assert read_phrases(None) == []


def run(capsys, monkeypatch, *arguments, given=""):
    from elman.cli import app

    monkeypatch.setattr(sys, "argv", ["elman", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8"))
    with pytest.raises(SystemExit) as ended:
        app()
    return ended.value.code, *capsys.readouterr()


def test_the_command_line_asks_the_same(model, folder, capsys, monkeypatch):
    path, given = folder / "m.elman.safetensors", "\n".join(SOURCES) + "\n"
    for options, demand in (
        (("--prefix", "red"), {"prefix": "red"}),
        (("--forbid", "blue"), {"forbid": ["blue"]}),
        (("--require", "yellow blue", "--beam", "8"), {"require": ["yellow blue"], "beam": 8}),
        (("--coverage-penalty", "0.4"), {"coverage_penalty": 0.4}),
        (("--temperature", "0.9", "--min-p", "0.1"), {"sampling": Sampling(0.9, min_p=0.1)}),
    ):
        code, out, _ = run(capsys, monkeypatch, "predict", path, "-", *options, given=given)
        assert (code, out.splitlines()) == (0, model.predict(SOURCES, **demand))


def test_a_file_and_standard_input_have_the_same_answers(model, folder, capsys, monkeypatch):
    path, lines = folder / "m.elman.safetensors", [*SOURCES, "", *SOURCES[::-1]] * 13
    (folder / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _, from_file, _ = run(capsys, monkeypatch, "predict", path, folder / "lines.txt", "--scores")
    _, streamed, _ = run(capsys, monkeypatch, "predict", path, "-", "--scores", given="\n".join(lines) + "\n")
    assert from_file == streamed
    assert from_file.count("\n") == len(lines)


def test_a_picture_shows_what_was_looked_at(model, folder, capsys, monkeypatch):
    picture = folder / "looked.png"
    code, out, _ = run(
        capsys, monkeypatch, "predict", folder / "m.elman.safetensors", "-", "--attention", picture,
        given="rot blau\n\ngelb " + "rot " * 30 + "\n",
    )  # fmt: skip
    assert (code, out.count("\n")) == (0, 3)
    assert picture.read_bytes()[1:4] == b"PNG"
    with pytest.raises(ConfigError, match="names no format"):
        run(capsys, monkeypatch, "predict", folder / "m.elman.safetensors", "-", "--attention", "a.gif")


class Pipe(io.BytesIO):
    """A pipe into which pieces are written one after the other."""

    def __init__(self, *pieces):
        super().__init__()
        self.pieces = list(pieces)

    def read1(self, size=-1):
        return self.pieces.pop(0) if self.pieces else b""


def test_lines_that_wait_are_read_together():
    pipe = Pipe(b"one\ntw", b"o\nthree\nfour\nfive\n\nsi", b"x")
    found = [[(line.number, line.offset, line.text) for line in lines] for lines in read_waiting_lines(pipe, "a", 3)]
    assert found == [
        [(1, 0, "one")],
        [(2, 4, "two"), (3, 8, "three"), (4, 14, "four")],
        [(5, 19, "five"), (6, 24, "")],
        [(7, 25, "six")],
    ]


def test_lines_before_a_damaged_one_are_answered():
    lines = read_waiting_lines(Pipe(b"one\ntwo\n\xff\nfour\n"), "input", 9)
    assert [line.text for line in next(lines)] == ["one", "two"]
    with pytest.raises(DataError, match="input line 3 is not UTF-8: byte 0xff at offset 8"):
        next(lines)
