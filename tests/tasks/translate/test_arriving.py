"""Translate a text while it arrives: the same as of the whole text, from no more than has arrived."""

import io
import random
import sys
import threading

import pytest
import torch

from elman import cells
from elman.data.tables.records import read_arriving_lines, read_lines
from elman.errors import ConfigError, DataError, ElmanError
from elman.tasks import translate
from elman.tasks.translate.arriving import ArrivingSource
from elman.tasks.translate.encoder import learn_pair_encoder
from elman.tasks.translate.model import TrainedTranslator, build_module
from processes import start_elman

WORDS = {"rot": "red", "blau": "blue", "gelb": "yellow", "grün": "green", "weiß": "white", "rosa": "pink"}
UNITS = ("character", "word", "subword")


LINE = "rot blau gelb grün rosa"


def draw(count, seed):
    chance = random.Random(seed)
    return [" ".join(chance.choices(list(WORDS), k=chance.randint(1, 5))) for _ in range(count)]


def answer(text):
    return " ".join(WORDS[word] for word in text.split())


def make(unit, cell, **options):
    """Make a model of large random weights, which writes something else for every source."""
    torch.manual_seed(3)
    texts = draw(40, 2)
    encoder = learn_pair_encoder(texts, [*map(answer, texts)], unit=unit, size=None, separate=True)
    plain = {"hidden": 13, "layers": 2, "bidirectional": False, "sizes": None, "dropout": 0.0, "locked": False}
    plain |= dict.fromkeys(("recurrent_dropout", "weight_dropout", "zoneout"), 0.0)
    configuration = {**plain, "bag": False, **options}
    module = build_module(cell, encoder, configuration)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(4)
        module.bias[encoder.target.end] = 0.0 if unit == "word" else 4.0
    return TrainedTranslator(module=module.eval(), encoder=encoder, configuration=configuration)


