"""What is preferred beside the sound: language models of every kind, hot words, a closed vocabulary, tuning."""

import numpy as np
import pytest
import torch
from torch import nn

from elman.decoding.ctc.lattice import log_probability
from elman.errors import ConfigError, DataError
from elman.tasks import generate
from elman.tasks.transcribe.answering import hear, transcribe, write_texts
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.module import SUBSAMPLING
from elman.tasks.transcribe.preferring import ORDER, prefer, read_vocabulary, read_words
from elman.tasks.transcribe.subwords import learn_subwords
from elman.tasks.transcribe.tuning import BONUSES, WEIGHTS, climb, tune
from elman.vocabulary.characters import Characters

LETTERS = " abd"
SPACE, A, B, D = range(1, 5)
TEXT = "bad dab\ndab bad bad\nbad\nbad dab\n" * 5
ENCODER = SpeechEncoder(None, 5, deltas=False, vocabulary=Characters.of(LETTERS))


class Says(nn.Module):
    """A network that says the same of every sound: (T, V) numbers, of which softmax makes probabilities."""

    def __init__(self, rows):
        super().__init__()
        self.rows = nn.Parameter(torch.tensor(rows, dtype=torch.float32))

    def forward(self, frames, lengths):
        log_p = self.rows.log_softmax(1)[:, None].expand(-1, len(lengths), -1)
        return log_p, torch.full_like(lengths, len(self.rows))


class Echo(nn.Module):
    """A network that writes the largest number of every fourth frame."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, frames, lengths):
        return (self.weight * frames[::SUBSAMPLING]).log_softmax(2), -(-lengths // SUBSAMPLING)


def rows_of(path, units=5, doubt=None):
    """Return the numbers of a path; at the steps of `doubt` another unit is a little likelier."""
    rows = 12.0 * np.eye(units)[list(path)]
    for step, other in (doubt or {}).items():
        rows[step, other] = 12.5
    return rows


# "bad dab", of which a greedy reader takes the first b for a d.
UNCLEAR = rows_of([B, 0, A, D, SPACE, D, A, B, 0], doubt={0: D})


def speech_of(texts, encoder=ENCODER):
    return EncodedSpeech(as_speech([np.zeros((40, encoder.size), np.float32)] * len(texts), texts), encoder)


def read(preferences=None, rows=UNCLEAR, encoder=ENCODER, beam=None):
    [found] = transcribe(Says(rows), speech_of([""], encoder), encoder, beam, preferences=preferences)
    return found


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Train a language model of each unit; tests read them and do not change them."""
    folder = tmp_path_factory.mktemp("texts")
    text = folder / "t.txt"
    text.write_text(TEXT, encoding="utf-8")
    options = {"hidden": 11, "quiet": True, "compare": False, "window": 8, "batch": 4, "learning_rate": 0.05}
    found = {"text": text}
    for unit in ("character", "word", "subword"):
        more = {"vocabulary": 262} if unit == "subword" else {}
        generate.train(text, unit=unit, output=folder / unit, epochs=12, **options, **more)
        found[unit] = folder / unit
    return found


@pytest.mark.parametrize("kind", ["text", "character", "word", "subword"])
def test_every_language_model_decides_between_what_sounds_alike(models, kind):
    assert read().text == "dad dab"
    found = read(prefer(ENCODER, language_model=models[kind]))
    assert found.text == "bad dab"
    assert [(word.word, word.start) for word in found.words] == [("bad", 0), ("dab", 5 * SUBSAMPLING)]


def test_a_language_model_may_be_an_object(models):
    assert read(prefer(ENCODER, language_model=generate.load(models["word"]))).text == "bad dab"


def test_n_grams_of_a_text_are_those_of_its_lines(models):
    model = prefer(ENCODER, language_model=models["text"]).model
    state, row = model.begin()
    lines = TEXT.splitlines()
    first = [line[0] for line in lines]
    # After a line end stands what begins a line, nearly as often as in the text.
    assert np.exp(row[B]) == pytest.approx(first.count("b") / len(lines), abs=0.1)
    assert np.exp(row).sum() == pytest.approx(1.0)
    for unit in (B, A, D):
        [state], [row], _ = model.step([state], [unit])
    assert np.exp(row[0]) + np.exp(row[SPACE]) == pytest.approx(1.0, abs=0.1)
    assert ORDER == 8


