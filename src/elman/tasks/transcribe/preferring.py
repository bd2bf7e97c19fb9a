"""What a user wants of transcripts beside the sound: a language model, hot words, a closed vocabulary.

A language model is the file of a model of `elman train generate`, of characters, words or subwords; or a text, a
transcript a line, of which the n-grams of characters up to 8 are counted at once (interpolated modified Kneser-Ney, see
:mod:`elman.decoding.ngrams`). :mod:`elman.decoding.ctc.letters` says how each is read letter by letter.

>>> encoder = SpeechEncoder(None, 13, deltas=True, vocabulary=Characters.of("so good"))
>>> prefer(encoder, hot=["good"]).hot
[[3, 4, 4, 2]]
"""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.text import read_text
from elman.decoding.ctc.letters import SPACE, CharacterLetters, Letters, SubwordLetters, WordLetters
from elman.decoding.ctc.preferences import Preferences, TextModel
from elman.decoding.ctc.spelling import LOST, Spelled
from elman.decoding.histories import Histories, History, RecurrentHistories
from elman.decoding.ngrams import Ngrams
from elman.errors import ConfigError, DataError
from elman.models.file import is_model_file
from elman.paths import check_path
from elman.phrases import name_some
from elman.tasks.registry import load_model, recipe_of
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.module import BLANK
from elman.vocabulary.characters import Characters
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.vocabulary import Vocabulary
from elman.vocabulary.words import Words

WEIGHT, BONUS = 0.5, 0.5
"""Of a language model where the user gives none."""

ORDER = 8
"""Of the n-grams that are counted."""

LanguageModel = str | PathLike[str] | Any
"""The file of a model of `elman train generate`, or of a text; or such a model."""

_MOST_COUNTED = 5_000_000  # characters: they take about 2 GB
_MOST_NAMED = 5
_LINE_END = "\n"


def prefer(
    encoder: SpeechEncoder,
    *,
    language_model: LanguageModel | None = None,
    weight: float | None = None,
    bonus: float | None = None,
    hot: Sequence[str] = (),
    hot_bonus: float = 1.0,
    only: Sequence[str] = (),
    only_from: str = "only",
    note: Callable[[str], None] = lambda _: None,
) -> Preferences:
    """Turn what a user wants into what a search prefers.

    Args:
        encoder: of the transcripts.
        language_model: see :data:`LanguageModel`.
        weight: of ln P of the language model; None is 0.5.
        bonus: for each unit of a transcript; None is 0.5 with a language model, and 0 without.
        hot: words that are likely.
        hot_bonus: for each letter of a hot word.
        only: the only words that are written; empty where all may be.
        only_from: where these come from, for messages, which count its lines.
        note: called with what a user should know.

    Raises:
        ConfigError: a number is outside its range, or a weight has no language model.
        DataError: the language model cannot be read or has another alphabet, or the transcriber cannot write a word.
    """
    if language_model is None and weight is not None:
        raise ConfigError("weight is that of a language model, and none is given. Give one, or drop weight.")
    has_model = language_model is not None
    letters: dict[str, int] = {one: 1 + number for one, number in encoder.vocabulary.numbers.items()}
    spelling: list[bytes] = []
    space = encoder.space
    if encoder.subwords is not None:
        spelling, space = encoder.spelling, ord(SPACE)
    return Preferences(
        model=read_language_model(language_model, encoder, note) if has_model else None,
        weight=WEIGHT if weight is None else weight,
        bonus=(BONUS if has_model else 0.0) if bonus is None else bonus,
        hot=[_spell(word, "hot word", letters, bool(spelling)) for word in hot],
        hot_bonus=hot_bonus,
        only=[
            _spell(word, f"{only_from} line {line}", letters, bool(spelling))
            for line, word in enumerate(only, 1)
            if word
        ],
        space=space,
        blank=BLANK,
        spelling=spelling,
    )


def read_language_model(
    given: LanguageModel, encoder: SpeechEncoder, note: Callable[[str], None] = lambda _: None
) -> TextModel:
    """Read a language model for the units of a transcriber.

    Raises:
        DataError: see :func:`prefer`.
    """
    characters = encoder.vocabulary.characters
    if isinstance(given, str | PathLike) and not is_model_file(given):
        letters, known = _count(given, characters, note)
        name = str(given)
    else:
        letters, known, name = _adapt(given, characters)
    _compare(name, known, characters, note)
    is_subword = encoder.subwords is not None
    return Spelled(letters, encoder.spelling, BLANK, space_first=is_subword)


