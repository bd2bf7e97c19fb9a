"""Find transcripts that cannot be learnt, or look wrong, from texts and lengths alone.

>>> find_too_long(["hello", "so"], frames=[20, 20], subsampling=4)
[0]
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

from elman.data.speech.utterance import UtteranceSet
from elman.phrases import name_some

_MOST_NAMED = 5


def count_frames(units: Sequence[Hashable]) -> int:
    """Count the fewest frames in which CTC can write some units: two equal ones need a blank between them.

    (Graves et al. 2006, section 3.1.)

    >>> count_frames("hello")
    6
    """
    return len(units) + sum(one == other for one, other in pairwise(units))


def find_too_long(texts: Sequence[Sequence[Hashable]], frames: Sequence[int], subsampling: int = 1) -> list[int]:
    """Find the texts that are too long for their sounds.

    Args:
        texts: the units of each utterance: its characters, or the numbers of its subwords.
        frames: how many each utterance has.
        subsampling: frames that the layers in front of CTC join to one.
    """
    pairs = zip(texts, frames, strict=True)
    return [number for number, (text, count) in enumerate(pairs) if count_frames(text) > -(-count // subsampling)]


def find_lone_characters(texts: Iterable[str]) -> dict[str, int]:
    """Find the characters that occur once, each with the number of its text: often they are mistakes.

    >>> find_lone_characters(["abab", "aé"])
    {'é': 1}
    """
    counts: Counter[str] = Counter()
    last: dict[str, int] = {}
    for number, text in enumerate(texts):
        counts.update(text)
        last.update(dict.fromkeys(text, number))
    return {character: last[character] for character, count in counts.items() if count == 1}


def find_shared_speakers(learn: Iterable[str | None], hold: Iterable[str | None]) -> list[str]:
    """Find the speakers on both sides of a split; scores of a model that knows the voice are too good.

    >>> find_shared_speakers(["Ann", "Bo", None], ["Bo", None])
    ['Bo']
    """
    return sorted({one for one in learn if one is not None} & {one for one in hold if one is not None})


def note_texts(
    speech: UtteranceSet,
    frames: Sequence[int],
    subsampling: int = 1,
    subwords: Sequence[Sequence[int]] | None = None,
) -> list[str]:
    """Say which transcripts are too long for their sounds, and which characters occur once; see above.

    Args:
        speech: the utterances.
        frames: of each.
        subsampling: frames of a step.
        subwords: of each, where these are written; None for characters.
    """
    texts = [one.transcript for one in speech.utterances]
    places = [one.where for one in speech.utterances]
    too_long = find_too_long(texts if subwords is None else subwords, frames, subsampling)
    lone = [f"{character!r} ({places[number]})" for character, number in find_lone_characters(texts).items()]
    notes = []
    if too_long:
        units = "characters" if subwords is None else "subwords"
        named = name_some([places[number] for number in too_long], _MOST_NAMED)
        notes.append(f"More {units} than CTC can write in their time: {named}.")
    if lone:
        notes.append(f"Characters that occur once: {name_some(lone, _MOST_NAMED)}.")
    return notes