def test_hot_words_and_a_closed_vocabulary_decide_as_well():
    assert read(prefer(ENCODER, hot=["bad"])).text == "bad dab"
    assert read(prefer(ENCODER, hot=["bad"], hot_bonus=-3.0)).text == "dad dab"
    assert read(prefer(ENCODER, only=["bad", "dab", "d"])).text == "bad dab"
    assert read(prefer(ENCODER, only=["", "ab"])).text in ("ab", "ab ab")
    assert read(prefer(ENCODER, only=["babababab"])).text == ""


def test_answers_with_a_language_model_are_the_same_alone_and_among_others(models):
    drawn = np.random.default_rng(3)
    frames = [drawn.normal(size=(SUBSAMPLING * length, 5)).astype(np.float32) * 2 for length in (11, 3, 17, 7)]
    for kind in ("text", "character", "word", "subword"):
        wishes = prefer(ENCODER, language_model=models[kind], hot=["ab"])
        speech = [EncodedSpeech(as_speech(some), ENCODER) for some in (frames, *([one] for one in frames))]
        together, *alone = (transcribe(Echo(), some, ENCODER, 7, preferences=wishes) for some in speech)
        assert [one for (one,) in alone] == together


def subwords_of(texts=("bad dab", "dab bad", "abba")):
    learnt = learn_subwords(list(texts) * 9, size=None)
    return SpeechEncoder(None, 5, False, Characters.of("".join(texts)), learnt=learnt.vocabulary.learnt)


def test_subwords_are_whole_words_with_their_space_and_have_times():
    encoder = subwords_of()
    path, texts = [], ["bad dab", "abba bad"]
    units = encoder.encode_text(texts[0])
    assert len(units) == 2
    assert [encoder.show(unit) for unit in units] == ["␣bad", "␣dab"]
    path = [0, units[0], units[0], 0, units[1], 0]
    for beam in (1, 5):
        found = read(rows=rows_of(path, encoder.units), encoder=encoder, beam=beam)
        assert found.text == texts[0]
        assert [(word.word, word.start, word.end) for word in found.words] == [("bad", 4, 12), ("dab", 16, 20)]
    letters = {one: unit for unit, one in enumerate(encoder.spelling) if len(one) == 1}
    path = [letters[b" "], letters[b"d"], letters[b"a"], 0, units[0]]
    found = read(rows=rows_of(path, encoder.units), encoder=encoder)
    assert [(word.word, word.start, word.end) for word in found.words] == [("da", 4, 12), ("bad", 16, 20)]


@pytest.mark.parametrize("kind", ["text", "character", "word", "subword"])
def test_subwords_are_searched_with_every_wish(models, kind):
    encoder = subwords_of()
    bad, dab = encoder.encode_text("bad dab")
    [abba] = encoder.encode_text("abba")
    rows = rows_of([bad, 0, dab, 0], encoder.units, doubt={0: abba})
    assert read(rows=rows, encoder=encoder).text == "abba dab"
    assert read(prefer(encoder, language_model=models[kind]), rows, encoder).text == "bad dab"
    assert read(prefer(encoder, hot=["bad"]), rows, encoder).text == "bad dab"
    assert read(prefer(encoder, only=["bad", "dab"]), rows, encoder).text == "bad dab"


def test_a_subword_encoder_leaves_out_bytes_and_reads_what_it_wrote():
    encoder = subwords_of(("né na", "na né"))
    assert SpeechEncoder.from_dict(encoder.to_dict()) == encoder
    assert all(set(one) <= set("né na".encode()) for one in encoder.spelling)
    assert encoder.decode(encoder.encode_text("né na q")) == "né na"
    assert encoder.encode_text("") == []
    with pytest.raises(DataError, match="subwords"):
        SpeechEncoder.from_dict({**encoder.to_dict(), "learnt": "{}"})


def test_the_loss_of_subwords_is_that_of_their_paths():
    encoder = subwords_of()
    told, says = speech_of(["bad dab"], encoder), Says(0.3 * rows_of([1, 2, 3, 0, 4], encoder.units))
    _, loss = write_texts(says, told, encoder)
    rows = says.rows.detach().double().log_softmax(1).numpy()
    assert loss == pytest.approx(-log_probability(rows, [told.texts[0]])[0] / 2, rel=1e-4)


