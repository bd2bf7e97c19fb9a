"""Read what a network says of utterances: the texts, when each word is said, and how sure that is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.data.speech.checks import count_frames
from elman.decoding.ctc.lattice import Alignment, align
from elman.decoding.ctc.outputs import read_greedily, split_sources
from elman.decoding.ctc.preferences import Preferences
from elman.decoding.ctc.search import search_texts
from elman.encoders.batches import OnProgress
from elman.errors import ConfigError
from elman.models.finite import require_finite_output
from elman.nn.evaluation import evaluating
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.module import BLANK, ctc_loss
from elman.tasks.transcribe.spoken import Transcript
from elman.tasks.transcribe.timing import find_delay, find_sound, find_spans, find_words, time_words

BEAM, PREFERRING_BEAM = 5, 16
"""How many beginnings are kept where the user does not say: alone, and with something that is preferred."""

NOTHING = Alignment(0.0, ())
"""That of an empty text."""

_AT_ONCE = 32
_MEASURED = 8  # so many times, to find the delay


@dataclass(frozen=True)
class Outputs:
    """What a network says of some utterances.

    Attributes:
        chosen: the indices of the utterances.
        log_p: (T, B, V) ln P of each unit.
        lengths: (B,) the steps of each.
    """

    chosen: list[int]
    log_p: Tensor
    lengths: Tensor


def write_texts(
    module: nn.Module, speech: EncodedSpeech, encoder: SpeechEncoder, shuffled: torch.Generator | None = None
) -> tuple[list[str], float]:
    """Return what is written greedily for each utterance, and the mean loss in nats a unit.

    Args:
        module: reads frames and lengths, and returns ln P and lengths.
        speech: the utterances.
        encoder: of the texts.
        shuffled: puts the frames of each utterance in random order.
    """
    texts, total = [""] * len(speech), 0.0
    for few in hear(module, speech, shuffled):
        loss = ctc_loss(few.log_p, few.lengths, [speech.texts[index] for index in few.chosen])
        total += float(loss) * len(few.chosen)
        for index, units in zip(few.chosen, read_greedily(few.log_p, few.lengths, BLANK), strict=True):
            texts[index] = encoder.decode(units)
    return texts, total / len(speech)


def transcribe(
    module: nn.Module,
    speech: EncodedSpeech,
    encoder: SpeechEncoder,
    beam: int | None = None,
    on_progress: OnProgress | None = None,
    preferences: Preferences | None = None,
) -> list[Transcript]:
    """Return the transcript of each utterance; each is the same alone and among others.

    Args:
        module: as for :func:`write_texts`.
        speech: the utterances.
        encoder: of the texts.
        beam: how many beginnings of a text are kept; 1 is greedy; None is 5, and 16 with preferences.
        on_progress: called with (utterances done, utterances in all).
        preferences: see :func:`elman.tasks.transcribe.preferring.prefer`; None for none.

    Raises:
        ElmanError: the output of the module is not finite.
        ConfigError: the beam is outside its range, or greedy and there are preferences.
    """
    width = choose_beam(beam, preferences)
    found: list[Transcript] = [Transcript("", ())] * len(speech)
    done = 0
    for few in hear(module, speech):
        for index, alignment in zip(few.chosen, read(few, width, preferences), strict=True):
            found[index] = with_times(alignment, encoder, speech.energies(index), speech.seconds(index))
        done += len(few.chosen)
        if on_progress is not None:
            on_progress(done, len(speech))
    return found


def choose_beam(beam: int | None, preferences: Preferences | None) -> int:
    """Return how many beginnings are kept.

    Raises:
        ConfigError: reading is greedy, and there are preferences.
    """
    if beam == 1 and preferences is not None:
        raise ConfigError("A beam of 1 is greedy, which prefers nothing. Use a wider one, or drop what is preferred.")
    if beam is not None:
        return beam
    return BEAM if preferences is None else PREFERRING_BEAM


def read(few: Outputs, width: int, preferences: Preferences | None) -> list[Alignment]:
    """Return the best text of each utterance with its likeliest path.

    Args:
        few: what the network says.
        width: how many beginnings of a text are kept; 1 is greedy.
        preferences: None for none.
    """
    if width > 1:
        wishes = Preferences(blank=BLANK) if preferences is None else preferences
        # A closed vocabulary leaves nothing where all its texts are too long for the sound.
        return [
            found[0].alignment if found else NOTHING
            for found in search_texts(few.log_p, few.lengths, preferences=wishes, width=width)
        ]
    texts = read_greedily(few.log_p, few.lengths, BLANK)
    return [
        align(rows, units) if units else NOTHING
        for rows, units in zip(split_sources(few.log_p, few.lengths, BLANK), texts, strict=True)
    ]


@torch.no_grad()
def hear(
    module: nn.Module, speech: EncodedSpeech, shuffled: torch.Generator | None = None, most: int | None = None
) -> Iterator[Outputs]:
    """Yield what a network says of all utterances, of those of about one length together; or of `most` such groups."""
    device = next(module.parameters()).device
    groups = list(speech.draw(_AT_ONCE, None))
    if most is not None:
        groups = groups[:: -(-len(groups) // most)]
    with evaluating(module):
        for chosen in groups:
            few = speech.batch(chosen, shuffled=shuffled)
            log_p, lengths = module(few.frames.to(device), few.lengths.to(device))
            require_finite_output(bool(log_p.isfinite().all()))
            yield Outputs(chosen, log_p, lengths)


def measure_delay(module: nn.Module, speech: EncodedSpeech) -> int:
    """Return how many frames after its sound a network writes a unit, see :func:`find_delay`; 0 for frames."""
    if speech.encoder.features is None:
        return 0
    written = []
    for few in hear(module, speech, most=_MEASURED):
        for index, rows in zip(few.chosen, split_sources(few.log_p, few.lengths, BLANK), strict=True):
            energies, units = speech.energies(index), speech.texts[index]
            if units and energies is not None and count_frames(units) <= len(rows):
                aligned = align(rows, units, BLANK).units
                words = [own for _, own in find_words(units, speech.encoder)]
                written.append((find_spans(aligned, words), find_sound(energies)))
    return find_delay(written)


def with_times(
    alignment: Alignment,
    encoder: SpeechEncoder,
    energies: NDArray[np.float32] | None = None,
    seconds: float | None = None,
) -> Transcript:
    """Write down what is aligned with the steps of a sound; see :func:`time_words` for the arguments."""
    units = [one.unit for one in alignment.units]
    words = time_words(alignment.units, find_words(units, encoder), encoder, energies, seconds)
    return Transcript(encoder.decode(units), words, seconds)