@pytest.fixture(scope="module")
def models():
    return {
        "character": make("character", cells.gru, wait=3),
        "word": make("word", cells.gru, wait=1),
        "subword": make("subword", cells.gru, wait=2, attention="additive", input_feeding=True),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("arriving")
    for unit, model in models.items():
        model.save(folder / f"{unit}.elman.safetensors")
    return folder


def cut(text, chance):
    """Cut a text, or bytes, into pieces, of which some are empty."""
    places = sorted(chance.randint(0, len(text)) for _ in range(chance.randint(0, len(text) + 2)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("tokenized", [False, True])
def test_the_units_of_a_text_that_arrives_are_those_of_the_whole(unit, tokenized):
    texts = ["it's 3.5 a-b, (so)! ", "don't  stop\t now;!"] * 5
    side = learn_pair_encoder(texts, texts, unit=unit, size=None, separate=True, tokenized=tokenized).source
    chance = random.Random(7)
    for _ in range(300):
        text = "".join(chance.choices("ab's.,-3!(  \t\x1c\x0b\r\u3000\u2003é", k=chance.randint(0, 17)))
        source = ArrivingSource(side, iter(cut(text, chance)), most=1000)
        for count in range(1, 4):
            source.wait_for(count)
        source.finish()
        assert not text or source.units == side.encode(text), repr(text)
        assert source.is_blank == (not text.strip()), repr(text)
        assert source.first == text


@pytest.mark.parametrize(
    ("unit", "count", "taken"),
    [("character", 2, "ab"), ("word", 1, "ab "), ("word", 2, "ab cd "), ("subword", 1, "ab ")],
)
def test_no_more_is_taken_than_is_waited_for(unit, count, taken):
    side = learn_pair_encoder(["ab cd e f"] * 9, ["x"], unit=unit, size=None, separate=True).source
    pieces = iter("ab cd e f")
    source = ArrivingSource(side, pieces, most=1000)
    assert source.wait_for(count) >= count
    assert "".join(pieces) == "ab cd e f".removeprefix(taken)


PARTS = ["\ufeff", "a", "b c", "\r", "\n", "\r\n", "☃", "é", " "]


class _Pipe(io.BytesIO):
    """Bytes that arrive in pieces."""

    def __init__(self, pieces):
        super().__init__()
        self._pieces = iter(pieces)

    def read1(self, size=-1):
        return next(self._pieces, b"")


def test_lines_that_arrive_are_those_of_the_file():
    chance = random.Random(3)
    for _ in range(300):
        raw = "".join(chance.choices(PARTS, k=chance.randint(0, 11))).encode()
        pipe = _Pipe([piece for piece in cut(raw, chance) if piece])
        found = ["".join(line) for line in read_arriving_lines(pipe, "x")]
        assert found == [line.text for line in read_lines(io.BytesIO(raw), "x")], raw


@pytest.mark.parametrize("raw", [b"a\n\xffb c\n", b"a b\x00c", b"a\nb\xc3", b"\x1f\x8b\x08\x00", b"a\nb \xe2\x98x"])
def test_what_is_no_text_is_refused_with_its_place(raw):
    with pytest.raises(DataError) as expected:
        list(read_lines(io.BytesIO(raw), "x"))
    with pytest.raises(DataError) as found:
        [list(line) for line in read_arriving_lines(io.BytesIO(raw), "x")]
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("unit", UNITS)
def test_a_text_that_arrives_is_translated_as_the_whole_text(unit, models):
    model, chance = models[unit], random.Random(5)
    texts = [*draw(9, 6), "", "  ", "zebra ☃", " rot", "blau  gelb "]
    expected = model.predict(texts, beam=1)
    assert len({*expected}) >= 6
    for text, whole in zip(texts, expected, strict=True):
        assert "".join(model.follow(cut(text, chance))) == whole, repr(text)
    for text, whole in zip(texts, model.predict(texts, beam=1, forbid=["red"]), strict=True):
        assert "".join(model.follow([text], forbid=["red"])) == whole


def test_a_model_that_waits_for_one_word_writes_each_behind_the_next_blank(models):
    taken = []

    def arrive():
        for word in ["rot ", "blau ", "gelb ", "grün ", "rosa"]:
            taken.append(word)
            yield word

    [whole] = models["word"].predict([LINE], beam=1)
    assert len(whole.split()) > 4
    written = [(piece.strip(), len(taken)) for piece in models["word"].follow(arrive())]
    assert [piece for piece, _ in written if piece] == whole.split()
    assert [number for _, number in written[:4]] == [1, 2, 3, 4]


def test_a_target_is_bounded_by_the_length_of_its_source(models, folder):
    model = translate.load(folder / "word.elman.safetensors")
    model.module.bias.data[model.encoder.target.end] = -1e9
    for text in ("rot", "rot blau gelb"):
        [whole] = model.predict([text], beam=1)
        assert len(whole.split()) == 2 * len(text.split()) + 10
        assert "".join(model.follow(text)) == whole


def test_a_text_of_too_many_units_is_cut_with_the_same_warning(models, caplog, monkeypatch):
    monkeypatch.setattr("elman.tasks.translate.model.MOST_UNITS", 5)
    text = "rot blau grün " * 6
    [whole] = models["word"].predict([text], beam=1)
    assert "".join(models["word"].follow(iter([text[:20], text[20:]]))) == whole
    first, second = (record.getMessage() for record in caplog.records)
    assert first == second
    assert "has 18 units, and the first 5" in first


def test_a_model_that_reads_whole_texts_or_puts_out_no_numbers_is_refused(models, folder):
    with pytest.raises(ConfigError, match="Train one with wait"):
        make("word", cells.elman).follow(["rot"])
    broken = translate.load(folder / "word.elman.safetensors")
    broken.module.bias.data.fill_(torch.nan)
    with pytest.raises(ElmanError, match="not finite"):
        list(broken.follow(["rot"]))


def test_gradients_are_recorded_again_between_two_words(models):
    for _ in models["word"].follow(["rot ", "blau"]):
        assert torch.is_grad_enabled()


def test_words_are_printed_while_a_line_dribbles_through_a_pipe(models, folder):
    process = start_elman(folder, "predict", "word.elman.safetensors", "-")
    stop = threading.Timer(120, process.kill)
    stop.start()
    first, second, *others = [f"{word} " for word in models["word"].predict(["rot blau gelb"], beam=1)[0].split()]
    with process:
        read = lambda count: "".join(process.stdout.read(1) for _ in range(count))  # noqa: E731
        rest = f" {''.join(others)}".rstrip() + "\n"
        for given, expected in (("rot ", first[:-1]), ("bl", ""), ("au ", f" {second}"[:-1]), ("gelb\nro", rest)):
            process.stdin.write(given)
            process.stdin.flush()
            assert read(len(expected)) == expected  # it waits here for ever where they are not printed yet
        out, err = process.communicate("t")
        stop.cancel()
    assert (out, err, process.returncode) == (models["word"].predict(["rot"], beam=1)[0] + "\n", "", 0)


def run(capsys, monkeypatch, *arguments, given=b""):
    from elman.cli import app

    monkeypatch.setattr(sys, "argv", ["elman", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
    with pytest.raises(SystemExit) as ended:
        app()
    return ended.value.code, *capsys.readouterr()


@pytest.mark.parametrize("unit", UNITS)
def test_the_command_prints_the_same_of_a_file_and_of_standard_input(unit, models, folder, capsys, monkeypatch):
    raw = ("\ufeff" + "\r\n".join([*draw(9, 8), "", "zebra\x1c ☃", "rot\rblau"])).encode()
    (folder / "new.txt").write_bytes(raw)
    path = folder / f"{unit}.elman.safetensors"
    _, whole, _ = run(capsys, monkeypatch, "predict", path, folder / "new.txt", "--beam", "1")
    assert run(capsys, monkeypatch, "predict", path, "-", given=raw) == (0, whole, "")
    assert run(capsys, monkeypatch, "predict", path, "-", "--beam", "1", given=raw) == (0, whole, "")


@pytest.mark.parametrize(
    "options", [("--beam", "3"), ("--nbest", "2"), ("--scores",), ("--align",), ("--prefix", "red"), ("--json",)]
)
def test_what_needs_the_end_of_a_line_waits_for_it_and_says_so(options, models, folder, capsys, monkeypatch):
    (folder / "two.txt").write_text("rot blau\ngelb\n", encoding="utf-8")
    path = folder / "word.elman.safetensors"
    _, whole, _ = run(capsys, monkeypatch, "predict", path, folder / "two.txt", *options)
    code, out, err = run(capsys, monkeypatch, "predict", path, "-", *options, given=b"rot blau\ngelb\n")
    assert (code, out) == (0, whole)
    assert err.startswith(f"{options[0]} needs the ends of lines, so each is translated when it has ended.")


def test_what_is_no_text_ends_the_command_behind_the_lines_before(models, folder, capsys, monkeypatch):
    with pytest.raises(DataError, match="standard input line 2 is not UTF-8"):
        run(capsys, monkeypatch, "predict", folder / "word.elman.safetensors", "-", given=b"rot\nblau gelb \xff\n")
    assert capsys.readouterr().out.startswith(models["word"].predict(["rot"], beam=1)[0] + "\n")
