"""Align a known text with its sound: when each of its words is said, and whether the text fits the sound at all.

A letter that the model writes in the other case alone stands for itself, since case is not heard; other characters that
it never writes are left out, and so is a word of nothing else. Words keep the spelling of the text.

>>> spell("Good – so!", "dgos")
[('Good', 'good'), ('–', ''), ('so!', 'so')]
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from elman.decoding.ctc.lattice import align
from elman.decoding.ctc.outputs import Rows, split_sources
from elman.encoders.batches import OnProgress
from elman.errors import DataError
from elman.phrases import abbreviate, name_some, printable
from elman.tasks.transcribe.answering import hear
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.module import BLANK
from elman.tasks.transcribe.spoken import Transcript
from elman.tasks.transcribe.timing import find_words, time_words

DOUBTFUL = 0.1
"""A word of less confidence is doubtful."""
MOST_LOST = 1.5
"""Nats a character by which what the model hears may be likelier than a text that fits: more than what nearly all texts
that are said lose, and less than nearly all others, with small models of made speech."""


@dataclass(frozen=True)
class AlignedText:
    """A text with the times of its words, and how well it fits its sound.

    Attributes:
        transcript: its words in the spelling of the text.
        lost: nats a character by which the likeliest path of all is likelier than the likeliest path of the text, at
            least 0.
        left_out: the words that have no character that the model writes.
        unknown: the characters that the model never writes, in order.
    """

    transcript: Transcript
    lost: float
    left_out: tuple[str, ...]
    unknown: str

    @property
    def fits(self) -> bool:
        """Whether the text seems to be what is said."""
        return self.lost <= MOST_LOST

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "text": self.transcript.text,
            "words": [word.to_dict() for word in self.transcript.words],
            "fits": self.fits,
            "lost": round(self.lost, 4),
            "left_out": list(self.left_out),
        }


def align_texts(
    module: nn.Module, speech: EncodedSpeech, encoder: SpeechEncoder, on_progress: OnProgress | None = None
) -> list[AlignedText]:
    """Align the transcript of each utterance with its sound.

    Args:
        module: reads frames and lengths, and returns ln P and lengths.
        speech: the utterances.
        encoder: of the texts.
        on_progress: called with (utterances done, utterances in all).

    Raises:
        DataError: a text is empty, has no character that the model writes, or is too long for its sound.
        ElmanError: the output of the module is not finite.
    """
    spelt = []
    for one in speech.speech.utterances:
        words = spell(one.transcript, encoder.vocabulary.characters)
        if not any(known for _, known in words):
            why = "has no character that the model writes" if words else "is empty, so there is nothing to align"
            raise DataError(f"{one.where}: its text ({abbreviate(one.transcript)!r}) {why}. Give what is said in it.")
        spelt.append(words)
    found: list[AlignedText | None] = [None] * len(speech)
    done = 0
    for few in hear(module, speech):
        for index, own in zip(few.chosen, split_sources(few.log_p, few.lengths, BLANK), strict=True):
            one = speech.speech.utterances[index]
            try:
                found[index] = _align(own, spelt[index], encoder, speech, index)
            except DataError as error:
                raise DataError(f"{one.where}: {error}") from None
        done += len(few.chosen)
        if on_progress is not None:
            on_progress(done, len(speech))
    return [one for one in found if one is not None]


def describe_doubts(found: Sequence[AlignedText], names: Sequence[str]) -> list[str]:
    """Say what a reader should know of some alignments, a line each.

    Args:
        found: the alignments.
        names: of their sounds.
    """
    lines = []
    unknown = "".join(sorted(set("".join(one.unknown for one in found))))
    lost = [word for one in found for word in one.left_out]
    if unknown:
        words = f", and with them all of {name_some(lost, 4)}" if lost else ""
        lines.append(f"left out, because the model never writes it: {printable(unknown)}{words}")
    wrong = [f"{name} ({one.lost:.1f})" for one, name in zip(found, names, strict=True) if not one.fits]
    if wrong:
        lines.append(
            f"the text does not fit the sound of {name_some(wrong, 4)}: what the model hears is likelier by so many "
            "nats a character. Check that both belong together"
        )
    doubtful = [
        f"{word.word} at {word.start:.2f} of {name}"
        for one, name in zip(found, names, strict=True)
        for word in one.transcript.words
        if one.fits and word.confidence < DOUBTFUL
    ]
    if doubtful:
        lines.append(f"words with a confidence below {DOUBTFUL:.0%}: {name_some(doubtful, 4)}")
    return lines


def spell(text: str, characters: str) -> list[tuple[str, str]]:
    """Return the words of a text, each with its characters as the model writes them.

    Args:
        text: with spaces between words.
        characters: those of the model.
    """
    known = {**{character.swapcase(): character for character in characters}, **{one: one for one in characters}}
    return [(word, "".join(known.get(character, "") for character in word)) for word in text.split()]


def _align(
    rows: Rows, spelt: Sequence[tuple[str, str]], encoder: SpeechEncoder, speech: EncodedSpeech, index: int
) -> AlignedText:
    kept = [(word, known) for word, known in spelt if known]
    if encoder.space is None:
        ends = list(itertools.accumulate(len(encoder.encode_text(known)) for _, known in kept))
        ranges = [range(first, behind) for first, behind in itertools.pairwise([0, *ends])]
        units = encoder.encode_text("".join(known for _, known in kept))
    else:
        units = encoder.encode_text(" ".join(known for _, known in kept))
        ranges = [own for _, own in find_words(units, encoder)]
    places = [(word, own) for (word, _), own in zip(kept, ranges, strict=True)]
    aligned = align(rows, units, BLANK)
    lost = (float(rows.max(axis=1).sum()) - aligned.log_probability) / len(units)
    seconds = speech.seconds(index)
    words = time_words(aligned.units, places, encoder, speech.energies(index), seconds)
    missing = set("".join(word for word, _ in spelt)) - set(encoder.vocabulary.characters)
    unknown = sorted(one for one in missing if one.swapcase() not in encoder.vocabulary.characters)
    text = " ".join(word for word, _ in places)
    left_out = tuple(word for word, known in spelt if not known)
    return AlignedText(Transcript(text, words, seconds), lost, left_out, "".join(unknown))
