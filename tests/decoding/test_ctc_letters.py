"""Language models letter by letter: exact against the definition, sums to 1, alone as among others, in a search."""

import itertools
import math

import numpy as np
import pytest
import torch

from elman import cells
from elman.decoding.ctc.lattice import log_probability
from elman.decoding.ctc.letters import CharacterLetters, SubwordLetters, WordLetters
from elman.decoding.ctc.preferences import Preferences
from elman.decoding.ctc.search import search_texts
from elman.decoding.ctc.spelling import LOST, Spelled
from elman.decoding.histories import RecurrentHistories
from elman.decoding.ngrams import Ngrams
from elman.models.layers import Layers
from elman.tasks.generate.module import LanguageModel
from elman.vocabulary.characters import Characters
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.words import Words

TEXTS = ["", "a", "ab", "ab ba", "aab b", " a", "a  b", "bbbbbbb a ", "aba ab"]


def network_of(units, cell="gru", seed=1):
    """Return a language model far from uniform."""
    torch.manual_seed(seed)
    module = LanguageModel(cells.find(cell), units, Layers(hidden=5), embedding=3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(3)
    return module


def rows_of(module, numbers):
    """Return ln P of the unit behind each of some, read by the network at once."""
    with torch.no_grad():
        return module.eval()(torch.tensor(numbers)[:, None])[0][:, 0].double().log_softmax(1).numpy()


def words_of(letters="ab ", cell="gru"):
    vocabulary = Words.of("ab a ba b.\nab ba a\naba\n")
    module = network_of(len(vocabulary), cell)
    histories = RecurrentHistories(module, torch.device("cpu"))
    first = histories.begin(vocabulary.encode_prompt("").tolist())
    return module, vocabulary, WordLetters(histories, first, vocabulary, letters)


def subwords_of(letters="ab "):
    vocabulary = Subwords.of("ab ba abab\nab aba ab baba\n" * 5, size=262)
    module = network_of(len(vocabulary))
    histories = RecurrentHistories(module, torch.device("cpu"))
    first = histories.begin(vocabulary.encode_prompt("").tolist())
    return module, vocabulary, SubwordLetters(histories, first, vocabulary, letters)


def characters_of(letters="ab "):
    vocabulary = Characters.of("ab \n")
    module = network_of(len(vocabulary), "lstm")
    histories = RecurrentHistories(module, torch.device("cpu"))
    first = histories.begin(vocabulary.encode_prompt("").tolist())
    return module, vocabulary, CharacterLetters(histories, first, vocabulary, letters)


def by_words(text):
    """Return ln P of a text of a model of words, by its definition."""
    module, vocabulary, _ = words_of()
    own = {word: number for number, word in enumerate(vocabulary.words) if number > 1 and set(word) <= set("ab")}
    others = [number for number in range(1, len(vocabulary)) if number not in own.values()]
    numbers, total = [vocabulary.end], 0.0
    for word in text.split(" ") if text else []:
        shares = np.exp(rows_of(module, numbers)[-1])
        chance = shares[others].sum() * (1 / 3) ** (len(word) + 1)
        if word in own:
            chance += shares[own[word]]
        total += math.log(chance)
        numbers.append(own.get(word, vocabulary.unknown))
    return total + rows_of(module, numbers)[-1][vocabulary.end]


def by_subwords(text):
    module, vocabulary, _ = subwords_of()
    numbers = vocabulary.encode(f"\n{text}\n").tolist()
    rows = rows_of(module, numbers)
    return sum(rows[place, number] for place, number in enumerate(numbers[1:]))


def by_characters(text):
    module, vocabulary, _ = characters_of()
    numbers = vocabulary.encode(f"\n{text}\n").tolist()
    rows = rows_of(module, numbers)
    return sum(rows[place, number] for place, number in enumerate(numbers[1:]))


def walk(letters, text):
    """Return ln P of a text, letter by letter."""
    state, total = letters.begin(), 0.0
    for letter in text:
        total += letters.chances(state)[letters.letters.index(letter)]
        [state], [late] = letters.read([state], [letter])
        total += late
    return total + letters.chances(state)[-1]


KINDS = {
    "words": (words_of, by_words),
    "subwords": (subwords_of, by_subwords),
    "characters": (characters_of, by_characters),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_the_probability_of_its_definition(kind):
    make, define = KINDS[kind]
    _, _, letters = make()
    texts = ["", "a", "ab ba", "abab aba"] if kind == "subwords" else TEXTS
    for text in texts:
        assert walk(letters, text) == pytest.approx(define(text), rel=1e-9), text


def test_the_letters_behind_the_beginning_of_a_word_sum_to_one():
    module, vocabulary, letters = words_of()
    for text in ("a", "ab", "bb", "ab b", "ab bbb", "aba a"):
        state = letters.begin()
        for letter in text:
            [state], _ = letters.read([state], [letter])
        row = np.exp(letters.chances(state))
        # The end is one of what may follow the word; the space has the share of all.
        assert row[:3].sum() == pytest.approx(1.0)
    first = np.exp(letters.chances(letters.begin()))
    assert first.sum() == pytest.approx(1.0)
    assert first[-1] == pytest.approx(np.exp(rows_of(module, [vocabulary.end])[0][vocabulary.end]))


@pytest.mark.parametrize("kind", KINDS)
def test_texts_that_are_read_together_are_read_as_alone(kind):
    _, _, letters = KINDS[kind][0]()
    together = [letters.begin()] * 3
    texts = ("abb", "ba ", "aba")
    late = [0.0] * 3
    for step in zip(*texts, strict=True):
        together, more = letters.read(together, list(step))
        late = [one + other for one, other in zip(late, more, strict=True)]
    for text, state, total in zip(texts, together, late, strict=True):
        alone, own = letters.begin(), 0.0
        for letter in text:
            [alone], [more] = letters.read([alone], [letter])
            own += more
        assert np.array_equal(letters.chances(alone), letters.chances(state))
        assert own == total


def test_a_long_unknown_word_stays_possible():
    _, _, letters = words_of()
    state = letters.begin()
    for _ in range(900):
        [state], _ = letters.read([state], ["b"])
    assert np.isfinite(letters.chances(state)).all()


def test_a_character_that_the_model_does_not_know_costs_an_even_share_and_is_not_read():
    _, _, letters = characters_of("abc ")
    [state], [late] = letters.read([letters.begin()], ["c"])
    assert late == 0.0
    assert np.array_equal(letters.chances(state), letters.chances(letters.begin()))
    assert letters.chances(state)[2] == pytest.approx(math.log(1 / 4))


def test_what_was_read_is_not_read_again():
    _, _, letters = words_of()
    histories = letters._histories
    read = []
    histories.read = lambda *given, run=histories.read: read.append(len(given[1])) or run(*given)
    states, _ = letters.read([letters.begin()] * 5, ["b", "a", "b", "a", "a"])
    assert states[0].after is not states[1].after
    assert states[1].after is states[3].after
    # <unk> for the space that may stand first; then the words "a" and "b", where "b" is one that is known.
    assert sum(read) == 3
    del states


UNITS = [b"", b"a", b"b", b" ", b"ab", b" ba"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space_first", [False, True])
def test_units_of_several_letters_have_the_probability_of_their_text(kind, space_first):
    _, _, letters = KINDS[kind][0]()
    model = Spelled(letters, UNITS, space_first=space_first)
    for units in ([4], [5, 4], [1, 2, 3, 4], [5], [4, 5, 3, 1], [3, 1]):
        state, row = model.begin()
        total = 0.0
        for unit in units:
            total += row[unit]
            [state], [row], [late] = model.step([state], [unit])
            total += late
        text = b"".join(UNITS[unit] for unit in units).decode()
        if space_first:
            text = text.removeprefix(" ")
        assert total + row[0] == pytest.approx(walk(letters, text), rel=1e-9), units


def test_a_letter_in_several_units_is_read_when_it_is_complete():
    vocabulary = Characters.of("aé\n")
    counted = Ngrams(vocabulary.encode("\naé\né\na\n").numpy(), len(vocabulary), most=2)
    letters = CharacterLetters(counted, counted.follow(counted.empty, [0]), vocabulary, "aé" + LOST)
    first, second = "é".encode()
    model = Spelled(letters, [b"", b"a", bytes([first]), bytes([second]), "é".encode()])
    state, row = model.begin()
    assert row[2] == 0.0
    total = row[2]
    for unit in (2, 3):
        [state], [row], [late] = model.step([state], [unit])
        total += late + (row[3] if unit == 2 else 0.0)
    assert total + row[0] == pytest.approx(walk(letters, "é"))
    [broken], _, _ = model.step([model.begin()[0]], [3])
    assert not broken.rest


def test_a_wide_beam_over_subwords_finds_the_best_of_all_texts_with_every_wish():
    _, _, letters = words_of()
    spell = [list(one) for one in UNITS]
    generator = torch.Generator().manual_seed(4)
    rows = (torch.randn(3, 1, len(UNITS), generator=generator).double() * 2).log_softmax(2)
    for only in ([], [b"ab", b"ba", b"a"]):
        model = Spelled(letters, UNITS, space_first=True)
        wishes = Preferences(
            model=model,
            weight=0.6,
            bonus=0.3,
            word_bonus=0.8,
            hot=[list(b"ba"), list(b"aba")],
            hot_bonus=0.7,
            only=[list(one) for one in only],
            space=ord(" "),
            spelling=spell,
        )
        [found] = search_texts(rows, preferences=wishes, width=512, best=20, least=0)
        scores = []
        for units in itertools.chain.from_iterable(itertools.product(range(1, 6), repeat=n) for n in range(4)):
            # No space before the first word counts.
            text = b"".join(UNITS[unit] for unit in units).decode().lstrip(" ")
            words = text.split(" ")
            if only and text and any(word.encode() not in only for word in words):
                continue
            hot = sum(len(word) for word in words if word in ("ba", "aba"))
            score = log_probability(rows[:, 0].numpy(), [list(units)])[0] + 0.6 * walk(letters, text)
            score += 0.3 * len(units) + 0.8 * sum(map(bool, words)) + 0.7 * hot
            scores.append((score, list(units)))
        scores = sorted((one for one in scores if one[0] > -math.inf), reverse=True)[:20]
        assert [one.score for one in found] == pytest.approx([score for score, _ in scores])
        assert [one.units for one in found] == [units for _, units in scores]