def test_tuning_finds_the_pair_with_the_fewest_errors(models):
    """A weight of 0 writes the wrong word, a large one with a bonus that is too low nothing at all."""
    heard = list(hear(Says(UNCLEAR), speech_of(["bad dab"] * 2)))
    wishes = prefer(ENCODER, language_model=models["text"])
    tuned = tune(heard, ["bad dab"] * 2, ENCODER, wishes)
    rates = {(weight, bonus): cer for weight, bonus, cer, _ in tuned.tried}
    assert rates[tuned.weight, tuned.bonus] == 0.0
    assert rates[0.0, tuned.bonus] == pytest.approx(1 / 7)
    assert tuned.options == f"--weight {tuned.weight:g} --bonus {tuned.bonus:g}"
    assert len(tuned.to_dict()["tried"]) == len(tuned.tried) < len(WEIGHTS) * len(BONUSES)


def test_climbing_goes_on_until_neither_number_gets_better():
    asked = []

    def rates(weight, bonus):
        asked.append((weight, bonus))
        return (abs(weight - bonus) + abs(bonus - 2.0), 0.0)

    assert climb(rates, 0.5, 0.5) == (0.5, 0.5)
    assert climb(lambda weight, bonus: (weight + 0.1 * bonus, 0.0), 0.5, 0.5) == (WEIGHTS[0], BONUSES[0])
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("wishes", "error", "message"),
    [
        ({"weight": 0.3}, ConfigError, "weight is that of a language model, and none is given"),
        ({"hot": ["bad", "cab"]}, DataError, "hot word: 'cab' has 'c', which the model never writes"),
        ({"only": ["bad", "BAD"]}, DataError, "only line 2: 'BAD' has 'A', 'B', 'D', which the model never writes"),
        ({"hot": ["bad dab"]}, DataError, "has a space in it"),
        ({"hot": [""]}, DataError, "has nothing"),
        ({"hot": ["bad"], "hot_bonus": float("nan")}, ConfigError, "The hot bonus is nan"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(wishes, error, message):
    with pytest.raises(error, match=message):
        prefer(ENCODER, **wishes)


def test_language_models_that_do_not_fit_are_refused(models, tmp_path):
    upper = tmp_path / "upper.txt"
    upper.write_text("BAD DAB\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"upper\.txt has another alphabet: it knows A, B, D, and the model writes"):
        prefer(ENCODER, language_model=upper)
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n\n", encoding="utf-8")
    with pytest.raises(DataError, match="has no line with text"):
        prefer(ENCODER, language_model=empty)
    with pytest.raises(DataError, match="nowhere"):
        prefer(ENCODER, language_model=tmp_path / "nowhere.txt")
    with pytest.raises(DataError, match="is no language model"):
        prefer(ENCODER, language_model=Echo())
    flat = tmp_path / "flat.txt"
    flat.write_text("bad dab " * 30, encoding="utf-8")
    short = {"hidden": 3, "quiet": True, "compare": False, "window": 8, "epochs": 1}
    with pytest.raises(DataError, match="has never seen a line end"):
        prefer(ENCODER, language_model=generate.train(flat, **short))
    folder = tmp_path / "classes"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.txt").write_text("bad\ndab\n" * 9, encoding="utf-8")
    with pytest.raises(DataError, match="writes as one of its classes"):
        prefer(ENCODER, language_model=generate.train(folder, **short))


def test_characters_that_a_language_model_lacks_are_named(tmp_path):
    text = tmp_path / "t.txt"
    text.write_text("ab ab\nab\n", encoding="utf-8")
    notes = []
    wishes = prefer(ENCODER, language_model=text, note=notes.append)
    assert notes == [f"{text} does not know 'd', which the model writes: each costs what an even share costs."]
    _, row = wishes.model.begin()
    assert row[D] == pytest.approx(-np.log(4))


def test_greedy_reading_prefers_nothing():
    with pytest.raises(ConfigError, match="A beam of 1 is greedy"):
        read(prefer(ENCODER, hot=["bad"]), beam=1)


def test_words_are_read_from_lists_and_files(tmp_path):
    path = tmp_path / "w.txt"
    path.write_text("bad\n\n dab \n", encoding="utf-8")
    assert read_words(str(path)) == ["bad", "dab"]
    assert read_words("bad, dab,") == ["bad", "dab"]
    assert read_words(None) == read_vocabulary(None) == []
    assert read_vocabulary(str(path)) == ["bad", "", "dab"]
    path.write_text("\n \n", encoding="utf-8")
    with pytest.raises(DataError, match="has no word"):
        read_vocabulary(str(path))
