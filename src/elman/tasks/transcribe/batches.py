"""Encode utterances, and put them into batches of similar lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.dataset import Columns, Example, Sound
from elman.data.speech.utterance import UtteranceSet
from elman.encoders.batches import EncodedSet, OnProgress, PaddedBatch, draw_batches
from elman.tasks.transcribe.encoder import SPEECH, SpeechEncoder, as_example


class SpeechDataset:
    """Utterances as a dataset of examples, read on access.

    Args:
        speech: the utterances.
    """

    def __init__(self, speech: UtteranceSet) -> None:
        self.name, self.notes = speech.name, speech.notes
        self.columns = Columns({SPEECH: "sound" if speech.utterances[0].is_sound else "series"})
        self._speech = speech

    def __len__(self) -> int:
        return len(self._speech)

    def __getitem__(self, index: int) -> Example:
        one = self._speech.utterances[index]
        return as_example(self._speech.read(index), one.where, one.transcript)


@dataclass(frozen=True)
class SpeechBatch:
    """Some encoded utterances.

    Attributes:
        frames: (T, B, D) float32, zeros behind the end of a sound.
        lengths: (B,) int64, at least 1.
        texts: the units of each.
    """

    frames: Tensor
    lengths: Tensor
    texts: Sequence[Sequence[int]]


class EncodedSpeech:
    """Encoded utterances.

    Args:
        speech: sounds, or frames, and transcripts.
        encoder: turns both into numbers.
        on_progress: called with (utterances encoded, utterances in all).

    Attributes:
        speech: as given.
        encoder: as given.
        texts: the units of each transcript.
        lengths: (N,) int64, the frames of each.

    Raises:
        DataError: an utterance cannot be read or encoded.
    """

    def __init__(self, speech: UtteranceSet, encoder: SpeechEncoder, on_progress: OnProgress | None = None) -> None:
        self.speech, self.encoder = speech, encoder
        self.texts = [encoder.encode_text(one.transcript) for one in speech.utterances]
        nothing = torch.zeros(len(speech))
        self._set = EncodedSet(SpeechDataset(speech), range(len(speech)), encoder, nothing, on_progress=on_progress)
        self.lengths = self._set.lengths

    def __len__(self) -> int:
        return len(self.speech)

    @property
    def transcripts(self) -> list[str]:
        """The transcripts as they were read."""
        return [one.transcript for one in self.speech.utterances]

    def seconds(self, index: int) -> float | None:
        """Return the length of one sound; None for frames, whose distance in time is not known."""
        return self.speech.measure(index).seconds if self.speech.utterances[index].is_sound else None

    def energies(self, index: int) -> NDArray[np.float32] | None:
        """Return ln of the energy of each frame of one sound, summed over the bands, (T,); None for frames."""
        given = self.speech.read(index)
        if self.encoder.features is None or not isinstance(given, Sound):
            return None
        energies: NDArray[np.float32] = self.encoder.features.compute(given).logsumexp(1).numpy()
        return energies

    def draw(self, size: int, chance: torch.Generator | None) -> Iterator[list[int]]:
        """Yield the indices of batches of about one length."""
        return draw_batches(self.lengths, size, chance)

    def batch(
        self,
        chosen: Sequence[int],
        *,
        augment: torch.Generator | None = None,
        shuffled: torch.Generator | None = None,
    ) -> SpeechBatch:
        """Pad some utterances.

        Args:
            chosen: which.
            augment: the generator for data augmentation; None for none.
            shuffled: puts the frames of each in random order.
        """
        padded: PaddedBatch = self._set.batch(chosen, augment=augment, shuffled_steps=shuffled)
        return SpeechBatch(padded.steps, padded.lengths, [self.texts[index] for index in chosen])
