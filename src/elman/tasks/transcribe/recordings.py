"""Write down recordings of any length: short ones together, long ones in pieces, which are cut at their pauses.

A model that was trained for streaming hears a long one as it would arrive, where it reads greedily: nothing is cut.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

from elman.data.dataset import Sound
from elman.data.speech.utterance import UtteranceSet
from elman.encoders.batches import OnProgress
from elman.errors import DataError
from elman.phrases import format_duration, name_some
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.listening import SpeechStream, join_parts
from elman.tasks.transcribe.pauses import MOST_SECONDS, cut_at_pauses
from elman.tasks.transcribe.spoken import Transcript

_AT_ONCE = 8  # pieces
_MOST_NAMED = 5


Write = Callable[[UtteranceSet, OnProgress | None], list[Transcript]]
"""A function that returns the transcripts of utterances that memory holds together."""


def write_recordings(
    speech: UtteranceSet,
    write: Write,
    listen: Callable[[int], SpeechStream] | None,
    between: str,
    on_progress: OnProgress | None = None,
) -> list[Transcript]:
    """Return the transcript of each utterance, of whatever length.

    Args:
        speech: the utterances.
        write: writes short ones.
        listen: starts a stream for a long one with so many samples a second; None cuts it.
        between: what is written between two pieces.
        on_progress: called with (utterances done, utterances in all).

    Raises:
        DataError: one cannot be read.
    """
    long = [index for index in range(len(speech)) if _is_long(speech, index)]
    if not long:
        return write(speech, on_progress)
    short = sorted(set(range(len(speech))) - set(long))
    found: dict[int, Transcript] = {}
    if short:
        few = replace(speech, utterances=[speech.utterances[index] for index in short])
        found |= zip(short, write(few, None), strict=True)
    for index in long:
        blocks = speech.blocks(index)
        where = speech.utterances[index].where
        whole = _write_pieces(blocks, write, between, where) if listen is None else _listen(blocks, listen)
        found[index] = replace(whole, seconds=speech.measure(index).seconds)
        if on_progress is not None:
            on_progress(len(found), len(speech))
    return [found[index] for index in range(len(speech))]


def join_pieces(pieces: Sequence[tuple[float, Transcript]], between: str) -> Transcript:
    """Join the transcripts of pieces to that of their recording.

    Args:
        pieces: the second at which each begins, and what is said in it.
        between: what is written between two pieces in which something is said.

    >>> from elman.tasks.transcribe.spoken import SpokenWord
    >>> word = SpokenWord("so", 0.5, 1.0, 0.9)
    >>> join_pieces([(0.0, Transcript("so", (word,))), (20.0, Transcript("so", (word,)))], " ").words[1].start
    20.5
    """
    words = tuple(word.shift(start) for start, one in pieces for word in one.words)
    return Transcript(between.join(one.text for _, one in pieces if one.text), words)


def note_recordings(speech: UtteranceSet, encoder: SpeechEncoder) -> Iterator[str]:
    """Say which sounds are resampled, and which are long.

    Raises:
        DataError: the header of one cannot be read.
    """
    sounds = [index for index, one in enumerate(speech.utterances) if one.is_sound]
    if encoder.features is None or not sounds:
        return
    rate, headers = encoder.features.rate, [speech.measure(index) for index in sounds]
    places = [speech.utterances[index].where for index in sounds]
    other = [f"{place} ({one.rate:,})" for place, one in zip(places, headers, strict=True) if one.rate != rate]
    if other:
        named = name_some(other, _MOST_NAMED)
        yield f"The model reads {rate:,} samples a second. Others are resampled: {named}."
    long = [
        f"{place} ({format_duration(one.seconds)})"
        for place, one in zip(places, headers, strict=True)
        if one.seconds > MOST_SECONDS
    ]
    if long:
        named = name_some(long, _MOST_NAMED)
        yield f"Longer than {MOST_SECONDS:g} s, so written in pieces, or as a stream: {named}."


def _is_long(speech: UtteranceSet, index: int) -> bool:
    return speech.utterances[index].is_sound and speech.measure(index).seconds > MOST_SECONDS


def _listen(blocks: Iterator[Sound], listen: Callable[[int], SpeechStream]) -> Transcript:
    first = next(blocks)
    stream = listen(first.rate)
    parts = [stream.hear(block.samples) for block in chain([first], blocks)]
    return join_parts([*parts, stream.end()])


def _write_pieces(blocks: Iterator[Sound], write: Write, between: str, where: str) -> Transcript:
    first = next(blocks)
    pieces = cut_at_pauses((block.samples for block in chain([first], blocks)), first.rate)
    found: list[tuple[float, Transcript]] = []
    while few := list(islice(pieces, _AT_ONCE)):
        try:
            texts = write(as_speech([Sound(samples, first.rate) for _, samples in few]), None)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        found += [(start / first.rate, text) for (start, _), text in zip(few, texts, strict=True)]
    return join_pieces(found, between)
