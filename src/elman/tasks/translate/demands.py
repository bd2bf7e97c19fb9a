"""What a user asks of translations: how they begin, words that they must and must not hold, and what is unknown.

>>> from elman.tasks.translate.encoder import learn_pair_encoder
>>> side = learn_pair_encoder(["ein Hund"], ["a dog"], unit="word", size=None, separate=True).target
>>> constrain(side, 2, prefix="a", forbid=["dog"]).prefixes
[(2,), (2,)]
"""

from collections.abc import Sequence
from pathlib import Path

from elman.data.pairs.opening import read_texts
from elman.decoding.constraints import NONE, Constraints
from elman.errors import ConfigError, DataError
from elman.vocabulary.characters import Characters
from elman.vocabulary.side import LOST, Side
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.words import UNKNOWN, Words


def constrain(
    side: Side,
    texts: int,
    *,
    prefix: str | Sequence[str] = "",
    forbid: Sequence[str] = (),
    require: Sequence[str] = (),
) -> Constraints:
    """Turn what is asked into units.

    Args:
        side: the targets.
        texts: N sources.
        prefix: how each answer begins; one for all, or one for each.
        forbid: phrases that no answer holds.
        require: phrases that every answer holds.

    Raises:
        DataError: a phrase has a unit that the model does not know, or there are not as many prefixes as texts.
    """
    prefixes = [prefix] * texts if isinstance(prefix, str) else list(prefix)
    if len(prefixes) != texts:
        raise DataError(f"There are {len(prefixes)} prefixes for {texts} texts. Give one for all, or as many.")
    if not (any(prefixes) or forbid or require):
        return NONE
    forbidden = [encode_phrase(side, phrase) for phrase in forbid]
    required = [encode_phrase(side, phrase) for phrase in require]
    known = {one: encode_phrase(side, one) if one else () for one in set(prefixes)}
    return Constraints(
        forbidden=tuple(phrase[0] for phrase in forbidden if len(phrase) == 1),
        excluded=tuple(phrase for phrase in forbidden if len(phrase) > 1),
        prefixes=[known[one] for one in prefixes] if any(prefixes) else [],
        required=[required] * texts if required else [],
    )


def encode_phrase(side: Side, phrase: str) -> tuple[int, ...]:
    """Return the units of a phrase.

    Raises:
        DataError: it is no text, it is empty, or the model does not know a unit of it.
    """
    if not isinstance(phrase, str) or not phrase.strip():
        raise DataError(f"{phrase!r} is no word to write. Give a text with letters.")
    vocabulary = side.vocabulary
    if isinstance(vocabulary, Words):
        return tuple(vocabulary.encode_prompt(phrase).tolist()[1:])
    if isinstance(vocabulary, Characters):
        return tuple(vocabulary.encode(phrase).tolist())
    vocabulary.encode_prompt(phrase)  # refuses what is not Unicode
    return tuple(side.encode(phrase))


def read_phrases(given: str | None) -> list[str]:
    """Return phrases from a file, one a line, or from a text, with commas between them.

    Raises:
        DataError: the file cannot be read.
    """
    if given is None:
        return []
    path = Path(given)
    try:
        found = read_texts(path) if path.is_file() else given.split(",")
    except OSError as error:
        raise DataError(f"{given} cannot be read: {error.strerror}. Check the file.") from None
    return [phrase.strip() for phrase in found if phrase.strip()]


def refuse_copying(side: Side) -> None:
    """Refuse to replace what is unknown where nothing is.

    Raises:
        ConfigError: the model writes subwords.
    """
    if isinstance(side.vocabulary, Subwords):
        raise ConfigError(
            "copy_unknown replaces unknown words, and a model of subwords can write every text. Drop copy_unknown."
        )


def write_copied(source: Side, target: Side, text: str, units: Sequence[int], looked: Sequence[int]) -> str:
    """Return the text of units, with what is unknown replaced by the unit of the source that it looked at.

    Args:
        source: the side of sources.
        target: that of targets.
        text: of the source.
        units: of the target.
        looked: for each of them, a step of the source.
    """
    pieces = split_units(source, text)
    copied = [pieces[step] for unit, step in zip(units, looked, strict=True) if unit == target.unknown]
    parts = target.decode(units).split(UNKNOWN if isinstance(target.vocabulary, Words) else LOST)
    return "".join(part + piece for part, piece in zip(parts, [*copied, ""], strict=True))


def split_units(side: Side, text: str) -> list[str]:
    """Return the units of a text as texts."""
    if isinstance(side.vocabulary, Words):
        return list(side.vocabulary.split(text))
    if isinstance(side.vocabulary, Characters):
        return list(text)
    return [side.show(unit) for unit in side.encode(text)]
