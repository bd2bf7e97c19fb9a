"""Write what is said while a sound arrives; what was written once does not change.

>>> from elman.tasks import transcribe
>>> stream = transcribe.load("digits.elman.safetensors").stream()   # doctest: +SKIP
>>> stream.hear(samples).text                                       # doctest: +SKIP
'seven t'
>>> stream.end().text                                               # doctest: +SKIP
'wo'
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from elman.data.formats.arriving import ArrivingPcm, ArrivingRate
from elman.decoding.ctc.lattice import AlignedUnit, Alignment
from elman.decoding.ctc.path import PathReader
from elman.errors import ConfigError, DataError
from elman.models.finite import as_json
from elman.tasks.contract import Request, standard_input
from elman.tasks.transcribe.answering import with_times
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.module import BLANK, SpeechNetwork
from elman.tasks.transcribe.spoken import SpokenWord, Transcript
from elman.tasks.transcribe.streaming import ArrivingSteps

_AT_ONCE = 2**16  # samples: memory does not grow with the piece that is given


class SpeechStream:
    """A sound that is written down while it arrives, in pieces of any size.

    The parts that :meth:`hear` and :meth:`end` return, one after the other, are the greedy transcript of the whole
    sound: their texts are joined as they are, and a word is in the part in which it ends.

    Args:
        module: of a model that was trained for streaming.
        encoder: of the model.
        rate: samples a second of what arrives; None for that of the model. Others are resampled.

    Raises:
        ConfigError: the model needs the end of a sound first, or reads frames and has no rate.
        DataError: the rate is too far from that of the model.
    """

    def __init__(self, module: SpeechNetwork, encoder: SpeechEncoder, rate: int | None = None) -> None:
        if encoder.features is None and rate is not None:
            raise ConfigError("rate is given, and the model reads frames, which have none. Drop it.")
        self._encoder, self._steps = encoder, ArrivingSteps(module, encoder)
        own = None if encoder.features is None else encoder.features.rate
        self._rate = None if own is None else ArrivingRate(own if rate is None else rate, own)
        self._reader = PathReader(BLANK)
        # A letter may be in several subwords.
        self._letters = codecs.getincrementaldecoder("utf-8")("replace")
        self._word: list[AlignedUnit] = []  # of the word that has not ended
        self._is_in_text = self._awaits_space = self._has_ended = False

    def hear(self, samples: Any) -> Transcript:
        """Hear the next samples, and return what they add to the transcript.

        Args:
            samples: (N,) floats from −1 to 1, or int16; frames (T, D) for a model of frames.

        Raises:
            DataError: they have another shape, or one is not finite; the stream can go on with others.
            ConfigError: the stream has ended.
            ElmanError: the output of the module is not finite.
        """
        given = self._check(samples)
        parts = range(0, max(1, len(given)), _AT_ONCE)
        return join_parts(self._write(self._hear(given[at : at + _AT_ONCE])) for at in parts)

    def end(self) -> Transcript:
        """End the sound, and return what was still open.

        Raises:
            ConfigError: the stream has ended.
            ElmanError: the output of the module is not finite.
        """
        self._require_open()
        self._has_ended = True
        resampled = [] if self._rate is None else [self._write(self._steps.hear(self._rate.end()))]
        rest = self._write(self._steps.end())
        last = with_times(Alignment(0.0, (*self._word, *self._reader.end())), self._encoder)
        return join_parts([*resampled, rest, Transcript(self._spell([], is_last=True), last.words)])

    def _hear(self, given: NDArray[np.float32]) -> Tensor:
        return self._steps.hear(given if self._rate is None else self._rate.hear(given))

    def _write(self, log_p: Tensor) -> Transcript:
        part = self._reader.read(log_p.double().numpy())
        return Transcript(self._spell(part.begun), self._join(part.ended))

    def _join(self, units: Sequence[AlignedUnit]) -> tuple[SpokenWord, ...]:
        """Return the words that end with some units: each with the space behind it."""
        heard = [*self._word, *units]
        space, begins = self._encoder.space, self._encoder.begins
        places = [
            place + (one.unit == space) for place, one in enumerate(heard) if one.unit == space or one.unit in begins
        ]
        behind = places[-1] if places else 0
        self._word = heard[behind:]
        return with_times(Alignment(0.0, tuple(heard[:behind])), self._encoder).words

    def _spell(self, units: Sequence[int], is_last: bool = False) -> str:
        """Return characters as the whole text has them: single spaces, and only between words."""
        text, spelling = "", self._encoder.spelling
        for letter in self._letters.decode(b"".join(spelling[unit] for unit in units), is_last):
            if letter == " ":
                self._awaits_space = self._is_in_text
                continue
            text += (" " if self._awaits_space else "") + letter
            self._is_in_text, self._awaits_space = True, False
        return text

    def _check(self, samples: Any) -> NDArray[np.float32]:
        self._require_open()
        given = np.asarray(samples)
        size, is_sound = self._encoder.size, self._rate is not None
        fits = given.ndim == 1 if is_sound else given.ndim == 2 and given.shape[1] == size
        if not fits or not (given.dtype.kind == "f" or (is_sound and given.dtype == np.int16)):
            wanted = "samples (N,), from −1 to 1 or int16" if is_sound else f"frames (T, {size}) of floats"
            raise DataError(f"stream: {given.dtype} of shape {given.shape} is no sound. Give {wanted}.")
        with np.errstate(over="ignore", invalid="ignore"):
            found = given.astype(np.float32) / np.float32(2**15 if given.dtype == np.int16 else 1)
        wrong = np.flatnonzero(~np.isfinite(found).reshape(len(found), -1 if len(found) else 0).all(axis=1))
        if len(wrong):
            what = "sample" if is_sound else "frame"
            raise DataError(f"stream: {what} {wrong[0]:,} (from 0) is NaN or infinite. Replace it.")
        return found

    def _require_open(self) -> None:
        if self._has_ended:
            raise ConfigError("The stream has ended. Start another one for another sound.")


def listen(stream: SpeechStream, request: Request) -> Iterator[str]:
    """Yield what is said on standard input, 16-bit samples of one channel, as soon as it is known.

    Args:
        stream: of a model that reads sound.
        request: with `json` each word is a line, when it has ended; else the text is one line that grows.

    Raises:
        DataError: standard input is closed, or begins like a sound file.
    """
    source, pcm = standard_input("samples"), ArrivingPcm()
    while piece := source.read1(_AT_ONCE):
        yield from _show(stream.hear(pcm.hear(piece)), request.json)
    yield from _show(stream.hear(pcm.end()), request.json)
    yield from _show(stream.end(), request.json)
    if not request.json:
        yield "\n"
    if pcm.has_half:
        request.note("Standard input ends with half a sample, which is left out. Samples have 2 bytes.")


def _show(part: Transcript, json: bool) -> Iterator[str]:
    if json:
        yield from (as_json(word.to_dict()) + "\n" for word in part.words)
    elif part.text:
        yield part.text


def join_parts(parts: Iterable[Transcript]) -> Transcript:
    """Join what a stream has returned.

    >>> join_parts([Transcript("so g", ()), Transcript("ood", ())]).text
    'so good'
    """
    found = list(parts)
    return Transcript("".join(one.text for one in found), tuple(word for one in found for word in one.words))