def _count(path: str | PathLike[str], characters: str, note: Callable[[str], None]) -> tuple[Letters, set[str]]:
    """Count the n-grams of a text, a transcript a line."""
    text = read_text(path)
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    # As many line ends as a context has stand before each line, the end of the line before among them, so that the
    # beginning of a line is counted like all else.
    before = _LINE_END * (ORDER - 1)
    joined = before + before.join(lines) + _LINE_END
    if not lines:
        raise DataError(f"{path} has no line with text. Give a transcript a line.")
    if len(joined) > _MOST_COUNTED:
        joined = joined[-_MOST_COUNTED:]
        note(f"{path} is long, so its last {_MOST_COUNTED:,} characters are counted.")
    vocabulary = Characters.of(joined)
    counted = Ngrams(vocabulary.encode(joined).numpy().astype(np.int64), len(vocabulary), ORDER)
    first = counted.follow(counted.empty, vocabulary.encode(before).tolist())
    return CharacterLetters(counted, first, vocabulary, _all_letters(characters)), set(vocabulary.characters)


def _adapt(given: Any, characters: str) -> tuple[Letters, set[str], str]:
    """Read a trained language model letter by letter."""
    name = str(given) if isinstance(given, str | PathLike) else "The language model"
    is_file = isinstance(given, str | PathLike)
    task: Any = recipe_of(given).name if is_file else getattr(given, "task", None)
    if task != "generate":
        raise DataError(
            f"{name} is no language model but a model for {task!r}. Train one: elman train generate TEXT, a transcript "
            "a line."
        )
    model = load_model(given) if is_file else given
    if model.classes:
        raise DataError(
            f"{name} writes as one of its classes, so it has no probability for a text alone. Give another."
        )
    vocabulary: Vocabulary = model.vocabulary
    if not vocabulary.ends_lines:
        raise DataError(
            f"{name} has never seen a line end, so it does not know where a transcript ends. Train it on a text with a "
            "transcript a line."
        )
    histories = RecurrentHistories(model.module, model.module.embedding.weight.device)
    first = histories.begin(vocabulary.encode_prompt("").tolist())
    letters, known = _letters_of(vocabulary, histories, first, _all_letters(characters))
    return letters, known, name


def _letters_of(vocabulary: Vocabulary, histories: Histories, first: History, letters: str) -> tuple[Letters, set[str]]:
    """Return the reader of a model, and the characters that it knows."""
    if isinstance(vocabulary, Words):
        return WordLetters(histories, first, vocabulary, letters), {SPACE, *"".join(vocabulary.words[2:])}
    if isinstance(vocabulary, Subwords):
        return SubwordLetters(histories, first, vocabulary, letters), set(letters)
    assert isinstance(vocabulary, Characters)
    return CharacterLetters(histories, first, vocabulary, letters), set(vocabulary.characters)


def _all_letters(characters: str) -> str:
    """Return the characters that a search may write, with the space, and with what stands for no character."""
    return characters + "".join(one for one in (SPACE, LOST) if one not in characters)


def _compare(name: str, known: set[str], characters: str, note: Callable[[str], None]) -> None:
    """Refuse a language model with another alphabet, and say which characters it lacks.

    Raises:
        DataError: it has no character in common but the space.
    """
    own = set(characters) - {SPACE}
    if own and not own & known:
        theirs = name_some(sorted(known - {SPACE, _LINE_END}), _MOST_NAMED)
        raise DataError(
            f"{name} has another alphabet: it knows {theirs}, and the model writes "
            f"{name_some(sorted(own), _MOST_NAMED)}. Train it on text in the same letters."
        )
    missing = sorted(own - known)
    if missing:
        named = name_some([repr(one) for one in missing], _MOST_NAMED)
        note(f"{name} does not know {named}, which the model writes: each costs what an even share costs.")


def _spell(word: str, where: str, letters: dict[str, int], as_bytes: bool) -> list[int]:
    """Return the letters of a word.

    Raises:
        DataError: the transcriber never writes one of them, or there is a space.
    """
    if SPACE in word:
        raise DataError(f"{where}: {word!r} has a space in it. Give single words.")
    unknown = sorted(set(word) - set(letters))
    if unknown or not word:
        named = name_some([repr(one) for one in unknown], _MOST_NAMED) if unknown else "nothing"
        raise DataError(f"{where}: {word!r} has {named}, which the model never writes. Write it with other letters.")
    return list(word.encode()) if as_bytes else [letters[one] for one in word]


def read_words(given: str | None) -> list[str]:
    """Return hot words: those of a file, one a line, or of a list with commas between them.

    Raises:
        DataError: the file cannot be read.

    >>> read_words("Elman, Jordan")
    ['Elman', 'Jordan']
    """
    if given is None:
        return []
    path = Path(given)
    is_file = "," not in given and check_path(given, "hot").is_file()
    found = read_text(path).splitlines() if is_file else given.split(",")
    return [word.strip() for word in found if word.strip()]


def read_vocabulary(path: str | None) -> list[str]:
    """Return the words of a closed vocabulary, one a line; an empty line stays, so that lines can be counted.

    Raises:
        DataError: the file cannot be read, or has no word.
    """
    if path is None:
        return []
    words = [line.strip() for line in read_text(path).splitlines()]
    if not any(words):
        raise DataError(f"{path} has no word. Give one a line.")
    return words
