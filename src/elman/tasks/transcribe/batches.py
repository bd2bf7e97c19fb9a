"""Encode utterances, and put them into batches of similar lengths."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

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

    Attributes:
        hashes: (N,) uint64, of each utterance that has been read, see :func:`hash_utterances`.
    """

    def __init__(self, speech: UtteranceSet) -> None:
        self.name, self.notes = speech.name, speech.notes
        self.columns = Columns({SPEECH: "sound" if speech.utterances[0].is_sound else "series"})
        self.hashes = np.zeros(len(speech), np.uint64)
        self._speech = speech

    def __len__(self) -> int:
        return len(self._speech)

    def __getitem__(self, index: int) -> Example:
        one, given = self._speech.utterances[index], self._speech.read(index)
        self.hashes[index] = _hash([given] if isinstance(given, Sound) else given)
        return as_example(given, one.where, one.transcript)


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
        hashes: (N,) uint64, of the sound or the frames of each, see :func:`hash_utterances`.

    Raises:
        DataError: an utterance cannot be read or encoded.
    """

    def __init__(self, speech: UtteranceSet, encoder: SpeechEncoder, on_progress: OnProgress | None = None) -> None:
        self.speech, self.encoder = speech, encoder
        self.texts = [encoder.encode_text(one.transcript) for one in speech.utterances]
        dataset, nothing = SpeechDataset(speech), torch.zeros(len(speech))
        self._set = EncodedSet(dataset, range(len(speech)), encoder, nothing, on_progress=on_progress)
        self.lengths, self.hashes = self._set.lengths, dataset.hashes

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


def hash_utterances(speech: UtteranceSet) -> Iterator[int]:
    """Hash the sound of each utterance, with its rate, or its frames; whatever its transcript.

    Raises:
        DataError: an utterance cannot be read.
    """
    for index, one in enumerate(speech.utterances):
        given = speech.blocks(index) if one.is_sound else speech.read(index)
        yield _hash(given)  # type: ignore[arg-type] # what is no sound is read as frames


def _hash(given: Iterable[Sound] | NDArray[np.float32]) -> int:
    """Hash the blocks of a sound, however it is cut, or frames."""
    digest = blake2b(digest_size=8)
    if isinstance(given, np.ndarray):
        digest.update(repr(given.shape).encode())
        digest.update(np.ascontiguousarray(given).data)
    else:
        for number, block in enumerate(given):
            digest.update(b"" if number else str(block.rate).encode())
            digest.update(np.ascontiguousarray(block.samples).data)
    return int.from_bytes(digest.digest(), "little")
