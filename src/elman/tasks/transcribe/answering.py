"""Read what a network says of utterances: the texts, when each word is said, and how sure that is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from elman.decoding.ctc.lattice import Alignment, align
from elman.decoding.ctc.outputs import read_greedily, split_sources
from elman.decoding.ctc.preferences import Preferences
from elman.decoding.ctc.search import search_texts
from elman.encoders.batches import OnProgress
from elman.models.finite import require_finite_output
from elman.nn.evaluation import evaluating
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.module import BLANK, SUBSAMPLING, ctc_loss

NOTHING = Alignment(0.0, ())
"""That of an empty text."""

_AT_ONCE = 32


@dataclass(frozen=True)
class SpokenWord:
    """A word of a transcript, with its time.

    Attributes:
        word: the word.
        start: where it begins: in seconds, or in frames where their distance in time is not known.
        end: where it ends.
        confidence: the geometric mean of the probabilities of its characters, 0 to 1.
    """

    word: str
    start: float
    end: float
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        times = {"start": round(self.start, 3), "end": round(self.end, 3)}
        return {"word": self.word, **times, "confidence": round(self.confidence, 4)}


@dataclass(frozen=True)
class Transcript:
    """What is said in an utterance.

    Attributes:
        text: the words.
        words: each with its time.
    """

    text: str
    words: tuple[SpokenWord, ...]


def write_texts(
    module: nn.Module, speech: EncodedSpeech, encoder: SpeechEncoder, shuffled: torch.Generator | None = None
) -> tuple[list[str], float]:
    """Return what is written greedily for each utterance, and the mean loss in nats a character.

    Args:
        module: reads frames and lengths, and returns ln P and lengths.
        speech: the utterances.
        encoder: of the texts.
        shuffled: puts the frames of each utterance in random order.
    """
    texts, total = [""] * len(speech), 0.0
    for chosen, log_p, lengths in _outputs(module, speech, shuffled):
        total += float(ctc_loss(log_p, lengths, [speech.texts[index] for index in chosen])) * len(chosen)
        for index, units in zip(chosen, read_greedily(log_p, lengths, BLANK), strict=True):
            texts[index] = encoder.decode(units)
    return texts, total / len(speech)


def transcribe(
    module: nn.Module,
    speech: EncodedSpeech,
    encoder: SpeechEncoder,
    beam: int,
    on_progress: OnProgress | None = None,
) -> list[Transcript]:
    """Return the transcript of each utterance; each is the same alone and among others.

    Args:
        module: as for :func:`write_texts`.
        speech: the utterances.
        encoder: of the texts.
        beam: how many beginnings of a text are kept; 1 is greedy.
        on_progress: called with (utterances done, utterances in all).

    Raises:
        ElmanError: the output of the module is not finite.
    """
    found: list[Transcript] = [Transcript("", ())] * len(speech)
    done = 0
    for chosen, log_p, lengths in _outputs(module, speech, None):
        rows = split_sources(log_p, lengths, BLANK)
        if beam == 1:
            units = read_greedily(log_p, lengths, BLANK)
        else:
            best = search_texts(log_p, lengths, preferences=Preferences(blank=BLANK), width=beam)
            units = [one[0].units for one in best]
        for index, own, text in zip(chosen, rows, units, strict=True):
            found[index] = with_times(align(own, text) if text else NOTHING, encoder)
        done += len(chosen)
        if on_progress is not None:
            on_progress(done, len(speech))
    return found


@torch.no_grad()
def _outputs(
    module: nn.Module, speech: EncodedSpeech, shuffled: torch.Generator | None
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Yield the indices of some utterances, their ln P and their lengths."""
    device = next(module.parameters()).device
    with evaluating(module):
        for chosen in speech.draw(_AT_ONCE, None):
            few = speech.batch(chosen, shuffled=shuffled)
            log_p, lengths = module(few.frames.to(device), few.lengths.to(device))
            require_finite_output(bool(log_p.isfinite().all()))
            yield chosen, log_p, lengths


def with_times(alignment: Alignment, encoder: SpeechEncoder) -> Transcript:
    """Write down what is aligned with the steps of a sound."""
    step = SUBSAMPLING * (encoder.seconds_a_frame or 1.0)
    # Without a space among the characters the whole text is one word; no unit has the number −1.
    space = -1 if encoder.space is None else encoder.space
    words = [
        SpokenWord(encoder.decode(one.units), one.first * step, one.behind * step, one.confidence)
        for one in alignment.words(space)
    ]
    return Transcript(encoder.decode([one.unit for one in alignment.units]), tuple(words))
